"""Live lifting: one frame of 2D keypoints in, one 3D pose out.

Shapes: T frames of a window, J joints.
"""
from collections import deque
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from common.camera import make_intrinsics
from common.clips import SEEN_IN_BOTH
from common.inputs import Inputs
from common.lift import Lifting, blending_weights, lift, size_factor
from common.running.ensemble import Ensemble
from common.skeleton import Skeleton
from common.video.placement import Placement
from common.windows import Window


class ThroughCamera(nn.Module):
    """A network with other inputs than screen coordinates, as one that takes (B, T, J, 2) of these.

    With the mask it takes (B, T, J, 3). The camera's optical axis passes through the middle of the picture,
    so that it sees a mirrored picture alike.
    """

    def __init__(self, network, inputs: Inputs, *, intrinsics: np.ndarray, place: int):
        super().__init__()
        self.network, self.inputs, self.mask, self.place = network, inputs, inputs.mask, place
        self.register_buffer("intrinsics", torch.tensor(intrinsics, dtype=torch.float32)[None])     # (1, 4)

    def forward(self, frames):
        seen = frames[..., 2] if self.mask else None
        return self.inputs.lift(self.network, frames[..., :2], seen, self.intrinsics, self.place)


class Stream:
    """What both lifters share. A pose comes out `delay` frames after its own frame went in.

    While `late()` holds, no window is lifted: its frames are dropped, their poses are NaN. The windows after
    them hold all keypoints.
    """

    delay: int
    size = 1.0          # what the network's poses are multiplied by
    late: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, model, *, skeleton: Skeleton, flip_test: bool, device, amp: bool = False):
        self.model, self.skeleton = model.to(device).eval(), skeleton
        self.flip_test, self.device, self.mask = flip_test, device, getattr(model, "mask", False)
        self.amp = amp

    def check_keypoints(self, keypoints) -> np.ndarray:
        """One frame's keypoints (J, 2), screen coordinates, float32; ValueError for a wrong shape or NaN.

        For a network with a mask (J, 3): the third number is 1 for a joint that was seen, below for others.
        """
        shape = (len(self.skeleton.joints), 2 + self.mask)
        if np.shape(keypoints) != shape or not np.isfinite(keypoints).all():
            raise ValueError(f"Expected finite keypoints of shape {shape} for one frame, got shape "
                             f"{np.shape(keypoints)}. Fill missing joints before pushing them.")
        keypoints = np.array(keypoints, np.float32)
        keypoints[:, 2:] = keypoints[:, 2:] > SEEN_IN_BOTH
        return keypoints

    def lift_window(self, window: list[np.ndarray]) -> np.ndarray:
        """The network's pose (J, 3) or poses (T, J, 3) of a window of T frames, the root at the origin."""
        if self.late():
            return self.no_pose()
        keypoints = torch.from_numpy(np.stack(window))[None].to(self.device)        # (1, T, J, 2 or 3)
        with torch.inference_mode():
            poses = lift(self.model, keypoints, self.skeleton, flip_test=self.flip_test, amp=self.amp)[0]
        poses = poses.cpu().numpy().copy()
        poses[..., self.skeleton.root, :] = 0
        return self.size * poses

    def no_pose(self) -> np.ndarray:
        """The pose (J, 3) of a dropped frame: NaN."""
        return np.full((len(self.skeleton.joints), 3), np.nan, np.float32)


class Lifter(Stream):
    """Lifts a stream with a network of one pose a window; the poses equal those of lifting the whole clip.

    The delay is half a window, tds * (T - 1) / 2 frames, or 0 with `target` "last". Memory is constant: the
    frames that one window spans.
    """

    def __init__(self, model, *, frames: int, skeleton: Skeleton, tds: int = 1, flip_test: bool = True,
                 device="cpu", amp: bool = False, target: str = "center"):
        super().__init__(model, skeleton=skeleton, flip_test=flip_test, device=device, amp=amp)
        span = tds * (frames - 1)
        self.tds, self.delay = tds, span // 2 if target == "center" else 0
        self.recent = deque(maxlen=span + 1)        # (J, 2) screen coordinates each; the first is repeated
        self.waiting = 0                            # frames pushed whose pose is still to come

    def push(self, keypoints: np.ndarray) -> np.ndarray | None:
        """The pose (J, 3) of the frame `delay` pushes ago; None while there is none.

        The pose is root-relative, in camera space, metres.
        `keypoints` (J, 2) in normalised screen coordinates.
        """
        frame = self.check_keypoints(keypoints)
        if not self.recent:
            self.recent.extend([frame] * (self.recent.maxlen - 1 - self.delay))
        self.recent.append(frame)
        self.waiting += 1
        return self.lift_target() if self.waiting > self.delay else None

    def flush(self) -> list[np.ndarray]:
        """The poses still to come; the last frame is repeated. Afterwards a new stream can begin."""
        poses = []
        while self.waiting:
            self.recent.append(self.recent[-1])
            if len(self.recent) == self.recent.maxlen:
                poses.append(self.lift_target())
        self.recent.clear()
        return poses

    def lift_target(self) -> np.ndarray:
        """The pose (J, 3) at the target of the window that ends with the newest frame."""
        self.waiting -= 1
        pose = self.lift_window(list(self.recent)[::self.tds])
        return pose if pose.ndim == 2 else pose[-1]         # of all frames, from a network without delay


class SequenceLifter(Stream):
    """Lifts a stream with a network that predicts every frame: one window every `hop` frames.

    The poses of overlapping windows are averaged as in `engine.predict`. A pose is final when the first
    window that begins after its frame is complete, so the delay is T - 1 + hop frames. Memory is constant:
    one window and one hop of frames and poses.
    """

    def __init__(self, model, *, frames: int, skeleton: Skeleton, hop: int, flip_test: bool = True,
                 device="cpu", amp: bool = False):
        super().__init__(model, skeleton=skeleton, flip_test=flip_test, device=device, amp=amp)
        self.frames, self.hop, self.delay = frames, hop, frames - 1 + hop
        self.reset()

    def reset(self) -> None:
        """Begin a new stream."""
        self.keypoints: dict[int, np.ndarray] = {}      # by number of the frame: (J, 2) screen coordinates
        self.sums: dict[int, np.ndarray] = {}           # (J, 3) weighted sums of poses, not yet returned
        self.weights: dict[int, float] = {}             # of the poses in each sum
        self.pushed = self.next_start = self.returned = 0

    def push(self, keypoints: np.ndarray) -> np.ndarray | None:
        """As `Lifter.push`."""
        self.keypoints[self.pushed] = self.check_keypoints(keypoints)
        self.pushed += 1
        if self.pushed == self.next_start + self.frames:
            self.add_window(self.next_start)
            for old in [number for number in self.keypoints if number < self.next_start]:
                del self.keypoints[old]
            self.next_start += self.hop
        return self.pop_mean() if self.pushed - self.returned > self.delay else None

    def flush(self) -> list[np.ndarray]:
        """The poses still to come; afterwards a new stream can begin."""
        last = self.pushed - self.frames
        if self.pushed and (last < 0 or last != self.next_start - self.hop):
            self.add_window(last if last > 0 else last // 2)
        poses = [self.pop_mean() for _ in range(self.returned, self.pushed)]
        self.reset()
        return poses

    def add_window(self, start: int) -> None:
        """Add the poses of the window that begins at frame `start` to the sums of its frames."""
        numbers = range(start, start + self.frames)
        held = [min(max(number, 0), self.pushed - 1) for number in numbers]
        poses = self.lift_window([self.keypoints[row] for row in held])                        # (T, J, 3)
        if np.isnan(poses).any():                       # dropped; other windows hold most of its frames
            return
        for number, clamped, pose, weight in zip(numbers, held, poses, blending_weights(self.frames).numpy()):
            if number == clamped:
                self.sums[number] = self.sums.get(number, 0) + weight * pose
                self.weights[number] = self.weights.get(number, 0) + weight

    def pop_mean(self) -> np.ndarray:
        """The weighted mean (J, 3) of the oldest frame's poses, NaN where all were dropped."""
        self.returned += 1
        return self.sums.pop(self.returned - 1, self.no_pose()) / self.weights.pop(self.returned - 1, 1)


class MeanLifter:
    """Lifts a stream with several networks and averages their poses; the delay is the longest of theirs."""

    def __init__(self, lifters: list[Lifter | SequenceLifter]):
        self.lifters, self.delay = lifters, max(lifter.delay for lifter in lifters)
        self.waiting = [deque() for _ in lifters]       # poses (J, 3) of each that others have yet to give

    def push(self, keypoints: np.ndarray) -> np.ndarray | None:
        """As `Lifter.push`."""
        for lifter, poses in zip(self.lifters, self.waiting):
            pose = lifter.push(keypoints)
            if pose is not None:
                poses.append(pose)
        return self.pop_mean() if all(self.waiting) else None

    def flush(self) -> list[np.ndarray]:
        """The poses still to come; afterwards a new stream can begin."""
        for lifter, poses in zip(self.lifters, self.waiting):
            poses.extend(lifter.flush())
        return [self.pop_mean() for _ in range(len(self.waiting[0]))]

    def pop_mean(self) -> np.ndarray:
        """The mean (J, 3) of the oldest frame's poses."""
        return np.mean([poses.popleft() for poses in self.waiting], axis=0)


def make_lifter(model, window: Window, lifting: Lifting, skeleton: Skeleton, *,
                fov: float = Placement.fov) -> Lifter | SequenceLifter | MeanLifter:
    """What lifts one frame at a time with the windows of `model`, or with those of an Ensemble's networks.

    `fov` of the camera, for rays, degrees.
    """
    if isinstance(model, Ensemble):
        return MeanLifter([make_lifter(member.network, member.window, member.lifting, skeleton, fov=fov)
                           for member in model.members])
    if window.inputs.needs_camera:
        model = ThroughCamera(model, window.inputs, intrinsics=make_intrinsics(fov), place=window.place)
    shared = {"frames": window.frames, "skeleton": skeleton, "flip_test": lifting.flip_test,
              "device": lifting.device, "amp": lifting.amp}
    if window.hop is None:
        lifter = Lifter(model, tds=window.tds, target=window.target, **shared)
    elif window.tds > 1:
        raise ValueError("--predict - lifts with --every_frame networks of tds 1 only, this one has "
                         f"{window.tds}. Lift a file, or choose another checkpoint.")
    else:
        lifter = SequenceLifter(model, hop=window.hop, **shared)
    lifter.size = size_factor(lifting.height)
    return lifter
