"""Folders with a file for each frame: OpenPose's JSON, Ultralytics' labels -> KeypointFile."""
import re
from itertools import islice
from pathlib import Path

import numpy as np

from common.bounds import MAX_FILES, MAX_LINE_BYTES
from dataset.keypoints.keypoint_file import (
    SUPPORTED,
    KeypointFile,
    collect_people,
    parse_frame_number,
    parse_person,
    parse_points,
    parse_triples,
)
from dataset.keypoints.layouts import BODY25, COCO17
from dataset.keypoints.nearest import describe_folder
from dataset.reading import describe_value, parse_json, read_bytes

OPENPOSE, YOLO = "*_keypoints.json", "*.txt"
BOX = 5             # numbers before the joints in a line of Ultralytics: class, center x and y, width, height
# Joints of a line and numbers for each: what Ultralytics' pose models write, scores first.
LINES = [(count, parts) for parts in (3, 2) for count in (len(COCO17.joints), 26, 33, 133)]


def read_folder(folder: Path) -> KeypointFile:
    """The keypoints of a folder of OpenPose or of Ultralytics, whose `labels` may lie inside."""
    if any(folder.glob(OPENPOSE)):
        return read_openpose_folder(folder)
    labels = next((place for place in (folder, folder / "labels") if any(place.glob(YOLO))), None)
    if labels is None:
        raise FileNotFoundError(f"{folder} holds no {OPENPOSE} and no {YOLO}. {describe_folder(folder)}"
                                f"Supported: {SUPPORTED}.")
    return read_yolo_folder(labels)


def list_frames(folder: Path, pattern: str, ending: str) -> list[tuple[Path, int]]:
    """The files of a folder and their frames' numbers; refused where they are of several videos."""
    paths = sorted(islice(folder.glob(pattern), MAX_FILES + 1))
    if len(paths) > MAX_FILES:
        raise ValueError(f"{folder} holds more than {MAX_FILES:,} files. Split the video.")
    videos, frames = set(), []
    for path in paths:
        name = re.fullmatch(rf"(.*?)[_-]?(\d+){ending}", path.name)
        if name is None:
            raise ValueError(f"{path}: expected a name such as video_000000000012{pattern[1:]}. Rename it.")
        videos.add(name[1])
        frames.append((path, parse_frame_number(name[2], str(path))))
    if len(videos) > 1:
        raise ValueError(f"{folder} holds frames of {len(videos)} videos ({', '.join(sorted(videos)[:5])}). "
                         f"Give each video its own folder.")
    return frames


def read_openpose_folder(folder: Path) -> KeypointFile:
    """OpenPose's {video}_{frame}_keypoints.json, one per frame. Missing files are frames without people."""
    people, frames = [], list_frames(folder, OPENPOSE, r"_keypoints\.json")
    for path, frame in frames:
        content = parse_json(read_bytes(path, most=MAX_LINE_BYTES), str(path))
        people += read_openpose_people(content, frame, str(path))
    return collect_openpose(people, [frame for _, frame in frames], str(folder))


def collect_openpose(people: list[tuple], frames: list[int], where: str) -> KeypointFile:
    """OpenPose's file of entries; its 25 joints are BODY_25's."""
    body25 = {len(points) for _, _, points in people} == {len(BODY25.joints)}
    return collect_people(people, frames, where, layout=BODY25.name if body25 else None)


def read_openpose_people(data, frame: int, where: str) -> list[tuple]:
    """The entries of one frame for `collect_people`; people of whom OpenPose found no body are left out."""
    if not isinstance(data, dict) or not isinstance(data.get("people"), list):
        raise ValueError(f"{where}: expected JSON with a list of people. Run OpenPose with --write_json.")
    return [(frame, parse_person(person.get("person_id"), where),
             parse_triples(person["pose_keypoints_2d"], where))
            for person in data["people"] if isinstance(person, dict) and person.get("pose_keypoints_2d")]


def read_yolo_folder(folder: Path) -> KeypointFile:
    """Ultralytics' labels, a line for each person: class, box, joints, with options a score and an id.

    Coordinates are shares of the picture's width and height. A frame without people has no file.
    """
    rows, frames = [], list_frames(folder, YOLO, r"\.txt")
    for path, frame in frames:
        text = read_bytes(path, most=MAX_LINE_BYTES).decode("latin1")
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                rows.append((frame, read_yolo_line(line, f"{path}, line {number}"), str(path)))
    if not rows:
        raise ValueError(f"{folder}: nobody is in its {len(frames)} files. Lower the detector's threshold.")
    lengths = {len(row) for _, row, _ in rows}
    fitting = [(count, parts) for count, parts in LINES
               if all(0 <= length - BOX - count * parts <= 2 for length in lengths)]
    if not fitting:
        raise ValueError(f"{folder}: lines of {describe_value(min(lengths))} to {max(lengths)} numbers; "
                         f"Ultralytics writes 56 to 58 for 17 joints with scores, 39 to 41 without. Use a "
                         f"model for poses (yolo11n-pose) with save_txt=True.")
    count, parts = fitting[0]
    end = BOX + count * parts
    ids = find_ids([row[end:] for _, row, _ in rows])
    people = [(frame, who, parse_points(row[BOX:end].reshape(count, parts), None, where))
              for (frame, row, where), who in zip(rows, ids)]
    layout = COCO17.name if count == len(COCO17.joints) else None
    return collect_people(people, [frame for _, frame in frames], str(folder), layout=layout)


def read_yolo_line(line: str, where: str) -> np.ndarray:
    """The numbers of a line."""
    try:
        numbers = np.array([float(word) for word in line.split()])
    except ValueError:
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise ValueError(f"{where}: expected numbers only, got {describe_value(line)}. A folder of "
                         f"Ultralytics holds its labels alone (save_txt=True).")
    return numbers


def find_ids(rests: list[np.ndarray]) -> list[str | None]:
    """The person of each line by what follows its joints: a score (save_conf), an id (track), both or none.

    A single number is an id where it is a whole number in every line.
    """
    last = np.array([rest[-1] if len(rest) else np.nan for rest in rests])
    alone = [rest[-1] for rest in rests if len(rest) == 1]
    scores = any(number % 1 for number in alone)
    tracked = np.array([len(rest) == 2 or len(rest) == 1 and not scores for rest in rests])
    return [str(int(number)) if known else None for number, known in zip(last, tracked)]
