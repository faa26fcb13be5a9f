"""The detector script, with stand-ins for the detectors' packages: what it writes is what --predict reads."""
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from dataset.detect_keypoints import main
from dataset.detectors import choose_box
from dataset.keypoints.reader import read_recording
from tests.keypoint_samples import expected, track

PICTURES = 5
WIDTH, HEIGHT = 640, 480
LOOKED_AT = []                  # numbers of the frames whose pictures were taken


class Capture:
    """A video of PICTURES frames whose pixels hold the frame's number."""

    def __init__(self, path):
        self.path, self.frame = path, 0

    def isOpened(self):
        return self.path.endswith(".mp4")

    def get(self, fact):
        return {5: 25.0, 0: 40.0 * (self.frame - 1), 7: PICTURES}[fact]

    def set(self, fact, value):
        assert (fact, value) == (49, 1)             # the film's rotation flag is obeyed

    def grab(self):
        self.frame += 1
        return self.frame <= PICTURES

    def retrieve(self):
        LOOKED_AT.append(self.frame - 1)
        return True, np.full((HEIGHT, WIDTH, 3), self.frame - 1, np.uint8)


class RTMPose:
    """Sees `track` inside any box; the number in the picture is the frame's."""

    def __init__(self, path, **_):
        self.joints = 17 if "body" in path else 26

    def __call__(self, picture, bboxes):
        pose = track(PICTURES)[picture[0, 0, 0]]
        seen = np.resize(pose, (self.joints, 3))
        return seen[None, :, :2] / 2, np.full((1, self.joints), 2.0)


class YOLOX:
    """Nobody in frame 2, else two people."""

    def __init__(self, *_, **__):
        pass

    def __call__(self, picture):
        return [] if picture[0, 0, 0] == 2 else [[0, 0, 9, 9], [0, 0, 99, 99]]


@pytest.fixture(autouse=True)
def packages(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(
        VideoCapture=Capture, CAP_PROP_FPS=5, CAP_PROP_POS_MSEC=0, CAP_PROP_FRAME_COUNT=7,
        CAP_PROP_ORIENTATION_AUTO=49, imread=lambda path: None))
    monkeypatch.setitem(sys.modules, "rtmlib", SimpleNamespace(RTMPose=RTMPose, YOLOX=YOLOX))
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    for name in ("a.mp4", "a.txt", "body.onnx", "halpe.onnx", "person.onnx"):
        (tmp_path / name).write_text("x")


def detect(folder, options="--detector rtmpose --model {}/body.onnx", video="a.mp4"):
    options = options.format(folder, folder).split()
    return main([str(folder / video), "--output", str(folder / "k.npz"), *options])


def test_what_it_writes_is_read_back_with_size_rate_and_layout(tmp_path, capsys):
    assert detect(tmp_path) == 0
    recording = read_recording(tmp_path / "k.npz")
    assert (recording.width, recording.height, recording.fps) == (WIDTH, HEIGHT, 25)
    assert recording.layout == "coco17"
    assert recording.keypoints == pytest.approx(expected(track(PICTURES)) / 2, abs=1e-3)
    assert recording.scores.max() == 1 and recording.notes == []
    assert "5 frames of 640 x 480 at 25 a second, nobody found in 0" in capsys.readouterr().out


def test_from_and_to_leave_out_frames_and_keep_the_films_times(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.modules[__name__], "PICTURES", 50)
    LOOKED_AT.clear()
    line = "--detector rtmpose --model {}/body.onnx "
    assert detect(tmp_path, line + "--from 0.8 --to 1.2") == 0
    assert LOOKED_AT == list(range(18, 33))                 # 20 to 30 and a tenth of a second on both sides
    assert "15 frames of 640 x 480" in capsys.readouterr().out
    recording = read_recording(tmp_path / "k.npz", begin=0.8, end=1.2)
    assert recording.first == 20 and recording.notes == []
    assert recording.keypoints == pytest.approx(expected(track(50))[20:30] / 2, abs=1e-3)
    (tmp_path / "k.npz").unlink()
    assert detect(tmp_path, line + "--from 3") == 2
    assert "ends before --from 3, after 2.00 s" in capsys.readouterr().err
    assert not (tmp_path / "k.npz").exists()


def test_frames_without_anybody_are_gaps(tmp_path, capsys):
    assert detect(tmp_path, "--detector rtmpose --model {}/body.onnx --person_model {}/person.onnx") == 0
    assert "nobody found in 1" in capsys.readouterr().out
    recording = read_recording(tmp_path / "k.npz")
    assert "missing in 1 of 5 frames" in recording.notes[0]
    assert recording.keypoints == pytest.approx(expected(track(PICTURES)) / 2, abs=1e-3)


def test_a_region_is_cut_out_and_its_place_added_again(tmp_path):
    assert detect(tmp_path, "--detector rtmpose --model {}/body.onnx --region 30,20,300,200") == 0
    moved = expected(track(PICTURES)) / 2 + [30, 20]
    assert read_recording(tmp_path / "k.npz").keypoints == pytest.approx(moved, abs=1e-3)


def test_the_largest_person_is_followed_by_place():
    boxes = np.array([[0, 0, 9, 9], [50, 50, 99, 99.0]])
    assert (choose_box(boxes, None) == boxes[1]).all()
    assert (choose_box(boxes, np.array([1, 1, 10, 9])) == boxes[0]).all()


@pytest.mark.parametrize("options, video, sentence", [
    ("", "a.mp4", "MediaPipe is missing .*detector_requirements.txt"), ("", "b.mp4", "There is no video"),
    ("--detector rtmpose --model {}/none.onnx", "a.mp4", "There is no model file"),
    ("--detector rtmpose --model {}/halpe.onnx", "a.mp4", "gives 26 joints, expected COCO's 17"),
    ("--detector rtmpose --model {}/body.onnx", "a.txt", "cannot be opened as a video"),
    ("--detector rtmpose --model {}/body.onnx --fps 0", "a.mp4", "--fps must be above 0"),
    ("--detector rtmpose --model {}/body.onnx --region 700,0,9,9", "a.mp4", "outside the picture")])
def test_what_cannot_be_done_is_said_in_one_sentence_and_leaves_no_file(options, video, sentence, tmp_path,
                                                                        capsys):
    assert detect(tmp_path, options, video) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and re.search(sentence, error)
    assert not (tmp_path / "k.npz").exists()


@pytest.mark.parametrize("options", ["--detector rtmpose", "--model {}/body.onnx", "--region 1,2",
                                     "--region a", "--from 2 --to 2"])
def test_options_that_do_not_fit_are_refused_in_one_sentence(options, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        detect(tmp_path, options)
    assert caught.value.code == 2 and capsys.readouterr().err.count("\n") == 1


def test_a_missing_rtmlib_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rtmlib", None)
    assert detect(tmp_path) == 2 and "rtmlib is missing" in capsys.readouterr().err
