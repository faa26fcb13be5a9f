"""2D keypoints of a user's own video -> clips without 3D. Files it reads: dataset/keypoints/README.md.

Shapes: N frames, J joints of the detector's layout.
"""
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.bounds import FPS, IMAGE_SIDE, MAX_FRAMES, check_range
from common.clips import Clip, from_pixels
from common.layouts import find, needed, to_human36m
from common.skeleton import HUMAN36M, Skeleton
from dataset.keypoints.cleaning import check_continuity, fill, unsure, visible
from dataset.keypoints.json_files import read_json, read_openpose_folder
from dataset.keypoints.keypoint_file import OTHER_NAMES, SUPPORTED, KeypointFile
from dataset.keypoints.table_files import read_csv, read_npz
from dataset.reading import check_regular

READERS = {".npz": read_npz, ".json": read_json, ".csv": read_csv}
ASSUMED_FPS = 30
SPARSEST = 60           # frames for each one in the file; beyond, its numbers do not count a video's frames


@dataclass(frozen=True)
class Recording:
    """One person in one video, every frame filled.

    keypoints      (N, 17, 2) pixels, Human3.6M's joints
    scores         (N, 17) the detector's scores before filling; 0 where it saw nothing
    width, height  pixels
    layout         name of the detector's joint layout
    notes          sentences on what was filled or assumed
    """
    name: str
    keypoints: np.ndarray
    scores: np.ndarray
    fps: float
    width: int
    height: int
    layout: str
    notes: list[str]


def read(path: Path, *, layout: str | None = None, width: int | None = None, height: int | None = None,
         fps: float | None = None, person: str | int | None = None) -> Recording:
    """The track of one person, one pose per frame, from any supported file or folder.

    An argument that is given wins over what the file says. Raises FileNotFoundError or ValueError.
    """
    file = read_keypoint_file(path)
    notes, where = [], str(path)
    person = choose_person(file, person, where)
    track = track_array(file, person, notes, where)                             # (N, J, 3)
    detected = find_layout(track.shape[1], layout or file.layout, where)
    width, height, fps = video_facts(file, {"width": width, "height": height, "fps": fps}, notes, where)
    seen = visible(track, detected, where, width=width, height=height)          # (N, J)
    positions, filled = fill(track, seen, detected, where)                      # (N, J, 2)
    scores = np.where(np.isfinite(track).all(axis=-1), track[..., 2], 0)
    keypoints, scores = to_human36m(positions, scores, detected)
    check_continuity(keypoints, seen[:, needed(detected)].any(axis=1), where, fps=fps)
    notes += [*unsure(track, seen, detected), *filled]
    return Recording(path.stem, keypoints, scores, fps, width, height, detected.name, notes)


def load(path: Path, **options) -> Clip:
    """The clip, screen coordinates without 3D, of one person's track; `options` as for `read`."""
    return to_clip(read(path, **options))


def to_clip(recording: Recording) -> Clip:
    """The recording in normalised screen coordinates."""
    return from_pixels(recording.keypoints, width=recording.width, height=recording.height, subject="custom",
                       action=recording.name, name=recording.name, fps=recording.fps, skeleton=HUMAN36M)


def read_keypoint_file(path: Path) -> KeypointFile:
    """What the file or folder says, read by the reader of its format."""
    if not path.exists():
        raise FileNotFoundError(f"There is no keypoint file {path}. Supported: {SUPPORTED}.")
    if path.is_dir():
        return read_openpose_folder(path)
    check_regular(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None or path.stat().st_size == 0:
        what = "is empty" if reader else f"ends in none of {', '.join(READERS)}"
        raise ValueError(f"{path} {what}. Supported: {SUPPORTED}.")
    try:
        return reader(path)
    except (zlib.error, RuntimeError, OverflowError, MemoryError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}). Run the detector again.") from error


def choose_person(file: KeypointFile, person: str | int | None, where: str) -> str:
    """The name of the person to lift: the only one, or the one asked for."""
    counts = sorted(((len(track), name) for name, track in file.people.items()), key=lambda pair: -pair[0])
    listed = ", ".join(f"{name} ({count} frames)" for count, name in counts[:10])
    if len(counts) > 10:
        listed += f" and {len(counts) - 10} more"
    if person is None and len(counts) > 1:
        raise ValueError(f"{where} holds {len(counts)} people: {listed}. Choose one with --person.")
    if person is not None and str(person) not in file.people:
        raise ValueError(f"{where} has no person {person}; it holds {listed}. Choose one with --person.")
    return counts[0][1] if person is None else str(person)


def video_facts(file: KeypointFile, given: dict, notes: list[str], where: str) -> tuple[int, int, float]:
    """Width and height, pixels, and frames per second, as given or else from the file; fps may be assumed."""
    facts = {}
    for key, option in given.items():
        stated = getattr(file, key)
        facts[key] = stated if option is None else option
        if option is not None and stated is not None and option != stated:
            notes.append(f"The file states {key} {stated:g}; {option:g} from the command line is used.")
    if facts["width"] is None or facts["height"] is None:
        raise ValueError(f"{where} does not state the size of the video in pixels. Give it with --width and "
                         f"--height.")
    if facts["fps"] is None:
        facts["fps"] = ASSUMED_FPS
        notes.append(f"The file states no frame rate: {ASSUMED_FPS} frames per second are assumed (--fps).")
    for key, bounds in (("width", IMAGE_SIDE), ("height", IMAGE_SIDE), ("fps", FPS)):
        check_range(facts[key], bounds, f"{where}: {key}", f"Correct it with --{key}")
    return round(facts["width"]), round(facts["height"]), float(facts["fps"])


def track_array(file: KeypointFile, person: str, notes: list[str], where: str) -> np.ndarray:
    """(N, J, 3) x, y, score of the person in every frame of the file, NaN where missing."""
    track = file.people[person]
    numbers = sorted({*file.frames, *track})
    num_frames = numbers[-1] - numbers[0] + 1
    if num_frames > min(SPARSEST * len(numbers), MAX_FRAMES):
        raise ValueError(f"{where}: {len(numbers)} frames are numbered {numbers[0]} to {numbers[-1]}; these "
                         f"do not seem to be the frames of one video. Number its images 0, 1, 2, ..")
    array = np.full((num_frames, *next(iter(track.values())).shape), np.nan)
    for frame, points in track.items():
        array[frame - numbers[0]] = points
    if numbers[0] > 1:
        notes.append(f"The first pose belongs to frame {numbers[0]}, the file's first.")
    return array


def find_layout(num_joints: int, layout: str | None, where: str) -> Skeleton:
    """`layouts.find`, with the file's name before its sentence."""
    try:
        return find(num_joints, OTHER_NAMES.get(layout, layout))
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
