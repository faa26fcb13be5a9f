"""A stream of keypoints, one JSON line for each frame -> screen coordinates of Human3.6M's joints.

The lines: dataset/keypoints/README.md. Shapes: J joints of the detector's layout.
"""
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from common.bounds import MAX_LINE_BYTES, NORMALISED, far_outside, refuse_normalised
from common.camera import normalize_screen
from common.posture import fill_posture
from dataset.keypoints import json_frames
from dataset.keypoints.cleaning import MIN_SCORE
from dataset.keypoints.joint_order import JointOrder, find_order
from dataset.keypoints.keypoint_file import KeypointFile, parse_points, parse_triples
from dataset.keypoints.layouts import complete_head, needed_joints, to_human36m
from dataset.keypoints.reader import choose_facts
from dataset.reading import describe_value, parse_json, read_number, read_text

NAME = "standard input"
FACTS = ("width", "height", "fps")


class KeypointStream:
    """Iterates over the frames of `lines`: (17, 2) screen coordinates and the number of unseen joints.

    An unseen joint keeps its place relative to the limb it hangs on (common/posture.py). The coordinates are
    None until the trunk's four corners have been seen together and every other joint once. `fps`, `width` and
    `height` come from the arguments or else from the first line and are known at once, as are the `notes` on
    them. A malformed line raises ValueError with its number.
    """

    def __init__(self, lines: Iterable[bytes], *, layout: str | None = None, width: int | None = None,
                 height: int | None = None, fps: float | None = None):
        self.frames = parse_lines(lines)
        first, header = next(self.frames, None), KeypointFile({}, [])
        if first and isinstance(first[1], dict) and not ("keypoints" in first[1] or holds_objects(first[1])):
            header = self.read_header(*first)
        elif first:
            self.frames = chain([first], self.frames)
        self.given, self.stated = layout, header.layout
        self.notes: list[str] = []
        given = {"width": width, "height": height, "fps": fps}
        self.width, self.height, self.fps = choose_facts(header, given, self.notes, NAME)
        self.order: JointOrder | None = None
        self.num_joints, self.scale = 0, np.ones(3)     # of a line
        self.held: dict[str, np.ndarray] = {}           # (1,) what `fill_posture` carries, as last known

    @staticmethod
    def read_header(where: str, data: dict) -> KeypointFile:
        """The layout, width, height and fps of the first line."""
        facts = {key: read_number(data[key], f"{where}: {key}") for key in FACTS if key in data}
        if "layout" in data:
            facts["layout"] = read_text(data["layout"], f"{where}: layout")
        if not facts:
            raise ValueError(f"{where}: expected a frame with keypoints, or a first line with layout, width, "
                             f"height, fps; got the keys {describe_value(data)}. Write one of them.")
        return KeypointFile({}, [], **facts)

    def __iter__(self) -> Iterator[tuple[np.ndarray | None, int]]:
        for where, data in self.frames:
            yield self.read_frame(where, data)

    def read_frame(self, where: str, data) -> tuple[np.ndarray | None, int]:
        """The keypoints (17, 2), screen coordinates, after a line, and the number of unseen joints."""
        objects = holds_objects(data)
        found, names = parse_objects(data, where) if objects else (parse_joints(data, where), None)
        if found is None and self.order is None:
            return None, 0
        if found is None:
            found = np.full((self.num_joints, 3), np.nan)
        if self.order is None:
            self.order = find_order(len(found), self.given, where, stated=self.stated, names=names)
            self.num_joints = len(found)
            self.scale = self.find_scale(found) if objects else self.scale
        positions, seen = self.find_seen(found, where)                              # (1, J, 2), (1, J)
        layout = self.order.layout
        rows = needed_joints(layout)
        unseen = int((~seen[:, rows]).sum())
        positions = np.where(seen[..., None], positions, 0)
        points = positions[..., 0] + 1j * positions[..., 1]                         # (1, J)
        points = fill_posture(points, seen, layout.joints, rows, self.hold)
        if not self.held.keys() >= {"center", *(layout.joints[row] for row in rows)}:
            return None, unseen
        pixels = np.stack([points.real, points.imag], axis=-1)
        pixels, _ = to_human36m(pixels, np.ones(seen.shape), layout)
        screen = normalize_screen(pixels[0], width=self.width, height=self.height)
        return screen.astype(np.float32), unseen

    def hold(self, name: str, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """`values` (1,), or where they are not `known` what they were when they last were; at first zero."""
        if known.all():
            self.held[name] = values
        return self.held.get(name, 0 * values)

    def find_scale(self, found: np.ndarray) -> np.ndarray:
        """What a line's joints (J, 3) are multiplied by: landmarks may be shares of the picture's size."""
        places = np.abs(found[np.isfinite(found).all(axis=1), :2])
        shares = len(places) and np.median(places) <= NORMALISED
        return np.array([self.width, self.height, 1]) if shares else np.ones(3)

    def find_seen(self, found: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (1, J, 2) and which are seen (1, J) of a line's joints (J, 3): x, y in pixels and score."""
        if len(found) != self.num_joints:
            raise ValueError(f"{where}: {len(found)} joints, {self.num_joints} in the lines before. Send one "
                             f"layout.")
        found = self.order.take(found) * self.scale
        size = {"width": self.width, "height": self.height}
        seen = np.isfinite(found).all(1) & (found[:, 2] >= MIN_SCORE)
        refuse_normalised(found[seen, :2], where, **size)
        seen &= ~far_outside(found[:, :2], **size)
        return complete_head(found[None, :, :2], seen[None], self.order.layout)


def parse_lines(lines: Iterable[bytes]) -> Iterator[tuple[str, object]]:
    """The number of each line that is not blank, in words, and its JSON value."""
    for count, line in enumerate(lines, start=1):
        where = f"{NAME}, line {count}"
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"{where} is longer than {MAX_LINE_BYTES:,} bytes. Write one frame a line.")
        if line.strip():
            yield where, parse_json(line, where)


def holds_objects(data) -> bool:
    """Whether a line has its joints as objects with x and y: MediaPipe's, TF.js's, Ultralytics'."""
    joints = data.get("keypoints") if isinstance(data, dict) else data
    if isinstance(joints, list):
        joints = next((joint for joint in joints if joint is not None), None)
    return isinstance(joints, dict) or json_frames.first_of(data, json_frames.PEOPLE) is not None


def parse_objects(data, where: str) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """(J, 3) x, y, score of a line that holds objects, and the joints' names; None where nobody was seen."""
    people = json_frames.list_people(data, where)
    if len(people) > 1:
        raise ValueError(f"{where}: {len(people)} people. Send one person.")
    return json_frames.parse_joints(people[0], where) if people else (None, None)


def parse_joints(data, where: str) -> np.ndarray | None:
    """(J, 3) x, y, score of a line's frame; None where nobody was seen."""
    keypoints, scores = data, None
    if isinstance(data, dict):
        if "keypoints" not in data:
            raise ValueError(f"{where}: expected keypoints, got the keys {describe_value(data)}. Only the "
                             f"first line may be without.")
        keypoints, scores = data["keypoints"], data.get("scores")
    if keypoints is None or keypoints == []:
        return None
    if not isinstance(keypoints, list):
        raise ValueError(f"{where}: expected a list of joints or null, got {describe_value(keypoints)}. "
                         f"Write [[x, y, score], ..].")
    if all(isinstance(value, (int, float)) for value in keypoints):
        return parse_triples(keypoints, where)
    unseen = [np.nan] * min(3, next((len(joint) for joint in keypoints if isinstance(joint, list)), 2))
    found = parse_points([unseen if joint is None else joint for joint in keypoints], scores, where)
    if found.ndim != 2:
        raise ValueError(f"{where}: expected one person's joints [[x, y, score], ..], got keypoints of shape "
                         f"{found.shape}. Send one person.")
    return found
