"""Options that meet: refine, target, every frame, hop, tds, release files, data sets, live lines.

Each combination that is taken gives what a hand-made way gives; each other one is refused.
"""
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import run_ftcm
from common.camera import denormalize_screen, estimate_root
from common.command import choices, options
from common.recording import to_clip
from common.running.export_network import describe
from common.skeleton import HUMAN36M, flip
from common.weights import building, checkpoint
from dataset import human36m, mpi_inf_3dhp
from dataset.keypoints.json_lines import KeypointStream
from dataset.keypoints.reader import read_recording
from model.ftcm import FTCM
from model.refine import Refine
from tests.dataset.test_mpi_inf_3dhp import evaluation_data, save, training_data
from tests.helpers import random_clip, release_state, run, save_network, write_human36m
from tests.keypoint_samples import write_npz

SIZE = {"width": 1000, "height": 1000}
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Miniature data of two data sets, a refine file, and a checkpoint of each kind."""
    folder = tmp_path_factory.mktemp("crossings")
    write_human36m(folder, lengths={(subject, "Walking"): 6 for subject in human36m.SUBJECTS["train"]}
                   | {("S9", "Eating"): 14, ("S11", "Walking"): 13})
    save(folder, "train", training_data())
    save(folder, "test", evaluation_data())
    torch.manual_seed(0)
    torch.save(Refine().state_dict(), folder / "refine.pth")
    torch.save(release_state(9, layout=2, depth=2, dim=64), folder / "release.pth")
    for name, every_frame, data in (
            ("center", False, {}), ("last", False, {"target": "last"}), ("every", True, {}),
            ("center_tds2", False, {"tds": 2}), ("last_tds2", False, {"target": "last", "tds": 2}),
            ("every_tds2", True, {"tds": 2}), ("3dhp", False, {"dataset": "3dhp"}),
            ("3dhp_last", False, {"dataset": "3dhp", "target": "last"}),
            ("3dhp_every", True, {"dataset": "3dhp"}), ("rays", False, {"input": "rays"}),
            ("rays_last", False, {"input": "rays", "target": "last"}),
            ("virtual", False, {"input": "virtual"}),
            ("virtual_every_mask", True, {"input": "virtual"}), ("mask", False, {}),
            ("virtual_mask_tds2", False, {"input": "virtual", "tds": 2}),
            ("all_virtual_last", True, {"input": "virtual", "target": "last"}),
            ("all_last_tds2", True, {"target": "last", "tds": 2})):
        save_network(folder / f"{name}.pth",
                     {"dataset": "h36m", "keypoints": "gt", "tds": 1, "target": "center"} | data,
                     frames=5, dim=16, depth=1, every_frame=every_frame, mask="mask" in name)
    return folder


def view(points, intrinsics, place, space):
    """Windows (W, T, J, 2) of the screen as the network gets them, and rotations (W, 3, 3) to camera space.

    A virtual camera is panned by one angle and then tilted by another one.
    """
    turns = np.broadcast_to(np.eye(3), (len(points), 3, 3)).copy()
    if space == "screen":
        return points, turns
    rays = np.concatenate([(points - intrinsics[2:]) / intrinsics[:2], np.ones_like(points[..., :1])], -1)
    if space == "virtual":
        for window, turn in zip(rays, turns):
            x, y, z = (window[place] / np.linalg.norm(window[place], axis=-1, keepdims=True)).mean(0)
            pan, tilt = np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
            turn[:] = (np.array([[np.cos(pan), 0, np.sin(pan)], [0, 1, 0], [-np.sin(pan), 0, np.cos(pan)]])
                       @ np.array([[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)],
                                   [0, -np.sin(tilt), np.cos(tilt)]]))
            window[:] = window @ turn
    return rays[..., :2] / rays[..., 2:], turns


def answers(model, clip, rows, saved, place):
    """The mean of the network's answers to the windows of `rows` (W, T) and to their mirror images, mirrored
    back, in camera space."""
    seen, both = np.ones(clip.keypoints.shape[:2]) if clip.seen is None else clip.seen, []
    for mirror in (lambda x: x, lambda x: flip(x, clip.skeleton)):
        lens = None if clip.intrinsics is None else clip.intrinsics.copy()
        given = mirror(np.concatenate([clip.keypoints, seen[..., None]], -1))[rows]
        if both:
            lens = lens if lens is None else lens * [1, 1, -1, 1]
        points, turns = view(given[..., :2], lens, place, saved["data"].get("input", "screen"))
        if saved["model_args"].get("mask"):
            points = np.concatenate([points, given[..., 2:]], -1)
        with torch.no_grad():
            pose = model(torch.from_numpy(np.float32(points))).numpy()
        turned = np.stack([frames @ turn.T for frames, turn in zip(pose, turns)])
        both.append(mirror(turned))
    return sum(both) / 2


def lift_by_hand(path, clip, *, tds, target="center", hop=None):
    """Poses (N, J, 3) as the network answers them, one frame or window after another."""
    saved = checkpoint.load(path)
    model, frames = FTCM(**saved["model_args"]).eval(), saved["model_args"]["frames"]
    building.load_weights(model, saved["model"], path)
    last = len(clip) - 1
    if hop is None:
        place = {"center": frames // 2, "last": frames - 1}[target]
        rows = [[min(max(frame + tds * (step - place), 0), last) for step in range(frames)]
                for frame in range(len(clip))]
        poses = answers(model, clip, np.array(rows), saved, place)
        return poses[:, place] if model.every_frame else poses
    sums, weights = np.zeros((len(clip), 17, 3)), np.zeros((len(clip), 1, 1))
    for phase in range(min(tds, len(clip))):
        spare = len(range(phase, len(clip), tds)) - frames
        for start in [*range(0, spare, hop), spare] if spare > 0 else [spare // 2]:
            rows = [phase + tds * (start + step) for step in range(frames)]
            held = np.clip(rows, 0, last)
            poses = answers(model, clip, held[None], saved, frames // 2)[0]
            for step, (row, pose) in enumerate(zip(rows, poses)):
                if 0 <= row <= last:
                    weight = min(step + 1, frames - step)
                    sums[row] += weight * pose
                    weights[row] += weight
    return sums / weights


def refine_by_hand(path, clip, lifted, source):
    """The refined poses (N, J, 3): keypoints at the lifted depth, blended by the refine file's network."""
    network = Refine().eval()
    checkpoint.load_refine(network, path)
    refined = []
    for pose, points, root in zip(lifted, clip.keypoints, clip.root):
        relative = pose * (np.arange(17) > 0)[:, None]
        if source == "estimate":
            root = estimate_root(*map(torch.from_numpy, (points, np.float32(relative),
                                                         clip.intrinsics))).numpy()
            if not np.isfinite(root).all():
                refined.append(pose)
                continue
        depth = float(root[2]) + relative[:, 2:]
        seen = (points - clip.intrinsics[2:]) * depth / clip.intrinsics[:2]
        both = [np.float32(pose)[None], np.float32(np.hstack([seen - seen[:1], relative[:, 2:]]))[None]]
        with torch.no_grad():
            refined.append(network(*map(torch.from_numpy, both))[0].numpy())
    return np.stack(refined)


def mpjpe_by_action(clips, poses):
    """{action: mean error in millimetres of its scored frames, the root joint at the origin}."""
    errors = {}
    for clip, pose in zip(clips, poses):
        pose = pose - pose * (np.arange(17) == clip.skeleton.root)[:, None]
        errors.setdefault(clip.action, []).append(
            1000 * np.linalg.norm(pose - clip.pose, axis=2).mean(1)[clip.valid])
    return {action: np.concatenate(values).mean() for action, values in errors.items()}


REFINE = "--refine --refine_reload 1 --previous_refine_name {{refine}} --refine_root {}"
CASES = [(kind, {"target": target, "tds": tds}, source)
         for kind, target, tds in (("center", "center", 1), ("last", "last", 1), ("center_tds2", "center", 2),
                                   ("last_tds2", "last", 2), ("release", "center", 1),
                                   ("release", "center", 3))
         for source in (None, "gt", "estimate")]
CASES += [("every", {"tds": 1, "hop": hop}, None) for hop in (None, 1, 5)]
CASES += [("every_tds2", {"tds": 2, "hop": hop}, None) for hop in (None, 1)]
CASES += [(kind, {"tds": 1, "target": "last" if "last" in kind else "center"}, source)
          for kind in ("rays", "rays_last", "virtual", "mask") for source in (None, "gt")]
CASES += [("virtual_every_mask", {"tds": 1, "hop": None}, None), ("virtual_mask_tds2", {"tds": 2}, None)]
CASES += [("all_virtual_last", {"tds": 1, "target": "last"}, None),
          ("all_last_tds2", {"tds": 2, "target": "last"}, None)]
CASES += [("3dhp", {"tds": 1}, None), ("3dhp_last", {"tds": 1, "target": "last"}, None),
          ("3dhp_every", {"tds": 1, "hop": 2}, None)]


@pytest.mark.parametrize("kind, facts, source", CASES)
def test_an_evaluation_gives_what_the_protocol_gives_by_hand(kind, facts, source, folder, tmp_path):
    line = f"--reload 1 --previous_dir {{{kind}}} --dataset {'3dhp' if '3dhp' in kind else 'h36m'} -k gt"
    line += f" -tds {facts['tds']}" if kind == "release" else ""
    line += f" --hop {facts['hop']}" if facts.get("hop") else ""
    line += " " + REFINE.format(source) if source else ""
    assert run(line, folder, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    module = mpi_inf_3dhp if "3dhp" in kind else human36m
    clips = module.load(folder, keypoints="gt", split="test")
    if "every" in kind:
        facts = facts | {"hop": facts["hop"] or 2}                  # a third of 5 frames, rounded up
    poses = [lift_by_hand(folder / f"{kind}.pth", clip, **facts) for clip in clips]
    if source:
        poses = [refine_by_hand(folder / "refine.pth", clip, pose, source)
                 for clip, pose in zip(clips, poses)]
    expected = mpjpe_by_action(clips, poses)
    assert {row["action"]: row["mpjpe"] for row in report["rows"]} == pytest.approx(expected, abs=2e-3)
    assert report["average"]["mpjpe"] == pytest.approx(np.mean(list(expected.values())), abs=2e-3)


@pytest.mark.parametrize("kind, line, facts", [
    ("center", "", {"tds": 1}), ("center_tds2", "", {"tds": 2}), ("last", "", {"tds": 1, "target": "last"}),
    ("last_tds2", "", {"tds": 2, "target": "last"}), ("release", "-tds 3", {"tds": 3}),
    ("every", "", {"tds": 1, "hop": 2}), ("every", "--hop 1", {"tds": 1, "hop": 1}),
    ("every", "--hop 5", {"tds": 1, "hop": 5})])
def test_live_lines_give_what_the_protocol_gives_by_hand(kind, line, facts, folder, monkeypatch, capsys):
    clip = random_clip(14)
    pixels = denormalize_screen(clip.keypoints.astype(float), **SIZE)
    lines = [{"layout": "human36m", "fps": 50, **SIZE}]
    lines += [{"keypoints": points.tolist()} for points in pixels]
    data = "".join(json.dumps(frame) + "\n" for frame in lines).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert run(f"--predict - --fit 0 --reload 1 --previous_dir {{{kind}}} {line}", folder, None) == 0
    poses = [json.loads(row)["pose"] for row in capsys.readouterr().out.splitlines()[1:]]
    expected = lift_by_hand(folder / f"{kind}.pth", clip, **facts)
    expected[:, 0] = 0
    assert np.array(poses) == pytest.approx(expected, abs=3e-5)


HIDDEN = {"left_wrist": slice(3, 7), "right_knee": slice(6, 14)}


@pytest.fixture(scope="module")
def holed(tmp_path_factory):
    """A keypoint file with unseen joints, the same as lines, and which were seen (14, 17)."""
    clip, seen = random_clip(14), np.ones((14, 17), np.float32)
    still = clip.keypoints[:1]
    for name, rows in HIDDEN.items():
        seen[rows, HUMAN36M.joints.index(name)] = 0
    pixels = denormalize_screen((still + 0.05 * (clip.keypoints - still)).astype(float), **SIZE)
    track = np.dstack([pixels, 0.9 * seen])
    path = write_npz(tmp_path_factory.mktemp("holed"), keypoints=track, layout="human36m", fps=50, **SIZE)
    lines = [json.dumps({"layout": "human36m", "fps": 50, **SIZE})]
    lines += [json.dumps(frame.tolist()) for frame in track]
    return path, [f"{line}\n".encode() for line in lines], seen


@pytest.mark.parametrize("live", [False, True], ids=["file", "live"])
@pytest.mark.parametrize("kind, line, facts", [
    ("rays", "", {"tds": 1}), ("rays_last", "--fov 90", {"tds": 1, "target": "last"}),
    ("virtual", "--fov 70", {"tds": 1}), ("mask", "", {"tds": 1}),
    ("virtual_every_mask", "--fov 40 --hop 3", {"tds": 1, "hop": 3}),
    ("virtual_mask_tds2", "", {"tds": 2}), ("all_virtual_last", "--fov 40", {"tds": 1, "target": "last"}),
    ("all_last_tds2", "", {"tds": 2, "target": "last"})])
def test_predictions_know_the_field_of_view_and_what_was_seen(kind, line, facts, live, folder, holed,
                                                              tmp_path, monkeypatch, capsys):
    path, lines, seen = holed
    keypoints = to_clip(read_recording(path)).keypoints
    if live:
        keypoints = np.stack([points for points, _ in KeypointStream(lines)])
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"".join(lines))))
    task = f"--predict {'-' if live else path} --fit 0 --reload 1 --previous_dir {{{kind}}} {line}"
    assert run(task, folder, None if live else tmp_path / "out") == 0
    said, fov = capsys.readouterr(), float(line.split()[1]) if line else 55
    focal = 1 / np.tan(np.radians(fov) / 2)
    clip = replace(random_clip(14), keypoints=keypoints, intrinsics=np.array([focal, focal, 0, 0]),
                   seen=seen if "mask" in kind else None)
    expected = lift_by_hand(folder / f"{kind}.pth", clip, **facts)
    expected[:, 0] = 0
    found = [json.loads(row)["pose"] for row in said.out.splitlines()[1:]] if live else np.load(
        tmp_path / "out" / "poses.npz")["poses"]
    assert np.array(found) == pytest.approx(expected, abs=3e-5)
    told = f"field of view of {fov:g} degrees ({'stated' if line else 'assumed'}"
    assert (told in said.out + said.err) == (kind not in ("mask", "all_last_tds2"))


@pytest.mark.parametrize("options", [
    "--input virtual --refine", "--input rays --every_frame 1 --mask 1 --augment missing",
    "--input virtual --target last -tds 2 --mask 1 --augment layout,missing --reprojection_weight 1",
    "--reload 1 --previous_dir {center} --mask 1 --augment missing",
    "--reload 1 --previous_dir {release} --mask 1 --augment missing", "--refine --reprojection_weight 0.5",
    "--reload 1 --previous_dir {virtual_every_mask} --augment missing --hop 2",
    "--teacher {virtual},{mask} --input rays", "--input virtual --reprojection_weight 1 --stature 1",
    "--target last --refine -tds 2", "--refine", "--every_frame 1 -tds 2", "--every_frame 1 --hop 4",
    "--reload 1 --previous_dir {last} --refine", "--reload 1 --previous_dir {every} --velocity_weight 1",
    "--reload 1 --previous_dir {every_tds2} --hop 1", "--target last --refine --refine_root estimate",
    "--target last --every_frame 1 --velocity_weight 1",
    "--reload 1 --previous_dir {every} --target last"])
def test_a_training_ends_with_what_its_files_give_by_hand(options, folder, tmp_path):
    size = "" if "--reload" in options else "-f 5 --d_hid 16 --layers 1"
    assert run(f"--train 1 -k gt --nepoch 1 -b 64 --lr 0.01 {size} {options}", folder, tmp_path / "run") == 0
    report = json.loads((tmp_path / "run" / "scores.json").read_text())
    lifter, = (tmp_path / "run").glob("no_refine_*.pth")
    data = checkpoint.load(lifter)["data"]
    hop = {"--every_frame 1 --hop 4": 4, "--reload 1 --previous_dir {every_tds2} --hop 1": 1}.get(options, 2)
    clips = human36m.load(folder, keypoints="gt", split="test")
    poses = [lift_by_hand(lifter, clip, tds=data["tds"], target=data["target"],
                          hop=hop if "every" in options and "last" not in options else None)
             for clip in clips]
    if "--refine" in options:
        refine, = (tmp_path / "run").glob("refine_*.pth")
        source = "estimate" if "estimate" in options else "gt"
        poses = [refine_by_hand(refine, clip, pose, source) for clip, pose in zip(clips, poses)]
    expected = mpjpe_by_action(clips, poses)
    assert {row["action"]: row["mpjpe"] for row in report["rows"]} == pytest.approx(expected, abs=2e-3)


LOADED = "--reload 1 --previous_dir"


@pytest.mark.parametrize("line, words", [
    (f"{LOADED} {{every}} " + REFINE.format("gt"), ["--refine", "--every_frame 1"]),
    (f"{LOADED} {{every}} --target last", ["--target"]),
    (f"{LOADED} {{every}} --every_frame 0", ["--every_frame 1", "says 0"]),
    (f"{LOADED} {{every}} --hop 6", ["--hop", "1 to 5", "6"]),
    (f"{LOADED} {{center}} --hop 2", ["--hop", "--every_frame"]),
    (f"{LOADED} {{center}} --every_frame 1", ["--every_frame 0", "says 1"]),
    (f"{LOADED} {{center}} --target last", ["--target center", "says last"]),
    (f"{LOADED} {{last}} --target center", ["--target last", "says center"]),
    (f"{LOADED} {{last}} --hop 2", ["--hop"]), (f"{LOADED} {{last_tds2}} -tds 1", ["--t_downsample 2"]),
    (f"{LOADED} {{release}} --every_frame 1", ["--every_frame 0", "says 1"]),
    (f"{LOADED} {{release}} --target last", ["--target center", "says last"]),
    (f"{LOADED} {{release}} --hop 2", ["--hop", "--every_frame 1"]),
    (f"{LOADED} {{release}} --dropout 0.3", ["--dropout", "--train 1"]),
    (f"{LOADED} {{release}} -f 27", ["--frames 9", "says 27"]),
    (f"{LOADED} {{release}} --layers 6", ["--layers 2", "says 6"]),
    (f"{LOADED} {{3dhp}} " + REFINE.format("gt"), ["--refine", "3dhp"]),
    (f"{LOADED} {{center}} --dataset 3dhp " + REFINE.format("gt"), ["--refine", "3dhp"]),
    (f"{LOADED} {{3dhp_every}} --dataset h36m --hop 9", ["--hop", "1 to 5"]),
    (f"--train 1 {LOADED} {{3dhp}} --augment detector", ["--augment", "3dhp"]),
    (f"--train 1 {LOADED} {{every}} --refine", ["--refine", "--every_frame 1"]),
    (f"--train 1 {LOADED} {{center}} --velocity_weight 1", ["--velocity_weight", "--every_frame 1"]),
    (f"--train 1 {LOADED} {{release}} --velocity_weight 1", ["--velocity_weight"]),
    (f"--train 1 {LOADED} {{center}} --every_frame 1 --hop 2", ["--every_frame 0"]),
    ("--train 1 --every_frame 1 --refine", ["--refine", "--every_frame 1"]),
    ("--train 1 --every_frame 1 --target last --hop 3", ["--hop", "answers for the last"]),
    (f"{LOADED} {{all_virtual_last}} --hop 2", ["--hop", "answers for the last"]),
    ("--train 1 --hop 3", ["--hop", "--every_frame 1"]), ("--train 1 --dataset 3dhp --refine", ["--refine"]),
    ("--train 1 -f 5 --every_frame 1 --hop 6", ["--hop", "1 to 5"]),
    (f"--predict x.npz {LOADED} {{center}} --hop 2", ["--hop"]),
    (f"--predict x.npz {LOADED} {{center}} --fit 0 --fov 60", ["--fov", "--root estimate", "--input"]),
    ("--predict x.npz --fit 0 --fov 60", ["--fov needs --root estimate"]),
    (f"--predict x.npz {LOADED} {{every}} --refine", ["--refine"]),
    (f"{LOADED} {{center}} --input rays", ["--input screen", "says rays"]),
    (f"{LOADED} {{virtual}} --input rays", ["--input virtual", "says rays"]),
    (f"{LOADED} {{release}} --input virtual", ["--input screen", "says virtual"]),
    (f"{LOADED} {{center}} --mask 1", ["--mask 0", "says 1"]),
    (f"{LOADED} {{mask}} --mask 0", ["--mask 1", "says 0"]),
    (f"--train 1 {LOADED} {{mask}} --mask 0", ["--mask 1", "says 0"]),
    (f"--train 1 {LOADED} {{mask}}", ["--mask 1", "--augment"]),
    (f"--train 1 {LOADED} {{center}} --mask 1", ["--mask 1", "--augment"]),
    (f"--train 1 {LOADED} {{center}} --input rays", ["--input screen", "says rays"]),
    (f"{LOADED} {{rays}} --dataset 3dhp", ["--input rays", "intrinsics", "3dhp"]),
    (f"{LOADED} {{virtual}} --dataset 3dhp", ["--input virtual", "intrinsics", "3dhp"]),
    ("--train 1 --dataset 3dhp --mask 1 --augment missing", ["--augment", "3dhp"]),
    ("--train 1 --dataset 3dhp -f 5 --teacher {virtual}", ["--input virtual", "intrinsics", "3dhp"]),
    (f"{LOADED} {{mask}} --dataset 3dhp --reprojection_weight 1", ["--reprojection_weight", "--train 1"]),
])
def test_what_contradicts_itself_is_refused_before_anything_is_written(line, words, folder, tmp_path, capsys):
    assert run(f"{line} -k gt" if "--predict" not in line else line, folder,
               tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("line, words", [
    ("{every_tds2}", "tds"), ("{center} --hop 2", "--hop"), ("{every} --hop 6", "1 to 5"),
    ("{center} --refine", "--refine"), ("{last} --target center", "--target"), ("{3dhp}", "mpi_inf_3dhp"),
    ("{center} --fov 60", "--fov needs --root estimate")])
def test_what_live_lines_cannot_have_is_refused(line, words, folder, monkeypatch, capsys):
    frame = json.dumps({"layout": "human36m", "fps": 50, **SIZE}).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(frame + b"\n")))
    assert run(f"--predict - --reload 1 --previous_dir {line}", folder, None) == 2
    said = capsys.readouterr()
    assert words in said.err and said.out == ""


@pytest.mark.parametrize("hop", [None, 1, 27])
def test_the_shipped_network_takes_a_hop_in_every_task(hop, folder, tmp_path):
    given = f"--hop {hop}" if hop else ""
    assert run(f"--dataset h36m -k gt {given}", folder, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    clips = human36m.load(folder, keypoints="gt", split="test")
    path = run_ftcm.options.SHIPPED["best"]
    poses = [lift_by_hand(path, clip, tds=1, hop=hop or 27) for clip in clips]
    assert report["average"]["mpjpe"] == pytest.approx(np.mean(list(mpjpe_by_action(clips, poses).values())),
                                                       abs=2e-3)
    for task in ("--predict x.npz", "--predict - --target center"):
        args = run_ftcm.options.parse([*task.split(), *given.split()])
        run_ftcm.load_network(args)
        assert choices.window_of(args).hop == (hop or 27)


def test_the_hop_matters_for_a_clip_longer_than_a_window(folder):
    clip = replace(random_clip(60), pose=None, root=None)
    a, b = (lift_by_hand(folder / "every.pth", clip, tds=1, hop=hop) for hop in (1, 5))
    assert np.abs(a - b).max() > 1e-4


@pytest.mark.parametrize("kind, lack", [
    ("virtual", "never of virtual input"), ("rays", "never of rays input"),
    ("mask", "no network with a mask")])
def test_exports_keep_the_inputs_or_are_refused(kind, lack, folder, tmp_path, capsys):
    path = folder / f"{kind}.pth"
    assert run(f"{LOADED} {{{kind}}} --export_release {tmp_path}/r.pth", folder, None) == 2
    assert lack in capsys.readouterr().err and not (tmp_path / "r.pth").exists()
    assert run(f"{LOADED} {{{kind}}} --export_weights {tmp_path}/w.pth", folder, None) == 0
    small, saved = checkpoint.load(tmp_path / "w.pth"), checkpoint.load(path)
    assert small["data"] == saved["data"] and small["model_args"]["mask"] == (kind == "mask")
    assert run(f"{LOADED} {{{kind}}} --export_program {tmp_path}/p.pt2", folder, None) == 0
    said = capsys.readouterr().out
    assert {"virtual": "it answers in that camera's axes", "rays": "rays, (u - cx) / fx",
            "mask": "1 for a joint that was seen"}[kind] in said
    model = building.build(FTCM, saved, path).eval()
    assert ("third number is 1" if kind == "mask" else "- cx)") in describe(model, saved)["input"]
    assert describe(model, saved)["output"].count("virtual") == (kind == "virtual")
    given = torch.randn(3, 5, 17, 2 + (kind == "mask"))
    program = torch.export.load(tmp_path / "p.pt2").module()
    assert torch.allclose(program(given), model(given), atol=1e-5)


def test_an_evaluation_says_what_the_network_was_given(folder, tmp_path, capsys):
    line = f"{LOADED} {{virtual_every_mask}} --dataset h36m -k gt"
    assert run(line, folder, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert report["input"] == "virtual" and report["mask"] is True
    said = capsys.readouterr().out
    assert "virtual camera that looks at the person" in said and "knows the cameras' intrinsics" in said


@pytest.mark.parametrize("kind", ["center", "every", "release"])
def test_weights_without_a_mask_start_a_training_with_one_at_the_same_poses(kind, folder):
    path, loaded = folder / f"{kind}.pth", []
    for line in ("", "--mask 1 --augment missing"):
        args = options.parse(f"--train 1 --reload 1 --previous_dir {path} {line}".split())
        loaded.append(run_ftcm.load_network(args)[0].eval())
    plain, masked = loaded
    points = torch.randn(2, plain.frames, 17, 2)
    seen = (torch.rand(2, plain.frames, 17, 1) < 0.5).float()
    with torch.no_grad():
        assert torch.allclose(masked(torch.cat([points, seen], -1)), plain(points), atol=1e-6)
