"""Keypoints in npz archives and npy files -> KeypointFile.

Shapes: N frames, P people, J joints.
"""
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.bounds import MAX_FRAMES, MAX_UNPACKED_BYTES
from common.untrusted.values import open_zip
from dataset.archive import archive_keys, read_archive, read_npy
from dataset.keypoints.keypoint_file import SUPPORTED, KeypointFile, collect_people, parse_points
from dataset.keypoints.layouts import COCO17
from dataset.reading import check_regular, describe_value, limit_entries, read_number, read_numbers, read_text

HINT = f"Supported: {SUPPORTED}."
MOST_PEOPLE = 100       # in an array of so many people and fewer frames the two have changed places


def read_npz(path: Path) -> KeypointFile:
    """`keypoints` (N, J, 2 or 3) or (N, P, J, 2 or 3); optionally `scores`, `layout`, `width`, ..

    Or VideoPose3D's custom archive, or what its infer_video_d2.py writes.
    """
    names, where = set(archive_keys(path, hint=HINT)), str(path)
    with open_zip(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MAX_UNPACKED_BYTES:
        raise ValueError(f"{path} unpacks to more than {MAX_UNPACKED_BYTES / 1e6:.0f} MB. Split the video.")
    if "positions_2d" in names:
        return read_videopose3d(*read_archive(path, ["positions_2d", "metadata"], hint=HINT), where)
    if {"boxes", "segments", "keypoints"} <= names:
        return read_detectron(*read_archive(path, ["keypoints", "metadata"], hint=HINT), where)
    known = [key for key in ("scores", "layout", "width", "height", "fps", "looks", "times") if key in names]
    keypoints, *values = read_archive(path, ["keypoints", *known], hint=HINT)
    facts = dict(zip(known, values))
    file = read_people(keypoints, facts.pop("scores", None), where)
    file = with_film(file, facts.pop("looks", None), facts.pop("times", None), where)
    layout = read_text(facts.pop("layout"), f"{where}: layout") if "layout" in facts else None
    return replace(file, layout=layout,
                   **{key: read_number(value, f"{where}: {key}") for key, value in facts.items()})


def with_film(file: KeypointFile, looks, times, where: str) -> KeypointFile:
    """The file with what a detector saw in the film besides: looks (N, P, A), and times (N,) in seconds."""
    count = len(file.frames)
    if times is not None:
        times = read_numbers(times, f"{where}: times").astype(np.float64)
        if times.shape != (count,) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise ValueError(f"{where}: expected growing times of {count} frames, got "
                             f"{describe_value(times)}. Run the detector again.")
    if looks is None or file.tracked:
        return replace(file, times=times)
    looks = read_numbers(looks, f"{where}: looks").astype(np.float64)
    if looks.ndim != 3 or len(looks) != count or looks.shape[1] < len(file.people):
        raise ValueError(f"{where}: expected looks of {len(file.people)} people in {count} frames, got shape "
                         f"{looks.shape}. Run the detector again.")
    found = {name: {frame: looks[frame, int(name) - 1] for frame in track}
             for name, track in file.people.items()}
    return replace(file, times=times, looks=found)


def read_array(path: Path) -> KeypointFile:
    """One array of keypoints, as in an npz file. Its layout and the picture's size stand nowhere."""
    check_regular(path, most=MAX_UNPACKED_BYTES)
    return read_people(read_npy(path, hint=HINT), None, str(path))


def read_people(keypoints, scores, where: str) -> KeypointFile:
    """The people of keypoints (N, J, 2 or 3) or (N, P, J, 2 or 3) and scores (N, J) or (N, P, J) or None.

    rtmlib gives (P, J, 2) and (P, J) for a frame; a list of these, where P varies, is an array of arrays.
    Axes of length 1 before the joints are left out: MoveNet gives (1, 1, J, 3) for a frame.
    """
    if isinstance(keypoints, np.ndarray) and keypoints.dtype == object and keypoints.ndim == 1:
        frames = list(keypoints)
        own = [None] * len(frames) if scores is None else list(scores) if np.ndim(scores) else []
        if len(own) != len(frames):
            raise ValueError(f"{where}: expected scores for each of {len(frames)} frames, got "
                             f"{describe_value(scores)}. Save them in that form.")
        found = [parse_points(*pair, f"{where}: frame {frame}") if np.size(pair[0]) else np.zeros((0, 1, 3))
                 for frame, pair in enumerate(zip(frames, own))]
        found = [points[None] if points.ndim == 2 else points for points in found]
    else:
        found = parse_points(keypoints, scores, where)
        while found.ndim > 4 and 1 in found.shape[1:-2]:
            found = found.squeeze(1 + found.shape[1:-2].index(1))
        if found.ndim == 3:
            track = check_track(found, where)
            return KeypointFile({"1": track}, list(track))
        if found.ndim == 4 and found.shape[1] > max(MOST_PEOPLE, len(found)):
            raise ValueError(f"{where}: expected (frames, people, joints, 2 or 3), got {found.shape}, more "
                             f"people than frames. Exchange the first two axes.")
    if not 0 < len(found) <= MAX_FRAMES or any(points.ndim != 3 for points in found):
        raise ValueError(f"{where}: expected keypoints (frames, joints, 2 or 3) or (frames, people, joints, "
                         f"2 or 3), at most {MAX_FRAMES:,} frames, got {describe_value(keypoints)}. Save "
                         f"them in that form.")
    people = limit_entries(((frame, None, points) for frame, present in enumerate(found)
                            for points in present if (points[..., 2] > 0).any()), where)
    return collect_people(people, list(range(len(found))), where)


def check_track(track: np.ndarray, where: str) -> dict[int, np.ndarray]:
    """Frame number -> (J, 3) of a track (N, J, 3)."""
    if track.ndim != 3 or not 0 < len(track) <= MAX_FRAMES:
        raise ValueError(f"{where}: expected keypoints (frames, joints, 2 or 3) of one person in 1 to "
                         f"{MAX_FRAMES:,} frames, got shape {track.shape}. Save one person's track in that "
                         f"form.")
    return dict(enumerate(track))


def read_videopose3d(positions, metadata, where: str) -> KeypointFile:
    """VideoPose3D's custom archive: {video: {"custom": [(N, J, 2)]}}. Each recording counts as a person."""
    try:
        recordings = limit_entries((
            (read_text(video, f"{where}: a video"), read_text(action, f"{where}: an action"), index, array)
            for video, actions in positions.items() for action, arrays in actions.items()
            for index, array in enumerate(arrays)), where)
        stated = [size for video, size in metadata.get("video_metadata", {}).items() if video in positions]
        sizes = [{ours: read_number(size[theirs], f"{where}: {theirs}") if theirs in size else None
                  for ours, theirs in (("width", "w"), ("height", "h"), ("fps", "fps"))} for size in stated]
        layout = None
        if "layout_name" in metadata:
            layout = read_text(metadata["layout_name"], f"{where}: layout_name")
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{where}: expected VideoPose3D's positions_2d {{video: {{'custom': [array]}}}} and "
                         f"metadata {{..}}; {error}. Create it with prepare_data_2d_custom.py.") from error
    if not recordings or any(other != sizes[0] for other in sizes):
        raise ValueError(f"{where}: expected recordings of one frame size, got {len(recordings)} recordings "
                         f"and {len(sizes)} sizes. Create one archive for each video.")
    videos, people, total = Counter(video for video, _, _, _ in recordings), {}, 0
    for video, action, index, array in recordings:
        name = video if videos[video] == 1 else f"{video}/{action}/{index}"
        at = f"{where}: {name}"
        people[name] = check_track(parse_points(array, None, at), at)
        total += len(people[name])
        if total > MAX_FRAMES:
            raise ValueError(f"{where} holds more than {MAX_FRAMES:,} frames. Split the archive.")
    return KeypointFile(people, [], layout=layout, **(sizes[0] if sizes else {}))


def read_detectron(frames, metadata, where: str) -> KeypointFile:
    """What VideoPose3D's infer_video_d2.py writes: for each frame [[], (people, 4, 17)], rows x, y, -, score.

    People are numbered by their order, best score first.
    """
    def joints(person) -> np.ndarray:
        rows = read_numbers(person, f"{where}: a person").astype(np.float64)
        if rows.shape != (4, len(COCO17.joints)):
            raise ValueError(f"{where}: expected 4 rows of 17 numbers for a person, got shape {rows.shape}. "
                             f"Create it with infer_video_d2.py.")
        return rows[[0, 1, 3]].T                                                # (17, 3)

    try:
        people = limit_entries(((index, None, joints(person))
                          for index, frame in enumerate(frames) for person in frame[1]), where)
        size = {key: read_number(metadata[short], f"{where}: {short}")
                for key, short in (("width", "w"), ("height", "h"))}
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(f"{where}: expected for each frame [[], people (4, 17)] and metadata w, h, got "
                         f"{describe_value(frames)} and {describe_value(metadata)}. Create it with "
                         f"infer_video_d2.py.") from error
    return replace(collect_people(people, list(range(len(frames))), where, layout=COCO17.name), **size)
