"""Live lifting: one frame of 2D keypoints in, one 3D pose out.

Shapes: T frames of a window, J joints.
"""
from collections import deque

import numpy as np
import torch

from common.lift import blending_weights, lift
from common.skeleton import Skeleton


class Stream:
    """Frames in, poses out, a fixed number of frames later. What both lifters share."""

    delay: int

    def __init__(self, model, *, skeleton: Skeleton, flip_test: bool, device):
        self.model, self.skeleton = model.to(device).eval(), skeleton
        self.flip_test, self.device = flip_test, device

    def check(self, keypoints) -> np.ndarray:
        """One frame's keypoints (J, 2), screen coordinates, as float32; ValueError with a sentence."""
        shape = (len(self.skeleton.joints), 2)
        if np.shape(keypoints) != shape or not np.isfinite(keypoints).all():
            raise ValueError(f"Expected finite keypoints of shape {shape} for one frame, got shape "
                             f"{np.shape(keypoints)}. Fill missing joints before pushing them.")
        return np.array(keypoints, np.float32)

    def lift(self, window: list[np.ndarray]) -> np.ndarray:
        """The network's answer (J, 3) or (T, J, 3) to a window of T frames, the root at the origin."""
        keypoints = torch.from_numpy(np.stack(window))[None].to(self.device)        # (1, T, J, 2)
        with torch.inference_mode():
            poses = lift(self.model, keypoints, self.skeleton, flip_test=self.flip_test)[0]
        poses = poses.cpu().numpy().copy()
        poses[..., self.skeleton.root, :] = 0
        return poses


class Lifter(Stream):
    """Lifts a stream of frames with the same result as lifting the whole clip at once.

    The pose that `push` returns belongs to the frame `delay` pushes ago: half a window of frames, tds *
    (T - 1) / 2, or with `target` "last" none. Memory is constant: one window's span of frames.
    """

    def __init__(self, model, *, frames: int, skeleton: Skeleton, tds: int = 1, flip_test: bool = True,
                 device="cpu", target: str = "center"):
        super().__init__(model, skeleton=skeleton, flip_test=flip_test, device=device)
        span = tds * (frames - 1)
        self.tds, self.delay = tds, span // 2 if target == "center" else 0
        self.recent = deque(maxlen=span + 1)        # (J, 2) screen coordinates each; the first is repeated
        self.waiting = 0                            # frames pushed whose pose is still to come

    def push(self, keypoints: np.ndarray) -> np.ndarray | None:
        """The pose (J, 3) of the frame `delay` pushes ago; None while there is none.

        The pose is root-relative, in camera space, metres.
        `keypoints` (J, 2) in normalised screen coordinates.
        """
        frame = self.check(keypoints)
        if not self.recent:
            self.recent.extend([frame] * (self.recent.maxlen - 1 - self.delay))
        self.recent.append(frame)
        self.waiting += 1
        return self.answer() if self.waiting > self.delay else None

    def flush(self) -> list[np.ndarray]:
        """The poses still to come, as if the last frame stood still; afterwards a new stream can begin."""
        poses = []
        while self.waiting:
            self.recent.append(self.recent[-1])
            if len(self.recent) == self.recent.maxlen:
                poses.append(self.answer())
        self.recent.clear()
        return poses

    def answer(self) -> np.ndarray:
        """The pose (J, 3) at the target of the frames at hand."""
        self.waiting -= 1
        return self.lift(list(self.recent)[::self.tds])


class SequenceLifter(Stream):
    """The same for a network that answers for every frame: one window every `hop` frames, averaged
    as in `engine.predict`.

    A frame's pose is final when the first window that begins after it is there: `delay` = T - 1 + hop pushes
    later. Memory is constant: one window and one hop of frames and poses.
    """

    def __init__(self, model, *, frames: int, skeleton: Skeleton, hop: int, flip_test: bool = True,
                 device="cpu"):
        super().__init__(model, skeleton=skeleton, flip_test=flip_test, device=device)
        self.frames, self.hop, self.delay = frames, hop, frames - 1 + hop
        self.begin()

    def begin(self) -> None:
        """A new stream."""
        self.keypoints: dict[int, np.ndarray] = {}      # by number of the frame: (J, 2) screen coordinates
        self.sums: dict[int, np.ndarray] = {}           # (J, 3) weighted sum of the answers, not yet returned
        self.weights: dict[int, float] = {}             # of the answers in each sum
        self.pushed = self.next_start = self.returned = 0

    def push(self, keypoints: np.ndarray) -> np.ndarray | None:
        """As `Lifter.push`."""
        self.keypoints[self.pushed] = self.check(keypoints)
        self.pushed += 1
        if self.pushed == self.next_start + self.frames:
            self.add_window(self.next_start)
            for old in [number for number in self.keypoints if number < self.next_start]:
                del self.keypoints[old]
            self.next_start += self.hop
        return self.take() if self.pushed - self.returned > self.delay else None

    def flush(self) -> list[np.ndarray]:
        """The poses still to come; afterwards a new stream can begin."""
        last = self.pushed - self.frames
        if self.pushed and (last < 0 or last != self.next_start - self.hop):
            self.add_window(last if last > 0 else last // 2)
        poses = [self.take() for _ in range(self.returned, self.pushed)]
        self.begin()
        return poses

    def add_window(self, start: int) -> None:
        """Add the answers of the window that begins at frame `start` to the frames it holds."""
        numbers = range(start, start + self.frames)
        held = [min(max(number, 0), self.pushed - 1) for number in numbers]
        poses = self.lift([self.keypoints[row] for row in held])                        # (T, J, 3)
        for number, clamped, pose, weight in zip(numbers, held, poses, blending_weights(self.frames).numpy()):
            if number == clamped:
                self.sums[number] = self.sums.get(number, 0) + weight * pose
                self.weights[number] = self.weights.get(number, 0) + weight

    def take(self) -> np.ndarray:
        """The mean of the oldest frame's answers (J, 3)."""
        self.returned += 1
        return self.sums.pop(self.returned - 1) / self.weights.pop(self.returned - 1)
