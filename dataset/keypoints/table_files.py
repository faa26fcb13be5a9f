"""Keypoints in npz archives and CSV tables -> KeypointFile.

Shapes: N frames, J joints.
"""
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.bounds import MAX_FRAMES, MAX_UNPACKED_BYTES
from common.skeleton import Skeleton
from common.untrusted.values import open_zip
from dataset.archive import archive_keys, read_archive
from dataset.keypoints.keypoint_file import (
    OTHER_NAMES,
    SUPPORTED,
    KeypointFile,
    collect_people,
    parse_frame_number,
    parse_points,
)
from dataset.keypoints.layouts import COCO17, LAYOUTS
from dataset.reading import describe_value, limit_entries, read_number, read_numbers, read_rows, read_text

HINT = f"Supported: {SUPPORTED}."
CSV_HINT = "Expected a header frame, nose_x, nose_y, nose_score, .. with every joint of one layout"


def read_npz(path: Path) -> KeypointFile:
    """`keypoints` (N, J, 2 or 3); optionally `scores` (N, J), `layout`, `width`, `height`, `fps`.

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
    known = [key for key in ("scores", "layout", "width", "height", "fps") if key in names]
    keypoints, *values = read_archive(path, ["keypoints", *known], hint=HINT)
    facts = dict(zip(known, values))
    track = parse_track(keypoints, facts.pop("scores", None), where)
    layout = read_text(facts.pop("layout"), f"{where}: layout") if "layout" in facts else None
    return KeypointFile({"0": track}, list(track), layout=OTHER_NAMES.get(layout, layout),
                        **{key: read_number(value, f"{where}: {key}") for key, value in facts.items()})


def parse_track(keypoints, scores, where: str) -> dict[int, np.ndarray]:
    """Frame number -> (J, 3) of keypoints (N, J, 2 or 3) and scores (N, J) or None."""
    track = parse_points(keypoints, scores, where)
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
        people[name] = parse_track(array, None, f"{where}: {name}")
        total += len(people[name])
        if total > MAX_FRAMES:
            raise ValueError(f"{where} holds more than {MAX_FRAMES:,} frames. Split the archive.")
    return KeypointFile(people, [], layout=OTHER_NAMES.get(layout, layout), **(sizes[0] if sizes else {}))


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


def read_csv(path: Path) -> KeypointFile:
    """One row per frame: frame, then {joint}_x, {joint}_y and optionally {joint}_score; optionally person.

    {joint}_visibility is another name of the score; {joint}_z and {joint}_presence are left out.
    """
    rows = read_rows(path)
    _, first = next(rows, (None, []))
    header = [cell.lower().replace("_visibility", "_score") for cell in first]
    layout = find_csv_layout(header, str(path))
    entries = limit_entries((read_csv_row(header, row, layout, where) for where, row in rows), str(path))
    if not entries:
        raise ValueError(f"{path} has no row below its header. Export it again.")
    return collect_people(entries, [], str(path), layout=layout.name)


def read_csv_row(header: list[str], row: list[str], layout: Skeleton, where: str) -> tuple:
    """The frame number, the person and the joints (J, 3) of a row."""
    if len(row) != len(header):
        raise ValueError(f"{where}: {len(header)} columns in the header, {len(row)} here. Export it again.")
    cells = dict(zip(header, row))
    person = read_text(cells.pop("person", "0"), f"{where}: person")
    for name, cell in cells.items():
        try:
            cells[name] = float(cell) if cell else np.nan
        except ValueError:
            raise ValueError(f"{where}: {describe_value(cell)} is no number. Write numbers or leave cells "
                             f"empty.") from None
    parts = ["x", "y", "score"] if f"{layout.joints[0]}_score" in header else ["x", "y"]
    values = np.array([[cells[f"{joint}_{part}"] for part in parts] for joint in layout.joints])
    return parse_frame_number(cells["frame"], where), person, parse_points(values, None, where)


def find_csv_layout(header: list[str], where: str) -> Skeleton:
    """The layout whose joints the header names; ValueError for a missing, repeated or unknown column."""
    joints = {column.removesuffix("_x") for column in header if column.endswith("_x")}
    layout = next((layout for layout in LAYOUTS.values() if joints == set(layout.joints)), None)
    if layout is None or "frame" not in header:
        raise ValueError(f"{where} has the columns {describe_value(dict.fromkeys(header[:4]))}, .. of "
                         f"{len(joints)} joints. {CSV_HINT}: {', '.join(LAYOUTS)}.")
    expected = [f"{joint}_{part}" for joint in layout.joints for part in ("x", "y")]
    scores = [f"{joint}_score" for joint in layout.joints]
    unused = [f"{joint}_{part}" for joint in layout.joints for part in ("z", "presence")]     # MediaPipe's
    wrong = sorted((Counter(header) - Counter(["frame", "person", *expected, *scores, *unused])).keys())
    missing = [name for name in expected if name not in header]
    if any(name in header for name in scores):
        missing += [name for name in scores if name not in header]
    if wrong or missing:
        raise ValueError(f"{where}: columns missing: {', '.join(missing[:5]) or 'none'}; unknown or "
                         f"repeated: {describe_value(dict.fromkeys(wrong[:5]))}. {CSV_HINT}.")
    return layout
