"""What each question of the limits changes in a clip, what is scored, and the option's files."""
import json
from dataclasses import replace

import numpy as np
import pytest

import run_ftcm
from common import checkpoint
from experiments import limits
from common.camera import back_project
from dataset.keypoints import cleaning
from model.ftcm import FTCM
from tests.helpers import random_clip

LEVEL = np.array([0.0, -1, 0])


def smooth_clip(num_frames=300, **fields):
    """A still person before a level camera; `fields` replace parts of the clip."""
    clip = random_clip(num_frames)
    still = {"pose": np.repeat(clip.pose[:1], num_frames, 0), "root": np.repeat(clip.root[:1], num_frames, 0),
             "up": LEVEL}
    return replace(clip, **(still | fields))


def test_one_view_takes_another_camera_for_each_motion():
    clips = [replace(random_clip(2), name=f"{motion}/{camera}") for motion in range(5) for camera in "abcd"]
    assert [clip.name for clip in limits.one_view(clips)] == ["0/a", "1/b", "2/c", "3/d", "4/a"]


def test_noise_has_the_stated_size_in_pixels_and_comes_again():
    clip = smooth_clip()
    errors = (limits.noisy(clip, 15, seed=1).keypoints - clip.keypoints) * 1000 / 2
    assert errors.std() == pytest.approx(15, rel=0.02) and abs(errors.mean()) < 0.5
    first, again, other = (limits.noisy(clip, 15, seed=seed).keypoints for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_hidden_joints_are_unseen_for_whole_seconds_which_alone_are_scored():
    seen_by_fill = []

    def fill(keypoints, seen):
        seen_by_fill.append(seen)
        return keypoints

    clip = smooth_clip(num_frames=260)                      # 50 frames a second: 5.2 s
    changed = limits.hidden(clip, 3, fill, seed=1)
    hidden = 17 - seen_by_fill[0].sum(1)
    expected = np.zeros(260)
    expected[25:75] = expected[125:175] = expected[225:260] = 3
    assert np.array_equal(hidden, expected) and np.array_equal(changed.valid, expected > 0)
    runs = [seen_by_fill[0][first:last] for first, last in ((25, 75), (125, 175), (225, 260))]
    assert all((run == run[0]).all() for run in runs) and not np.array_equal(runs[0][0], runs[1][0])


def test_hiding_a_joint_that_moves_in_a_straight_line_changes_nothing():
    line = np.linspace(0, 1, 160)[:, None, None] + np.zeros((160, 17, 2))
    clip = smooth_clip(num_frames=160, keypoints=line)
    filled = limits.hidden(clip, 8, lambda keypoints, seen: cleaning.fill(
        np.where(seen[..., None], keypoints, np.nan), seen, clip.skeleton, None)[0], seed=1)
    assert np.abs(filled.keypoints[:125] - clip.keypoints[:125]).max() < 1e-6      # the last run has no end


@pytest.mark.parametrize("pitch", [-20, 0, 60])
@pytest.mark.parametrize("up", [LEVEL, np.array([0, -0.8, -0.6])])
def test_a_virtual_camera_looks_down_by_its_pitch_from_its_distance(pitch, up):
    clip = limits.seen_from(smooth_clip(up=up), pitch, 3)
    angle = np.radians(pitch)
    assert clip.up == pytest.approx(np.array([0, -np.cos(angle), -np.sin(angle)]), abs=1e-6)
    assert clip.root == pytest.approx(np.tile([0, 0, 3.0], (300, 1)), abs=1e-5)    # in the middle
    points = clip.pose + clip.root[:, None]
    seen = back_project(clip.keypoints, points[..., 2:], clip.intrinsics)
    assert np.abs(seen - points).max() < 1e-5


def test_a_virtual_camera_turns_the_pose_and_never_bends_it():
    clip = smooth_clip(up=np.array([0, -0.8, -0.6]))
    moved = limits.seen_from(clip, 0, 6)
    between = [np.linalg.norm(pose[0, :, None] - pose[0], axis=-1) for pose in (clip.pose, moved.pose)]
    assert np.allclose(*between, atol=1e-5) and not np.allclose(clip.pose, moved.pose, atol=0.1)


def test_the_camera_glides_with_a_walking_person_and_frames_too_near_are_not_scored():
    walk = np.array([0.0, 0, 4]) + np.arange(400)[:, None] / 50 * np.array([1.5, 0, 0])      # 1.5 m a second
    moved = limits.seen_from(smooth_clip(num_frames=400, root=walk), 0, 3)
    assert np.abs(moved.root[50:-50] - [0, 0, 3]).max() < 1e-4 and moved.valid.all()
    close = limits.seen_from(smooth_clip(), 0, 0.5)
    assert not close.valid.any() and np.isfinite(close.keypoints).all()


def test_a_slower_video_is_seen_in_every_nth_frame_and_interpolated_linearly():
    clip = random_clip(50)
    slow = limits.slower(clip, 4)
    assert np.allclose(slow.keypoints[::4], clip.keypoints[::4], atol=1e-6)
    assert np.allclose(slow.keypoints[5], (3 * clip.keypoints[4] + clip.keypoints[8]) / 4, atol=1e-6)
    assert np.array_equal(limits.slower(clip, 1).keypoints, clip.keypoints)
    scored = np.arange(0, 5000, limits.odd_stride(36))          # seen frames and those between, in their shares
    for step in limits.RATES:
        assert np.mean(scored % step == 0) == pytest.approx(1 / step, abs=0.02)


def test_errors_belong_to_the_joint_and_action_that_have_them():
    clips = [random_clip(6, action="Walking"), random_clip(4, seed=1, action="Eating")]
    poses = [clip.pose.copy() for clip in clips]
    poses[1][:, 5] += [0.03, 0, 0.04]                                                # 50 mm
    poses[0][1:] = np.nan
    joints = {row["value"]: row["mpjpe"] for row in limits.by_joint(clips, poses)}
    assert joints.pop("left_knee") == pytest.approx(50 * 4 / 5, abs=1e-3) and max(joints.values()) == 0
    walking, eating = limits.by_action(clips, poses)
    assert (walking["value"], walking["frames"], walking["mpjpe"]) == ("Walking", 1, 0)
    assert (eating["value"], eating["frames"]) == ("Eating", 4)
    assert eating["mpjpe"] == pytest.approx(50 / 17, abs=1e-4)


def test_measure_asks_every_question_of_every_clip(capsys):
    clips = [replace(random_clip(120, seed=i), up=LEVEL, name=f"{i}/a") for i in range(2)]
    asked = []

    def predict(changed, every):
        asked.append([clip.keypoints for clip in changed])
        return [np.where(np.arange(len(clip))[:, None, None] % every == 0, 1.1 * clip.pose, np.nan)
                for clip in changed]

    report = limits.measure(clips, predict, seed=1, every=12,
                            detector_error=lambda num_frames, seed: np.ones((num_frames, 17, 2)),
                            fill=lambda keypoints, seen: keypoints)
    assert [row["value"] for row in report["rate"]] == pytest.approx([50, 25, 50 / 3, 12.5, 50 / 6, 6.25])
    assert {name: len(report[name]) for name in limits.AXES} == {
        "noise": 6, "detector": 5, "missing": 6, "pitch": 9, "distance": 7, "rate": 6}
    assert len(asked) == 1 + 39
    for name in limits.AXES:                                    # ten per cent too large, and nothing else
        for row in report[name]:
            assert row["n_mpjpe"] < 1e-3 and row["p_mpjpe"] < 1e-3 and row["mpjpe"] > 10
    assert np.allclose(asked[1 + 6 + 4][0] - clips[0].keypoints, 2, atol=1e-6)      # the model's errors twice
    tables = [part.splitlines() for part in limits.text(report).split("\n\n")]
    assert [lines[0] for lines in tables] == [report["thinning"], *limits.AXES.values()]
    for (_, header, *rows), name in zip(tables[1:], limits.AXES):
        assert header.split() == ["MPJPE", "P-MPJPE", "N-MPJPE", "frames"]
        printed = [[float(cell.replace(",", "")) for cell in row.split()] for row in rows]
        keys = ("value", "mpjpe", "p_mpjpe", "n_mpjpe", "frames")
        expected = [[row[key] for key in keys] for row in report[name]]
        assert np.allclose(printed, expected, atol=0.006)


def test_clips_without_a_vertical_are_refused():
    with pytest.raises(ValueError, match="needs the pose and the vertical of every clip"):
        limits.measure([random_clip(5)], None, detector_error=None, fill=None, seed=1)


def test_the_option_writes_numbers_with_their_source_and_charts_fit_for_a_page(tmp_path, capsys):
    model_args = {"frames": 5, "dim": 16, "depth": 1}
    checkpoint.save(tmp_path / "lifter.pth", {
        "format": checkpoint.FORMAT, "model_args": model_args, "fps": 50,
        "data": {"dataset": "cmu", "keypoints": "detected", "tds": 1},
        "model": FTCM(**model_args).state_dict()})
    line = f"--limits --reload 1 --previous_dir {tmp_path}/lifter.pth --device cpu --test_stride 360"
    assert run_ftcm.main([*line.split(), "--output", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "limits.json").read_text())
    assert report["overall"]["frames"] == pytest.approx(20191 / 90, rel=0.2) and report["minutes"] > 0
    assert report["checkpoint"] == "lifter.pth" and "--limits" in report["command"] and report["seed"] == 1
    assert "one in 360 is scored" in report["thinning"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["limits.json", "limits.png", "limits_joint.png", "limits_action.png",
         *[f"limits_{name}.png" for name in limits.AXES]])
    assert 20_000 < (tmp_path / "out" / "limits.png").stat().st_size < 150_000
