"""A user's keypoints become one complete track of Human3.6M's joints; what was filled is counted and said."""
from pathlib import Path

import numpy as np
import pytest

from common.camera import denormalize_screen
from common.recording import to_clip
from common.skeleton import HUMAN36M
from dataset.keypoints.layouts import BODY25, COCO17
from dataset.keypoints.reader import read_recording
from tests.keypoint_samples import (
    SIZE,
    alphapose,
    coco,
    expected,
    track,
    write_json,
    write_npz,
    write_openpose,
    write_videopose3d,
)

SAMPLE = Path(__file__).parents[3] / "dataset" / "baseball_coco17.npz"


def test_a_real_detectors_file_is_read_and_what_was_assumed_and_filled_is_said():
    recording = read_recording(SAMPLE, layout="coco17", **SIZE)
    raw = np.load(SAMPLE)
    assert recording.keypoints.shape == (277, 17, 2) and recording.fps == 30
    assert "no frame rate: 30" in recording.notes[0]
    assert "interpolated over time; frames of 277: left_wrist 2, right_wrist 1." in recording.notes[1]
    right_knee = raw["keypoints"][:, COCO17.joints.index("right_knee")]
    assert (recording.keypoints[:, HUMAN36M.joints.index("right_knee")] == right_knee).all()
    assert recording.scores.min() == raw["scores"].min()


def test_a_clip_is_in_screen_coordinates_without_3d():
    recording = read_recording(SAMPLE, layout="coco17", fps=25, **SIZE)
    clip = to_clip(recording)
    assert clip.pose is None and clip.fps == 25 and clip.skeleton == HUMAN36M and len(clip) == 277
    assert denormalize_screen(clip.keypoints, **SIZE) == pytest.approx(recording.keypoints, abs=1e-3)


def test_what_the_file_states_is_used_and_the_command_line_wins(tmp_path):
    path = write_videopose3d(tmp_path, track())
    stated = read_recording(path)
    assert (stated.width, stated.height, stated.fps, stated.notes) == (1920, 1080, 25, [])
    chosen = read_recording(path, fps=50)
    assert chosen.fps == 50 and "states fps 25; 50 from the command line" in chosen.notes[0]


def test_gaps_low_scores_and_nan_are_interpolated_and_counted(tmp_path):
    points = track(8)
    wrist, knee = COCO17.joints.index("left_wrist"), COCO17.joints.index("left_knee")
    damaged = points.copy()
    damaged[3, wrist] = (5, 5, 0.29)
    damaged[4, knee, 0] = np.nan
    entries = coco(damaged)
    del entries[6]
    recording = read_recording(write_json(tmp_path, entries), **SIZE, fps=25)
    assert recording.keypoints == pytest.approx(expected(points))      # the person moves linearly
    assert recording.notes[0] == ("The person is missing in 1 of 8 frames, at most 1 in a row: "
                                  "interpolated.")
    assert "frames of 7: left_wrist 1, left_knee 1." in recording.notes[1]
    assert recording.scores[4, HUMAN36M.joints.index("left_knee")] == 0 == recording.scores[6].max()


def test_at_the_ends_a_joint_keeps_its_place_in_the_moving_body(tmp_path):
    points = track(6)
    wrist = COCO17.joints.index("left_wrist")
    hidden = points.copy()
    hidden[:2, wrist, 2] = hidden[5, wrist, 2] = 0
    recording = read_recording(write_json(tmp_path, coco(hidden)), **SIZE)
    assert recording.keypoints == pytest.approx(expected(points))
    filled = np.zeros((6, 17), bool)
    filled[[0, 1, 5], HUMAN36M.joints.index("left_wrist")] = True
    assert (recording.filled == filled).all()


def test_a_gap_too_long_to_be_believed_is_said_with_joint_and_seconds(tmp_path):
    points = track(60)
    points[10:35, COCO17.joints.index("left_wrist"), 2] = 0         # 1.0 s at 25 frames a second
    points[20:50, COCO17.joints.index("right_knee"), 2] = 0
    notes = read_recording(write_json(tmp_path, coco(points)), **SIZE, fps=25).notes
    assert [note for note in notes if "guess" in note and "right_knee 1.2 s from 0.8 s on" in note]
    assert not any("guess" in note and "left_wrist" in note for note in notes)


def test_hips_that_are_never_seen_together_are_filled_each_by_itself(tmp_path):
    points = track(8)
    points[::2, COCO17.joints.index("left_hip"), 2] = points[1::2, COCO17.joints.index("right_hip"), 2] = 0
    recording = read_recording(write_json(tmp_path, coco(points)), **SIZE)
    assert recording.keypoints[1:-1] == pytest.approx(expected(points)[1:-1])


def test_from_and_to_cut_the_recording(tmp_path):
    points = track(50)
    points[40:, :, :2] += [1200, 0]
    path = write_json(tmp_path, coco(points))
    with pytest.raises(ValueError, match="at 1.60 s"):
        read_recording(path, **SIZE, fps=25)
    cut = read_recording(path, **SIZE, fps=25, begin=0.4, end=1.6)
    assert cut.keypoints == pytest.approx(expected(points[10:40]))
    assert len(read_recording(path, **SIZE, fps=25, begin=1.6, end=2).keypoints) == 10
    assert len(read_recording(path, **SIZE, fps=25, begin=1.6).keypoints) == 10
    for begin, end in ((2, None), (0, 2.1), (1, 1.001), (3, 4)):
        with pytest.raises(ValueError, match="lasts 2.00 s"):
            read_recording(path, **SIZE, fps=25, begin=begin, end=end)


def test_missing_openpose_files_and_empty_frames_are_gaps(tmp_path):
    points = track(8, BODY25)
    folder = write_openpose(tmp_path, [[pose] for pose in points], first=100)
    (folder / "video_000000000103_keypoints.json").unlink()
    write_json(folder, {"people": []}, "video_000000000105_keypoints.json")
    recording = read_recording(folder, **SIZE, fps=25)
    assert recording.keypoints == pytest.approx(expected(points, BODY25))
    assert recording.notes == ["The first pose belongs to frame 100, the file's first.",
                               "The person is missing in 2 of 8 frames, at most 1 in a row: interpolated."]


def test_an_ear_that_is_never_seen_is_no_reason_to_stop(tmp_path):
    points = track()
    points[:, COCO17.joints.index("left_ear")] = 0
    recording = read_recording(write_json(tmp_path, coco(points)), **SIZE)
    assert "took their place from the rest of the head; frames of 6: left_ear 6." in recording.notes[1]


def test_a_joint_that_never_reaches_the_threshold_is_taken_as_it_is(tmp_path):
    points = track()
    points[:, COCO17.joints.index("left_ankle"), 2] = 0.1
    recording = read_recording(write_json(tmp_path, coco(points)), **SIZE)
    assert recording.keypoints == pytest.approx(expected(points))
    assert recording.notes[1] == ("Never scored 0.3 or more, and taken as the detector guessed them: "
                                  "left_ankle.")


def test_a_guess_far_outside_the_image_is_no_reason_to_doubt_its_size(tmp_path):
    points = track()
    points[:, COCO17.joints.index("left_ankle")] = (100, 9000, 0.1)
    with pytest.raises(ValueError, match="left_ankle never seen"):
        read_recording(write_json(tmp_path, coco(points)), **SIZE)


def test_missing_frames_are_counted_and_the_longest_gap_is_named(tmp_path):
    points = track(9)
    points[[0, 3, 4, 5, 8]] = np.nan
    notes = read_recording(write_npz(tmp_path, keypoints=points, layout="coco17"), **SIZE).notes
    assert "The person is missing in 5 of 9 frames, at most 3 in a row: interpolated." in notes


def test_one_of_several_people_is_chosen_by_id(tmp_path):
    near, far = track(6), track(6) + [600, 100, 0]
    path = write_json(tmp_path, alphapose(near, 3) + alphapose(far[:4], 7))
    with pytest.raises(ValueError, match=r"2 people: 3 \(6 frames\), 7 \(4 frames\). Choose one"):
        read_recording(path, **SIZE)
    with pytest.raises(ValueError, match="no person 5; it holds 3"):
        read_recording(path, person=5, **SIZE)
    chosen = read_recording(path, person=7, **SIZE)
    assert len(chosen.keypoints) == 6 and chosen.keypoints[:4] == pytest.approx(expected(far[:4]))


def test_mixed_people_are_refused(tmp_path):
    points = track(8)
    points[4:, :, :2] += [1200, 0]
    with pytest.raises(ValueError, match="between pose 3 and 4 the person jumps by .* another person or"):
        read_recording(write_json(tmp_path, coco(points)), **SIZE)
    with pytest.raises(ValueError, match="person 1 appears twice in frame 0"):
        read_recording(write_json(tmp_path, alphapose(points) + alphapose(points)), **SIZE)


def test_larger_layouts_that_begin_with_coco_are_cut(tmp_path):
    points = track(6)
    halpe = np.concatenate([points, points[:, :9]], axis=1)
    recording = read_recording(write_json(tmp_path, coco(halpe)), **SIZE)
    assert recording.layout == "coco17" and recording.keypoints == pytest.approx(expected(points))


def test_17_joints_of_an_npz_need_a_layout_and_human36m_passes_unchanged(tmp_path):
    points = track(4, HUMAN36M)
    path = write_npz(tmp_path, keypoints=points, width=1920, height=1080, fps=50)
    with pytest.raises(ValueError, match="human36m or coco17.*--layout"):
        read_recording(path)
    assert (read_recording(path, layout="human36m").keypoints == points[..., :2]).all()
