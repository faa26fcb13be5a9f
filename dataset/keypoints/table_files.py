"""Keypoints in npz archives and CSV tables -> KeypointFile.

Shapes: N frames, J joints.
"""
import csv
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.layouts import COCO17, LAYOUTS
from common.skeleton import Skeleton
from dataset.archive import read_archive
from dataset.keypoints.keypoint_file import (OTHER_NAMES, SUPPORTED, KeypointFile, frame_number, gather,
                                             number, points)

HINT = f"Supported: {SUPPORTED}."
CSV_HINT = "Expected a header frame, nose_x, nose_y, nose_score, .. with every joint of one layout"


def read_npz(path: Path) -> KeypointFile:
    """`keypoints` (N, J, 2 or 3); optionally `scores` (N, J), `layout`, `width`, `height`, `fps`.

    Or VideoPose3D's custom archive, or what its infer_video_d2.py writes.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is no npz file or was cut short ({error}). {HINT}") from error
    if "positions_2d" in names:
        return videopose3d(*read_archive(path, ["positions_2d", "metadata"], hint=HINT), path)
    if {"boxes", "segments", "keypoints"} <= set(names):
        return detectron(*read_archive(path, ["keypoints", "metadata"], hint=HINT), path)
    known = [key for key in ("scores", "layout", "width", "height", "fps") if key in names]
    keypoints, *values = read_archive(path, ["keypoints", *known], hint=HINT)
    facts = dict(zip(known, values))
    track = one_track(keypoints, facts.pop("scores", None), str(path))
    layout = str(facts.pop("layout")) if "layout" in facts else None
    return KeypointFile({"0": track}, list(track), layout=OTHER_NAMES.get(layout, layout),
                        **{key: number(value, f"{path}: {key}") for key, value in facts.items()})


def one_track(keypoints, scores, where: str) -> dict[int, np.ndarray]:
    """Frame number -> (J, 3) of keypoints (N, J, 2 or 3) and scores (N, J) or None."""
    track = points(keypoints, scores, where)
    if track.ndim != 3 or len(track) == 0:
        raise ValueError(f"{where}: expected keypoints (frames, joints, 2 or 3) of one person and at least "
                         f"one frame, got {np.shape(keypoints)}. Save one person's track in that form.")
    return dict(enumerate(track))


def videopose3d(positions, metadata, path: Path) -> KeypointFile:
    """VideoPose3D's custom archive: {video: {"custom": [(N, J, 2)]}}. Each recording counts as a person."""
    try:
        recordings = {(video, action, index): array for video, actions in positions.items()
                      for action, arrays in actions.items() for index, array in enumerate(arrays)}
        sizes = [size for video, size in metadata.get("video_metadata", {}).items() if video in positions]
        size = {ours: number(sizes[0][theirs], f"{path}: {theirs}") if sizes and theirs in sizes[0] else None
                for ours, theirs in (("width", "w"), ("height", "h"), ("fps", "fps"))}
        layout = str(metadata["layout_name"]) if "layout_name" in metadata else None
    except (AttributeError, TypeError) as error:
        raise ValueError(f"{path}: expected VideoPose3D's positions_2d {{video: {{'custom': [array]}}}} and "
                         f"metadata {{..}}; {error}. Create it with prepare_data_2d_custom.py.") from error
    if not recordings or any(other != sizes[0] for other in sizes):
        raise ValueError(f"{path}: expected recordings of one frame size, got {len(recordings)} recordings "
                         f"and the sizes {sizes}. Create one archive for each video.")
    videos = [video for video, _, _ in recordings]
    people = {video if videos.count(video) == 1 else f"{video}/{action}/{index}":
              one_track(array, None, f"{path}: {video}")
              for (video, action, index), array in recordings.items()}
    return KeypointFile(people, [], layout=OTHER_NAMES.get(layout, layout), **size)


def detectron(frames, metadata, path: Path) -> KeypointFile:
    """What VideoPose3D's infer_video_d2.py writes: for each frame [[], (people, 4, 17)], rows x, y, -, score.

    People are numbered by their order, which is that of their scores.
    """
    try:
        people = [(index, None, np.asarray(person, np.float64)[[0, 1, 3]].T)
                  for index, frame in enumerate(frames) for person in frame[1]]
        size = {"width": metadata["w"], "height": metadata["h"]}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: expected for each frame [[], people (4, 17)] and metadata w, h ({error}). "
                         f"Create it with infer_video_d2.py.") from error
    file = gather(people, list(range(len(frames))), path, layout=COCO17.name)
    return replace(file, **{key: number(value, f"{path}: {key}") for key, value in size.items()})


def read_csv(path: Path) -> KeypointFile:
    """One row per frame: frame, then {joint}_x, {joint}_y and optionally {joint}_score; optionally person.

    {joint}_visibility is another name of the score; {joint}_z and {joint}_presence are left out.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is no text table ({error}). {CSV_HINT}.") from error
    header = [cell.strip().lower().replace("_visibility", "_score") for cell in rows[0]] if rows else []
    layout = csv_layout(header, path)
    parts = ["x", "y", "score"] if f"{layout.joints[0]}_score" in header else ["x", "y"]
    entries = []
    for line, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"{path}, row {line}: {len(header)} columns in the header, {len(row)} here. "
                             f"Export it again.")
        try:
            cells = {name: float(cell) if cell.strip() else np.nan
                     for name, cell in zip(header, row) if name != "person"}
        except ValueError as error:
            raise ValueError(f"{path}, row {line}: {error}. Write numbers or leave cells empty.") from error
        person = row[header.index("person")].strip() if "person" in header else "0"
        values = [[cells[f"{joint}_{part}"] for part in parts] for joint in layout.joints]
        array = points(values, None, f"{path}, row {line}")
        entries.append((frame_number(cells["frame"], path), person, array))
    if not entries:
        raise ValueError(f"{path} has no row below its header. Export it again.")
    return gather(entries, [], path, layout=layout.name)


def csv_layout(header: list[str], path: Path) -> Skeleton:
    """The layout whose joints are the header's; a missing, repeated or unknown column is an error."""
    joints = {column.removesuffix("_x") for column in header if column.endswith("_x")}
    layout = next((layout for layout in LAYOUTS.values() if joints == set(layout.joints)), None)
    if layout is None or "frame" not in header:
        raise ValueError(f"{path} has the columns {', '.join(header[:4])}, .. of {len(joints)} joints. "
                         f"{CSV_HINT}: {', '.join(LAYOUTS)}.")
    expected = [f"{joint}_{part}" for joint in layout.joints for part in ("x", "y")]
    scores = [f"{joint}_score" for joint in layout.joints]
    unused = [f"{joint}_{part}" for joint in layout.joints for part in ("z", "presence")]     # MediaPipe's
    wrong = sorted((Counter(header) - Counter(["frame", "person", *expected, *scores, *unused])).keys())
    missing = [name for name in expected if name not in header]
    if any(name in header for name in scores):
        missing += [name for name in scores if name not in header]
    if wrong or missing:
        raise ValueError(f"{path}: columns missing: {', '.join(missing[:5]) or 'none'}; unknown or repeated: "
                         f"{', '.join(wrong[:5]) or 'none'}. {CSV_HINT}.")
    return layout
