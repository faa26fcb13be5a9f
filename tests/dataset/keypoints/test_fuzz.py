"""Whatever a file, a folder or a stream holds: sound poses or one sentence, no other exception, no warning.

Each trial takes a small sound input, changes it in one to three places and reads it.
"""
import copy
import json
import tempfile
import warnings
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.bounds import FPS, IMAGE_SIDE
from common.recording import to_clip
from dataset import cmu_mocap, human36m, mpi_inf_3dhp
from dataset.keypoints.json_lines import KeypointStream
from dataset.keypoints.layouts import BLAZEPOSE33, BODY25, COCO17
from dataset.keypoints.reader import read_recording
from tests import detector_files as tool
from tests.dataset.test_mpi_inf_3dhp import evaluation_data
from tests.helpers import write_human36m
from tests.keypoint_samples import (
    SIZE,
    alphapose,
    alphapose_frames,
    coco,
    coco_annotations,
    mmpose,
    mmpose_predictions,
    track,
    write_csv,
    write_detectron,
    write_npz,
    write_openpose,
    write_videopose3d,
)

few = settings(max_examples=100, derandomize=True, deadline=None, database=None)
fewer = settings(few, max_examples=50)
chance = st.randoms(use_true_random=False)
JUNK = [None, True, -1, 0, 3, 10 ** 30, 10 ** 400, 1e308, -1e308, 0.5, float("nan"), float("inf"), 2j, "",
        "x", "12", "a\nb", "9" * 5000, b"x", [], {}, [[]], [None], [1, 2], [[1, 2], [3]], {"x": 1},
        {"keypoints": None}, (1, 2)]
DTYPES = ["c8", "U5", "O", "?", "i1", "u1", "f2", "f8", "M8[s]", "S3", ">f4", "i8"]


def junk(random: Random, *, plain: bool):
    """A value that does not belong; `plain` keeps to what JSON can say."""
    value = random.choice([*JUNK, deep(random.choice([3, 7, 40] if not plain else [3, 7, 40, 3000]))])
    if not plain:
        return random.choice([value, shared(40), np.array(2.5), np.zeros((2, 3)), np.array("x")])
    return str(value) if isinstance(value, (complex, bytes, tuple)) else value


def deep(levels: int) -> list:
    value = []
    for _ in range(levels):
        value = [value]
    return value


def shared(levels: int) -> list:
    """A list of 2 ** levels numbers, in a few bytes of a pickle."""
    value = [1.0, 2.0]
    for _ in range(levels):
        value = [value, value]
    return value


def changed_array(array: np.ndarray, random: Random):
    """The array with other values, another shape or another type."""
    new = array.copy()
    kind = random.randrange(8)
    if kind == 0 and new.size and new.dtype.kind in "iuf":
        flat = new.astype(np.float64).reshape(-1)
        flat[random.randrange(new.size)] = random.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 1e12, 0])
        return flat.reshape(new.shape)
    if kind == 1 and new.dtype.kind in "iuf":
        with np.errstate(all="ignore"):
            return new * random.choice([0, 1e-3, 1e3, 1e30, -1, np.nan])
    if kind == 2 and new.dtype.kind in "iuf":
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.nan_to_num(new).astype(random.choice(DTYPES))
    if kind == 3 and new.ndim:
        return new[:random.choice([0, 1, -1])]
    if kind == 4:
        return new[None] if random.randrange(2) else new.reshape(-1)
    if kind == 5:
        return new.T if random.randrange(2) else np.concatenate([new.reshape(-1)] * 2)
    if kind == 6 and new.ndim:
        return new[..., :random.choice([0, 1, -1])]
    return junk(random, plain=False)


def changed(value, random: Random, *, plain: bool):
    """`value`, of dicts, lists and arrays, changed in one place."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 0:
        wrapped = np.empty((), object)
        wrapped[()] = changed(value.item(), random, plain=plain)
        return wrapped
    if isinstance(value, np.ndarray) and random.randrange(4):
        return changed_array(value, random)
    if not isinstance(value, (dict, list)) or not value or not random.randrange(6):
        return junk(random, plain=plain)
    new = copy.copy(value)
    key = random.choice(list(value)) if isinstance(value, dict) else random.randrange(len(value))
    what = random.randrange(10)
    if what == 0:
        del new[key]
    elif what == 1 and isinstance(value, list):
        new.insert(key, new[random.randrange(len(new))])
    elif what == 1:
        new[random.choice(["x", "a\nb", "9" * 50])] = new[key]
    else:
        new[key] = changed(new[key], random, plain=plain)
    return new


def many(value, random: Random, *, plain: bool):
    """`value` changed in one to three places."""
    for _ in range(random.choice([1, 1, 2, 3])):
        value = changed(value, random, plain=plain)
    return value


def changed_archive(values: dict, random: Random) -> dict:
    """The values of an archive, changed in one to three places."""
    new = dict(values)
    for _ in range(random.choice([1, 1, 2, 3])):
        key = random.choice(list(values))
        if random.randrange(10):
            new[key] = changed(new.get(key, values[key]), random, plain=False)
        else:
            new.pop(key, None)
    return new


def torn(content: bytes, random: Random) -> bytes:
    """The bytes, some of them lost, doubled or replaced."""
    for _ in range(random.choice([0, 1, 1, 3])):
        first = random.randrange(len(content) + 1)
        last = min(len(content), first + random.choice([0, 1, 5, 100]))
        content = content[:first] + random.choice(
            [b"", b"\x00", b"\xff", b'"', b"[", b"]", b",", b"\n", b"-", b"9" * 400, b"NaN", b"e99",
             content[first:last] * 2]) + content[last:]
    return content


def dumped(value) -> bytes:
    """JSON of the value; of one that is nested too deep for Python's writer, brackets alone."""
    try:
        return json.dumps(value).encode()
    except RecursionError:
        return b"[" * 3000 + b"]" * 3000


def sound_or_sentence(work):
    """What `work` returns, or None where it raised ValueError or FileNotFoundError with one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return work()
        except (ValueError, FileNotFoundError) as error:
            assert 20 < len(str(error)) < 1500 and "\n" not in str(error), str(error)[:2000]


def check_recording(path, layout=None):
    def work():
        recording = read_recording(path, layout=layout, **SIZE)
        return recording, to_clip(recording)
    found = sound_or_sentence(work)
    if found:
        recording, clip = found
        frames = len(recording.keypoints)
        assert recording.keypoints.shape == (frames, 17, 2) and recording.scores.shape == (frames, 17)
        assert np.isfinite(recording.keypoints).all() and np.isfinite(recording.scores).all()
        assert FPS[0] <= recording.fps <= FPS[1]
        assert clip.keypoints.dtype == np.float32 and np.abs(clip.keypoints).max() < 1e4


def check_clips(work):
    clips = sound_or_sentence(work)
    if clips is not None:
        assert clips
        for clip in clips:
            assert FPS[0] <= clip.fps <= FPS[1] and clip.valid.any() and clip.valid.dtype == bool
            assert clip.keypoints.shape == (len(clip), 17, 2) and clip.pose.shape == (len(clip), 17, 3)
            assert all(np.isfinite(array).all() and array.dtype == np.float32
                       for array in (clip.keypoints, clip.pose, clip.root))
            assert (clip.pose[:, clip.skeleton.root] == 0).all()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


DIALECTS = {"coco": coco, "alphapose": alphapose, "mmpose": mmpose, "frames": alphapose_frames,
            "predictions": mmpose_predictions, "annotations": coco_annotations,
            "list of lists": lambda points: mmpose_predictions(points)["predictions"]}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
@few
@given(random=chance)
def test_json(dialect, folder, random):
    content = dumped(many(dialect(track(4).round(1)), random, plain=True))
    (folder / "video.json").write_bytes(torn(content, random))
    check_recording(folder / "video.json")


@few
@given(random=chance)
def test_csv(folder, random):
    path = write_csv(folder, track(4).round(1))
    path.write_bytes(torn(torn(path.read_bytes(), random), random))
    check_recording(path)


TOOLS = {"ultralytics": tool.ultralytics_json,
         "plain": lambda to, points: tool.write_json(to, points.tolist()),
         "mediapipe": lambda to, points: tool.mediapipe_python(to, track(4, BLAZEPOSE33)),
         "tfjs": lambda to, points: tool.tfjs(to, points, COCO17),
         "posenet": lambda to, points: tool.posenet(to, points, COCO17)}


@pytest.mark.parametrize("write", TOOLS.values(), ids=TOOLS)
@fewer
@given(random=chance)
def test_json_of_frames(write, folder, random):
    path = write(folder, track(4).round(1))
    path.write_bytes(torn(dumped(many(json.loads(path.read_text()), random, plain=True)), random))
    check_recording(path, layout="coco17" if random.randrange(2) else None)


TABLES = {"deeplabcut": lambda to, points: tool.deeplabcut(to, points, COCO17, individuals=["a", "b"]),
          "sleap": lambda to, points: tool.sleap(to, points, COCO17),
          "trc": lambda to, points: tool.sports2d(to, points, COCO17),
          "npy": tool.movenet, "lines": tool.mediapipe_solutions}


@pytest.mark.parametrize("write", TABLES.values(), ids=TABLES)
@fewer
@given(random=chance)
def test_tables_arrays_and_lines(write, folder, random):
    path = write(folder, track(4).round(1))
    path.write_bytes(torn(torn(path.read_bytes(), random), random))
    check_recording(path, layout="coco17" if random.randrange(2) else None)


@fewer
@given(random=chance)
def test_ultralytics_folder(folder, random):
    inside = tool.ultralytics_labels(Path(tempfile.mkdtemp(dir=folder)), track(4).round(1), ids=3) / "labels"
    path = random.choice(sorted(inside.iterdir()))
    path.write_bytes(torn(torn(path.read_bytes(), random), random))
    check_recording(inside.parent)


MAPPING = {joint: place for place, joint in enumerate(COCO17.joints)}


@fewer
@given(random=chance)
def test_mapping_file(folder, random):
    (folder / "mapping.json").write_bytes(torn(dumped(many(MAPPING, random, plain=True)), random))
    check_recording(tool.npy(folder, track(4)), layout=str(folder / "mapping.json"))


@few
@given(random=chance)
def test_openpose_folder(folder, random):
    inside = Path(tempfile.mkdtemp(dir=folder))
    write_openpose(inside, [[pose] for pose in track(4, BODY25).round(1)])
    paths = sorted((inside / "frames").iterdir())
    path = random.choice(paths)
    path.write_bytes(torn(dumped(many(json.loads(path.read_text()), random, plain=True)), random))
    if not random.randrange(4):
        random.choice(paths).rename(inside / "frames" / random.choice(
            ["x_keypoints.json", f"{'9' * 100}_keypoints.json", "other_000000000001_keypoints.json"]))
    check_recording(inside / "frames")


NPZ = {"npz": lambda to, points: write_npz(to, keypoints=points, layout="coco17", **SIZE, fps=30),
       "scores": lambda to, points: write_npz(to, keypoints=points[..., :2], scores=points[..., 2],
                                              layout="coco"),
       "VideoPose3D": write_videopose3d, "Detectron": write_detectron, "rtmlib": tool.rtmlib_lists}


def contents(path) -> dict:
    with np.load(path, allow_pickle=True) as archive:
        return {key: archive[key] for key in archive}


def save(path, values: dict) -> None:
    """An npz file; what is no array is pickled."""
    arrays = {}
    for key, value in values.items():
        arrays[key] = value if isinstance(value, np.ndarray) else np.empty((), object)
        if arrays[key] is not value:
            arrays[key][()] = value
    np.savez(path, **arrays)


@pytest.mark.parametrize("write", NPZ.values(), ids=NPZ)
@few
@given(random=chance)
def test_npz(write, folder, random):
    path = write(folder, track(4))
    save(path, changed_archive(contents(path), random))
    path.write_bytes(torn(path.read_bytes(), random) if not random.randrange(4) else path.read_bytes())
    check_recording(path)


@few
@given(random=chance)
def test_lines_of_a_stream(random):
    header = {"layout": "coco17", **SIZE, "fps": 25}
    data = many([header, *({"keypoints": pose.round(1).tolist()} for pose in track(4))], random, plain=True)
    lines = [dumped(entry) + b"\n" for entry in (data if isinstance(data, list) else [data])]
    if lines and not random.randrange(2):
        place = random.randrange(len(lines))
        lines[place] = torn(lines[place], random)

    def work():
        stream = KeypointStream(lines)
        return stream, list(stream)
    found = sound_or_sentence(work)
    if found:
        stream, frames = found
        assert FPS[0] <= stream.fps <= FPS[1] and IMAGE_SIDE[0] <= stream.width <= IMAGE_SIDE[1]
        for keypoints, unseen in frames:
            assert 0 <= unseen <= 33 and (keypoints is None or keypoints.shape == (17, 2))
            assert keypoints is None or np.abs(keypoints).max() < 1e4


@few
@given(random=chance)
def test_human36m(folder, random):
    write_human36m(folder, lengths={("S9", "Walking 1"): 3, ("S11", "Walking"): 2}, extra_2d=1)
    path = folder / random.choice(["data_3d_h36m.npz", "data_2d_h36m_gt.npz"])
    save(path, changed_archive(contents(path), random))
    check_clips(lambda: human36m.load(folder, keypoints="gt", split="test"))


@few
@given(random=chance)
def test_mpi_inf_3dhp(folder, random):
    values = {"data": np.array(evaluation_data(activity=True), object), "left_out": np.array(["S1 Seq1"])}
    save(folder / mpi_inf_3dhp.FILES["test"], changed_archive(values, random))
    check_clips(lambda: mpi_inf_3dhp.load(folder, keypoints="gt", split="test"))
    sound_or_sentence(lambda: mpi_inf_3dhp.load_activities(folder))


@pytest.fixture(scope="module")
def two_motions():
    """The first two test motions of the bundled data, and the lines of the manifest on them."""
    source = cmu_mocap.Path(cmu_mocap.__file__).parent
    values = contents(source / "cmu_mocap.npz")
    chosen = np.flatnonzero(values["split"] == "test")[:2]
    first = values["frames"].cumsum() - values["frames"]
    columns = np.concatenate([np.arange(first[motion], first[motion] + 5) for motion in chosen])
    small = {"d2": values["d2"][:, columns], "frames": np.array([5, 5]), "fps": values["fps"],
             **{key: values[key][chosen] for key in ("name", "subject", "split")}}
    lines = (source / "cmu_mocap.csv").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines[1:] if b"_".join(line.split(b",")[1:3]).decode() in small["name"]]
    return small, b"".join([lines[0], *kept])


@few
@given(random=chance)
def test_cmu_mocap(folder, two_motions, random):
    values, manifest = two_motions
    (folder / "cmu_mocap.csv").write_bytes(manifest if random.randrange(3) else torn(manifest, random))
    save(folder / "cmu_mocap.npz", changed_archive(values, random))
    check_clips(lambda: cmu_mocap.load(folder, keypoints="gt", split="test"))
