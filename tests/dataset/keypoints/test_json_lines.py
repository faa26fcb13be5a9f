"""Lines of keypoints become the same screen coordinates as a file; a bad line is named."""
import json

import numpy as np
import pytest

from common.camera import normalize_screen
from dataset.keypoints.json_lines import KeypointStream
from dataset.keypoints.layouts import BLAZEPOSE33, COCO17
from dataset.keypoints.reader import read_recording
from tests import detector_files as tool
from tests.keypoint_samples import SIZE, expected, track

HEADER = {"layout": "coco17", **SIZE, "fps": 25}
WRIST = COCO17.joints.index("left_wrist")


def lines(*data):
    return [line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in data]


def frames(*data, **options):
    return list(KeypointStream(lines(HEADER, *data), **options))


@pytest.mark.parametrize("form", [
    lambda pose: {"keypoints": pose.tolist(), "time": 3.5}, lambda pose: pose.tolist(),
    lambda pose: {"keypoints": pose.ravel().tolist()},
    lambda pose: {"keypoints": pose[:, :2].tolist(), "scores": pose[:, 2].tolist()}])
def test_every_form_of_a_line_gives_what_the_file_gives(form):
    points = track(4)
    found = frames(*map(form, points))
    assert [unseen for _, unseen in found] == [0] * 4
    assert np.stack([keypoints for keypoints, _ in found]) == pytest.approx(
        normalize_screen(expected(points), **SIZE), abs=1e-6)


def test_landmarks_of_mediapipe_and_tfjs_give_what_the_file_gives(tmp_path):
    points = track(4, BLAZEPOSE33)
    for write in (tool.mediapipe_web, tool.mediapipe_python, tool.tfjs, tool.ultralytics_json):
        written = write(tmp_path, points if write is not tool.ultralytics_json else track(4))
        found = list(KeypointStream(lines(*json.loads(written.read_text()), None), **SIZE))
        straight = normalize_screen(read_recording(written, **SIZE).keypoints, **SIZE)
        assert np.stack([keypoints for keypoints, _ in found])[:4] == pytest.approx(straight, abs=1e-5)
    with pytest.raises(ValueError, match="line 1: 2 people. Send one person."):
        list(KeypointStream(lines({"landmarks": 2 * [tool.landmarks(points[0])]}), **SIZE))


def test_the_header_may_be_left_out_and_arguments_win_over_it():
    stream = KeypointStream(lines(track(1)[0].tolist()), layout="coco17", **SIZE)
    assert stream.fps == 30 and "no frame rate: 30" in stream.notes[0] and len(list(stream)) == 1
    stream = KeypointStream(lines(HEADER), fps=50)
    assert stream.fps == 50 and "states fps 25; 50 from the command line" in stream.notes[0]
    assert list(stream) == []


def test_unseen_joints_keep_their_place_in_the_body_and_are_counted():
    points = track(5)
    points[1, WRIST, 2] = 0.1
    points[2, WRIST] = np.nan
    found = frames(points[0].tolist(), points[1].tolist(), points[2].tolist(), None, {"keypoints": None},
                   points[4].tolist())
    held = track(5)[[0, 1, 2, 2, 2, 4]]
    assert [unseen for _, unseen in found] == [0, 1, 1, 15, 15, 0]
    assert np.stack([keypoints for keypoints, _ in found]) == pytest.approx(
        normalize_screen(expected(held), **SIZE), abs=1e-6)


def test_a_joint_may_be_null_and_one_far_outside_is_unseen():
    points = track(2).tolist()
    points[1][WRIST] = None
    points[1][COCO17.joints.index("left_knee")] = [9000, 10, 0.9]
    assert frames(*points)[1][1] == 2


def test_there_are_no_coordinates_before_every_joint_was_seen_once():
    points = track(3)
    points[:2, WRIST, 2] = 0
    found = frames(None, *points.tolist())
    assert [keypoints is None for keypoints, _ in found] == [True, True, True, False]


def test_a_hidden_ear_is_put_by_the_other_one():
    points = track(2)
    points[:, COCO17.joints.index("left_ear"), 2] = 0
    assert [unseen for _, unseen in frames(*points.tolist())] == [0, 0]


@pytest.mark.parametrize("bad, sentence", [
    (b"{1\n", "line 3 is no .*JSON"), (b"\xff\n", "line 3 is no .*JSON"),
    (b"[" * 100_000, "line 3 is nested deeper than 20"),
    ({"width": 5}, "line 3: expected keypoints, got the keys width"),
    (5, "line 3: expected a list of joints"),
    ({"keypoints": "x"}, "line 3: expected a list of joints or null, got 'x'"),
    ([[1, 2]] * 5, "line 3: 5 joints, 17 in the lines before"),
    ([1, 2], "line 3: keypoints must be a list of x"), ([[1, 2], [3]], "line 3: keypoints must be numbers"),
    ([["a", 2]] * 17, "line 3: keypoints must be numbers"),
    ([[[1, 2]] * 17] * 2, "line 3: expected one person's joints"),
    ({"keypoints": [[1, 2]] * 17, "scores": [1]}, r"line 3: .* scores of shape \(1,\)"),
    ([[0.5, 0.5, 1]] * 17, "line 3: all coordinates lie within 2 pixels")])
def test_a_malformed_line_is_named_in_one_sentence(bad, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        frames(track(1)[0].tolist(), bad)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data, sentence", [
    ([{"size": 5}], "line 1: expected a frame with keypoints, or a first line"),
    ([{**HEADER, "fps": "fast"}], "line 1: fps must be one number"),
    ([{**HEADER, "fps": 0}], "fps must lie between 1 and 1000"),
    ([{"fps": 25}], "--width and --height"), ([], "--width and --height")])
def test_a_malformed_or_missing_first_line_is_answered_at_once(data, sentence):
    with pytest.raises(ValueError, match=sentence):
        KeypointStream(lines(*data))


def test_a_line_that_is_too_long_is_refused_unparsed():
    with pytest.raises(ValueError, match="line 2 is longer than 1,000,000 bytes"):
        frames(b" " * 1_000_001)


@pytest.mark.parametrize("fact, value", [("fps", 0.5), ("fps", 1001), ("fps", 1e-4), ("width", 15),
                                         ("height", 65537), ("width", 10 ** 17)])
def test_impossible_rates_and_sizes_are_refused(fact, value):
    with pytest.raises(ValueError, match=f"standard input: {fact} must lie between"):
        KeypointStream(lines({**HEADER, fact: value}))


def test_17_joints_need_a_layout_and_blank_lines_count_as_lines_only():
    header = {**SIZE, "fps": 25}
    with pytest.raises(ValueError, match="line 3: 17 joints may be human36m or coco17"):
        list(KeypointStream(lines(header, b"\n", track(1)[0].tolist())))
