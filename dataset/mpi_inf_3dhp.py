"""MPI-INF-3DHP: P-STMO's npz files -> clips.

The user brings the files or makes them with dataset/prepare_3dhp.py. They carry no camera intrinsics.

Shapes: N frames, 17 joints in the order of skeleton.MPI_INF_3DHP.
"""
import zipfile
from pathlib import Path

import numpy as np

from common.camera import normalize_screen
from common.clips import Clip
from common.skeleton import MPI_INF_3DHP
from dataset.archive import read_archive

SUBJECTS = {"train": ["S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8"],
            "test": ["TS1", "TS2", "TS3", "TS4", "TS5", "TS6"]}
ACTIONS = ["Seq1", "Seq2"] + SUBJECTS["test"]       # each test sequence is a row of its own in the tables
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
        return [testing_clip(name, entry, path) for name, entry in data.items()]
    clips = []
    for name in list(data):     # popped one by one: the file in memory is larger than all clips together
        clips += training_clips(name, data.pop(name), CAMERAS if cameras is None else cameras, path)
    return clips


def load_activities(folder: Path) -> dict[str, np.ndarray]:
    """Test clip's name -> (N,) activity of each frame, 1 to 7; empty when the file has none (P-STMO's)."""
    path = folder / FILES["test"]
    data = read_sequences(path, "test")
    if not any("activity" in entry for entry in data.values()):
        return {}
    return {name: per_frame(name, entry, "activity", path).astype(int) for name, entry in data.items()}


def read_sequences(path: Path, split: str) -> dict:
    """Sequence -> its entry in the file, in the order of the tables; only those in `left_out` may lack."""
    data, = read_archive(path, ["data"], hint=HINT)
    left_out = read_left_out(path)
    return {name: take(data, name, f"sequence {name}", path)
            for name in (USABLE if split == "train" else SUBJECTS["test"]) if name not in left_out}


def read_left_out(path: Path) -> list[str]:
    """The sequences that the converter was told to do without."""
    with zipfile.ZipFile(path) as archive:
        if "left_out.npy" not in archive.namelist():
            return []
    names, = read_archive(path, ["left_out"], hint=HINT)
    return np.asarray(names).tolist()


def training_clips(name: str, entry, cameras: list[str], path: Path) -> list[Clip]:
    """One clip per camera of a training sequence. `entry`: [{camera: {"data_2d", "data_3d"}}, fps]."""
    if not isinstance(entry, (list, tuple)) or len(entry) != 2:
        raise ValueError(f"{path}: expected {name} to be a list of two, the cameras and the frame rate, "
                         f"got {describe(entry)}. {HINT}")
    views, fps = entry
    if not is_positive(fps):
        raise ValueError(f"{path}: expected {name}'s frame rate to be a number above 0, got {fps!r}. {HINT}")
    subject, sequence = name.split(" ")
    return [make_clip(take(views, camera, f"{name}'s camera {camera}", path), path, size=IMAGE_SIZE,
                      subject=subject, action=sequence, name=f"{subject}/{sequence}/{camera}", fps=float(fps))
            for camera in CAMERAS if camera in cameras]


def testing_clip(name: str, entry, path: Path) -> Clip:
    """The clip of a test sequence. `entry`: {"data_2d", "data_3d", "valid"}."""
    valid = per_frame(name, entry, "valid", path) == 1
    return make_clip(entry, path, size=OUTDOOR_SIZE.get(name, IMAGE_SIZE), subject=name, action=name,
                     name=name, fps=TEST_FPS, valid=valid)


def make_clip(arrays, path: Path, *, size: tuple[int, int], name: str, **fields) -> Clip:
    """One clip of `data_2d` (N, 17, 2), pixels of `size`, and `data_3d` (N, 17, 3), camera space, mm."""
    pixels = read_array(name, arrays, "data_2d", path)
    millimetres = read_array(name, arrays, "data_3d", path)
    num_joints = len(MPI_INF_3DHP.joints)
    for key, array, width in (("data_2d", pixels, 2), ("data_3d", millimetres, 3)):
        if array.ndim != 3 or array.shape[1:] != (num_joints, width):
            raise ValueError(f"{path}: expected {key} of shape (frames, {num_joints}, {width}) for {name}, "
                             f"got {array.shape}. {HINT}")
    if len(pixels) != len(millimetres):
        raise ValueError(f"{name}: {len(pixels)} frames of 2D for {len(millimetres)} of 3D, not as many. "
                         f"Re-create {path} from the same recordings.")
    joints = millimetres.astype(np.float64) / 1000
    root = joints[:, MPI_INF_3DHP.root]
    width, height = size
    return Clip(keypoints=normalize_screen(pixels, width=width, height=height), pose=joints - root[:, None],
                root=root, skeleton=MPI_INF_3DHP, name=name, **fields)


def per_frame(name: str, entry, key: str, path: Path) -> np.ndarray:
    """The array `key` of a test sequence as (N,), one number for each frame of 3D."""
    numbers = read_array(name, entry, key, path).reshape(-1)
    num_frames = len(read_array(name, entry, "data_3d", path))
    if len(numbers) != num_frames:
        raise ValueError(f"{name}: {len(numbers)} numbers of {key} for {num_frames} of 3D, not as many. "
                         f"Re-create {path} from the same recordings.")
    return numbers


def read_array(name: str, arrays, key: str, path: Path) -> np.ndarray:
    """The array of numbers `key`, of at least one axis."""
    array = np.asarray(take(arrays, key, f"{name}'s array {key}", path))
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise ValueError(f"{path}: expected {name}'s {key} to be an array of numbers, got {array.dtype} of "
                         f"shape {array.shape}. {HINT}")
    return array


def take(table, key: str, what: str, path: Path):
    """table[key], or a sentence that says what the file lacks."""
    if not isinstance(table, dict) or key not in table:
        raise ValueError(f"{path} lacks {what}; found: {describe(table)}. {HINT}")
    return table[key]


def describe(value) -> str:
    """The keys of a dict; of any other value, its type."""
    if isinstance(value, dict):
        return ", ".join(map(str, value)) or "nothing"
    length = f" of {len(value)}" if isinstance(value, (list, tuple)) else ""
    return type(value).__name__ + length


def is_positive(value) -> bool:
    """Whether it is one finite number above 0."""
    number = np.asarray(value)
    return number.ndim == 0 and number.dtype.kind in "fiu" and 0 < number < np.inf
