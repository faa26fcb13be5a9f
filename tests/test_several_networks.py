"""Several checkpoints in --previous_dir: the mean of the poses that each gives by its own windows."""
# ruff: noqa: F401, F811 (the fixture `folder` is another file's)
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import run_ftcm
from common.camera import denormalize_screen
from common.command import choices, options
from common.running.ensemble import Ensemble
from common.video.stream import make_lifter
from dataset import human36m
from tests.helpers import random_clip, run
from tests.test_crossings import SIZE, folder, lift_by_hand, mpjpe_by_action

SEEN = {"center": {"tds": 1}, "center_tds2": {"tds": 2}, "every": {"tds": 1, "hop": 2},
        "every_tds2": {"tds": 2, "hop": 2}, "release": {"tds": 1}}
pytestmark = pytest.mark.usefixtures("without_pictures")


def mean_by_hand(folder, clip, *kinds):
    return np.mean([lift_by_hand(folder / f"{kind}.pth", clip, **SEEN[kind]) for kind in kinds], axis=0)


def files(kinds):
    return ",".join(f"{{{kind}}}" for kind in kinds)


@pytest.mark.parametrize("kinds, stride", [(("center", "every_tds2"), 1), (("center_tds2", "center"), 1),
                                           (("release", "every", "center_tds2"), 1),
                                           (("every", "center"), 3)])
def test_an_evaluation_scores_the_mean_of_each_ones_poses(kinds, stride, folder, tmp_path):
    line = f"--previous_dir {files(kinds)} --dataset h36m -k gt --test_stride {stride}"
    assert run(line, folder, tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    clips = human36m.load(folder, keypoints="gt", split="test")
    for clip in clips:
        clip.valid[:] = np.arange(len(clip)) % stride == 0
    expected = mpjpe_by_action(clips, [mean_by_hand(folder, clip, *kinds) for clip in clips])
    assert {row["action"]: row["mpjpe"] for row in report["rows"]} == pytest.approx(expected, abs=2e-3)
    assert [name.rpartition("/")[2] for name in report["checkpoint"]] == [f"{kind}.pth" for kind in kinds]
    assert [(one["checkpoint"], one["tds"], one["hop"]) for one in report["networks"]] == [
        (f"{kind}.pth", SEEN[kind]["tds"], SEEN[kind].get("hop")) for kind in kinds]
    assert all(f"{kind}.pth (" in report["notes"][0] for kind in kinds)


def test_a_file_is_lifted_to_the_mean(folder, tmp_path):
    clip, step = random_clip(14), random_clip(14, seed=5)
    clip = replace(clip, keypoints=clip.keypoints[:1] + 0.02 * step.keypoints)
    np.savez(tmp_path / "points.npz", keypoints=denormalize_screen(clip.keypoints.astype(float), **SIZE))
    line = (f"--predict {tmp_path}/points.npz --layout human36m --width 1000 --height 1000 --fps 50 --fit 0 "
            "--previous_dir {center},{every}")
    assert run(line, folder, tmp_path / "out") == 0
    with np.load(tmp_path / "out" / "poses.npz") as archive:
        poses = archive["poses"]
    expected = mean_by_hand(folder, clip, "center", "every")
    expected[:, 0] = 0
    assert poses == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kinds", [("center", "every"), ("center_tds2", "center", "release")])
def test_live_lines_are_the_mean_after_the_longest_delay(kinds, folder, monkeypatch, capsys):
    clip = random_clip(14)
    pixels = denormalize_screen(clip.keypoints.astype(float), **SIZE)
    lines = [{"layout": "human36m", "fps": 50, **SIZE}, *({"keypoints": row.tolist()} for row in pixels)]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert run(f"--predict - --fit 0 --previous_dir {files(kinds)}", folder, None) == 0
    said = capsys.readouterr()
    poses = [json.loads(row)["pose"] for row in said.out.splitlines()[1:]]
    expected = mean_by_hand(folder, clip, *kinds)
    expected[:, 0] = 0
    assert np.array(poses) == pytest.approx(expected, abs=3e-5)
    delay = {"every": 6, "center": 4}[kinds[1]]     # T - 1 + hop of `every`; half of two frames' steps, of 9
    assert f"up to {delay} frames" in said.err


def test_a_second_stream_begins_as_the_first(folder):
    paths = ",".join(str(folder / f"{kind}.pth") for kind in ("center", "every"))
    args = options.parse(["--predict", "-", "--previous_dir", paths])
    model, _ = run_ftcm.load_network(args)
    assert isinstance(model, Ensemble) and args.frames == 5
    clip, found = random_clip(9), []
    lifter = make_lifter(model, choices.window_of(args), choices.lifting_of(args, "cpu"), clip.skeleton)
    for _ in range(2):
        lines = [pose for row in clip.keypoints if (pose := lifter.push(row)) is not None]
        assert len(lines) == len(clip) - lifter.delay
        found.append(np.stack([*lines, *lifter.flush()]))
    assert np.array_equal(*found)


@pytest.mark.parametrize("line, words", [
    ("--previous_dir {center},{last}", ["center.pth", "last.pth", "target frame"]),
    ("--previous_dir {center},{3dhp}", ["joint layout", "mpi_inf_3dhp"]),
    ("--previous_dir {center},{absent}", ["absent.pth"]), ("--previous_dir {center},", ["commas between"]),
    ("--previous_dir {center},{center}", ["different files"]),
    ("--previous_dir {center},{every} --hop 2", ["--hop", "center.pth"]),
    ("--previous_dir {center},{release} -f 5", ["--frames 9", "says 5"]),
    ("--previous_dir {center},{every} --refine --refine_reload 1 --previous_refine_name {refine}",
     ["without --refine"]),
    ("--train 1 --reload 1 --previous_dir {center},{every}", ["evaluation and --predict only"]),
    ("--train 1 --resume --reload 1 --previous_dir {center},{every}", ["evaluation and --predict only"]),
    ("--export_onnx x.onnx --reload 1 --previous_dir {center},{every}", ["name one file"]),
    ("--export_release x.pth --reload 1 --previous_dir {center},{every}", ["name one file"]),
    ("--predict - --previous_dir {center},{every_tds2}", ["tds 1 only"])])
def test_what_cannot_be_averaged_is_refused_before_anything_is_written(
        line, words, folder, tmp_path, capsys, monkeypatch):
    head = json.dumps({"layout": "human36m", "fps": 50, **SIZE}).encode()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(head + b"\n")))
    output = None if "--predict" in line or "--export" in line else tmp_path / "out"
    assert run(line if "--predict" in line else f"{line} -k gt", folder, output) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and all(word in error for word in words), error
    assert list(tmp_path.iterdir()) == []


def test_networks_of_other_frame_rates_are_refused(folder, tmp_path, capsys):
    saved = run_ftcm.checkpoint.load(folder / "center.pth")
    run_ftcm.checkpoint.save(tmp_path / "slow.pth", saved | {"fps": 25})
    assert run(f"--previous_dir {{center}},{tmp_path}/slow.pth -k gt", folder, tmp_path / "out") == 2
    assert "frame rate 50, slow.pth has 25" in capsys.readouterr().err


def test_networks_that_mean_other_heights_are_refused(folder, tmp_path, capsys):
    saved = run_ftcm.checkpoint.load(folder / "center.pth")
    saved["data"] |= {"stature": True}
    run_ftcm.checkpoint.save(tmp_path / "open.pth", saved)
    assert run(f"--previous_dir {{center}},{tmp_path}/open.pth -k gt", folder, tmp_path / "out") == 2
    assert "--stature 0, open.pth has 1" in capsys.readouterr().err


def test_a_comma_belongs_to_the_name_of_a_file_that_exists(tmp_path):
    for name in ("a,b.pth", "c.pth"):
        (tmp_path / name).touch()
    for text, names in (("a,b.pth", ["a,b.pth"]), ("a,b.pth,c.pth", ["a,b.pth", "c.pth"]),
                        ("c.pth,a,b.pth", ["c.pth", "a,b.pth"]), ("x,y,c.pth", ["x", "y", "c.pth"])):
        words = ",".join(str(tmp_path / part) if part in ("a", "c.pth", "x") else part
                         for part in text.split(","))
        if text.startswith("x"):
            words = words.replace(f"{tmp_path}/", "")
        assert [path.name for path in options.split_files(words)] == names
    args = options.parse(["--train", "0", "--previous_dir", str(tmp_path / "a,b.pth")])
    assert args.averaged == [args.previous_dir] == [tmp_path / "a,b.pth"] and args.reload


def test_wildcards_name_one_file_each(tmp_path, capsys):
    for name in ("first_1.pth", "first_2.pth", "second.pth"):
        (tmp_path / name).touch()
    args = options.parse(["--train", "0", "--previous_dir", f"{tmp_path}/*_1.pth,{tmp_path}/sec*"])
    assert [path.name for path in args.averaged] == ["first_1.pth", "second.pth"]
    with pytest.raises(SystemExit):
        options.parse(["--train", "0", "--previous_dir", f"{tmp_path}/first*,{tmp_path}/sec*"])
    assert "first* must match exactly one file, it matches 2" in capsys.readouterr().err
