"""The errors under each condition: whose they are, the table, the files."""
import json

import numpy as np
import pytest

from common.weights import checkpoint
from experiments import limits
from experiments.commands import run_study
from experiments.conditions import AXES
from model.ftcm import FTCM
from tests.helpers import random_clip


def test_errors_belong_to_the_joint_and_action_that_have_them():
    clips = [random_clip(6, action="Walking"), random_clip(4, seed=1, action="Eating")]
    poses = [clip.pose.copy() for clip in clips]
    poses[1][:, 5] += [0.03, 0, 0.04]                                                # 50 mm
    poses[0][1:] = np.nan
    joints = {row["value"]: row["mpjpe"] for row in limits.score_joints(clips, poses)}
    assert joints.pop("left_knee") == pytest.approx(50 * 4 / 5, abs=1e-3) and max(joints.values()) == 0
    walking, eating = limits.score_actions(clips, poses)
    assert (walking["value"], walking["frames"], walking["mpjpe"]) == ("Walking", 1, 0)
    assert (eating["value"], eating["frames"]) == ("Eating", 4)
    assert eating["mpjpe"] == pytest.approx(50 / 17, abs=1e-4)


def test_errors_are_means_over_the_scored_frames_in_mm():
    clips = [random_clip(120, seed=number) for number in range(2)]
    poses = [np.where(np.arange(120)[:, None, None] % 12 == 0, 1.1 * clip.pose, np.nan) for clip in clips]
    found = limits.average_errors(clips, poses)                 # ten per cent too large, and nothing else
    assert found["frames"] == 20 and found["n_mpjpe"] < 1e-3 and found["p_mpjpe"] < 1e-3
    sizes = [np.linalg.norm(clip.pose[::12], axis=-1).mean() for clip in clips]
    assert found["mpjpe"] == pytest.approx(100 * np.mean(sizes), rel=1e-5)


def test_the_table_has_the_reports_numbers():
    report = {"thinning": "One in 36."} | {name: [
        {"value": value, "mpjpe": 1234.567 + value, "p_mpjpe": 2.0, "n_mpjpe": 3.456, "frames": 1000 + value}
        for value in (-20, 1)] for name in AXES}
    tables = [part.splitlines() for part in limits.format_limits(report).split("\n\n")]
    assert [lines[0] for lines in tables] == ["One in 36.", *AXES.values()]
    for _, header, *rows in tables[1:]:
        assert header.split() == ["MPJPE", "P-MPJPE", "N-MPJPE", "frames"]
        assert [row.split() for row in rows] == [["-20", "1214.57", "2.00", "3.46", "980"],
                                                 ["1", "1235.57", "2.00", "3.46", "1,001"]]


@pytest.fixture()
def lifter(tmp_path):
    """A checkpoint of a network without training."""
    model_args = {"frames": 5, "dim": 16, "depth": 1}
    checkpoint.save(tmp_path / "lifter.pth", {
        "format": checkpoint.FORMAT, "model_args": model_args, "fps": 50,
        "data": {"dataset": "cmu", "keypoints": "detected", "tds": 1},
        "model": FTCM(**model_args).state_dict()})
    return tmp_path / "lifter.pth"


def test_clips_without_a_vertical_are_refused(lifter, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(limits.run_ftcm, "load_clips", lambda *_: [random_clip(5)])
    line = f"--previous_dir {lifter} --device cpu --output {tmp_path}/out"
    assert run_study(limits.execute, line.split()) == 2
    assert "--dataset cmu" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_study_writes_numbers_with_their_source_and_charts_fit_for_a_page(lifter, tmp_path):
    line = f"--previous_dir {lifter} --device cpu --test_stride 360 --output {tmp_path}/out"
    assert run_study(limits.execute, line.split()) == 0
    report = json.loads((tmp_path / "out" / "limits.json").read_text())
    assert report["overall"]["frames"] == pytest.approx(20191 / 90, rel=0.2) and report["minutes"] > 0
    assert report["checkpoint"] == "lifter.pth" and report["seed"] == 1
    assert report["command"] == f"python -m experiments.limits {line}"
    assert "one in 360 is scored" in report["thinning"]
    assert {name: len(report[name]) for name in AXES} == {
        "noise": 6, "detector": 5, "missing": 6, "pitch": 9, "distance": 7, "rate": 6}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["limits.json", "limits.png", "limits_joint.png", "limits_action.png",
         *[f"limits_{name}.png" for name in AXES]])
    assert 20_000 < (tmp_path / "out" / "limits.png").stat().st_size < 150_000
