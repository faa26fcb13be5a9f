import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest

from common import scores
from common.camera import level_rotation, turn
from common.reporting import score_table
from tests.helpers import random_clip

CLIPS = [random_clip(4, seed=1, action="Walking"), random_clip(2, seed=2, action="Walking"),
         random_clip(3, seed=3, action="Eating")]


def shifted(clip, metres):
    """The truth with every joint but the root moved along x."""
    return clip.pose + np.float32(metres) * np.array([1.0, 0, 0], np.float32) * (np.arange(17) > 0)[:, None]


def test_rows_are_frame_means_and_the_average_is_action_wise():
    predicted = [shifted(clip, metres) for clip, metres in zip(CLIPS, (0.010, 0.040, 0.070))]
    result = scores.score(CLIPS, predicted)
    walking, eating = result["rows"]
    assert (walking["action"], walking["clips"], walking["frames"]) == ("Walking", 2, 6)
    assert walking["mpjpe"] == pytest.approx(16 / 17 * (4 * 10 + 2 * 40) / 6, rel=1e-5)
    assert eating["mpjpe"] == pytest.approx(16 / 17 * 70, rel=1e-5)
    assert result["average"]["mpjpe"] == pytest.approx((walking["mpjpe"] + eating["mpjpe"]) / 2)
    assert result["all_frames"]["mpjpe"] == pytest.approx(16 / 17 * (4 * 10 + 2 * 40 + 3 * 70) / 9, rel=1e-5)
    assert walking["mpjve"] == pytest.approx(0, abs=1e-3)


def test_velocity_is_never_taken_across_clips_or_gaps():
    clip = random_clip(7, seed=1, valid=np.array([1, 1, 0, 1, 1, 1, 0], bool))
    errors = scores.joint_distances(clip, shifted(clip, 0.1)) | scores.motion_errors(clip, shifted(clip, 0.1))
    assert {key: len(values) for key, values in errors.items()} == {
        "mpjpe": 5, "p_mpjpe": 5, "n_mpjpe": 5, "mpjve": 3, "acceleration": 1}


def test_thinned_predictions_score_their_frames_and_no_velocity():
    thinned = [np.where((np.arange(len(clip)) % 2 == 0)[:, None, None], clip.pose, np.nan) for clip in CLIPS]
    result = scores.score(CLIPS, thinned)
    assert [row["frames"] for row in result["rows"]] == [3, 2]
    assert math.isnan(result["average"]["mpjve"])
    assert "-" in score_table.table(result).splitlines()[2].split()


def test_mean_pose_baseline_of_one_turning_pose_is_perfect():
    clip = CLIPS[0]
    up = np.array([0.1, -0.9, 0.3]) / np.linalg.norm([0.1, -0.9, 0.3])
    rotation = level_rotation(up)
    assert rotation @ up == pytest.approx([0, -1, 0])
    assert rotation @ rotation.T == pytest.approx(np.eye(3)) and np.linalg.det(rotation) == pytest.approx(1)
    turning = replace(clip, pose=turn(clip.pose[:1], np.linspace(0, 3, 4)) @ rotation, up=up)
    predicted = scores.mean_pose_prediction([turning], scores.mean_pose([turning]))
    assert scores.score([turning], predicted)["average"]["mpjpe"] == pytest.approx(0, abs=1e-3)


def test_files_hold_the_table(tmp_path):
    result = scores.score(CLIPS, [shifted(clip, 0.01) for clip in CLIPS])
    result["rows"][0]["mpjve"] = math.nan
    score_table.write_scores(tmp_path, result)
    read = json.loads((tmp_path / "scores.json").read_text())
    assert read["rows"][0]["mpjve"] is None
    assert read["average"]["mpjpe"] == result["average"]["mpjpe"]
    with open(tmp_path / "scores.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["action"] for row in rows] == ["Walking", "Eating", "average", "all frames"]
    assert float(rows[2]["p_mpjpe"]) == result["average"]["p_mpjpe"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.csv", "scores.json"]


def test_bootstrap_interval_of_equal_clips_is_a_point_and_of_unequal_ones_contains_the_mean():
    assert scores.bootstrap([("a", "m/1", 15.0, 3), ("a", "n/1", 45.0, 9)]) == pytest.approx([5, 5])
    low, high = scores.bootstrap([("a", f"{value}/1", 10.0 * value, 10) for value in range(40)])
    assert 13 < low < 17 and 22 < high < 26      # 19.5 -+ 1.96 * 11.5 / sqrt(40)


def test_views_of_one_motion_are_drawn_together():
    motions = [("a", f"{value}/1", 10.0 * value, 10) for value in range(40)]
    views = [("a", f"{value}/{camera}", 10.0 * value, 10) for value in range(40) for camera in range(4)]
    assert scores.bootstrap(views) == pytest.approx(scores.bootstrap(motions))


def test_root_error_is_in_millimetres():
    clip = CLIPS[0]
    assert scores.root_error([clip], [clip.root + np.float32([0.003, 0, 0.004])]) == pytest.approx(
        {"position": 5, "depth": 4, "frames": 4}, rel=1e-3)


def test_errors_belong_to_their_joint_camera_and_clip():
    clips = [replace(clip, name=f"{number}/{camera}")
             for number, (clip, camera) in enumerate(zip(CLIPS, ("left", "right", "left")))]
    predicted = [clip.pose.copy() for clip in clips]
    predicted[1][:, 5] += np.float32([0.03, 0, 0.04])                       # 50 mm in 2 of 9 frames
    result = scores.score(clips, predicted)
    joints = {row["joint"]: row["mpjpe"] for row in result["by_joint"]}
    assert joints.pop("left_knee") == pytest.approx(50 * 2 / 9, rel=1e-4)
    assert max(joints.values()) == 0 and len(joints) == 16
    cameras = {row["camera"]: (row["clips"], row["frames"], row["mpjpe"]) for row in result["by_camera"]}
    assert cameras["left"] == (2, 7, 0) and cameras["right"][:2] == (1, 2)
    assert cameras["right"][2] == pytest.approx(50 / 17, rel=1e-4)
    assert [(row["clip"], row["frames"]) for row in result["by_clip"]] == [
        ("0/left", 4), ("1/right", 2), ("2/left", 3)]
    assert [row["mpjpe"] for row in result["by_clip"]] == pytest.approx([0, 50 / 17, 0], rel=1e-4)
    hips = scores.score(clips, predicted, joints=[1, 5])["by_joint"]
    assert [row["joint"] for row in hips] == ["right_hip", "left_knee"]
    assert hips[1]["mpjpe"] == pytest.approx(50 * 2 / 9, rel=1e-4)
    printed = "\n".join(score_table.details(result))
    low, high = result["interval"]
    for words in (f"{low:.2f} to {high:.2f} mm", "left 0.0 / 0.0", "left knee 11.1 / "):
        assert words in printed
