"""2D keypoints of a user's own video -> a recording. Files it reads: dataset/keypoints/README.md.

Shapes: N frames, J joints of the detector's layout.
"""
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.bounds import FPS, IMAGE_SIDE, MAX_FRAMES, check_range
from common.recording import Recording
from dataset.keypoints.array_files import read_array, read_npz
from dataset.keypoints.cleaning import describe_guesses, fill, find_seen, to_pixels
from dataset.keypoints.folders import read_folder
from dataset.keypoints.following import follow
from dataset.keypoints.hdf5_files import read_hdf5
from dataset.keypoints.joint_order import find_order
from dataset.keypoints.json_files import read_json
from dataset.keypoints.json_frames import read_lines
from dataset.keypoints.keypoint_file import SUPPORTED, KeypointFile
from dataset.keypoints.layouts import needed_joints, to_human36m
from dataset.keypoints.nearest import describe_ending
from dataset.keypoints.table_files import read_csv, read_trc
from dataset.keypoints.tracks import check_continuity, mend_swaps
from dataset.reading import check_regular

READERS = {".npz": read_npz, ".npy": read_array, ".json": read_json, ".jsonl": read_lines, ".csv": read_csv,
           ".trc": read_trc, ".h5": read_hdf5, ".hdf5": read_hdf5}
ASSUMED_FPS = 30
EVERYBODY = "all"       # in place of a person's name
SHORTEST = 1.0          # seconds
SPARSEST = 60           # frames for each one in the file; beyond, its numbers do not count a video's frames


def read_recording(path: Path, *, layout: str | None = None, width: int | None = None,
                   height: int | None = None, fps: float | None = None,
                   person: str | int | None = None, begin: float | None = None,
                   end: float | None = None) -> Recording:
    """One person's keypoints in every frame from `begin` to `end`, seconds, of any supported file or folder.

    Any other argument overrides what the file says. Raises FileNotFoundError or ValueError.
    """
    file = followed(read_keypoint_file(path))
    recording = to_recording(file, str(path), layout=layout, person=person,
                             facts={"width": width, "height": height, "fps": fps}, span=(begin, end))
    return replace(recording, name=path.stem)


def read_people(path: Path, person: str | None, **wishes) -> tuple[list[Recording], list[str]]:
    """The recording of one person, or those of "all", and notes; `wishes` as of `read_everybody`."""
    if person == EVERYBODY:
        return read_everybody(path, **wishes)
    recording = read_recording(path, person=person, **wishes)
    return [recording], recording.notes


def read_everybody(path: Path, *, layout: str | None = None, width: int | None = None,
                   height: int | None = None, fps: float | None = None, begin: float | None = None,
                   end: float | None = None) -> tuple[list[Recording], list[str]]:
    """The recordings of all people, each from the first frame to the last in which it is seen, and notes.

    Who cannot be read, or is seen for less than SHORTEST seconds while others are for longer, is left out,
    with a note. Arguments and errors as of `read_recording`.
    """
    file, recordings, notes = followed(read_keypoint_file(path)), [], []
    facts, problem = {"width": width, "height": height, "fps": fps}, None
    _, _, rate = choose_facts(file, facts, [], str(path))
    enough = min(SHORTEST * rate, max(map(len, file.people.values())))
    for name, track in sorted(file.people.items(), key=lambda pair: -len(pair[1])):
        if len(track) < enough:
            continue
        try:
            recording = to_recording(file, str(path), layout=layout, facts=facts, person=name,
                                     span=(begin, end), trim=True)
        except ValueError as error:
            problem = problem or error
            notes.append(f"Person {name} is left out. {error}")
            continue
        recordings.append(replace(recording, name=f"person {name}"))
        notes += [f"Person {name}: {note}" for note in recording.notes]
    if not recordings:
        raise problem
    if (short := sum(len(track) < enough for track in file.people.values())):
        notes.append(f"{short} more are seen for less than {SHORTEST:g} s each and are left out.")
    return recordings, notes


def followed(file: KeypointFile) -> KeypointFile:
    """The file with a name for each person in all frames."""
    return file if file.tracked else follow(file)


def to_recording(file: KeypointFile, where: str, *, layout: str | None, facts: dict,
                 person: str | int | None = None, span: tuple = (None, None),
                 trim: bool = False) -> Recording:
    """The same of a file's content; `facts` are width, height and fps, `span` begin and end.

    With `trim` it begins and ends with the frames in which the person is seen.
    """
    notes = []
    person = choose_person(file, person, where)
    track = make_track(file, person, notes, where)                              # (N, J, 3)
    order = find_order(track.shape[1], layout, where, stated=file.layout, names=file.names)
    track, detected = order.take(track), order.layout
    width, height, fps = choose_facts(file, facts, notes, where)
    if file.times is not None and facts["fps"] is None:
        track = at_even_times(track, file.times, fps)
        notes.append(f"The film's frames do not come evenly: the keypoints are taken at even times, "
                     f"{fps:.4g} a second.")
    track = to_pixels(track, notes, where, width=width, height=height)
    track, first = cut(track, *span, where, fps=fps), round((span[0] or 0) * fps)
    if trim:
        present = np.flatnonzero((np.isfinite(track).all(axis=-1) & (track[..., 2] > 0)).any(axis=1))
        if not len(present):
            raise ValueError(f"{where}: person {person} is in none of these {len(track)} frames. Correct "
                             "--from and --to.")
        track, first = track[present[0]:present[-1] + 1], first + int(present[0])
    seen = find_seen(track, detected, where, width=width, height=height)        # (N, J)
    track, seen, swap_notes = mend_swaps(track, seen, detected, fps=fps)
    positions, filled, filled_notes = fill(track, seen, detected, where, fps=fps)       # (N, J, 2), (N, J)
    scores = np.where(np.isfinite(track).all(axis=-1), track[..., 2], 0)
    keypoints, scores = to_human36m(positions, scores, detected)
    filled = to_human36m(positions, ~filled, detected)[1] == 0                  # (N, 17)
    present = seen[:, needed_joints(detected)].any(axis=1)
    jump_notes = check_continuity(keypoints, present, where, fps=fps)
    notes += [*swap_notes, *jump_notes, *describe_guesses(track, seen, detected), *filled_notes]
    return Recording(where, keypoints, fps, width, height, scores, filled, detected.name, notes, first)


def read_keypoint_file(path: Path) -> KeypointFile:
    """The content of the file or folder, read by the reader of its format."""
    if not path.exists():
        raise FileNotFoundError(f"There is no keypoint file {path}. Supported: {SUPPORTED}.")
    if path.is_dir():
        return read_folder(path)
    check_regular(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None or path.stat().st_size == 0:
        what = "is empty." if reader else describe_ending(path, list(READERS))
        raise ValueError(f"{path} {what} Supported: {SUPPORTED}.")
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


def choose_facts(file: KeypointFile, given: dict, notes: list[str], where: str) -> tuple[int, int, float]:
    """Width and height, pixels, and frames per second: `given`, or else the file's, or else 30 per second.

    Adds to `notes` what was overridden or assumed.
    """
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


def make_track(file: KeypointFile, person: str, notes: list[str], where: str) -> np.ndarray:
    """(N, J, 3) x, y, score of the person in every frame of the file, NaN where missing; adds to `notes`."""
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


def cut(track: np.ndarray, begin: float | None, end: float | None, where: str, *, fps: float) -> np.ndarray:
    """The frames of `track` (N, J, 3) from `begin` to before `end`, seconds; None stands for its own ends."""
    seconds = len(track) / fps
    first, last = (begin or 0.0), (seconds if end is None else end)
    rows = slice(round(first * fps), round(last * fps))
    if last > seconds + 0.5 / fps or not 0 <= rows.start < rows.stop:
        raise ValueError(f"{where} lasts {seconds:.2f} s; --from {first:g} --to {last:g} must lie inside and "
                         f"keep at least one of its {fps:g} frames a second. Correct them.")
    return track[rows]


def at_even_times(track: np.ndarray, times: np.ndarray, fps: float) -> np.ndarray:
    """A track (N, J, 3) of frames at `times` (N,), seconds, as it is `fps` times a second.

    A joint between two frames that both have it is interpolated linearly; else the nearer frame counts.
    """
    even = np.arange(round((times[-1] - times[0]) * fps) + 1) / fps + times[0]
    after = np.clip(np.searchsorted(times, even), 1, len(times) - 1)
    share = ((even - times[after - 1]) / (times[after] - times[after - 1])).clip(0, 1)[:, None, None]
    mixed = (1 - share) * track[after - 1] + share * track[after]
    nearer = np.where(share < 0.5, track[after - 1], track[after])
    return np.where(np.isfinite(mixed), mixed, nearer)
