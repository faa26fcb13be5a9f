"""A camera -> lines for `--predict -`, at a rate that the detector keeps up with."""
import threading
import time
from collections.abc import Iterator

import numpy as np

from dataset.detectors import Detect

FIRST = 5               # frames that tell how long the detector takes; the very first one warms it up
SHARE = 0.8             # of its time that a detector may need


class Newest:
    """The newest picture of a camera; None when it has ended. The older ones are left out."""

    def __init__(self, capture):
        self.capture, self.picture, self.fresh = capture, None, threading.Condition()
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        while not self.ended:
            there, picture = self.capture.read()
            with self.fresh:
                self.picture, self.ended = (picture, False) if there else (None, True)
                self.fresh.notify()

    def take(self) -> np.ndarray | None:
        """The newest picture that was not taken yet; waits for it."""
        with self.fresh:
            self.fresh.wait_for(lambda: self.picture is not None or self.ended)
            picture, self.picture = self.picture, None
            return picture


def camera_lines(capture, detect: Detect, region: tuple[int, ...] | None, rate: float
                 ) -> Iterator[dict | None]:
    """A line of facts, then one for each frame: at `rate` a second, or what the detector keeps up with.

    A frame that would come too late repeats the one before it, so that the motion keeps its speed.
    """
    camera, taken = Newest(capture), []
    picture = camera.take()
    for _ in range(FIRST):
        if picture is None:
            raise ValueError("The camera gives no picture. Close the programs that use it, then try again.")
        started = time.monotonic()
        find(detect, picture, region)
        taken.append(time.monotonic() - started)
        size, picture = picture.shape[1::-1], camera.take()
    rate = min(rate, SHARE / float(np.median(taken[1:])))
    yield {"layout": detect.layout, "width": size[0], "height": size[1], "fps": max(1.0, round(rate, 2))}
    started, count, line = time.monotonic(), 0, None
    while picture is not None:
        line = find(detect, picture, region)
        yield line
        count += 1
        while (time.monotonic() - started) * rate > count + 1:
            yield line
            count += 1
        time.sleep(max(0.0, count / rate - (time.monotonic() - started)))
        picture = camera.take()


def find(detect: Detect, picture: np.ndarray, region: tuple[int, ...] | None) -> dict | None:
    """The line of a picture: its first person's joints; None without anybody."""
    x, y, width, height = region or (0, 0, *picture.shape[1::-1])
    people = detect(np.ascontiguousarray(picture[y:y + height, x:x + width]))
    return {"keypoints": (people[0] + [x, y, 0]).round(3).tolist()} if people else None
