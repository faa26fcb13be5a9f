"""Poses while the frames come: any frame rate in, one JSON line a frame out.

Shapes: J joints. A lifter is one of common/video/stream.py.
"""
import json
import math
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, TextIO

import numpy as np

from common.bounds import MAX_LINE_BYTES
from common.skeleton import HUMAN36M
from common.video.own_video import Placement, live_placer

CLOSE = 1e-9        # frames: rounding that counts as the same moment


class RateLifter:
    """Lifts frames that come at `fps` with a lifter that works at `trained_fps`.

    As for whole clips (clips.resample), keypoints are interpolated linearly to the lifter's moments and the
    poses back to the frames' own. `delay` is the most frames that a pose comes after its own frame.
    """

    def __init__(self, lifter, *, fps: float, trained_fps: float):
        self.lifter = lifter
        self.ratio = 1.0 if math.isclose(fps, trained_fps) else trained_fps / fps   # lifted frames a frame
        waits = [(math.ceil(row * self.ratio - CLOSE) + lifter.delay) / self.ratio - row
                 for row in range(1000)]
        self.delay = math.ceil(max(waits) - CLOSE)
        self.reset()

    def reset(self) -> None:
        """A new stream."""
        self.pushed = self.sent = self.returned = self.oldest = 0
        self.lifted: deque[np.ndarray] = deque()        # (J, 3) each; the first is the lifter's `oldest`
        self.recent: np.ndarray | None = None           # (J, 2) screen coordinates of the newest frame

    def push(self, keypoints: np.ndarray) -> list[np.ndarray]:
        """Poses (J, 3) that `keypoints` (J, 2), screen coordinates, complete: none, one or several."""
        before = keypoints if self.recent is None else self.recent
        while (moment := self.sent / self.ratio) <= self.pushed + CLOSE:
            share = min(max(moment - (self.pushed - 1), 0), 1)
            self.send((1 - share) * before + share * keypoints)
        self.recent = keypoints
        self.pushed += 1
        return list(self.ready())

    def flush(self) -> list[np.ndarray]:
        """The poses still to come; afterwards a new stream can begin."""
        while self.pushed and self.sent < math.ceil((self.pushed - 1) * self.ratio - CLOSE) + 1:
            self.send(self.recent)
        self.lifted.extend(self.lifter.flush())
        poses = list(self.ready())
        self.reset()
        return poses

    def send(self, keypoints: np.ndarray) -> None:
        self.sent += 1
        pose = self.lifter.push(keypoints)
        if pose is not None:
            self.lifted.append(pose)

    def ready(self) -> Iterator[np.ndarray]:
        """The poses of the frames whose two neighbours in the lifter's time are there."""
        while self.returned < self.pushed:
            moment = self.returned * self.ratio
            before, after = math.floor(moment + CLOSE), math.ceil(moment - CLOSE)
            if after - self.oldest >= len(self.lifted):
                return
            while self.oldest < before:
                self.lifted.popleft()
                self.oldest += 1
            share = max(moment - before, 0)
            self.returned += 1
            yield (1 - share) * self.lifted[0] + share * self.lifted[after - before]


def run(stream, lifter, *, trained_fps: float, wanted: Placement) -> None:
    """Answer every frame of `stream` with a line on standard output, what there is to say on standard error.

    `stream` has fps and notes and iterates over frames (`write_poses`).
    """
    lifter = RateLifter(lifter, fps=stream.fps, trained_fps=trained_fps)
    print("\n".join([*stream.notes, *describe(lifter, stream.fps, trained_fps)]), file=sys.stderr, flush=True)
    facts = {"skeleton": HUMAN36M.name, "joints": HUMAN36M.joints, "parents": HUMAN36M.parents, "unit": "m",
             "space": wanted.space(), "fps": stream.fps}
    try:
        send(sys.stdout, facts)
        count = write_poses(stream, lifter, out=sys.stdout, place=live_placer(wanted))
        print(f"{count} frames, {count} lines of poses.", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())      # Python's last flush goes nowhere
        print("The reader of the poses has gone: stopped.", file=sys.stderr)


def describe(lifter: RateLifter, fps: float, trained_fps: float) -> list[str]:
    """The delay, and how the frame rates meet, in sentences."""
    delay = (f"Each pose comes up to {lifter.delay} frames ({lifter.delay / fps:.2f} s) after its own frame."
             if lifter.delay else "Each pose comes with its own frame: no delay.")
    if lifter.ratio == 1:
        return [delay]
    return [f"The network was trained at {trained_fps:g} frames a second: keypoints are interpolated from "
            f"{fps:g} to {trained_fps:g} as they come, and the poses back.", delay]


def write_poses(frames: Iterable[tuple[np.ndarray | None, int]], lifter: RateLifter, *, out: TextIO,
                place: Callable[[np.ndarray, np.ndarray], np.ndarray | None]) -> int:
    """Write a line for each of `frames` as its pose comes; returns how many.

    A frame is its keypoints (J, 2) in screen coordinates, or None where there are none yet, and the number of
    its unseen joints. `place` makes of a pose (J, 3) and its keypoints what is written. Where `frames` raise
    a ValueError, a malformed line, the poses of the frames before it are written first.
    """
    waiting: deque[tuple[np.ndarray, int]] = deque()
    count = 0

    def write(poses: list[np.ndarray]) -> None:
        nonlocal count
        for pose in poses:
            keypoints, unseen = waiting.popleft()
            send(out, line(count, unseen, place(pose, keypoints)))
            count += 1

    try:
        for keypoints, unseen in frames:
            if keypoints is None:
                send(out, line(count, unseen, None))
                count += 1
            else:
                waiting.append((keypoints, unseen))
                write(lifter.push(keypoints))
    except ValueError:
        write(lifter.flush())
        raise
    write(lifter.flush())
    return count


def line(frame: int, unseen: int, pose: np.ndarray | None) -> dict:
    """A frame's answer: the pose (J, 3) to 0.01 mm, or None."""
    rounded = None if pose is None else np.round(pose.astype(np.float64), 5).tolist()
    return {"frame": frame, "unseen": unseen, "pose": rounded}


def send(out: TextIO, data: dict) -> None:
    """One line of JSON, at once."""
    out.write(json.dumps(data, separators=(",", ":")) + "\n")
    out.flush()


def lines_until_interrupted(file: BinaryIO) -> Iterator[bytes]:
    """The lines of `file` as they come; Ctrl-C ends them like the end of the file, between two lines.

    Of a line that is longer than MAX_LINE_BYTES, one byte more is read: enough to refuse it.
    """
    stop, reading = False, False

    def interrupted(*_):
        nonlocal stop
        stop = True
        if reading:
            raise KeyboardInterrupt

    previous = signal.signal(signal.SIGINT, interrupted)
    try:
        while not stop:
            try:
                reading = True
                line = file.readline(MAX_LINE_BYTES + 1)
            except KeyboardInterrupt:
                return
            finally:
                reading = False
            if not line:
                return
            yield line
    finally:
        signal.signal(signal.SIGINT, previous)
