"""Every keypoint format gives the same poses; a bad file is answered by one sentence."""
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from dataset.keypoints.layouts import BLAZEPOSE33, BODY25
from dataset.keypoints.reader import read_recording
from tests.keypoint_samples import (
    SIZE,
    alphapose,
    alphapose_frames,
    coco,
    coco_annotations,
    expected,
    mmpose,
    mmpose_predictions,
    track,
    write_csv,
    write_detectron,
    write_json,
    write_npz,
    write_openpose,
    write_videopose3d,
)

FORMATS = {
    "npz": lambda to, points: write_npz(to, keypoints=points, layout="coco17"),
    "npz with scores": lambda to, points: write_npz(to, keypoints=points[..., :2], scores=points[..., 2],
                                                        layout="coco"),
    "VideoPose3D": write_videopose3d,
    "COCO results": lambda to, points: write_json(to, coco(points)),
    "AlphaPose": lambda to, points: write_json(to, alphapose(points)),
    "MMPose": lambda to, points: write_json(to, mmpose(points)),
    "MMPose, list": lambda to, points: write_json(to, mmpose(points)["instance_info"]),
    "AlphaPose, cmu": lambda to, points: write_json(to, alphapose_frames(points)),
    "AlphaPose, open": lambda to, points: write_json(to, alphapose_frames(points, "people",
                                                                          "pose_keypoints_2d")),
    "MMPose, predictions": lambda to, points: write_json(to, mmpose_predictions(points)),
    "MMPose, list of lists": lambda to, points: write_json(to, mmpose_predictions(points)["predictions"]),
    "COCO annotations": lambda to, points: write_json(to, coco_annotations(points)),
    "Detectron": write_detectron,
    "CSV": write_csv,
}


@pytest.mark.parametrize("num_frames", [1, 6])
@pytest.mark.parametrize("write", FORMATS.values(), ids=FORMATS)
def test_every_format_gives_the_same_poses_one_for_each_frame(write, num_frames, tmp_path):
    points = track(num_frames)
    recording = read_recording(write(tmp_path, points), **SIZE)
    assert recording.layout == "coco17" and recording.keypoints.shape == (num_frames, 17, 2)
    assert recording.keypoints == pytest.approx(expected(points), abs=1e-3)


def test_an_openpose_folder_gives_the_same_poses(tmp_path):
    points = track(layout=BODY25)
    recording = read_recording(write_openpose(tmp_path, [[pose] for pose in points]), **SIZE, fps=25)
    assert recording.keypoints == pytest.approx(expected(points, BODY25)) and recording.notes == []


def test_the_sizes_that_coco_and_detectron_state_are_used(tmp_path):
    for path in (write_json(tmp_path, coco_annotations(track(3))), write_detectron(tmp_path, track(3))):
        recording = read_recording(path)
        assert (recording.width, recording.height) == (1920, 1080)


def test_a_detectron_frame_without_people_is_a_gap_and_two_people_are_told_apart_by_place(tmp_path):
    points = track(6)
    path = write_detectron(tmp_path, points)
    with np.load(path, allow_pickle=True) as archive:
        arrays = dict(archive)
    arrays["keypoints"][2] = [[], []]
    arrays["keypoints"][4][1] = np.concatenate([arrays["keypoints"][4][1], arrays["keypoints"][4][1] + 500])
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=r"2 people: 1 \(5 frames\), 2 \(1 frames\)"):
        read_recording(path)
    recording = read_recording(path, person=1)
    assert recording.keypoints == pytest.approx(expected(points), abs=1e-3)
    assert "missing in 1 of 6 frames" in " ".join(recording.notes)


def test_mediapipes_visibility_is_the_score_and_depth_is_left_out(tmp_path):
    points = track(3, BLAZEPOSE33)
    names = [f"{joint.upper()}_{part}" for joint in BLAZEPOSE33.joints
             for part in ("x", "y", "z", "visibility")]
    rows = np.insert(points, 2, -0.3, axis=-1).reshape(3, -1)
    text = [",".join(["frame", *names])]
    text += [",".join(map(str, [frame, *row])) for frame, row in enumerate(rows)]
    (tmp_path / "video.csv").write_text("\n".join(text))
    recording = read_recording(tmp_path / "video.csv", **SIZE)
    assert recording.layout == "blazepose33"
    assert recording.keypoints == pytest.approx(expected(points, BLAZEPOSE33), abs=1e-3)
    assert recording.scores == pytest.approx(np.full((3, 17), 0.9))


def shortened(folder):
    path = write_npz(folder, keypoints=track(), layout="coco17")
    path.write_bytes(path.read_bytes()[:1000])
    return path


def folder_of(thing):
    """Writes an OpenPose folder one of whose files `thing` makes in place of itself."""
    def write(to):
        folder = write_openpose(to, [[pose] for pose in track(layout=BODY25)])
        path = folder / "video_000000000003_keypoints.json"
        path.unlink()
        thing(path)
        return folder
    return write


def pipe(to):
    os.mkfifo(to / "video.csv")
    return to / "video.csv"


def device(to):
    (to / "video.json").symlink_to("/dev/zero")
    return to / "video.json"


TWO = np.ones((5, 2, 17, 2)) * np.array([1, 900])[:, None, None]        # at two places
BAD = {
    "pipe": (pipe, "is no regular file"), "device": (device, "is no regular file"),
    "pipe in a folder": (folder_of(lambda path: os.mkfifo(path)), "is no regular file"),
    "device in a folder": (folder_of(lambda path: path.symlink_to("/dev/zero")), "is no regular file"),
    "folder in a folder": (folder_of(Path.mkdir), "is no regular file"),
    "large file in a folder": (folder_of(lambda path: path.write_text(" " * 1_000_001)), "larger than 1 MB"),
    "complex": (lambda to: write_npz(to, keypoints=track() + 1j, layout="coco17"), "type c16"),
    "a million frames more": (lambda to: write_json(to, coco(track(30), range(0, 1_500_000, 50_000))),
                              "frames of one video"),
    "two million frames": (lambda to: write_npz(to, keypoints=np.zeros((1_000_001, 1, 2), np.int8)),
                           "1 to 1,000,000 frames"),
    "many joints": (lambda to: write_npz(to, keypoints=np.zeros((2, 401, 2))), "at most 400 joints"),
    "1e-4 fps": (lambda to: write_npz(to, keypoints=track(), layout="coco17", fps=1e-4),
                 "fps must lie between"),
    "layout of lists": (lambda to: write_npz(to, keypoints=track(), layout=np.array([[1]])),
                        "layout must be a"),
    "many columns": (lambda to: write_csv(to, track(), header="frame" + "," * 5000),
                     "more than 3000 columns"),
    "recordings over and over": (lambda to: write_npz(to, metadata=np.array({}), positions_2d=np.array(
        {f"{number}": {"custom": [np.zeros((200_000, 1, 2), np.int8)] * 3} for number in range(2)})),
        "more than 1,000,000 frames"),
    "deep lists in an npz": (lambda to: write_npz(to, keypoints=np.array({"x": 1}, object)),
                         "must be numbers"),
    "no file": (lambda to: to / "missing.json", "There is no keypoint file"),
    "unknown suffix": (lambda to: write_json(to, "1", "video.xml"), "none of .npz, .npy, .json, .jsonl"),
    "empty file": (lambda to: write_json(to, ""), "is empty"),
    "truncated JSON": (lambda to: write_json(to, json.dumps(coco(track()))[:900]), "no complete JSON"),
    "binary JSON": (lambda to: write_json(to, "\x00\x01", "a.json"), "no complete JSON"),
    "deep JSON": (lambda to: write_json(to, "[" * 100_000), "deeper than 20 levels"),
    "empty list": (lambda to: write_json(to, []), "nobody was detected"),
    "other JSON": (lambda to: write_json(to, {"shapes": []}), r"\(shapes\) is in no known format"),
    "number": (lambda to: write_json(to, "5"), r"\(5\) is in no"),
    "18 joints": (lambda to: write_openpose(to, [[track()[0, :1].repeat(18, axis=0)]]), "has 18 joints"),
    "51 and 1 numbers": (lambda to: write_json(to, [{"image_id": 0, "keypoints": [1.0] * 52}]),
                         "list of x, y, score"),
    "words": (lambda to: write_json(to, [{"image_id": 0, "keypoints": ["a"] * 51}]), "x, y, score"),
    "no keypoints": (lambda to: write_json(to, [{"image_id": 0, "keypoints": None}]), "x, y, score"),
    "COCO without images": (lambda to: write_json(to, {"images": [], "annotations": coco(track(1))}),
                            "image_id"),
    "COCO boxes": (lambda to: write_json(to, {"images": [{"id": 0}], "annotations": [{"image_id": 0}]}),
                   "annotations without keypoints"),
    "AlphaPose without a list": (lambda to: write_json(to, {"0.jpg": {"bodies": 5}}), "no list of people"),
    "Detectron cut": (lambda to: write_npz(to, boxes=np.zeros(2), segments=np.zeros(2), keypoints=np.zeros(2),
                                           metadata=np.array({})), "infer_video_d2.py"),
    "no predictions": (lambda to: write_json(to, {"predictions": []}), "nobody was detected"),
    "mixed detectors": (lambda to: write_json(to, coco(track()) + coco(track(layout=BODY25), range(6, 12))),
                        "mixes people of 17 and 25 joints"),
    "image names": (lambda to: write_json(to, coco(track(1), ["photo.jpg"])), "no frame number"),
    "huge gaps": (lambda to: write_json(to, coco(track(2), [3, 10 ** 12])), "frames of one video"),
    "all NaN": (lambda to: write_npz(to, keypoints=np.full((5, 17, 3), np.nan), layout="coco17"),
                "no joint is seen in any of 5 frames"),
    "no ankle": (lambda to: write_json(to, coco(track() * (np.arange(17) != 15)[:, None])),
                 "left_ankle never seen in 6 frames"),
    "screen": (lambda to: write_json(to, coco(track() / [960, 960, 1] - [1, 0.5, 0])), "within 2 of 0"),
    "no frames": (lambda to: write_npz(to, keypoints=np.zeros((0, 17, 2)), layout="coco17"), r"\(0, 17, 3\)"),
    "flat array": (lambda to: write_npz(to, keypoints=np.zeros(51), layout="coco17"), "of shape"),
    "two people": (lambda to: write_npz(to, keypoints=TWO, layout="coco17"), "2 people"),
    "text array": (lambda to: write_npz(to, keypoints=np.full((5, 17, 2), "x")), "must be numbers"),
    "scores of other length": (lambda to: write_npz(to, keypoints=np.zeros((5, 17, 2)), scores=np.ones(3)),
                               r"scores of shape \(3,\)"),
    "npz without keypoints": (lambda to: write_npz(to, poses=np.zeros(3)), "expected also keypoints"),
    "npz cut short": (shortened, "damaged"),
    "0 fps": (lambda to: write_npz(to, keypoints=track(), layout="coco17", fps=0),
              "fps must lie between 1 and 1000"),
    "other positions_2d": (lambda to: write_npz(to, positions_2d=np.zeros(3), metadata=np.zeros(3)),
                                     "expected VideoPose3D's positions_2d"),
    "empty folder": (lambda to: to, "holds no .*_keypoints.json"),
    "CSV of another kind": (lambda to: write_csv(to, track(), header="time;x;y"), "Expected a header"),
    "CSV with a word": (lambda to: write_csv(to, track(1) * 0, header="frame,nose_x"), "Expected a header"),
    "CSV without rows": (lambda to: write_csv(to, []), "no row below its header"),
}


@pytest.mark.parametrize("write, sentence", BAD.values(), ids=BAD)
def test_a_bad_file_is_answered_by_one_sentence(write, sentence, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence) as caught:
        read_recording(write(tmp_path), **SIZE)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("options, sentence", [
    ({"width": 1920}, "--width and --height"), ({**SIZE, "fps": 0}, "fps must lie between 1 and 1000"),
    ({**SIZE, "fps": math.nan}, "fps must lie between 1 and 1000"),
    ({"width": -5, "height": 9}, "width must lie between 16 and 65536"),
    ({"width": 100, "height": 80}, "far outside an image of 100 x 80"),
    ({**SIZE, "layout": "body25"}, "body25 has 25 joints"), ({**SIZE, "layout": "smpl"}, "no joint layout")])
def test_impossible_options_are_answered_by_one_sentence(options, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        read_recording(write_json(tmp_path, coco(track())), **options)


def test_frames_of_two_videos_in_one_folder_are_refused(tmp_path):
    folder = write_openpose(tmp_path, [[pose] for pose in track(layout=BODY25)])
    write_json(folder, {"people": []}, "other_000000000000_keypoints.json")
    with pytest.raises(ValueError, match=r"2 videos \(other, video\)"):
        read_recording(folder, **SIZE)


def test_a_csv_with_a_word_or_a_short_row_names_the_row(tmp_path):
    path = write_csv(tmp_path, track(3))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2].replace("0.9", "high", 1), lines[3]]))
    with pytest.raises(ValueError, match="row 3.*'high'"):
        read_recording(path, **SIZE)
    path.write_text("\n".join([*lines[:3], "3,1,2"]))
    with pytest.raises(ValueError, match="row 4: 52 columns in the header, 3 here"):
        read_recording(path, **SIZE)


def test_nothing_in_a_hostile_npz_is_run(tmp_path):
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "run",))
    with pytest.raises(ValueError, match="is refused"):
        read_recording(write_npz(tmp_path, keypoints=np.array(Hostile(), dtype=object)), **SIZE)
    assert not (tmp_path / "run").exists()
