"""MPI-INF-3DHP: P-STMO's npz files -> clips.

The user brings the files or makes them with dataset/prepare_3dhp.py. They hold no camera intrinsics.

Shapes: N frames, 17 joints in the order of skeleton.MPI_INF_3DHP.
"""
from pathlib import Path

import numpy as np

from common.clips import Clip, from_pixels
from common.skeleton import MPI_INF_3DHP
from dataset.archive import archive_keys, read_archive
from dataset.reading import describe_value, look_up, read_number, read_numbers, read_texts

SUBJECTS = {"train": ["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8"],
            "test": ["TS1", "TS2", "TS3", "TS4", "TS5", "TS6"]}
CAMERAS = ["0", "1", "2", "4", "5", "6", "7", "8"]  # of the training subjects; a test sequence has one
USABLE = {      # training sequence -> well annotated frames, frames per second (the data set's own list)
    "S1 Seq1": (6416, 25), "S1 Seq2": (12430, 50), "S2 Seq1": (6502, 25), "S2 Seq2": (6081, 25),
    "S3 Seq1": (12488, 50), "S3 Seq2": (12283, 50), "S4 Seq1": (6171, 25), "S4 Seq2": (6675, 25),
    "S5 Seq1": (12820, 50), "S5 Seq2": (12312, 50), "S6 Seq1": (6188, 25), "S6 Seq2": (6145, 25),
    "S7 Seq1": (6239, 25), "S7 Seq2": (6320, 25), "S8 Seq1": (6468, 25), "S8 Seq2": (6054, 25)}
SKELETON = MPI_INF_3DHP
KEYPOINTS = ["gt"]
FILES = {"train": "data_train_3dhp.npz", "test": "data_test_3dhp.npz"}
IMAGE_SIZE = (2048, 2048)                           # width, height, pixels
OUTDOOR_SIZE = {"TS5": (1920, 1080), "TS6": (1920, 1080)}
TEST_FPS = 25
HINT = ("Put P-STMO's MPI-INF-3DHP files into the folder, make them with python -m dataset.prepare_3dhp "
        "RAW_FOLDER, or name another folder with --root_path. To try FTCM without them: --dataset cmu.")


def load(folder: Path, *, keypoints: str, split: str, cameras: list[str] | None = None) -> list[Clip]:
    """All clips of the training subjects seen by `cameras` (None: all eight), or all six test sequences.

    Reads data_train_3dhp.npz or data_test_3dhp.npz: 2D in pixels, 3D in camera space, millimetres.
    `keypoints` must be "gt", the annotated 2D. Test frames that are not valid for scoring stay, as context.
    Raises FileNotFoundError or ValueError.
    """
    if keypoints not in KEYPOINTS:
        raise ValueError(f"MPI-INF-3DHP comes with the annotated 2D only, keypoints 'gt', not {keypoints!r}. "
                         f"Choose it with -k gt.")
    unknown = sorted(set(cameras or ()) - set(CAMERAS))
    if unknown:
        raise ValueError(f"Cameras of MPI-INF-3DHP are {', '.join(CAMERAS)}; got {', '.join(unknown)}. "
                         f"Choose from them.")
    path = folder / FILES[split]
    data = read_sequences(path, split)
    if split == "test":
        return [make_test_clip(name, entry, str(path)) for name, entry in data.items()]
    clips = []
    for name in list(data):     # popped one by one: the file in memory is larger than all clips together
        clips += make_training_clips(name, data.pop(name), CAMERAS if cameras is None else cameras, str(path))
    return clips


def load_activities(folder: Path, every: int = 1) -> dict[str, np.ndarray]:
    """Test clip's name -> (N,) activity of every `every`-th frame, 1 to 7; empty for a file that has none."""
    path = folder / FILES["test"]
    data = read_sequences(path, "test")
    if not any(isinstance(entry, dict) and "activity" in entry for entry in data.values()):
        return {}
    return {name: read_activity(name, entry, str(path))[::every] for name, entry in data.items()}


def read_activity(name: str, entry, where: str) -> np.ndarray:
    """(N,) int, 1 to 7: the activity of each frame of a test sequence."""
    activity = read_per_frame(name, entry, "activity", where)
    if not np.isin(activity, range(1, 8)).all():
        raise ValueError(f"{where}: {name}'s activity must be whole numbers from 1 to 7. {HINT}")
    return activity.astype(int)


def read_sequences(path: Path, split: str) -> dict:
    """Sequence -> its entry in the file, in the order of the tables. Those in `left_out` may be missing."""
    data, = read_archive(path, ["data"], hint=HINT)
    expected = list(USABLE) if split == "train" else SUBJECTS["test"]
    left_out = read_left_out(path)
    if set(expected) <= set(left_out):
        raise ValueError(f"{path} leaves out all sequences of the {split} split. {HINT}")
    return {name: look_up(data, name, f"sequence {name}", str(path), hint=HINT)
            for name in expected if name not in left_out}


def read_left_out(path: Path) -> list[str]:
    """The sequences that the converter left out."""
    if "left_out" not in archive_keys(path, hint=HINT):
        return []
    names, = read_archive(path, ["left_out"], hint=HINT)
    return read_texts(names, f"{path}: left_out")


def make_training_clips(name: str, entry, cameras: list[str], where: str) -> list[Clip]:
    """One clip per camera of a training sequence. `entry`: [{camera: {"data_2d", "data_3d"}}, fps]."""
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        raise ValueError(f"{where}: expected {name} to be a list of two, the cameras and the frame rate, "
                         f"got {describe_value(entry)}. {HINT}")
    views, fps = entry[0], read_number(entry[1], f"{where}: {name}'s frame rate")
    subject, sequence = name.split(" ")
    return [make_clip(look_up(views, camera, f"{name}'s camera {camera}", where, hint=HINT), where,
                      size=IMAGE_SIZE, subject=subject, action=sequence,
                      name=f"{subject}/{sequence}/{camera}", fps=fps)
            for camera in CAMERAS if camera in cameras]


def make_test_clip(name: str, entry, where: str) -> Clip:
    """The clip of a test sequence. `entry`: {"data_2d", "data_3d", "valid"}."""
    valid = read_per_frame(name, entry, "valid", where) == 1
    return make_clip(entry, where, size=OUTDOOR_SIZE.get(name, IMAGE_SIZE), subject=name, action=name,
                     name=name, fps=TEST_FPS, valid=valid)


def make_clip(arrays, where: str, *, size: tuple[int, int], name: str, **fields) -> Clip:
    """One clip of `data_2d` (N, 17, 2), pixels of `size`, and `data_3d` (N, 17, 3), camera space, mm."""
    pixels = read_array(name, arrays, "data_2d", where)
    millimetres = read_array(name, arrays, "data_3d", where)
    num_joints = len(MPI_INF_3DHP.joints)
    for key, array, width in (("data_2d", pixels, 2), ("data_3d", millimetres, 3)):
        if array.ndim != 3 or array.shape[1:] != (num_joints, width):
            raise ValueError(f"{where}: expected {key} of shape (frames, {num_joints}, {width}) for {name}, "
                             f"got {array.shape}. {HINT}")
    if len(pixels) != len(millimetres):
        raise ValueError(f"{name}: {len(pixels)} frames of 2D for {len(millimetres)} of 3D; expected "
                         f"equal numbers. Re-create {where} from the same recordings.")
    width, height = size
    return from_pixels(pixels, width=width, height=height, joints=millimetres.astype(np.float64) / 1000,
                       unit="millimetres", skeleton=MPI_INF_3DHP, name=name, **fields)


def read_per_frame(name: str, entry, key: str, where: str) -> np.ndarray:
    """The array `key` of a test sequence as (N,), one number for each frame of 3D."""
    values = read_array(name, entry, key, where).reshape(-1)
    num_frames = len(read_array(name, entry, "data_3d", where))
    if len(values) != num_frames:
        raise ValueError(f"{name}: {len(values)} frames of {key} for {num_frames} of 3D; expected "
                         f"equal numbers. Re-create {where} from the same recordings.")
    return values


def read_array(name: str, arrays, key: str, where: str) -> np.ndarray:
    """The array of numbers `key`, of at least one axis."""
    value = look_up(arrays, key, f"{name}'s array {key}", where, hint=HINT)
    return np.atleast_1d(read_numbers(value, f"{where}: {name}'s {key}"))
