"""What the files of 2D detectors have in common. The formats themselves: dataset/keypoints/README.md.

Shapes: N frames, J joints of the detector's layout; a row of three numbers is x, y in pixels and a score.
"""
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.bounds import MAX_JOINTS
from dataset.keypoints.layouts import BLAZEPOSE33
from dataset.reading import describe_value, limit_entries, read_numbers, read_text

SUPPORTED = ("npz or npy of keypoints; JSON of COCO, AlphaPose, MMPose, Ultralytics, MediaPipe, TF.js or "
             "plain lists; CSV, also of DeepLabCut and SLEAP; SLEAP's analysis h5; trc in pixels; folders of "
             "OpenPose or Ultralytics (dataset/keypoints/README.md)")
MAX_DIGITS = 18         # of a frame's number


@dataclass(frozen=True)
class KeypointFile:
    """The content of a keypoint file.

    people                      person -> frame number -> (J, 3)
    frames                      the numbers of all frames of the file, those without people included
    layout, width, height, fps  None where the file does not say
    names                       of the joints; None where their order alone says what they are
    tracked                     whether a name stands for one person in all frames; otherwise it is a number,
                                the person's place in its frame (dataset/keypoints/following.py)
    looks                       as `people`: (A,) shares of colours, by which people are told apart
    times                       (frames,) seconds; None where every frame lasts as long as any other
    """
    people: dict[str, dict[int, np.ndarray]]
    frames: list[int]
    layout: str | None = None
    width: float | None = None
    height: float | None = None
    fps: float | None = None
    names: tuple[str, ...] | None = None
    tracked: bool = True
    looks: dict[str, dict[int, np.ndarray]] | None = None
    times: np.ndarray | None = None


def collect_people(entries: Iterable[tuple[int, str | None, np.ndarray]], frames: list[int], where: str, *,
           layout: str | None = None) -> KeypointFile:
    """The file of `entries`, each a frame number, a person and its (J, 3), and of further `frames`.

    Where an entry has no person, people are numbered by their order within each frame.
    """
    entries = limit_entries(entries, where)
    tracked = all(person is not None for _, person, _ in entries)
    joints = sorted({len(points) for _, _, points in entries})
    if not entries:
        raise ValueError(f"{where}: nobody is in its {len(frames)} frames. Lower the detector's threshold.")
    if len(joints) > 1:
        raise ValueError(f"{where} mixes people of {' and '.join(map(str, joints))} joints. Keep one "
                         f"detector's output.")
    people, counts = {}, {}
    for frame, person, points in entries:
        if not tracked:
            counts[frame] = counts.get(frame, 0) + 1
            person = str(counts[frame])
        if frame in people.setdefault(person, {}):
            raise ValueError(f"{where}: person {person} appears twice in frame {frame}. Keep one of them.")
        people[person][frame] = points
    return KeypointFile(people, sorted({*frames, *(frame for frame, _, _ in entries)}), layout=layout,
                        tracked=tracked or len(people) == 1)


def parse_points(keypoints, scores, where: str) -> np.ndarray:
    """(.., J, 3) of keypoints (.., J, 2 or 3) and scores (.., J), 1 without any; always 0 at (0, 0).

    MediaPipe's 33 joints may be x, y, z, visibility.
    """
    keypoints = read_numbers(keypoints, f"{where}: keypoints").astype(np.float64)
    if keypoints.shape[-2:] == (len(BLAZEPOSE33.joints), 4):
        keypoints = keypoints[..., [0, 1, 3]]
    if keypoints.ndim < 2 or keypoints.shape[-1] not in (2, 3) or keypoints.shape[-2] > MAX_JOINTS:
        raise ValueError(f"{where}: expected 2 or 3 numbers for each of at most {MAX_JOINTS} joints, got "
                         f"keypoints of shape {keypoints.shape}. Export x, y and, where known, a score.")
    if scores is None:
        scores = keypoints[..., 2] if keypoints.shape[-1] == 3 else np.ones(keypoints.shape[:-1])
    scores = read_numbers(scores, f"{where}: scores").astype(np.float64)
    if scores.size != keypoints[..., 0].size:
        raise ValueError(f"{where}: expected one score for each joint, got scores of shape {scores.shape} "
                         f"for keypoints of shape {keypoints.shape}. Export them in that form.")
    scores = scores.reshape(keypoints.shape[:-1])
    return unseen_at_zero(np.concatenate([keypoints[..., :2], scores[..., None]], axis=-1))


def parse_triples(flat, where: str) -> np.ndarray:
    """(J, 3) of a flat list x, y, score, x, y, score, ..."""
    array = read_numbers(flat, f"{where}: keypoints, x, y, score, x, y, score, ..,").astype(np.float64)
    if array.ndim != 1 or len(array) % 3 or len(array) > 3 * MAX_JOINTS:
        raise ValueError(f"{where}: keypoints must be a list of x, y, score of at most {MAX_JOINTS} joints, "
                         f"got {describe_value(flat)}. Run the detector again.")
    return unseen_at_zero(array.reshape(-1, 3))


def unseen_at_zero(points: np.ndarray) -> np.ndarray:
    """The joints (.., J, 3), with score 0 at (0, 0): there detectors put what they did not see.

    Ultralytics does so with a joint of a score below 0.5 and keeps the score.
    """
    points[..., 2] *= (points[..., :2] != 0).any(axis=-1)
    return points


def parse_frame_number(value, where: str) -> int:
    """The frame that 12, "12" or "video/000012.jpg" stands for."""
    digits = re.findall(r"\d+", Path(value).stem) if isinstance(value, str) else []
    if digits and len(digits[-1]) <= MAX_DIGITS:
        return int(digits[-1])
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 10 ** MAX_DIGITS:
        if value == int(value):
            return int(value)
    raise ValueError(f"{where}: {describe_value(value)} is no frame number; expected a whole number from 0 "
                     f"or a name such as 000012.jpg. Rename the frames.")


def parse_person(value, where: str) -> str | None:
    """A person's name; None without an id, which OpenPose writes as -1. AlphaPose may nest the number."""
    while isinstance(value, list) and value:
        value = value[0]
    if value is None or value == [] or value == -1:
        return None
    if isinstance(value, (int, float)):
        return str(int(value)) if value == value // 1 else str(value)
    return read_text(value, f"{where}: a person's id")
