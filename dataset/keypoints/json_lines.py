"""Keypoints as they come, one JSON line for each frame -> screen coordinates of Human3.6M's joints.

The lines: dataset/keypoints/README.md. Shapes: J joints of the detector's layout.
"""
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from common.camera import normalize_screen
from common.layouts import needed, stand_in, to_human36m
from common.skeleton import Skeleton
from dataset.keypoints.reader import find_layout, video_facts
from dataset.keypoints.cleaning import MIN_SCORE
from dataset.keypoints.keypoint_file import KeypointFile, number, points, triples

NAME = "standard input"
FACTS = ("width", "height", "fps")


class KeypointStream:
    """Iterates over the frames of `lines`: (17, 2) screen coordinates, and how many joints were not seen.

    An unseen joint stays where it was last seen; before every joint has been seen once, None takes the place
    of the coordinates. `fps`, `width`, `height` and `notes` are known at once: they come from the first line
    or from the arguments, which win. A malformed line is a ValueError that names its number.
    """

    def __init__(self, lines: Iterable[bytes], *, layout: str | None = None, width: int | None = None,
                 height: int | None = None, fps: float | None = None):
        self.lines = ((count, line) for count, line in enumerate(lines, start=1) if line.strip())
        self.first, header = None, {}
        for self.first in self.lines:
            data = parse(*self.first)
            if isinstance(data, dict) and "keypoints" not in data:
                header, self.first = self.read_header(data, self.first[0]), None
            break
        self.layout_name = layout or header.pop("layout", None)
        header.pop("layout", None)
        self.notes: list[str] = []
        stated = KeypointFile({}, [], **header)
        self.width, self.height, self.fps = video_facts(
            stated, {"width": width, "height": height, "fps": fps}, self.notes, Path(NAME))
        self.layout: Skeleton | None = None
        self.last: np.ndarray | None = None             # (J, 2) pixels where each joint was last seen

    @staticmethod
    def read_header(data: dict, line: int) -> dict:
        """What the first line says of layout, width, height and fps."""
        known = {key: number(data[key], f"{NAME}, line {line}: {key}") for key in FACTS if key in data}
        layout = {"layout": str(data["layout"])} if "layout" in data else {}
        if not known and not layout:
            raise ValueError(f"{NAME}, line {line}: expected a frame with keypoints, or a first line with "
                             f"layout, width, height, fps; got the keys {names(data)}. Write one of them.")
        return {**known, **layout}

    def __iter__(self) -> Iterator[tuple[np.ndarray | None, int]]:
        if self.first:
            yield self.frame(*self.first)
        for count, line in self.lines:
            yield self.frame(count, line)

    def frame(self, count: int, line: bytes) -> tuple[np.ndarray | None, int]:
        """The keypoints (17, 2), screen coordinates, after this line, and the number of unseen joints."""
        found = joints_of(parse(count, line), f"{NAME}, line {count}")
        if found is not None:
            self.see(found, count)
        if self.layout is None:
            return None, 0
        unseen = len(needed(self.layout)) if found is None else int((~self.seen[needed(self.layout)]).sum())
        if not np.isfinite(self.last[needed(self.layout)]).all():
            return None, unseen
        whole = np.nan_to_num(self.last)[None]
        pixels, _ = to_human36m(whole, np.ones(whole.shape[:2]), self.layout)
        screen = normalize_screen(pixels[0], width=self.width, height=self.height)
        return screen.astype(np.float32), unseen

    def see(self, found: np.ndarray, count: int) -> None:
        """Take over the joints of `found` (J, 3), x, y in pixels and score, that are seen."""
        if self.layout is None:
            self.layout = find_layout(len(found), self.layout_name, Path(f"{NAME}, line {count}"))
            self.last = np.full((len(found), 2), np.nan)
        if len(found) != len(self.last):
            raise ValueError(f"{NAME}, line {count}: {len(found)} joints, {len(self.last)} in the lines "
                             f"before. Send one layout.")
        size = np.array([self.width, self.height])
        seen = np.isfinite(found).all(1) & (found[:, 2] >= MIN_SCORE)
        if seen.any() and np.abs(found[seen, :2]).max() <= 2 and size.min() > 16:
            raise ValueError(f"{NAME}, line {count}: all coordinates lie within 2 pixels of 0; expected "
                             f"pixels. Multiply normalised coordinates by the width and the height.")
        seen[seen] = ((found[seen, :2] >= -size) & (found[seen, :2] <= 2 * size)).all(1)
        positions, known = stand_in(found[None, :, :2], seen[None], self.layout)
        self.seen = known[0]
        self.last = np.where(self.seen[:, None], positions[0], self.last)


def names(data: dict) -> str:
    """The first keys of a line, for a sentence."""
    return ", ".join(list(data)[:5]) or "none"


def parse(count: int, line: bytes):
    """The JSON of a line; ValueError with its number where it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        why = getattr(error, "msg", error)              # without a position: each line is its own text
        raise ValueError(f"{NAME}, line {count} is no JSON ({why}). Write one frame a line.") from None


def joints_of(data, where: str) -> np.ndarray | None:
    """(J, 3) x, y, score of a line's frame; None where nobody was seen."""
    keypoints, scores = data, None
    if isinstance(data, dict):
        if "keypoints" not in data:
            raise ValueError(f"{where}: expected keypoints, got the keys {names(data)}. Only the first line "
                             f"may be without.")
        keypoints, scores = data["keypoints"], data.get("scores")
    if keypoints is None or keypoints == []:
        return None
    if not isinstance(keypoints, list):
        raise ValueError(f"{where}: expected a list of joints or null, got {type(keypoints).__name__}. "
                         f"Write [[x, y, score], ..].")
    if all(isinstance(value, (int, float)) for value in keypoints):
        return triples(keypoints, where)
    size = next((len(joint) for joint in keypoints if isinstance(joint, list)), 2)
    found = points([[np.nan] * size if joint is None else joint for joint in keypoints], scores, where)
    if found.ndim != 2:
        raise ValueError(f"{where}: expected one person's joints [[x, y, score], ..], got keypoints of shape "
                         f"{found.shape}. Send one person.")
    return found
