"""Live lifting: one frame of 2D keypoints in, one 3D pose out.

Shapes: T frames of a window, J joints.
"""
from collections import deque

import numpy as np
import torch

from common.skeleton import Skeleton, flip


class Lifter:
    """Lifts a stream of frames with the same result as lifting the whole clip at once.

    A pose needs `delay` = tds * (T - 1) / 2 frames after its own, so the pose that `push` returns belongs to
    the frame `delay` pushes ago. Memory is constant: one window's span of frames.
    """

    def __init__(self, model, *, frames: int, skeleton: Skeleton, tds: int = 1, flip_test: bool = True,
                 device="cpu"):
        self.model, self.skeleton, self.flip_test, self.device = (model.to(device).eval(), skeleton,
                                                                  flip_test, device)
        self.tds, self.delay = tds, tds * (frames - 1) // 2
        self.recent = deque(maxlen=2 * self.delay + 1)      # (J, 2) screen coordinates each; the first frame
                                                            # is repeated
        self.waiting = 0                                    # frames pushed whose pose is still to come

    def push(self, keypoints: np.ndarray) -> np.ndarray | None:
        """The pose (J, 3) of the frame `delay` pushes ago; None while there is none.

        The pose is root-relative, in camera space, metres.
        `keypoints` (J, 2) in normalised screen coordinates.
        """
        shape = (len(self.skeleton.joints), 2)
        if np.shape(keypoints) != shape or not np.isfinite(keypoints).all():
            raise ValueError(f"Expected finite keypoints of shape {shape} for one frame, got shape "
                             f"{np.shape(keypoints)}. Fill missing joints before pushing them.")
        frame = np.array(keypoints, np.float32)
        if not self.recent:
            self.recent.extend([frame] * self.delay)
        self.recent.append(frame)
        self.waiting += 1
        return self.lift() if self.waiting > self.delay else None

    def flush(self) -> list[np.ndarray]:
        """The poses still to come, as if the last frame stood still; afterwards a new stream can begin."""
        poses = []
        while self.waiting:
            self.recent.append(self.recent[-1])
            if len(self.recent) == self.recent.maxlen:
                poses.append(self.lift())
        self.recent.clear()
        return poses

    def lift(self) -> np.ndarray:
        """The pose (J, 3) at the middle of the frames at hand."""
        window = torch.from_numpy(
            np.stack(list(self.recent)[::self.tds]))[None].to(self.device)              # (1, T, J, 2)
        with torch.inference_mode():
            if self.flip_test:
                both = self.model(torch.cat([window, flip(window, self.skeleton)]))     # (2, J, 3)
                pose = (both[0] + flip(both[1], self.skeleton)) / 2
            else:
                pose = self.model(window)[0]
        pose = pose.cpu().numpy().copy()
        pose[self.skeleton.root] = 0
        self.waiting -= 1
        return pose
