"""The networks that FTCM is compared with, alone and through the command line."""
import json

import pytest
import torch

from common.loss import mpjpe_loss
from common.weights import checkpoint
from dataset import human36m
from model.baselines import SingleFrame
from model.networks import MODELS
from model.videopose3d import VideoPose3D
from tests.helpers import run, write_human36m

SUBJECTS = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]
SMALL = {"single_frame": "--network single_frame --d_hid 16 --layers 1",
         "videopose3d": "--network videopose3d --d_hid 16 -f 9",
         "stcformer": "--network stcformer --d_hid 16 --layers 1 -f 5"}
pytestmark = pytest.mark.usefixtures("without_pictures")


def train(line, tmp_path):
    """The best checkpoint of a training on miniature archives."""
    write_human36m(tmp_path, lengths={(subject, "Walking"): 7 for subject in SUBJECTS})
    assert run(f"{line} -k gt -b 16 --train 1 --nepoch 1", tmp_path, tmp_path / "run") == 0
    return next((tmp_path / "run").glob("no_refine_*.pth"))


def sensitivity(model, keypoints):
    """(T,) how much each frame's keypoints move the answer."""
    keypoints = keypoints.clone().requires_grad_()
    model.eval()(keypoints).square().sum().backward()
    return keypoints.grad.abs().sum((0, 2, 3))


def with_statistics(model):
    """The network after its normalisations have seen data: away from mean 0 and spread 1."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        model.train()(torch.randn(8, model.frames, 17, 2, generator=generator))
    return model.eval()


def test_single_frame_sees_the_centre_frame_and_no_other():
    felt = sensitivity(SingleFrame(frames=27, dim=32), torch.randn(4, 27, 17, 2))
    assert felt[13] > 0 and felt[:13].max() == 0 and felt[14:].max() == 0


@pytest.mark.parametrize("network, arguments, parameters", [
    ("single_frame", {}, 34 * 1024 + 4 * 1024 ** 2 + 5 * 3 * 1024 + 1024 * 51 + 51),
    ("stcformer", {}, 4_748_000), ("stcformer", {"frames": 243}, 4_748_000),
    ("stcformer", {"dim": 512}, 18_933_184), ("videopose3d", {}, 16_952_371),
    ("videopose3d", {"frames": 81}, 12_753_971), ("videopose3d", {"frames": 27}, 8_555_571)])
def test_networks_have_their_published_number_of_parameters(network, arguments, parameters):
    with torch.device("meta"):
        assert sum(p.numel() for p in MODELS[network](**arguments).parameters()) == parameters


@pytest.mark.parametrize("model", [SingleFrame(dim=64, dropout=0), VideoPose3D(frames=9, dim=64, dropout=0)])
def test_a_baseline_learns_a_linear_task_that_its_frame_holds(model):
    generator = torch.Generator().manual_seed(0)
    keypoints = torch.randn(64, model.frames, 17, 2, generator=generator)
    pose = (keypoints[:, model.frames // 2].flatten(1) @ torch.randn(34, 51, generator=generator) / 6
            ).unflatten(1, (17, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = mpjpe_loss(model.train()(keypoints), pose)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.parametrize("model", [SingleFrame(dim=16, dropout=0), VideoPose3D(frames=3, dim=16, dropout=0)])
def test_a_last_batch_of_one_window_trains_as_it_is_evaluated(model):
    model = with_statistics(model)
    window = torch.randn(1, model.frames, 17, 2)
    assert torch.equal(model.train()(window), model.eval()(window))


@pytest.mark.parametrize("network", SMALL)
def test_a_baseline_trains_resumes_and_comes_back_from_its_checkpoint(network, tmp_path):
    path = train(SMALL[network], tmp_path)
    assert checkpoint.load(path)["network"] == network
    assert run(f"--train 0 --reload 1 --previous_dir {path} --network {network}", tmp_path,
               tmp_path / "eval") == 0
    first, second = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("run", "eval"))
    assert first["average"]["mpjpe"] == pytest.approx(second["average"]["mpjpe"], abs=1e-4)
    again = f"{SMALL[network]} -k gt -b 16 --train 1 --nepoch 2 --resume"
    assert run(again, tmp_path, tmp_path / "run") == 0
    assert len(torch.load(tmp_path / "run" / "last.pth", weights_only=True)["history"]) == 2


def test_what_contradicts_a_baselines_checkpoint_is_refused(tmp_path, capsys):
    path = train(SMALL["videopose3d"], tmp_path)
    for line, words in [
            (f"--train 0 --reload 1 --previous_dir {path} --network ftcm",
             "was trained with --network videopose3d, the command line says ftcm"),
            (f"--train 0 --reload 1 --previous_dir {path} --layers 2",
             "a videopose3d network, has no --layers; drop it")]:
        assert run(line, tmp_path, tmp_path / "eval") == 2
        error = capsys.readouterr().err
        assert words in error and "Traceback" not in error
