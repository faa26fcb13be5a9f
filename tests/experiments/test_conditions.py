"""What each condition of the limits changes in a clip, and what of it is scored."""
from dataclasses import replace

import numpy as np
import pytest

from common.camera import back_project
from dataset import cmu_mocap
from experiments import conditions
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
    assert [clip.name for clip in conditions.take_one_view(clips)] == ["0/a", "1/b", "2/c", "3/d", "4/a"]


def test_noise_has_the_stated_size_in_pixels_and_comes_again():
    clip = smooth_clip()
    errors = (conditions.add_noise(clip, 15, seed=1).keypoints - clip.keypoints) * 1000 / 2
    assert errors.std() == pytest.approx(15, rel=0.02) and abs(errors.mean()) < 0.5
    first, again, other = (conditions.add_noise(clip, 15, seed=seed).keypoints for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_hidden_joints_are_unseen_for_whole_seconds_which_alone_are_scored():
    clip = smooth_clip(num_frames=260)                      # 50 frames a second: 5.2 s
    seen, away = conditions.draw_unseen(clip, 3, seed=1)
    expected = np.zeros(260)
    expected[25:75] = expected[125:175] = expected[225:260] = 3
    assert np.array_equal(17 - seen.sum(1), expected) and np.array_equal(away, expected > 0)
    runs = [seen[first:last] for first, last in ((25, 75), (125, 175), (225, 260))]
    assert all((run == run[0]).all() for run in runs) and not np.array_equal(runs[0][0], runs[1][0])
    assert np.array_equal(conditions.hide_joints(clip, 3, seed=1).valid, away)


def test_hiding_a_joint_that_moves_in_a_straight_line_changes_nothing():
    line = np.linspace(0, 1, 160)[:, None, None] + np.zeros((160, 17, 2))
    clip = smooth_clip(num_frames=160, keypoints=line)
    filled = conditions.hide_joints(clip, 8, seed=1)
    assert np.abs(filled.keypoints[:125] - clip.keypoints[:125]).max() < 1e-6      # the last run has no end


@pytest.mark.parametrize("pitch", [-20, 0, 60])
@pytest.mark.parametrize("up", [LEVEL, np.array([0, -0.8, -0.6])])
def test_a_virtual_camera_looks_down_by_its_pitch_from_its_distance(pitch, up):
    clip = conditions.move_camera(smooth_clip(up=up), pitch, 3)
    angle = np.radians(pitch)
    assert clip.up == pytest.approx(np.array([0, -np.cos(angle), -np.sin(angle)]), abs=1e-6)
    assert clip.root == pytest.approx(np.tile([0, 0, 3.0], (300, 1)), abs=1e-5)    # in the middle
    points = clip.pose + clip.root[:, None]
    seen = back_project(clip.keypoints, points[..., 2:], clip.intrinsics)
    assert np.abs(seen - points).max() < 1e-5


def test_a_virtual_camera_turns_the_pose_and_never_bends_it():
    clip = smooth_clip(up=np.array([0, -0.8, -0.6]))
    moved = conditions.move_camera(clip, 0, 6)
    between = [np.linalg.norm(pose[0, :, None] - pose[0], axis=-1) for pose in (clip.pose, moved.pose)]
    assert np.allclose(*between, atol=1e-5) and not np.allclose(clip.pose, moved.pose, atol=0.1)


def test_the_camera_glides_with_a_walking_person_and_frames_too_near_are_not_scored():
    walk = np.array([0.0, 0, 4]) + np.arange(400)[:, None] / 50 * np.array([1.5, 0, 0])      # 1.5 m a second
    moved = conditions.move_camera(smooth_clip(num_frames=400, root=walk), 0, 3)
    assert np.abs(moved.root[50:-50] - [0, 0, 3]).max() < 1e-4 and moved.valid.all()
    close = conditions.move_camera(smooth_clip(), 0, 0.5)
    assert not close.valid.any() and np.isfinite(close.keypoints).all()


def test_a_slower_video_is_seen_in_every_nth_frame_and_interpolated_linearly():
    clip = random_clip(50)
    slow = conditions.see_every(clip, 4)
    assert np.allclose(slow.keypoints[::4], clip.keypoints[::4], atol=1e-6)
    assert np.allclose(slow.keypoints[5], (3 * clip.keypoints[4] + clip.keypoints[8]) / 4, atol=1e-6)
    assert np.array_equal(conditions.see_every(clip, 1).keypoints, clip.keypoints)
    scored = np.arange(0, 5000, conditions.find_stride(36))     # seen frames and others, in their shares
    for step in conditions.STEPS["rate"]:
        assert np.mean(scored % step == 0) == pytest.approx(1 / step, abs=0.02)


def test_every_condition_changes_every_clip_in_all_its_steps():
    clips = [replace(smooth_clip(120), name=f"{number}/a") for number in range(2)]
    steps = list(conditions.vary(clips, every=12, seed=1))
    counts = {name: sum(step.condition == name for step in steps) for name in conditions.AXES}
    assert counts == {"noise": 6, "detector": 5, "missing": 6, "pitch": 9, "distance": 7, "rate": 6}
    assert [step.value for step in steps if step.condition == "rate"] == pytest.approx(
        [50, 25, 50 / 3, 12.5, 50 / 6, 6.25])
    assert all(len(step.clips) == 2 and step.every == (13 if step.condition == "rate" else 12)
               for step in steps)
    once, twice = ([step for step in steps if (step.condition, step.value) == ("detector", value)][0].clips[1]
                   for value in (1, 2))
    errors = cmu_mocap.detector_error(120, cmu_mocap.read_noise(), seed=conditions.clip_seed(clips[1], 1))
    assert np.allclose(once.keypoints - clips[1].keypoints, errors, atol=1e-6)
    assert np.allclose(twice.keypoints - clips[1].keypoints, 2 * errors, atol=1e-6)
