"""The frames of a film, a picture or a folder of pictures, by OpenCV.

A frame is a picture (height, width, 3), upright, blue first.
"""
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataset.detectors import ENVIRONMENT

IMAGES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
MARGIN = 0.1            # seconds, or two frames: looked at beyond the span, for films of uneven times

# A frame's picture, None where it is not wanted, and its time in seconds, None where that is unknown.
Frame = tuple[np.ndarray | None, float | None]


@dataclass
class Span:
    """Which frames of a film are wanted: from `begin` to `end`, seconds, None for the film's own ends.

    fps    frames a second by which the film's seconds are counted; its own times count too
    first  the time of its first frame, once that is known
    """
    begin: float | None
    end: float | None
    fps: float
    first: float | None = None

    def side(self, number: int, time: float | None) -> int:
        """-1 for a frame before the span, 0 inside, 1 behind; `number` from 0, `time` in seconds."""
        if number == 0:
            self.first = time
        seconds = [number / self.fps]
        if None not in (time, self.first):
            seconds.append(time - self.first)
        room = max(MARGIN, 2 / self.fps)
        if self.begin is not None and max(seconds) < self.begin - room:
            return -1
        return int(self.end is not None and min(seconds) > self.end + room)

    def count(self, total: int) -> int:
        """About how many of a film's `total` frames come before the span's end."""
        return total if self.end is None else min(total, round((self.end + MARGIN) * self.fps))


def open_cv():
    """OpenCV."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(f"OpenCV is missing ({error}). {ENVIRONMENT}") from error
    return cv2


def open_frames(path: Path) -> tuple[Callable[[Span], Iterator[Frame]], float | None, int]:
    """A function that gives the frames up to a span's end, frames a second, and about how many frames.

    Frames before the span have no picture.
    """
    cv2 = open_cv()
    if not path.exists():
        raise FileNotFoundError(f"There is no video {path}.")
    if path.is_dir() or path.suffix.lower() in IMAGES:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [file for file in files if file.suffix.lower() in IMAGES]
        return (lambda span: read_pictures(cv2, files, span)), None if path.is_dir() else 1.0, len(files)
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ValueError(f"{path} cannot be opened as a video. Convert it to mp4.")
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)       # turn pictures as the film's rotation flag says
    total = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return ((lambda span: read_video(cv2, capture, span)), capture.get(cv2.CAP_PROP_FPS),
            int(total) if 0 < total < 1e9 else 0)


def read_video(cv2, capture, span: Span) -> Iterator[Frame]:
    """The frames of an open film; those before the span are passed over."""
    number = 0
    while capture.grab():
        time = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        time = time if time >= 0 else None
        side = span.side(number, time)
        there, picture = capture.retrieve() if side == 0 else (True, None)
        if side > 0 or not there:
            return
        yield picture, time
        number += 1


def read_pictures(cv2, files: list[Path], span: Span) -> Iterator[Frame]:
    """The frames that lie in files of their own."""
    for number, file in enumerate(files):
        side = span.side(number, None)
        if side > 0:
            return
        yield (read_picture(cv2, file) if side == 0 else None), None


def read_picture(cv2, path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    if picture is None:
        raise ValueError(f"{path} cannot be read as a picture. Take it out of the folder.")
    return picture
