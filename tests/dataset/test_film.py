"""From a film to poses in one command, with a small program in the detector's place."""
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import run_ftcm
from common.command import options
from dataset import camera_lines, detectors, film
from dataset.detect_keypoints import colours, even_rate
from dataset.keypoints.reader import at_even_times, read_recording
from tests.helpers import save_small_network

# Takes the words of detect_keypoints.py and writes what it writes; logs each start into a file beside it.
PROGRAM = """
import os, sys, json, numpy as np
words = sys.argv[1:]
with open({log!r}, "a") as file:
    file.write(json.dumps(words) + "\\n")
points = np.load({points!r})
if words[0] == "9":
    print(json.dumps({{"layout": "coco17", "width": 1920, "height": 1080, "fps": 50}}))
    for frame in points:
        print(json.dumps({{"keypoints": frame.tolist()}}), flush=True)
    raise SystemExit(0)
if words[0].endswith("bad.mp4") or words[0] == "8":
    print("W0000 a library says something", file=sys.stderr)
    print("detect_keypoints: error: bad.mp4 holds no frame that can be read. Convert it.", file=sys.stderr)
    raise SystemExit(2)
print("frame 10 of 12", file=sys.stderr, flush=True)
if "--everybody" in words:
    points = np.stack([points, points + [700, 0, 0]], axis=1)
    points[::2] = points[::2, ::-1]
os.makedirs(os.path.dirname(words[words.index("--output") + 1]), exist_ok=True)
np.savez(words[words.index("--output") + 1], keypoints=points[..., :2], scores=points[..., 2], fps=50.0,
         layout="coco17", width=1920, height=1080, made_of=words[words.index("--made_of") + 1])
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return save_small_network(tmp_path_factory.mktemp("network") / "lifter.pth")


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A function that lists the words of every start of the stand-in detector."""
    log, program = tmp_path / "log", tmp_path / "detector.py"
    with np.load(options.PROJECT / "dataset" / "baseball_coco17.npz") as sample:
        points = np.dstack([sample["keypoints"], sample["scores"]])[:60] - [400, 0, 0]
    np.save(tmp_path / "points.npy", points)
    program.write_text(PROGRAM.format(log=str(log), points=str(tmp_path / "points.npy")))
    start = film.start
    monkeypatch.setattr(film, "find_python", lambda: sys.executable)
    monkeypatch.setattr(film, "start", lambda command, stdout: start(
        [sys.executable, str(program), *command[3:]], stdout=stdout))
    for name in ("walk.mp4", "bad.mp4"):
        (tmp_path / name).write_bytes(b"film")
    return lambda: [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def predict(network, what, output=None, line=""):
    words = ["--output", str(output)] if output else []
    named = ["--reload", "1", "--previous_dir", str(network)] if network else []
    return run_ftcm.main(["--predict", str(what), *named, "--device", "cpu", *words, *line.split()])


def test_a_film_becomes_poses_and_its_keypoints_are_kept(network, started, tmp_path, capsys):
    folder, walk = tmp_path / "out", tmp_path / "walk.mp4"
    assert predict(network, walk, folder, "--film link") == 0
    assert "by mediapipe" in capsys.readouterr().out
    recording = read_recording(folder / "keypoints.npz")
    assert (recording.width, recording.fps, len(recording.keypoints)) == (1920, 50, 60)
    with np.load(folder / "poses.npz") as archive:
        poses = archive["poses"]
    assert poses.shape == (60, 17, 3)
    page = (folder / "poses.html").read_text()
    assert '"link":"../walk.mp4"' in page and "<title>walk" in page
    assert predict(network, walk, folder) == 0
    assert len(started()) == 1 and "detected before" in capsys.readouterr().out
    walk.write_bytes(b"another film")
    assert predict(network, walk, folder, "--person 2 --fps 25") == 0
    assert len(started()) == 2 and {"--everybody", "--fps"} <= set(started()[1])


def test_a_film_is_looked_at_between_from_and_to(network, started, tmp_path, capsys):
    folder, walk = tmp_path / "out", tmp_path / "walk.mp4"
    assert predict(network, walk, folder, "--from 0.2 --to 1") == 0
    words = started()[0]
    assert words[words.index("--from") + 1] == "0.2" and words[words.index("--to") + 1] == "1"
    with np.load(folder / "poses.npz") as archive:
        assert len(archive["poses"]) == 40
    for span, count in (((0.2, 1), 1), ((0.4, 1), 2), ((None, None), 3), ((0.4, None), 3)):     # 3: the whole
        film.keypoints_of(walk, folder, film.Detector(), span)
        assert len(started()) == count
    assert not {"--from", "--to"} & set(started()[2])


def test_everybody_in_a_film_gets_files_one_page_and_one_json(started, tmp_path):
    folder = tmp_path / "out"
    assert predict(None, tmp_path / "walk.mp4", folder, "--person all --level motion") == 0
    each = ["angles.csv", "motion.bvh", "poses.csv", "poses.npz", "poses.trc"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([
        "keypoints.npz", "poses.html", "poses.json",
        *(f"person_{number}_{name}" for number in (1, 2) for name in each)])
    data = json.loads((folder / "poses.json").read_text())
    assert [(person["name"], person["frames"], person["first_frame"]) for person in data["people"]] == [
        ("person 1", 60, 0), ("person 2", 60, 0)]
    first, second = (np.array(person["poses"]) for person in data["people"])
    # Both stand in one space, before one camera: who is 700 pixels further right is there in the poses too.
    beside = (second - first)[:, 0, 0]
    assert (beside > 0.3).all() or (beside < -0.3).all()
    assert len({(person["pitch_degrees"].__round__(3), person["roll_degrees"].__round__(3))
                for person in data["people"]}) == 1
    with np.load(folder / "person_2_poses.npz") as archive:
        assert archive["poses"] == pytest.approx(second, abs=1e-4)


def test_a_detectors_failure_is_one_sentence_and_writes_nothing(network, started, tmp_path, capsys):
    assert predict(network, tmp_path / "bad.mp4", tmp_path / "out") == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "run_ftcm.py: error: bad.mp4 holds no frame that can be read. Convert it.")
    assert not (tmp_path / "out").exists()
    assert predict(network, "8") == 2 and "holds no frame" in capsys.readouterr().err


def test_without_the_detectors_environment_a_sentence_names_the_command(
        network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(film, "ENVIRONMENT", tmp_path / "nowhere")
    (tmp_path / "walk.mp4").write_bytes(b"film")
    assert predict(network, tmp_path / "walk.mp4", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "make detector" in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("view", ["", "--view"])
def test_a_cameras_number_lifts_live(view, network, started, capfd):
    assert predict(network, "9", line=view) == 0
    told = capfd.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert len(lines) == 61 and lines[-1]["frame"] == 59 and lines[0]["fps"] == 50
    assert lines[-1]["pose"] is not None or view and lines[-1]["dropped"]
    assert ("The body as it moves: http://127.0.0.1" in told.err) == bool(view)


def test_what_counts_as_a_film(tmp_path):
    for folder, name in (("pictures", "0001.png"), ("openpose", "a_0_keypoints.json"), ("labels", "a_1.txt")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"")
    (tmp_path / "labels" / "a_1.jpg").write_bytes(b"")
    assert [film.is_film(tmp_path / name) for name in (
        "pictures", "openpose", "labels", "a.MP4", "a.jpg", "a.gif", "a.npz", "a.json")] == [
        True, False, False, True, True, True, False, False]


@pytest.mark.parametrize("line, words", [
    ("--predict x.mp4 --detector rtmpose", "--detector_model"),
    ("--predict x.mp4 --detector_model a.onnx", "--detector"),
    ("--predict x.mp4 --person_model a.onnx", "--person_model"),
    ("--predict x.mp4 --detector rtmpose --detector_model a.onnx --person all", "--person_model"),
    ("--predict - --detector mediapipe", "--detector"), ("--predict - --pictures gif", "--pictures"),
    ("--predict 0 --output x", "--output"), ("--predict x.npz --pictures png", "png"),
    ("--predict x.npz --picture_fps 5", "--picture_fps"),
    ("--predict x.npz --pictures none --film link a.mp4", "html"),
    ("--predict x.npz --person all --root none", "--root none"), ("--train 1 --pictures gif", "--pictures"),
    ("--predict x.npz --film embed a.mp4 b.mp4", "--film")])
def test_options_that_contradict_each_other_are_refused(line, words, capsys):
    with pytest.raises(SystemExit) as caught:
        options.parse(line.split())
    error = capsys.readouterr().err
    assert caught.value.code == 2 and words in error and error.count("\n") == 1


def test_a_detector_for_a_keypoint_file_is_refused(network, tmp_path, capsys):
    (tmp_path / "k.npz").write_bytes(b"x")
    assert predict(network, tmp_path / "k.npz", tmp_path / "out", "--detector mediapipe") == 2
    assert "is no film" in capsys.readouterr().err


def test_mp4_without_ffmpeg_is_refused_before_anything_is_done(monkeypatch, capsys):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(SystemExit):
        options.parse("--predict x.npz --pictures mp4".split())
    assert "ffmpeg" in capsys.readouterr().err


def test_keypoints_of_uneven_frames_are_taken_at_even_times():
    times = np.array([0, 0.04, 0.08, 0.16, 0.24, 0.32])
    joints = np.stack([100 * times, 50 * times, np.ones(6)], axis=-1)[:, None]              # moves evenly
    found = at_even_times(joints, times, 25)
    assert found[:, 0, 0] == pytest.approx(100 * np.arange(9) / 25)
    joints[3] = np.nan
    found = at_even_times(joints, times, 25)                        # a gap stays a gap, as wide as it was
    assert 4 in (missing := np.flatnonzero(np.isnan(found[:, 0, 0])).tolist()) and set(missing) <= {3, 4, 5}
    assert even_rate(list(times))["fps"] == pytest.approx(5 / 0.32)
    assert even_rate([frame / 30 + 0.0004 * (frame % 2) for frame in range(9)]) is None     # milliseconds
    assert even_rate([None] * 5) is None


class Camera:
    """A camera of `count` pictures; each is a picture of its number."""

    def __init__(self, count):
        self.count, self.number = count, 0

    def read(self):
        self.number += 1
        return self.number <= self.count, np.full((20, 30, 3), min(self.number, 255), np.uint8)


def test_a_camera_gives_a_line_of_facts_and_one_for_each_frame():
    detect = detectors.Detect(lambda picture: [np.full((17, 3), float(picture[0, 0, 0]))], "coco17", 17)
    lines = list(camera_lines.camera_lines(Camera(10 ** 4), detect, (2, 3, 10, 10), 1000.0))
    assert lines[0] == {"layout": "coco17", "width": 30, "height": 20, "fps": lines[0]["fps"]}
    assert all(len(line["keypoints"]) == 17 for line in lines[1:] if line)
    with pytest.raises(ValueError, match="gives no picture"):
        list(camera_lines.camera_lines(Camera(0), detect, None, 30.0))


def test_everybody_is_found_once_however_often_seen():
    people = [np.stack([np.full(33, x), np.linspace(y, y + 80, 33), np.full(33, score)], axis=1)
              for x, y, score in ((20.0, 5.0, 0.9), (170.0, 100.0, 0.8))]

    def find(picture):                              # whoever lies wholly in this part of the picture
        top, left = picture[0, 0, :2]
        inside = [person - [left, top, 0] for person in people]
        return [person for person in inside if (person[:, :2] >= 0).all()
                and (person[:, :2] < picture.shape[1::-1]).all()]

    rows, columns = np.mgrid[:200, :200]
    picture = np.stack([rows, columns, rows], axis=-1).astype(np.uint8)
    crowd = detectors.Everybody(find)
    for _ in range(12):
        found = sorted(crowd.find(picture), key=lambda person: person[0, 0])
        assert np.stack(found) == pytest.approx(np.stack(people))
    wide = detectors.tiles(1920, 1080)
    assert wide[0] == (0, 0, 1920, 1080) and {box[2] for box in wide} >= {960, 1920}


def test_colours_are_shares_of_the_clothes():
    picture = np.zeros((100, 100, 3), np.uint8)
    picture[30:50] = (250, 0, 0)
    person = np.stack([np.linspace(20, 80, 17), np.linspace(10, 90, 17), np.ones(17)], axis=1)
    shares = colours(picture, person)
    assert shares.sum() == pytest.approx(1) and shares[18] > 0.5 and shares[0] > 0.2


def test_the_detector_starts_without_the_programs_own_packages():
    code = ("import sys; sys.modules.update(torch=None, tqdm=None, matplotlib=None)\n"
            "from dataset.detect_keypoints import main; main(['none.mp4', '--output', 'a.npz'])")
    done = film.subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                               cwd=Path(film.__file__).parents[1], env={**os.environ, "PYTHONPATH": ""})
    assert "Error" not in done.stderr and done.stderr.startswith("detect_keypoints: error: "), done.stderr


def test_words_of_a_detector():
    assert film.Detector("rtmpose", Path("a b.onnx"), None, True, 25).words() == [
        "--detector", "rtmpose", "--model", "a b.onnx", "--everybody", "--fps", "25"]
    assert film.Detector().words() == []
