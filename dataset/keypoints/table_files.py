"""Keypoints in tables -> KeypointFile: CSV, DeepLabCut's and SLEAP's CSV, trc.

Shapes: J joints.
"""
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from dataset.keypoints.keypoint_file import (
    KeypointFile,
    collect_people,
    parse_frame_number,
    parse_person,
    parse_points,
)
from dataset.keypoints.layouts import LAYOUTS
from dataset.keypoints.nearest import nearest_table
from dataset.reading import describe_value, limit_entries, read_number, read_rows, read_text

CSV_HINT = "Expected a header frame, nose_x, nose_y, nose_score, .. with every joint of one layout"
FEWEST = 12             # joints that a table must name to be one of a body
FEWEST_PIXELS = 10      # of a body's coordinates in pixels, most are larger; in metres all are smaller
COORDINATES = ("x", "y")
# The columns of one person: joint -> numbers of the columns of x, y and, where known, a score.
Columns = dict[str, tuple[int, ...]]


def read_csv(path: Path) -> KeypointFile:
    """One row per frame: frame, then {joint}_x, {joint}_y and optionally {joint}_score; optionally person.

    {joint}_visibility and _likelihood are other names of the score; {joint}_z and {joint}_presence are left
    out. Or DeepLabCut's table, or SLEAP's.
    """
    rows = read_rows(path)
    _, first = next(rows, (None, []))
    if first[:1] == ["scorer"]:
        return read_deeplabcut(first, rows, str(path))
    header = [cell.lower().replace("_visibility", "_score").replace("_likelihood", "_score")
              for cell in first]
    if "frame_idx" in header and any(cell.endswith(".x") for cell in header):
        return read_sleap(first, rows, str(path))
    names, layout = find_csv_joints(header, str(path))
    parts = (*COORDINATES, "score") if f"{names[0]}_score" in header else COORDINATES
    columns = {name: tuple(header.index(f"{name}_{part}") for part in parts) for name in names}
    file = read_table(header, rows, {None: columns}, str(path), frame=header.index("frame"),
                      person=header.index("person") if "person" in header else None)
    return file if layout is None else replace(file, layout=layout, names=None)


def read_table(header: list[str], rows: Iterable, people: dict[str | None, Columns], where: str, *,
               frame: int, person: int | None = None) -> KeypointFile:
    """The file of a table's `rows`; `people` have the columns of each, `frame` and `person` are columns."""
    entries, numbers, names = [], [], None
    for at, row in rows:
        if len(row) != len(header):
            raise ValueError(f"{at}: {len(header)} columns in the header, {len(row)} here. Export it again.")
        numbers.append(parse_frame_number(row[frame], at))
        for name, columns in people.items():
            names = tuple(columns)
            points = parse_points([read_joint(row, columns[joint], at) for joint in names], None, at)
            if np.isfinite(points).any() or len(people) == 1 and person is None:
                called = name if person is None else parse_person(row[person] or None, at)
                entries.append((numbers[-1], called, points))
    if not numbers:
        raise ValueError(f"{where} has no row below its header. Export it again.")
    if people.keys() == {None} and person is None:
        entries = [(number, "0", points) for number, _, points in entries]
    file = collect_people(limit_entries(entries, where), numbers, where)
    return replace(file, names=names)


def read_joint(row: list[str], columns: tuple[int, ...], where: str) -> list[float]:
    """The numbers of one joint. Where it has a place but no score, somebody placed it by hand: score 1."""
    numbers = [read_cell(row[column], where) for column in columns]
    if len(numbers) == 3 and np.isfinite(numbers[:2]).all() and row[columns[2]] == "":
        numbers[2] = 1.0
    return numbers


def read_cell(cell: str, where: str) -> float:
    """The number in a cell; NaN in an empty one."""
    try:
        return float(cell) if cell else np.nan
    except ValueError:
        raise ValueError(f"{where}: {describe_value(cell)} is no number. Write numbers or leave cells "
                         f"empty.") from None


def find_csv_joints(header: list[str], where: str) -> tuple[list[str], str | None]:
    """The joints that the header names, and their layout where it has exactly these; ValueError for others.

    A missing, repeated or unknown column of a layout is an error too.
    """
    joints = {column.removesuffix("_x") for column in header if column.endswith("_x")}
    layout = next((layout for layout in LAYOUTS.values() if joints == set(layout.joints)), None)
    if "frame" in header and layout is None and len(joints) >= FEWEST:
        names = sorted(joints, key=lambda name: header.index(f"{name}_x"))
        scored = any(f"{name}_score" in header for name in names)
        check_columns(header, names, where, scored=scored)
        return names, None
    if layout is None or "frame" not in header:
        known = {name: set(one.joints) for name, one in LAYOUTS.items()}
        raise ValueError(f"{where} has {nearest_table(header, joints, known)}"
                         f"{'' if 'frame' in header else '; a column frame is missing'}. {CSV_HINT}: "
                         f"{', '.join(LAYOUTS)}.")
    names, scores = list(layout.joints), [f"{joint}_score" for joint in layout.joints]
    expected = [f"{joint}_{part}" for joint in names for part in COORDINATES]
    unused = [f"{joint}_{part}" for joint in names for part in ("z", "presence")]       # MediaPipe's
    wrong = sorted((Counter(header) - Counter(["frame", "person", *expected, *scores, *unused])).keys())
    check_columns(header, names, where, scored=any(name in header for name in scores), wrong=wrong)
    return names, layout.name


def check_columns(header: list[str], names: list[str], where: str, *, scored: bool,
                  wrong: list[str] = ()) -> None:
    """Raise ValueError where a column of the joints `names` is missing, or where there are `wrong` ones."""
    parts = (*COORDINATES, "score") if scored else COORDINATES
    expected = [f"{name}_{part}" for name in names for part in parts]
    missing = [column for column in expected if column not in header]
    if wrong or missing:
        raise ValueError(f"{where}: columns missing: {', '.join(missing[:5]) or 'none'}; unknown or "
                         f"repeated: {describe_value(dict.fromkeys(wrong[:5]))}. {CSV_HINT}.")


def read_deeplabcut(scorers: list[str], rows: Iterator, where: str) -> KeypointFile:
    """DeepLabCut's table: rows scorer, individuals (of several animals), bodyparts, coords, then frames."""
    heads = {"scorer": scorers}
    for _, row in rows:
        heads[row[0].lower()] = row
        if row[0].lower() == "coords" or len(heads) == 4:
            break
    parts, coords = heads.get("bodyparts", []), heads.get("coords", [])
    who = heads.get("individuals", [None] * len(coords))
    if not len(scorers) == len(parts) == len(coords) == len(who) or not {"x", "y"} <= set(coords[1:]):
        raise ValueError(f"{where} begins as DeepLabCut's tables do; expected rows scorer, bodyparts, coords "
                         f"of one length, got {describe_value(heads)}. Export it with save_as_csv=True.")
    people: dict[str | None, dict[str, dict[str, int]]] = {}
    for column, (person, part, coord) in enumerate(zip(who, parts, coords)):
        if column and coord in (*COORDINATES, "likelihood"):
            person = person and read_text(person, f"{where}: an individual")
            people.setdefault(person, {}).setdefault(part, {})[coord] = column
    columns = {person: take_columns(joints, "likelihood", where) for person, joints in people.items()}
    if len({tuple(joints) for joints in columns.values()}) > 1:
        columns = {person: joints for person, joints in columns.items()
                   if len(joints) == max(map(len, columns.values()))}       # without the unique body parts
    if len({tuple(joints) for joints in columns.values()}) > 1:
        raise ValueError(f"{where}: its individuals have different body parts. Export one of them.")
    first = min(column for joints in columns.values() for joint in joints.values() for column in joint)
    return read_table(scorers, rows, columns, where, frame=first - 1)


def take_columns(joints: dict[str, dict[str, int]], score: str, where: str) -> Columns:
    """The columns of one person's joints; a score counts where all of them have one."""
    parts = [*COORDINATES, score] if all(score in found for found in joints.values()) else COORDINATES
    lacking = [read_text(name, where) for name, found in joints.items() if not set(COORDINATES) <= set(found)]
    if lacking:
        raise ValueError(f"{where}: no column x or no column y of {', '.join(lacking[:5])}. Export it again.")
    return {read_text(name, f"{where}: a joint's name"): tuple(found[part] for part in parts)
            for name, found in joints.items()}


def read_sleap(header: list[str], rows: Iterable, where: str) -> KeypointFile:
    """SLEAP's analysis table: track, frame_idx, instance.score, then {node}.x, {node}.y, {node}.score."""
    joints: dict[str, dict[str, int]] = {}
    for column, cell in enumerate(header):
        name, _, part = cell.rpartition(".")
        if name and name != "instance":
            joints.setdefault(name, {})[part] = column
    return read_table(header, rows, {None: take_columns(joints, "score", where)}, where,
                      frame=header.index("frame_idx"),
                      person=header.index("track") if "track" in header else None)


def read_trc(path: Path) -> KeypointFile:
    """A trc file in pixels, as Sports2D writes beside one in metres: {video}_px_person00.trc.

    Its third row states the rate, its fourth the markers above their columns X, Y, Z. Older versions call
    pixels metres, so the numbers tell which they are.
    """
    rows, where = read_rows(path, "\t"), str(path)
    head = [row for _, row in (next(rows, (None, [""])) for _ in range(5))]
    facts = dict(zip(head[1], head[2]))
    markers = [(column, name) for column, name in enumerate(head[3]) if column > 1 and name]
    if head[0][0] != "PathFileType" or not {"DataRate", "Units"} <= facts.keys() or not markers:
        raise ValueError(f"{where} is no trc file: expected rows PathFileType, DataRate, its values, Frame#, "
                         f"X1. Export it again.")
    fps = read_number(read_cell(facts["DataRate"], where), f"{where}: DataRate")
    columns = {read_text(name, f"{where}: a marker"): (column, column + 1) for column, name in markers}
    width = 2 + 3 * len(markers)
    if max(column for column, _ in markers) + 3 > width:
        raise ValueError(f"{where}: its markers do not stand above every third column. Export it again.")
    padded = ((at, (row + [""] * width)[:width]) for at, row in rows)
    file = read_table([""] * width, padded, {None: columns}, where, frame=0)
    points = np.concatenate([points[:, :2] for track in file.people.values() for points in track.values()])
    points = np.abs(points[np.isfinite(points).all(axis=-1)])
    if facts["Units"] in ("mm", "cm") or len(points) and np.median(points) < FEWEST_PIXELS:
        raise ValueError(f"{where} holds a body in space, in {describe_value(facts['Units'])}; expected "
                         f"pixels. Sports2D writes them into the file whose name has _px_.")
    return replace(file, fps=fps)
