"""Weight files of other published networks through the command line: read, used, written back, refused."""
import json

import numpy as np
import pytest
import torch

import run_ftcm
from common import engine
from common.lift import Lifting
from common.running import export_network
from common.video import stream
from common.weights import checkpoint, originals, releases
from common.windows import Window
from dataset import human36m, mpi_inf_3dhp
from model.pstmo import PSTMO
from model.stcformer import STCFormer
from model.strided import StridedTransformer
from model.videopose3d import VideoPose3D
from tests.dataset.test_mpi_inf_3dhp import evaluation_data, save
from tests.golden.peers import published_state
from tests.golden.reference_weights import reference_tensor
from tests.helpers import predict, random_clip, run, write_human36m

MIRRORED = [0, 4, 5, 6, 1, 2, 3, *range(7, 11), 14, 15, 16, 11, 12, 13]     # each joint's other side
SUBJECTS = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Miniature archives."""
    folder = tmp_path_factory.mktemp("data")
    write_human36m(folder, lengths={(subject, "Walking"): 7 for subject in SUBJECTS}
                   | {("S9", "Eating"): 40, ("S11", "Walking"): 13})
    save(folder, "test", evaluation_data())
    return folder


def stored(state, kind):
    """A state dict as its authors' program leaves it, as plain weights or behind `module.`."""
    if kind == "model_pos":
        return {"epoch": 3, "lr": 1e-4, "random_state": np.random.RandomState(1234), "optimizer": {},
                "model_pos": state, "model_traj": None}
    return {("module." if kind == "module." else "") + name: value for name, value in state.items()}


def small_videopose3d(**arguments):
    """A state dict of VideoPose3D; the tensors follow from their names."""
    return {name: torch.as_tensor(reference_tensor(name, tuple(value.shape)))
            for name, value in VideoPose3D(**arguments).state_dict().items()}


WIDTHS = {"dim": 16, "frames": 45, "widths": [3, 5, 3]}
FILES = {
    "stcformer": (lambda: published_state("stcformer/9"), "plain",
                  {"dim": 64, "depth": 2, "variant": "h36m", "frames": 27}),
    "stcformer behind module.": (lambda: published_state("stcformer/9"), "module.", {"depth": 2}),
    "stcformer 3dhp": (lambda: published_state("stcformer_3dhp/9"), "module.",
                       {"dim": 256, "depth": 6, "variant": "3dhp", "millimetres": True, "frames": 81}),
    "stcformer 3dhp without module.": (lambda: published_state("stcformer_3dhp/9"), "plain", {"depth": 6}),
    "videopose3d": (lambda: published_state("videopose3d/27"), "model_pos",
                    {"dim": 64, "widths": [3, 3, 3], "frames": 27, "dense": False}),
    "videopose3d behind module.": (lambda: published_state("videopose3d/27"), "module.", {"frames": 27}),
    "videopose3d, other widths": (lambda: small_videopose3d(**WIDTHS), "plain", {**WIDTHS, "dense": False}),
    "videopose3d, dense": (lambda: small_videopose3d(**WIDTHS, dense=True), "plain",
                           {**WIDTHS, "dense": True}),
    "strided": (lambda: published_state("strided/9"), "plain", {"dim": 64, "depth": 2, "frames": 9}),
    "strided behind module.": (lambda: published_state("strided/27"), "module.",
                               {"dim": 256, "depth": 3, "frames": 27}),
    "pstmo": (lambda: published_state("pstmo/27"), "module.",
              {"dim": 64, "depth": 2, "frames": 27}),
    "pstmo without module.": (lambda: published_state("pstmo/27"), "plain", {"frames": 27}),
    "pstmo for 3dhp": (lambda: pstmo_in_millimetres(), "module.", {"millimetres": True}),
    "pstmo_pretraining": (lambda: published_state("pstmo_pretrain/27"), "module.",
                          {"dim": 64, "depth": 2, "frames": 27})}
PSTMO_HEADS = ("fcn.1.weight", "fcn.1.bias", "fcn_1.1.weight", "fcn_1.1.bias")


def pstmo_in_millimetres():
    """A P-STMO's state dict whose poses are in millimetres, as that of its authors for MPI-INF-3DHP."""
    state = published_state("pstmo/27")
    return state | {name: 1000 * state[name] for name in PSTMO_HEADS}


@pytest.mark.parametrize("case, zipped", [*((case, True) for case in FILES), ("videopose3d", False)])
def test_a_published_file_is_recognised_and_written_back_exactly(case, zipped, data, tmp_path, capsys):
    make, kind, arguments = FILES[case]
    state, path, back = make(), tmp_path / "w.pth", tmp_path / "back.pth"
    torch.save(stored(state, kind), path, _use_new_zipfile_serialization=zipped)
    saved = checkpoint.load(path)
    assert saved["network"] == case.split()[0].rstrip(",")
    assert arguments.items() <= saved["model_args"].items()
    assert run(f"--export_release {back} --reload 1 --previous_dir {path}", data, tmp_path / "o") == 0
    written = torch.load(back, weights_only=True)
    if saved["network"] == "videopose3d":
        written = written["model_pos"]
    elif "3dhp" in case or "pstmo" in case:
        assert all(name.startswith("module.") for name in written)
        written = {name.removeprefix("module."): value for name, value in written.items()}
    # Ones and zeros in the originals.
    unused = {name for name in state if ".layer_norm2." in name or ".model.norm." in name}
    assert written.keys() == state.keys()
    assert all(torch.equal(written[name], value) for name, value in state.items() if name not in unused)
    assert all((written[name] == (1 if name.endswith(("weight", "a_2")) else 0)).all()
               and written[name].shape == state[name].shape for name in unused)


@pytest.mark.parametrize("case, change, words", [
    ("stcformer", {"pose_emb.weight": None}, ["do not tell the size", "pose_emb.weight"]),
    ("stcformer", {"regress_head.weight": None}, ["Missing: regress_head.weight", "Unexpected: none"]),
    ("stcformer", {"stcformer.stc_block.0.extra": torch.zeros(1)},
     ["Missing: none", "Unexpected: stcformer.stc_block.0.extra"]),
    ("stcformer", {"stcformer.stc_block.7.layer_norm.weight": torch.zeros(64)}, ["Missing: stcformer.stc"]),
    ("stcformer", {"regress_head.weight": torch.zeros(3, 32)}, ["Other shapes: regress_head.weight (3, 32)"]),
    ("stcformer", {"pose_emb.weight": torch.zeros(0, 2)}, ["its size.dim"]),
    ("stcformer", {"pose_emb.weight": torch.zeros(24, 2)}, ["multiple of 16"]),
    ("stcformer 3dhp", {"mlpmixer.mixerblocks.3.mlp1.fc1.weight": None},
     ["Missing: mlpmixer.mixerblocks.3.mlp1.fc1.weight. Unexpected: none"]),
    ("videopose3d", {"expand_conv.weight": torch.zeros(64, 34)}, ["do not tell the size"]),
    ("videopose3d", {"layers_conv.2.weight": None}, ["layers_conv.2.weight"]),
    ("videopose3d", {"shrink.bias": None}, ["Missing: shrink.bias"]),
    ("videopose3d", {"expand_conv.weight": torch.zeros(64, 30, 3)}, ["15 joints"]),
    ("videopose3d", {"layers_conv.2.weight": torch.zeros(64, 64, 2)}, ["its size.widths"]),
    ("strided", {"fcn_1.1.bias": None}, ["Missing: fcn_1.1.bias. Unexpected: none"]),
    ("strided", {"Transformer_reduce.model.layers.3.self_attn.linears.0.bias": torch.zeros(64)},
     ["Unexpected: Transformer_reduce.model.layers.3.self_attn.linears.0.bias"]),
    ("strided", {"Transformer.pos_embedding": torch.zeros(1, 15, 64)}, ["frames must be one of", "got 15"]),
    ("strided", {"Transformer.pos_embedding": torch.zeros(64)}, ["do not tell the size of strided"]),
    ("strided", {"Transformer.pos_embedding": torch.zeros(1, 27, 64)}, ["Other shapes", "pos_embedding_1"]),
    ("pstmo", {"encoder.fc_1.weight": None}, ["do not tell the size of pstmo"]),
    ("pstmo", {"Transformer.model.norm.c_2": torch.zeros(64)}, ["Unexpected: Transformer.model.norm.c_2"]),
    ("pstmo_pretraining", {}, ["holds a pre-training, which gives no poses", "--train 1 --network pstmo"])])
def test_a_file_that_does_not_fit_is_refused_with_what_differs(case, change, words, data, tmp_path, capsys):
    make, kind, _ = FILES[case]
    state = {name: value for name, value in {**make(), **change}.items() if value is not None}
    torch.save(stored(state, kind), tmp_path / "w.pth")
    assert run(f"--train 0 --reload 1 --previous_dir {tmp_path}/w.pth -k gt", data, tmp_path / "o") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error
    assert not (tmp_path / "o").exists()


def scores(folder):
    return json.loads((folder / "scores.json").read_text())


def test_an_evaluation_says_which_protocol_it_used(data, tmp_path, capsys):
    torch.save(published_state("stcformer/9"), tmp_path / "stc.pth")
    torch.save(stored(published_state("videopose3d/27"), "model_pos"), tmp_path / "vp.bin")
    line = f"--train 0 -k gt --reload 1 --previous_dir {tmp_path}"
    assert run(f"{line}/stc.pth", data, tmp_path / "a") == 0
    assert "stcformer, h36m" in (said := capsys.readouterr().out) and "27 frames, tds 3, hop 9," in said
    assert run(f"{line}/stc.pth -tds 1 -f 9 --every_frame 0", data, tmp_path / "b") == 0
    assert "9 frames, tds 1, mirrored test" in capsys.readouterr().out
    assert run(f"{line}/vp.bin", data, tmp_path / "c") == 0
    assert "the root joint counts with error 0" in capsys.readouterr().out
    assert run(f"{line}/vp.bin --keep_root 1", data, tmp_path / "d") == 0
    assert "the root joint counts as it was predicted" in capsys.readouterr().out
    facts = [scores(tmp_path / name) for name in "abcd"]
    assert [row["network"] for row in facts] == ["stcformer"] * 2 + ["videopose3d"] * 2
    assert [row["keep_root"] for row in facts] == [False, False, False, True]
    clips = human36m.load(data, keypoints="gt", split="test")
    model = VideoPose3D(frames=27, dim=64)
    model.load_state_dict(published_state("videopose3d/27"))
    for report, keep_root in zip(facts[2:], (False, True)):
        found = predict(model, clips, frames=27, keep_root=keep_root)["pose"]
        errors = {}
        for clip, pose in zip(clips, found):
            errors.setdefault(clip.action, []).append(np.linalg.norm(pose - clip.pose, axis=-1).mean(1))
        expected = np.mean([np.concatenate(parts).mean() for parts in errors.values()])
        assert report["average"]["mpjpe"] == pytest.approx(1000 * expected, abs=0.01)
    assert facts[3]["average"]["mpjpe"] != facts[2]["average"]["mpjpe"]


def test_the_centre_frames_of_an_every_frame_network_are_scored_as_its_authors_score_them(data, tmp_path):
    torch.save(published_state("stcformer/9"), tmp_path / "stc.pth")
    assert run(f"--train 0 -k gt --reload 1 --previous_dir {tmp_path}/stc.pth -tds 2 -f 5 --every_frame 0 "
               f"--actions Eating", data, tmp_path / "o") == 0
    clips = [clip for clip in human36m.load(data, keypoints="gt", split="test") if clip.action == "Eating"]
    model = STCFormer(frames=5, dim=64, depth=2)
    model.load_state_dict(published_state("stcformer/9"))
    errors = []
    for clip in clips:
        rows = np.clip(np.arange(len(clip))[:, None] + 2 * np.arange(-2, 3), 0, len(clip) - 1)
        windows = torch.from_numpy(clip.keypoints[rows])
        mirror = windows[:, :, MIRRORED] * torch.tensor([-1, 1])
        with torch.no_grad():
            pose, other = (model.eval()(points)[:, 2] for points in (windows, mirror))
        other = other[:, MIRRORED] * torch.tensor([-1, 1, 1])
        pose = ((pose + other) / 2).numpy()
        pose[:, 0] = 0
        errors.append(np.linalg.norm(pose - clip.pose, axis=-1).mean(1))
    assert scores(tmp_path / "o")["average"]["mpjpe"] == pytest.approx(1000 * np.concatenate(errors).mean(),
                                                                       abs=0.01)


def test_the_variant_for_3dhp_is_scored_on_its_own_joints_in_metres(data, tmp_path, capsys):
    size = {"variant": "3dhp", "dim": 32, "depth": 1}
    state = {releases.RELEASES[1].published_name(name): torch.as_tensor(reference_tensor(name, value.shape))
             for name, value in STCFormer(**size).state_dict().items()}
    torch.save(stored(state, "module."), tmp_path / "w.pth")
    assert run(f"--train 0 --dataset 3dhp --reload 1 --previous_dir {tmp_path}/w.pth -f 9 --every_frame 0",
               data, tmp_path / "o") == 0
    clips = mpi_inf_3dhp.load(data, keypoints="gt", split="test")
    model = STCFormer(frames=9, every_frame=False, **size)
    saved = releases.read_release(releases.recognise(state), state)
    model.load_state_dict(saved["model"] | {
        "regress_head.weight": saved["model"]["regress_head.weight"] / 1000})
    found = predict(model, clips, frames=9)["pose"]
    rows = [(clip.action, 1000 * np.linalg.norm(pose - clip.pose, axis=-1).mean(1)[clip.valid].mean())
            for clip, pose in zip(clips, found)]
    assert scores(tmp_path / "o")["average"]["mpjpe"] == pytest.approx(
        np.mean([np.mean([error for name, error in rows if name == action]) for action, _ in rows]), rel=1e-3)
    assert run(f"--train 0 --dataset h36m -k gt --reload 1 --previous_dir {tmp_path}/w.pth -f 9", data,
               tmp_path / "p") == 0
    assert "Two joint layouts" in capsys.readouterr().out


def test_a_network_trained_in_metres_is_written_in_the_millimetres_of_its_release(tmp_path):
    torch.manual_seed(0)
    model = STCFormer(frames=9, dim=32, depth=1, variant="3dhp")
    args = {"frames": 9, "dim": 32, "depth": 1, "variant": "3dhp"}
    written = releases.write_release({"network": "stcformer", "model_args": args,
                                      "model": model.state_dict()})
    torch.save(written, tmp_path / "w.pth")
    saved = checkpoint.load(tmp_path / "w.pth")
    back = STCFormer(**saved["model_args"])
    back.load_state_dict(saved["model"])
    keypoints = torch.randn(2, 9, 17, 2)
    assert torch.allclose(back.eval()(keypoints), model.eval()(keypoints), atol=1e-6)


@pytest.mark.parametrize("case, network", [("strided/9", StridedTransformer), ("pstmo/27", PSTMO)])
def test_the_target_frames_of_strided_networks_are_scored(case, network, data, tmp_path):
    state = published_state(case)
    torch.save(state, tmp_path / "w.pth")
    line = f"--train 0 -k gt --reload 1 --previous_dir {tmp_path}/w.pth -tds 2"
    assert run(line, data, tmp_path / "o") == 0
    saved = releases.read_release(releases.recognise(state), state)
    model = network(**saved["model_args"])
    model.load_state_dict(saved["model"])
    clips = human36m.load(data, keypoints="gt", split="test")
    errors = {}
    for clip, pose in zip(clips, predict(model, clips, frames=model.frames, tds=2)["pose"]):
        errors.setdefault(clip.action, []).append(np.linalg.norm(pose - clip.pose, axis=-1).mean(1))
    expected = 1000 * np.mean([np.concatenate(parts).mean() for parts in errors.values()])
    assert scores(tmp_path / "o")["average"]["mpjpe"] == pytest.approx(expected, rel=1e-4)


def test_a_pstmo_for_3dhp_gives_metres_of_its_own_joints(data, tmp_path):
    torch.save(pstmo_in_millimetres(), tmp_path / "w.pth")
    saved = checkpoint.load(tmp_path / "w.pth")
    assert saved["data"]["dataset"] == "3dhp"
    models = [PSTMO(**checkpoint.load(tmp_path / "w.pth")["model_args"]), PSTMO(frames=27, dim=64, depth=2)]
    for model, state in zip(models, (pstmo_in_millimetres(), published_state("pstmo/27"))):
        model.load_state_dict(releases.read_release(releases.recognise(state), state)["model"])
    keypoints = torch.randn(2, 27, 17, 2)
    with torch.no_grad():
        metres, expected = (model.eval()(keypoints) for model in models)
    assert torch.allclose(metres, expected, atol=1e-5)
    line = f"--train 0 --dataset 3dhp --reload 1 --previous_dir {tmp_path}/w.pth"
    assert run(line, data, tmp_path / "o") == 0


def test_a_pstmo_trained_in_metres_on_3dhp_is_written_in_millimetres():
    model = PSTMO(frames=9, dim=16, depth=1)
    saved = {"network": "pstmo", "model_args": {"frames": 9, "dim": 16, "depth": 1},
             "model": model.state_dict(), "data": {"dataset": "3dhp"}}
    for dataset, scale in (("3dhp", 1000), ("h36m", 1), ("cmu", 1)):
        written = releases.write_release(saved | {"data": {"dataset": dataset}})
        assert torch.equal(written["module.fcn.1.weight"], scale * model.center_head[1].weight)
        assert torch.equal(written["module.fcn.0.weight"], model.center_head[0].weight)


@pytest.mark.parametrize("network, data, words", [
    ("videopose3d", {"dataset": "3dhp"}, "never those of 3dhp"), ("stcformer", {"stature": True}, "size")])
def test_what_the_authors_program_cannot_hold_is_not_written_for_it(network, data, words):
    model = {"videopose3d": VideoPose3D(frames=9, dim=16), "stcformer": STCFormer(dim=16, depth=1)}[network]
    with pytest.raises(ValueError, match=f"The original release has .*{words}"):
        originals.to_release({"network": network, "model_args": {"frames": 9, "dim": 16, "depth": 1},
                               "data": {"dataset": "cmu"} | data, "model": model.state_dict()})


def test_the_published_recipes_train_and_the_command_line_wins(data, tmp_path):
    small = {"stcformer": "--d_hid 16 --layers 1 -f 9", "videopose3d": "--d_hid 16 --widths 3,5"}
    facts = {}
    for network, size in small.items():
        assert run(f"--train 1 -k gt --network {network} {size} --recipe published --nepoch 2 "
                   "--manualSeed 5", data, tmp_path / network) == 0
        facts[network] = torch.load(tmp_path / network / "last.pth", weights_only=True)
    expected = {"stcformer": {"tds": 3, "stride": 3, "batch_size": 42, "lr": 1e-3, "lr_decay": 0.96,
                              "every_frame": True},
                "videopose3d": {"tds": 1, "stride": 1, "batch_size": 1024, "lr": 1e-3, "lr_decay": 0.95,
                                "norm_momentum": 0.001, "widths": [3, 5], "frames": 15}}
    for network, values in expected.items():
        found = facts[network]["options"]
        assert {name: found[name] for name in values} == values
        assert (found["seed"], found["epochs"], found["recipe"]) == (5, 2, "published")


NETWORKS = {"videopose3d": VideoPose3D(frames=9, dim=16), "dense": VideoPose3D(frames=9, dim=16, dense=True),
            "causal": VideoPose3D(frames=9, dim=16, target="last"),
            "stcformer": STCFormer(frames=9, dim=16, depth=1),
            "centre": STCFormer(frames=9, dim=16, depth=1, every_frame=False)}


@pytest.mark.parametrize("kind", NETWORKS)
def test_exported_programs_give_the_networks_poses(kind, tmp_path):
    network = NETWORKS[kind].eval()
    export_network.save_program(tmp_path / "n.pt2", network)
    program = torch.export.load(tmp_path / "n.pt2").module()
    for windows in (1, 3):
        keypoints = torch.randn(windows, 9, 17, 2)
        assert torch.allclose(program(keypoints), network(keypoints), atol=1e-5)


@pytest.mark.parametrize("kind", ["videopose3d", "stcformer"])
def test_onnxruntime_gives_the_networks_poses(kind):
    if not export_network.onnx_is_here():
        pytest.skip("without the ONNX packages")
    network = NETWORKS[kind].eval()
    session = export_network.OnnxNetwork(network)
    for windows in (1, 3):
        keypoints = torch.randn(windows, 9, 17, 2)
        assert torch.allclose(session(keypoints), network(keypoints), atol=1e-5)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("tds", [1, 2])
def test_live_frames_give_the_poses_of_the_whole_clip(kind, tds):
    network, clip = NETWORKS[kind].eval(), random_clip(23)
    window = Window(9, tds=tds, target="last" if kind == "causal" else "center",
                    hop=3 if network.every_frame else None)
    if window.hop and tds > 1:
        with pytest.raises(ValueError, match="tds 1 only"):
            stream.make_lifter(network, window, Lifting(), human36m.SKELETON)
        return
    lifter = stream.make_lifter(network, window, Lifting(), human36m.SKELETON)
    poses = [pose for points in clip.keypoints if (pose := lifter.push(points)) is not None] + lifter.flush()
    expected, = engine.predict(network, [clip], window)["pose"]
    assert np.stack(poses) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("line", ["--network videopose3d --d_hid 16 -f 9 --target last -tds 2",
                                  "--network stcformer --d_hid 16 --layers 1 -f 5 --every_frame 0"])
def test_the_refine_step_is_trained_with_networks_of_one_pose_a_window(line, data, tmp_path):
    assert run(f"--train 1 -k gt --nepoch 1 -b 64 {line} --refine", data, tmp_path / "run") == 0
    lifter, = (tmp_path / "run").glob("no_refine_*.pth")
    refine, = (tmp_path / "run").glob("refine_*.pth")
    assert run(f"--train 0 -k gt --reload 1 --previous_dir {lifter} --refine --refine_reload 1 "
               f"--previous_refine_name {refine}", data, tmp_path / "again") == 0
    first, second = (scores(tmp_path / name)["average"]["mpjpe"] for name in ("run", "again"))
    assert first == pytest.approx(second, abs=1e-4)


@pytest.mark.parametrize("line, words", [
    ("{stc} --refine --refine_reload 1 --previous_refine_name r.pth", ["--refine", "--every_frame 1"]),
    ("{stc} --target last", ["--target center", "says last"]), ("{stc} --hop 28", ["1 to 27"]),
    ("{stc} --dense 1", ["stcformer network, has no --dense"]),
    ("{stc} --every_frame 0 --hop 2", ["--hop", "--every_frame 1"]), ("{stc} --layers 3", ["--layers 2"]),
    ("{vp} --every_frame 1", ["videopose3d network, has no --every_frame"]), ("{vp} --hop 2", ["no --hop"]),
    ("{vp} -f 81", ["--frames 27", "says 81"]), ("{vp} --widths 3,9", ["--widths 3,3,3", "says 3,9"]),
    ("{vp} --dense 1", ["--dense 0", "says 1"]), ("{vp} --units fpm", ["has no --units"]),
    ("{vp} --network stcformer", ["--network videopose3d", "says stcformer"]),
    ("{vp} --keep_root 1 --refine --refine_reload 1 --previous_refine_name r.pth", ["drop --refine"])])
def test_what_contradicts_a_published_file_is_refused(line, words, data, tmp_path, capsys):
    torch.save(published_state("stcformer/9"), tmp_path / "stc.pth")
    torch.save(stored(published_state("videopose3d/27"), "model_pos"), tmp_path / "vp.bin")
    line = line.format(stc=tmp_path / "stc.pth", vp=tmp_path / "vp.bin")
    assert run(f"--train 0 -k gt --reload 1 --previous_dir {line}", data, tmp_path / "o") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("line, step", [("", 3), ("-tds 2", 2)])
def test_an_exported_published_network_says_which_frames_it_takes(line, step, tmp_path):
    torch.save(published_state("stcformer/9"), tmp_path / "stc.pth")
    args = run_ftcm.options.parse(f"--reload 1 --previous_dir {tmp_path}/stc.pth {line}".split())
    model, saved = run_ftcm.load_network(args)
    assert (args.tds, export_network.describe(model, saved)["frame_step"]) == (step, step)
    assert releases.RELEASES[0].unsaid["tds"] == 3


def test_the_causal_form_of_a_published_file_is_chosen_by_the_target(data, tmp_path):
    torch.save(stored(published_state("videopose3d/27"), "model_pos"), tmp_path / "vp.bin")
    args = run_ftcm.options.parse(["--reload", "1", "--previous_dir", str(tmp_path / "vp.bin"), "--target",
                                   "last"])
    model, saved = run_ftcm.load_network(args)
    assert model.target == "last" and saved["model_args"]["target"] == "last"
    assert export_network.describe(model, saved)["target_frame"] == 26
    assert run_ftcm.choices.window_of(args) == Window(27, target="last")
