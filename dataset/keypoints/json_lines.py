"""Keypoints as they come, one JSON line for each frame -> screen coordinates of Human3.6M's joints.

The lines: dataset/keypoints/README.md. Shapes: J joints of the detector's layout.
"""
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from common.bounds import MAX_LINE_BYTES, far_outside, refuse_normalised
from common.camera import normalize_screen
from common.layouts import needed, stand_in, to_human36m
from common.skeleton import Skeleton
from dataset.keypoints.cleaning import MIN_SCORE
from dataset.keypoints.keypoint_file import KeypointFile, points, triples
from dataset.keypoints.reader import find_layout, video_facts
from dataset.reading import describe, number, parse_json, text

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
        self.frames = parsed(lines)
        first, header = next(self.frames, None), {}
        if first and isinstance(first[1], dict) and "keypoints" not in first[1]:
            header = self.read_header(*first)
        elif first:
            self.frames = chain([first], self.frames)
        stated_layout = header.pop("layout", None)
        self.layout_name = layout or stated_layout
        self.notes: list[str] = []
        self.width, self.height, self.fps = video_facts(
            KeypointFile({}, [], **header), {"width": width, "height": height, "fps": fps}, self.notes, NAME)
        self.layout: Skeleton | None = None
        self.last: np.ndarray | None = None             # (J, 2) pixels where each joint was last seen

    @staticmethod
    def read_header(where: str, data: dict) -> dict:
        """What the first line says of layout, width, height and fps."""
        known = {key: number(data[key], f"{where}: {key}") for key in FACTS if key in data}
        layout = {"layout": text(data["layout"], f"{where}: layout")} if "layout" in data else {}
        if not known and not layout:
            raise ValueError(f"{where}: expected a frame with keypoints, or a first line with layout, width, "
                             f"height, fps; got the keys {describe(data)}. Write one of them.")
        return {**known, **layout}

    def __iter__(self) -> Iterator[tuple[np.ndarray | None, int]]:
        for where, data in self.frames:
            yield self.frame(where, data)

    def frame(self, where: str, data) -> tuple[np.ndarray | None, int]:
        """The keypoints (17, 2), screen coordinates, after a line, and the number of unseen joints."""
        found = joints_of(data, where)
        if found is not None:
            self.see(found, where)
        if self.layout is None:
            return None, 0
        unseen = len(needed(self.layout)) if found is None else int((~self.seen[needed(self.layout)]).sum())
        if not np.isfinite(self.last[needed(self.layout)]).all():
            return None, unseen
        whole = np.nan_to_num(self.last)[None]
        pixels, _ = to_human36m(whole, np.ones(whole.shape[:2]), self.layout)
        screen = normalize_screen(pixels[0], width=self.width, height=self.height)
        return screen.astype(np.float32), unseen

    def see(self, found: np.ndarray, where: str) -> None:
        """Take over the joints of `found` (J, 3), x, y in pixels and score, that are seen."""
        if self.layout is None:
            self.layout = find_layout(len(found), self.layout_name, where)
            self.last = np.full((len(found), 2), np.nan)
        if len(found) != len(self.last):
            raise ValueError(f"{where}: {len(found)} joints, {len(self.last)} in the lines before. Send one "
                             f"layout.")
        size = {"width": self.width, "height": self.height}
        seen = np.isfinite(found).all(1) & (found[:, 2] >= MIN_SCORE)
        refuse_normalised(found[seen, :2], where, **size)
        seen &= ~far_outside(found[:, :2], **size)
        positions, known = stand_in(found[None, :, :2], seen[None], self.layout)
        self.seen = known[0]
        self.last = np.where(self.seen[:, None], positions[0], self.last)


def parsed(lines: Iterable[bytes]) -> Iterator[tuple[str, object]]:
    """The place, for sentences, and the JSON value of each line that is not blank."""
    for count, line in enumerate(lines, start=1):
        where = f"{NAME}, line {count}"
        if len(line) > MAX_LINE_BYTES:
            raise ValueError(f"{where} is longer than {MAX_LINE_BYTES:,} bytes. Write one frame a line.")
        if line.strip():
            yield where, parse_json(line, where)


def joints_of(data, where: str) -> np.ndarray | None:
    """(J, 3) x, y, score of a line's frame; None where nobody was seen."""
    keypoints, scores = data, None
    if isinstance(data, dict):
        if "keypoints" not in data:
            raise ValueError(f"{where}: expected keypoints, got the keys {describe(data)}. Only the first "
                             f"line may be without.")
        keypoints, scores = data["keypoints"], data.get("scores")
    if keypoints is None or keypoints == []:
        return None
    if not isinstance(keypoints, list):
        raise ValueError(f"{where}: expected a list of joints or null, got {describe(keypoints)}. "
                         f"Write [[x, y, score], ..].")
    if all(isinstance(value, (int, float)) for value in keypoints):
        return triples(keypoints, where)
    unseen = [np.nan] * min(3, next((len(joint) for joint in keypoints if isinstance(joint, list)), 2))
    found = points([unseen if joint is None else joint for joint in keypoints], scores, where)
    if found.ndim != 2:
        raise ValueError(f"{where}: expected one person's joints [[x, y, score], ..], got keypoints of shape "
                         f"{found.shape}. Send one person.")
    return found
