"""P-STMO's pre-training through the command line, the lifter that begins with it, training on two answers."""
import io
import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import run_ftcm
from common.learning import steps
from common.learning.batches import Sampling, TrainingBatches
from common.loss import bone_loss, mpjpe_loss
from common.running import export_network
from common.skeleton import HUMAN36M
from common.weights import checkpoint
from common.windows import Window, Windows
from dataset import human36m
from model.networks import MODELS
from model.pstmo import PSTMO, PSTMOPretraining
from tests.golden.peers import published_state
from tests.helpers import draw_nothing, predict, random_clip, run, write_human36m

SUBJECTS = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]
SMALL = "--network pstmo -f 9 --d_hid 16 --layers 2 -k gt -b 16"
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Miniature archives."""
    folder = tmp_path_factory.mktemp("data")
    write_human36m(folder, lengths={(subject, "Walking"): 7 for subject in SUBJECTS})
    return folder


@pytest.fixture(scope="module")
def pretrained(data, tmp_path_factory):
    """The last epoch of a pre-training of two epochs."""
    folder = tmp_path_factory.mktemp("pretrained")
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        assert run(f"{SMALL} --train 1 --pretrain 1 --nepoch 2 -tds 2", data, folder) == 0
    return folder / "last.pth"


def weights(path):
    return torch.load(path, weights_only=True)["model"]


def assert_equal(a, b):
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_a_pretraining_repeats_and_resumes_with_the_same_masks(data, pretrained, tmp_path):
    line = f"{SMALL} --train 1 --pretrain 1 -tds 2"
    assert run(f"{line} --nepoch 1", data, tmp_path / "run") == 0
    assert run(f"{line} --nepoch 2 --resume", data, tmp_path / "run") == 0
    assert_equal(weights(tmp_path / "run" / "last.pth"), weights(pretrained))
    assert run(f"{line} --nepoch 2 -smn 5", data, tmp_path / "other") == 0
    history, other = (torch.load(path, weights_only=True)["history"]
                      for path in (pretrained, tmp_path / "other" / "last.pth"))
    assert history[0]["loss"] != other[0]["loss"]
    assert history[1]["loss"] < history[0]["loss"] and not {"p1", "train_mpjpe"} & history[0].keys()
    assert "2D error" in (tmp_path / "run" / "train.log").read_text()


def test_a_lifter_takes_over_embedding_and_temporal_encoder_alone(data, pretrained, tmp_path, capsys):
    line = f"--train 1 --network pstmo --reload 1 --previous_dir {pretrained} -k gt --nepoch 1 --lr 1e-12"
    assert run(f"{line} --dropout 0", data, tmp_path / "fine") == 0
    before, after = weights(pretrained), weights(tmp_path / "fine" / "last.pth")
    taken = {name for name in before if name.startswith(("embed.", "temporal."))}
    assert before.keys() & after.keys() == taken and f", {len(taken)} tensors" in capsys.readouterr().out
    learned = [name for name in taken if not name.endswith(("running_mean", "running_var", "tracked"))]
    assert all(torch.allclose(before[name], after[name], atol=1e-9) for name in learned)
    saved = torch.load(tmp_path / "fine" / "last.pth", weights_only=True)
    assert saved["network"] == "pstmo" and saved["data"]["tds"] == 2
    assert run(f"{line} --dropout 0 --resume --nepoch 2", data, tmp_path / "fine") == 0
    best = next((tmp_path / "fine").glob("no_refine_*.pth"))
    assert run(f"--train 0 --reload 1 --previous_dir {best}", data, tmp_path / "scores") == 0


def test_a_published_pretraining_is_taken_over_as_its_own(data, tmp_path, capsys):
    state = published_state("pstmo_pretrain/27")
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "pretrain.pth")
    line = f"--train 1 --network pstmo --reload 1 --previous_dir {tmp_path}/pretrain.pth -k gt --nepoch 1"
    assert run(f"{line} --lr 1e-12", data, tmp_path / "fine") == 0
    saved = torch.load(tmp_path / "fine" / "last.pth", weights_only=True)
    assert saved["data"]["tds"] == 2 and saved["model_args"]["frames"] == 27
    assert torch.allclose(saved["model"]["temporal.position"], state["Transformer.pos_embedding"], atol=1e-9)
    assert torch.allclose(saved["model"]["embed.inner2.weight"], state["encoder.layers.0.w2.weight"],
                          atol=1e-9)


@pytest.mark.parametrize("line, words", [
    ("--train 1 --network pstmo -f 27", "was trained with --frames 9, the command line says 27"),
    ("--train 1 --network strided", "was trained with --network pstmo, the command line says strided"),
    ("--train 0", "holds a pre-training, which gives no poses. Train a lifter"),
    ("--predict x.json", "holds a pre-training, which gives no poses"),
    ("--export_onnx x.onnx", "holds a pre-training, which gives no poses")])
def test_what_a_pretraining_cannot_do_is_refused(line, words, data, pretrained, tmp_path, capsys):
    assert run(f"{line} --reload 1 --previous_dir {pretrained}", data, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_a_pretraining_goes_on_from_another_but_not_from_a_lifter(data, pretrained, tmp_path, capsys):
    line = "--train 1 --network pstmo --pretrain 1 --reload 1 -k gt --nepoch 1 --lr 1e-12 --dropout 0"
    assert run(f"{line} --previous_dir {pretrained} -smn 3", data, tmp_path / "on") == 0
    saved = torch.load(tmp_path / "on" / "last.pth", weights_only=True)
    assert saved["model_args"]["masked_joints"] == 3
    assert torch.allclose(saved["model"]["frame_token"], weights(pretrained)["frame_token"], atol=1e-9)
    torch.save(published_state("pstmo/27"), tmp_path / "lifter.pth")
    capsys.readouterr()
    assert run(f"{line} --previous_dir {tmp_path}/lifter.pth", data, tmp_path / "no") == 2
    assert "holds a pstmo network, not a pre-training. Drop --pretrain 1" in capsys.readouterr().err


def test_the_masks_of_a_step_come_from_the_runs_generator_and_are_shared_by_its_parts():
    clips, drawn = [random_clip(12, seed=1)], []
    model = PSTMOPretraining(frames=9, dim=16, depth=1, dropout=0)
    batches = TrainingBatches(Windows(clips, Window(9)), Sampling(8),
                              generator=torch.Generator().manual_seed(3))

    def draw():
        drawn.append(model.draw_masks(batches.generator))
        return drawn[-1]
    seen = []
    model.register_forward_pre_hook(lambda _, given: seen.append(given[1:]))
    steps.train_one_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0.0),
                          steps.Step(micro_batch=4, masks=draw))
    assert len(drawn) == 2 and len(seen) == 3                   # batches of 8 and 4 windows, parts of 4
    for masks, number in zip(seen, (0, 0, 1)):
        assert all(torch.equal(a, b) for a, b in zip(masks, drawn[number], strict=True))
    generator = torch.Generator().manual_seed(3)
    torch.randperm(12, generator=generator)                     # the windows' order
    assert torch.equal(model.draw_masks(generator)[0], drawn[0][0])


@pytest.mark.parametrize("target", ["center", "last"])
def test_a_step_learns_the_target_frames_and_every_frames_pose(target):
    clips = [random_clip(11, seed=5)]
    windows = Windows(clips, Window(9, target=target))
    batches = TrainingBatches(windows, Sampling(16, whole=True), generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = PSTMO(frames=9, dim=16, depth=1, dropout=0).double()
    windows.keypoints, windows.pose = windows.keypoints.double(), windows.pose.double()
    batch = windows.gather(torch.arange(11), whole=True)
    place = {"center": 4, "last": 8}[target]
    one, all_frames = model.train()(batch.keypoints, both=True)
    expected = sum(mpjpe_loss(found, pose) + 0.5 * bone_loss(found, pose, HUMAN36M)
                   for found, pose in ((one, batch.pose[:, place]), (all_frames, batch.pose)))
    error = mpjpe_loss(one * (torch.arange(17) > 0)[:, None], batch.pose[:, place])
    found = steps.train_one_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0.0),
                                  steps.Step(both=True, bones=0.5))
    assert found == pytest.approx((expected.item(), error.item()), rel=1e-6)


def test_refining_learns_the_target_frame_alone(data, tmp_path):
    line = "--train 1 --network strided -f 9 --d_hid 16 --layers 1 -k gt -b 16 --nepoch 1 --refine"
    assert run(line, data, tmp_path / "run") == 0
    history = torch.load(tmp_path / "run" / "last.pth", weights_only=True)
    assert history["model"]["every_head.0.num_batches_tracked"] == 0
    assert history["model"]["center_head.0.num_batches_tracked"] > 0


@pytest.mark.parametrize("network", ["strided", "pstmo"])
def test_a_strided_network_trains_resumes_comes_back_and_lifts(network, data, tmp_path, monkeypatch, capsys):
    small = f"--network {network} -f 9 --d_hid 16 --layers 1 -k gt -b 16 --train 1"
    assert run(f"{small} --nepoch 2", data, tmp_path / "run") == 0
    assert run(f"{small} --nepoch 1", data, tmp_path / "two") == 0
    assert run(f"{small} --nepoch 2 --resume", data, tmp_path / "two") == 0
    assert_equal(weights(tmp_path / "run" / "last.pth"), weights(tmp_path / "two" / "last.pth"))
    best = next((tmp_path / "run").glob("no_refine_*.pth"))
    assert run(f"--train 0 --reload 1 --previous_dir {best}", data, tmp_path / "eval") == 0
    first, second = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("run", "eval"))
    assert first["average"]["mpjpe"] == pytest.approx(second["average"]["mpjpe"], abs=1e-4)
    points = random_clip(6, seed=2).keypoints
    lines = [json.dumps({"keypoints": ((frame + 1) * 400).tolist()}) for frame in points]
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("\n".join(lines).encode())))
    capsys.readouterr()
    assert run_ftcm.main(f"--predict - --reload 1 --previous_dir {best} --layout human36m --width 800 "
                         "--height 800 --fps 50 --fit 0 --device cpu".split()) == 0
    live = [json.loads(line)["pose"] for line in capsys.readouterr().out.splitlines()[1:]]
    saved = checkpoint.load(best)
    model = MODELS[network](**saved["model_args"])
    model.load_state_dict(saved["model"])
    expected, = predict(model, [random_clip(6, seed=2)], frames=9)["pose"]
    np.testing.assert_allclose(np.array(live), expected, atol=1e-3)


def test_shared_windows_are_lifted_with_the_asked_precision():
    torch.manual_seed(0)
    model, clips = PSTMO(frames=9, dim=32, depth=1).eval(), [random_clip(40, seed=1)]
    alone = PSTMO(frames=9, dim=32, depth=1).eval()
    alone.load_state_dict(model.state_dict())
    alone.lift_sequence, alone.sharing_gain = None, 0           # its windows share nothing
    for amp, limit in ((False, 1e-5), (True, 0.05)):
        shared, = predict(model, clips, frames=9, batch_size=8, amp=amp)["pose"]
        windows, = predict(alone, clips, frames=9, batch_size=8, amp=amp)["pose"]
        assert np.abs(shared - windows).max() < limit
    exact, = predict(model, clips, frames=9, batch_size=8)["pose"]
    assert np.abs(shared - exact).max() > 1e-4


def test_a_strided_network_leaves_as_onnx():
    if not export_network.onnx_is_here():
        pytest.skip("no ONNX packages")
    torch.manual_seed(0)
    model, keypoints = PSTMO(frames=9, dim=8, depth=1).eval(), torch.randn(3, 9, 17, 2)
    assert torch.allclose(export_network.OnnxNetwork(model)(keypoints), model(keypoints), atol=1e-5)
