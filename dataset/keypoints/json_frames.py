"""JSON of frames, each with people, each with joints: Ultralytics, MediaPipe, TF.js, ml5, plain lists.

A frame is null, one person or a list of people, alone or under a key such as `landmarks`. A person is a list
of joints, or an object that has them as `keypoints`. A joint is [x, y], [x, y, score] or an object with x, y.
Formats: dataset/keypoints/README.md.
"""
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.bounds import MAX_FRAMES, MAX_JOINTS, MAX_TEXT_BYTES
from dataset.keypoints.keypoint_file import (
    KeypointFile,
    collect_people,
    parse_frame_number,
    parse_person,
    parse_points,
    parse_triples,
)
from dataset.keypoints.layouts import COCO17
from dataset.reading import check_regular, describe_value, limit_entries, parse_json, read_number, read_text

# Where a frame's people stand: MediaPipe's tasks and solutions in Python and JavaScript, and recorders'.
PEOPLE = ("landmarks", "pose_landmarks", "poseLandmarks", "landmark", "poses", "people", "persons")
JOINTS = ("keypoints", "landmarks", "landmark")
SCORES = ("keypoint_scores", "scores")
PERSONS = ("track_id", "person_id", "id")
FRAMES = ("frame", "frame_id", "frame_number", "frame_index")
# Of a joint: PoseNet says `part`, MediaPipe `visibility`, ml5 `confidence`.
NAMES, JOINT_SCORES = ("name", "part"), ("score", "visibility", "confidence")
FACTS = ("width", "height", "fps")
FEWEST = 12             # joints by name that make a person
SHORTEST = 36           # a longer row of numbers is a person's x, y, score, x, y, score, ..
FORM = "Write [x, y, score] for each joint"


def first_of(data, keys: tuple[str, ...]):
    """The value of the first of `keys` that the object `data` has; None without any."""
    found = (data[key] for key in keys if data.get(key) is not None) if isinstance(data, dict) else ()
    return next(iter(found), None)


def is_joint(value) -> bool:
    """Whether `value` can be one joint: an object with x and y, or a row of two or three numbers."""
    if isinstance(value, dict):
        return "position" in value or "x" in value and not isinstance(value["x"], (list, dict))
    return isinstance(value, list) and len(value) in (2, 3) and all(
        number is None or isinstance(number, (int, float)) for number in value)


def is_named(value) -> bool:
    """Whether `value` is a person as an object of joints by their names."""
    return isinstance(value, dict) and sum(map(is_joint, value.values())) >= FEWEST


def is_frames(data) -> bool:
    """Whether a JSON value is a list of frames as this file reads them."""
    if not isinstance(data, list):
        return False
    first = next((frame for frame in data if frame not in (None, [], {})), None)
    if isinstance(first, dict):
        return "image_id" not in first and (is_joint(first) or is_named(first)
                                            or first_of(first, PEOPLE + JOINTS) is not None)
    return isinstance(first, list) and not is_joint(first)


def read_facts(data: dict, where: str) -> dict:
    """Layout, width, height and fps as far as a JSON object states them."""
    facts = {key: read_number(data[key], f"{where}: {key}") for key in FACTS if data.get(key) is not None}
    if data.get("layout") is not None:
        facts["layout"] = read_text(data["layout"], f"{where}: layout")
    return facts


def read_frames(frames: list, where: str, *, layout: str | None = None, **facts) -> KeypointFile:
    """The file of a list of frames; `facts` are its width, height and fps as far as it says."""
    frames = [frames] if frames and is_joint(frames[0]) else frames         # one person in one frame
    if len(frames) > MAX_FRAMES:
        raise ValueError(f"{where} holds more than {MAX_FRAMES:,} frames. Split the video.")
    entries, numbers, names = [], [], {}
    for index, frame in enumerate(frames):
        stated = first_of(frame, FRAMES)
        numbers.append(parse_frame_number(index if stated is None else stated, where))
        at = f"{where}: frame {numbers[-1]}"
        for person in list_people(frame, at):
            points, called = parse_joints(person, at)
            who = parse_person(first_of(person, PERSONS), at)
            entries.append((numbers[-1], who, points))
            names[called] = None
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{where}: two frames have one number. Keep the frames of one video.")
    if len(names) > 1:
        raise ValueError(f"{where} names its joints in {len(names)} ways. Keep one detector's output.")
    file = collect_people(limit_entries(entries, where), numbers, where)
    return replace(file, layout=layout, names=next(iter(names)), **facts)


def list_people(frame, where: str) -> list:
    """The people of a frame, each a list of joints or an object that has them."""
    if frame in (None, [], {}):
        return []
    if isinstance(frame, dict):
        inside = first_of(frame, PEOPLE)
        if inside is not None and "keypoints" not in frame:
            return list_people(inside, where)
        if any(key in frame for key in PEOPLE + JOINTS):
            return [frame] if first_of(frame, JOINTS) else []
        if is_named(frame):
            return [frame]
    if isinstance(frame, list):
        if all(isinstance(part, (int, float)) for part in frame):
            return [frame]
        first = next((part for part in frame if part is not None), None)
        row = isinstance(first, list) and len(first) < SHORTEST and not any(
            isinstance(part, (list, dict)) for part in first)
        return [frame] if is_joint(first) or row and first else [part for part in frame if part]
    raise ValueError(f"{where}: expected people or null, got {describe_value(frame)}. {FORM}.")


def parse_joints(person, where: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The joints (J, 3) of a person, x, y and score, and their names where they have any."""
    joints, scores = person, None
    if isinstance(person, dict):
        joints, scores = first_of(person, JOINTS), first_of(person, SCORES)
    if is_named(joints if isinstance(joints, dict) else person):
        named = joints if isinstance(joints, dict) else person
        joints = [name_joint(name, joint) for name, joint in named.items() if is_joint(joint)]
    if isinstance(joints, dict) and {"x", "y"} <= joints.keys():            # Ultralytics' Results.to_json
        return parse_columns(joints, where)
    if not isinstance(joints, list) or not joints or len(joints) > 3 * MAX_JOINTS:
        raise ValueError(f"{where}: expected a person's joints, got {describe_value(joints)}. {FORM}.")
    if all(isinstance(number, (int, float)) for number in joints):
        return parse_triples(joints, where), None
    first = next((joint for joint in joints if joint is not None), None)
    if isinstance(first, dict):
        return parse_landmarks(joints, where)
    if not isinstance(first, list):
        raise ValueError(f"{where}: expected [x, y] or [x, y, score] for each joint, got "
                         f"{describe_value(first)}. {FORM}.")
    unseen = [np.nan] * len(first)
    points = parse_points([unseen if joint is None else joint for joint in joints], scores, where)
    if points.ndim != 2:
        raise ValueError(f"{where}: expected a person's joints, got lists {points.shape}. {FORM}.")
    return points, None


def name_joint(name: str, joint) -> dict:
    """The object of a joint [x, y], [x, y, score] or with x and y, its name among the others."""
    if isinstance(joint, list):
        joint = dict(zip(("x", "y", "score"), joint))
    return joint | {"name": name}


def parse_columns(joints: dict, where: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Ultralytics' {"x": [..], "y": [..], "visible": [..]}; its models of 17 joints have COCO's."""
    columns = [joints["x"], joints["y"]]
    if not all(isinstance(column, list) for column in columns) or len(columns[0]) != len(columns[1]):
        raise ValueError(f"{where}: expected lists x and y of one length, got {describe_value(columns[0])} "
                         f"and {describe_value(columns[1])}. Run the detector again.")
    points = parse_points([list(pair) for pair in zip(*columns)], joints.get("visible"), where)
    return points, COCO17.joints if len(points) == len(COCO17.joints) else None


def parse_landmarks(joints: list, where: str) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """Objects with x, y and, where known, a score and a name. PoseNet has x and y in `position`."""
    rows, names = [], []
    for joint in joints:
        if not isinstance(joint, dict):
            raise ValueError(f"{where}: expected an object with x and y for each joint, got "
                             f"{describe_value(joint)}. {FORM}.")
        place = joint["position"] if isinstance(joint.get("position"), dict) else joint
        if not {"x", "y"} <= place.keys():
            raise ValueError(f"{where}: a joint has the keys {describe_value(joint)}; expected x and y. "
                             f"{FORM}.")
        score = first_of(joint, JOINT_SCORES)
        row = [place["x"], place["y"], 1 if score is None else score]
        rows.append([None if isinstance(number, (list, dict)) else number for number in row])
        names.append(first_of(joint, NAMES))
    named = all(name is not None for name in names)
    return parse_points(rows, None, where), tuple(
        read_text(name, f"{where}: a joint's name") for name in names) if named else None


def read_lines(path: Path) -> KeypointFile:
    """One JSON value for each frame, a line each; the first line may state layout, width, height and fps."""
    check_regular(path, most=MAX_TEXT_BYTES)
    where = str(path)
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    if len(lines) > MAX_FRAMES:
        raise ValueError(f"{where} holds more than {MAX_FRAMES:,} lines. Split the video.")
    frames = [parse_json(line, f"{where}, line {number}") for number, line in enumerate(lines, 1)]
    first = frames[0] if frames else None
    stated = first.keys() if isinstance(first, dict) else set()
    if {*FACTS, "layout"} & stated and not {*PEOPLE, *JOINTS} & stated:
        return read_frames(frames[1:], where, **read_facts(first, where))
    return read_frames(frames, where)
