"""Live lifting of a stream of any frame rate: frames in, one JSON line of pose a frame out.

Shapes: J joints. A lifter is one of common/video/stream.py.
"""
import json
import math
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import BinaryIO, TextIO

import numpy as np

from common.bounds import MAX_LINE_BYTES
from common.camera import estimate_root, make_intrinsics
from common.skeleton import HUMAN36M
from common.video import anatomy
from common.video.backlog import Backlog
from common.video.placement import (
    Placement,
    describe_rays,
    place_poses,
    stated_up,
    undo_roll,
)
from common.video.view import View

CLOSE = 1e-9        # frames: rounding that counts as the same moment


class RateLifter:
    """Lifts a stream of `fps` frames a second with a lifter that was trained at `trained_fps`.

    As for whole clips (clips.resample), keypoints are interpolated linearly to the lifter's frames, and the
    poses back to the stream's frames. `delay` is the most frames that a pose comes after its own frame.
    """

    def __init__(self, lifter, *, fps: float, trained_fps: float):
        self.lifter = lifter
        self.ratio = 1.0 if math.isclose(fps, trained_fps) else trained_fps / fps   # lifted frames a frame
        # With ratio = p / q, a frame waits for the next lifted frame, at most (q - 1) / q of one.
        wait = 1 - 1 / Fraction(self.ratio).limit_denominator(10 ** 6).denominator
        self.delay = math.ceil((wait + lifter.delay) / self.ratio - CLOSE)
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self.pushed = self.returned = 0                 # frames of the stream
        self.lifted = self.oldest = 0                   # lifted frames: pushed, and the first that is kept
        self.poses: deque[np.ndarray] = deque()         # (J, 3) of lifted frames, from `oldest`
        self.recent: np.ndarray | None = None           # (J, 2) screen coordinates of the newest frame

    def push(self, keypoints: np.ndarray) -> list[np.ndarray]:
        """Poses (J, 3) that `keypoints` (J, 2), screen coordinates, complete: none, one or several.

        (J, 3) for a network with a mask.
        """
        before = keypoints if self.recent is None else self.recent
        while self.lifted / self.ratio <= self.pushed + CLOSE:
            weight = min(max(self.lifted / self.ratio - (self.pushed - 1), 0), 1)
            self.lift_frame((1 - weight) * before + weight * keypoints)
        self.recent = keypoints
        self.pushed += 1
        return list(self.pop_poses())

    def flush(self) -> list[np.ndarray]:
        """The poses still to come; afterwards a new stream can begin."""
        while self.pushed and self.lifted < math.ceil((self.pushed - 1) * self.ratio - CLOSE) + 1:
            self.lift_frame(self.recent)
        self.poses.extend(self.lifter.flush())
        poses = list(self.pop_poses())
        self.reset()
        return poses

    def lift_frame(self, keypoints: np.ndarray) -> None:
        """Pass on one frame of the lifter's rate and keep the pose that it completes."""
        self.lifted += 1
        pose = self.lifter.push(keypoints)
        if pose is not None:
            self.poses.append(pose)

    def pop_poses(self) -> Iterator[np.ndarray]:
        """The poses of the stream's frames whose two neighbours among the lifted frames are there."""
        while self.returned < self.pushed:
            position = self.returned * self.ratio
            before, after = math.floor(position + CLOSE), math.ceil(position - CLOSE)
            if after - self.oldest >= len(self.poses):
                return
            while self.oldest < before:
                self.poses.popleft()
                self.oldest += 1
            weight = max(position - before, 0)
            self.returned += 1
            yield (1 - weight) * self.poses[0] + weight * self.poses[after - before]


def lift_stream(stream, lifter, *, trained_fps: float, placement: Placement,
                backlog: Backlog | None = None) -> None:
    """Write a line of pose for every frame of `stream` to standard output and notes to standard error.

    `stream` has fps and notes and iterates over frames (`write_pose_lines`). With the `backlog` of its lines
    a page shows the motion, and frames are dropped while too many lines wait; then nothing is written to a
    terminal.
    """
    lifter = RateLifter(lifter, fps=stream.fps, trained_fps=trained_fps)
    notes = [*stream.notes, *describe_rays(placement), *describe_delay(lifter, stream.fps, trained_fps)]
    print("\n".join(notes), file=sys.stderr, flush=True)
    out = None if backlog and sys.stdout.isatty() else sys.stdout
    view = backlog and open_view(stream, lifter, backlog)
    facts = {"skeleton": HUMAN36M.name, "joints": HUMAN36M.joints, "parents": HUMAN36M.parents, "unit": "m",
             "space": placement.describe_space(), "fps": stream.fps, **describe_size(placement)}
    frames = ((None if keypoints is None else upright(keypoints, placement.roll), unseen)
              for keypoints, unseen in stream)
    try:
        write_line(out, facts)
        count = write_pose_lines(frames, lifter, out=out, place=make_live_placer(placement),
                                 show=view and view.show)
        print(f"{count} frames, {view.dropped} of them dropped." if view else
              f"{count} frames, {count} lines of poses.", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())      # Python's last flush goes nowhere
        print("The reader of the poses has gone. Stopped.", file=sys.stderr)
    finally:
        if view:
            view.close()


def open_view(stream, lifter: RateLifter, backlog: Backlog) -> View:
    """The page that shows a stream; its address is said. From now on frames are dropped when late."""
    view = View(title="Live", fps=stream.fps, size=(stream.width, stream.height),
                delay=lifter.delay / stream.fps)
    for part in getattr(lifter.lifter, "lifters", [lifter.lifter]):
        part.late = backlog.late
    print(f"The body as it moves: {view.address}   (Ctrl-C ends)", file=sys.stderr, flush=True)
    return view


def upright(keypoints: np.ndarray, roll: float | None) -> np.ndarray:
    """Keypoints (J, 2), or (J, 3) with what was seen, of a camera without roll."""
    return np.hstack([undo_roll(keypoints[:, :2], roll), keypoints[:, 2:]])


def describe_size(placement: Placement) -> dict:
    """The body's height and where it comes from, for the line of facts; empty without one body."""
    if not placement.fit:
        return {}
    return {"height_m": anatomy.stature(anatomy.adult(placement.height)),
            "height_source": "--body_height" if placement.height else "an average adult"}


def make_live_placer(placement: Placement) -> Callable[[np.ndarray, np.ndarray], np.ndarray | None]:
    """A function that places one pose (J, 3) of keypoints (J, 2), screen coordinates.

    With `placement.fit` each bone keeps its direction and has the length of an adult's of the stated or an
    average height. Where the root cannot be estimated, it stays where it was. Before the first estimate the
    result is None.
    """
    last, lengths = None, anatomy.adult(placement.height)

    def place(pose: np.ndarray, keypoints: np.ndarray) -> np.ndarray | None:
        nonlocal last
        if placement.fit:
            pose = anatomy.with_bones(pose[None], lengths)[0]
        if placement.root:
            root = estimate_root(keypoints[None], pose[None], make_intrinsics(placement.fov))
            last = root if np.isfinite(root).all() else last
            if last is None:
                return None
        return place_poses(pose[None], last, stated_up(pose[None], placement, judge=False))[0]

    return place


def describe_delay(lifter: RateLifter, fps: float, trained_fps: float) -> list[str]:
    """Sentences on the delay and on the interpolation between the frame rates."""
    delay = (f"Each pose comes up to {lifter.delay} frames ({lifter.delay / fps:.2f} s) after its own frame."
             if lifter.delay else "Each pose comes with its own frame: no delay.")
    if lifter.ratio == 1:
        return [delay]
    return [f"The network was trained at {trained_fps:g} frames a second. Keypoints are interpolated from "
            f"{fps:g} to {trained_fps:g} as they come, and the poses back.", delay]


def write_pose_lines(frames: Iterable[tuple[np.ndarray | None, int]], lifter: RateLifter, *,
                     out: TextIO | None, place: Callable[[np.ndarray, np.ndarray], np.ndarray | None],
                     show: Callable[[dict, np.ndarray | None], None] | None = None) -> int:
    """Write a line for each of `frames` as soon as its pose is known; returns the number of lines.

    A frame is its keypoints (J, 2) in screen coordinates, (J, 3) for a network with a mask, or None where
    there are none yet, and the number of its unseen joints. `place` maps a pose (J, 3) and its keypoints
    (J, 2) to the pose that is written. `show` is given each line and its keypoints (J, 2), None where it has
    no pose. Where `frames` raise ValueError, a malformed line, the poses of the frames before it are written
    first.
    """
    waiting: deque[tuple[np.ndarray, int]] = deque()
    count = 0

    def tell(line: dict, keypoints: np.ndarray | None) -> None:
        nonlocal count
        write_line(out, line)
        if show:
            show(line, keypoints)
        count += 1

    def write(poses: list[np.ndarray]) -> None:
        for pose in poses:
            keypoints, unseen = waiting.popleft()
            if np.isnan(pose).any():
                tell(pose_line(count, unseen, None) | {"dropped": True}, None)
            else:
                tell(pose_line(count, unseen, place(pose, keypoints[:, :2])), keypoints[:, :2])

    try:
        for keypoints, unseen in frames:
            if keypoints is None:
                tell(pose_line(count, unseen, None), None)
            else:
                waiting.append((keypoints, unseen))
                write(lifter.push(keypoints))
    except ValueError:
        write(lifter.flush())
        raise
    write(lifter.flush())
    return count


def pose_line(frame: int, unseen: int, pose: np.ndarray | None) -> dict:
    """The line of a frame: its pose (J, 3) to 0.01 mm, or None."""
    rounded = None if pose is None else np.round(pose.astype(np.float64), 5).tolist()
    return {"frame": frame, "unseen": unseen, "pose": rounded}


def write_line(out: TextIO | None, data: dict) -> None:
    """Write one line of JSON, if anywhere, and flush it."""
    if out is None:
        return
    out.write(json.dumps(data, separators=(",", ":")) + "\n")
    out.flush()


def read_until_interrupted(file: BinaryIO | Backlog) -> Iterator[bytes]:
    """The lines of `file` as they come. Ctrl-C ends them between two lines, like the end of the file.

    Of a longer line than MAX_LINE_BYTES, one byte more than that is read: enough to refuse it.
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
