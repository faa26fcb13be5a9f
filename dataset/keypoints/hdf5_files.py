"""Keypoints in HDF5 files -> KeypointFile: SLEAP's analysis file. It is read by the package h5py.

Shapes: P tracks, J joints, N frames.
"""
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.bounds import MAX_FRAMES, MAX_JOINTS, MAX_NUMBERS
from dataset.keypoints.keypoint_file import KeypointFile, collect_people
from dataset.keypoints.nearest import TABLES
from dataset.reading import describe_value, limit_entries, read_text

NEEDED, MORE = ("tracks", "node_names"), ("track_names", "point_scores")
MOST_NAMES = 10_000


def read_hdf5(path: Path) -> KeypointFile:
    """SLEAP's analysis file: tracks (P, 2, J, N), NaN where unseen, node_names, track_names, point_scores.

    DeepLabCut's HDF5 files name their joints in Python's pickles, so its CSV is read instead.
    """
    try:
        import h5py
    except ImportError as error:
        raise ModuleNotFoundError(f"{path}: HDF5 is read by the package h5py: python -m pip install h5py. "
                                  f"Or use CSV: it {TABLES}.") from error
    try:
        with h5py.File(path, "r") as file:
            kept = {name: read_plain(h5py, file, name, str(path)) for name in (*NEEDED, *MORE)
                    if name in file}
            held = list(map(str, file))[:10]
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"{path} is damaged or no HDF5 file ({type(error).__name__}). Export it again, or "
                         f"use CSV: it {TABLES}.") from error
    if any(name not in kept for name in NEEDED):
        raise ValueError(f"{path} holds {describe_value(dict.fromkeys(held))}; of HDF5 files, SLEAP's "
                         f"analysis file is read, with {' and '.join(NEEDED)}. Any other one {TABLES}.")
    return read_sleap_arrays(kept, str(path))


def read_plain(h5py, file, name: str, where: str) -> np.ndarray:
    """An array of the file. What lies in another file, or is larger than keypoints are, is refused."""
    value = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(value, h5py.Dataset) or value.is_virtual or value.external or value.shape is None:
        raise ValueError(f"{where}: {name} is no array of this file. Export it again.")
    most = MOST_NAMES if name.endswith("names") else MAX_NUMBERS
    if value.size > most:
        raise ValueError(f"{where}: {name} has {value.size:,} values, at most {most:,} are read. Split the "
                         "video.")
    return value[()]


def read_sleap_arrays(kept: dict[str, np.ndarray], where: str) -> KeypointFile:
    """The people of the arrays of SLEAP's analysis file."""
    tracks, joints = kept["tracks"], read_names(kept["node_names"], f"{where}: node_names")
    names = read_names(kept.get("track_names", np.array([])), f"{where}: track_names")
    count = len(tracks) if tracks.ndim else 0
    scores = kept.get("point_scores", np.ones((count, *tracks.shape[2:])))
    if tracks.dtype.kind != "f" or tracks.ndim != 4 or tracks.shape[1:3] != (2, len(joints)) \
            or scores.shape != (count, *tracks.shape[2:]) or scores.dtype.kind != "f" \
            or not 0 < tracks.shape[3] <= MAX_FRAMES or len(joints) > MAX_JOINTS:
        raise ValueError(f"{where}: expected SLEAP's tracks (tracks, 2, {len(joints)} nodes, frames) and "
                         f"scores (tracks, nodes, frames), got {tracks.shape} and {scores.shape}. Export it "
                         "again.")
    seen = np.isfinite(tracks).all(axis=1)                                              # (P, J, N)
    scores = np.where(seen & np.isnan(scores), 1.0, scores)     # placed by hand, as in read_joint
    points = np.concatenate([tracks, scores[:, None]], axis=1).transpose(0, 3, 2, 1)    # (P, N, J, 3)
    called = names if len(names) == count else [None] * count
    entries = limit_entries(((frame, called[track], points[track, frame].astype(np.float64))
                             for track in range(count)
                             for frame in np.flatnonzero(seen[track].any(axis=0)).tolist()), where)
    file = collect_people(entries, list(range(tracks.shape[3])), where)
    return replace(file, names=tuple(joints))


def read_names(array: np.ndarray, where: str) -> list[str]:
    """The names in an array of text as HDF5 keeps it."""
    values = np.atleast_1d(array).ravel().tolist()
    return [read_text(value.decode("utf-8", "replace") if isinstance(value, bytes) else value, where)
            for value in values]
