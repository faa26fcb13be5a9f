"""Windows of frames around a target frame, gathered in batches from all clips at once.

A window is an index formula: rows `target + tds * (-pad .. pad)`, clamped to the clip's first and last row;
for a causal network `target + tds * (1 - T .. 0)`.

Shapes: B batch, T frames, J joints, N rows, the frames of all clips one after another.
"""
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from common.clips import Clip
from common.inputs import Inputs
from common.skeleton import Skeleton, flip
from common.stature import ADULT_HEIGHT, stature


@dataclass(frozen=True)
class Window:
    """What a network sees at once.

    frames   T, odd
    tds      frames of the clip per step inside the window
    target   the frame whose pose is predicted: "center" or "last"
    hop      frames between two windows of a network that predicts every frame of its window; None for one
             pose a window
    inputs   what it is given of each joint
    """
    frames: int
    tds: int = 1
    target: str = "center"
    hop: int | None = None
    inputs: Inputs = Inputs()

    @property
    def place(self) -> int:
        """The number of the target frame in the window."""
        return self.frames // 2 if self.target == "center" else self.frames - 1


@dataclass(frozen=True)
class Batch:
    """Windows and the truth at their target frames, or at all of their frames: (B, T, ..) then.

    `pose`, `root`, `intrinsics`, `up` and `seen` are None where clips lack them.

    keypoints   (B, T, J, 2) screen coordinates         pose   (B, J, 3) root-relative, camera space, metres
    intrinsics  (B, 4) screen units                     root   (B, 3) camera space, metres
    clip        (B,) number of the clip                 frame  (B,) target frame within the clip
    up          (B, 3) camera space, against gravity    seen   (B, T, J) 1, or 0 where filled
    taught      poses that teachers give (common/learning/teaching.py), as `pose`; None without
    """
    keypoints: torch.Tensor
    pose: torch.Tensor | None
    root: torch.Tensor | None
    intrinsics: torch.Tensor | None
    up: torch.Tensor | None
    clip: torch.Tensor
    frame: torch.Tensor
    seen: torch.Tensor | None = None
    taught: torch.Tensor | None = None

    def __len__(self):
        return len(self.keypoints)

    def at(self, place: int) -> "Batch":
        """The batch with the truth (B, T, ..) of frame `place` of each window alone: (B, ..)."""
        root = None if self.root is None else self.root[:, place]
        return replace(self, pose=self.pose[:, place], root=root)

    def adult(self, skeleton: Skeleton) -> "Batch":
        """The batch as if everybody were as tall as an average adult; the keypoints stay as they are.

        Each window's pose and root are scaled about the camera by one factor, which its bones tell.
        """
        height = stature(self.pose, skeleton).reshape(len(self), -1).mean(1)               # (B,) metres
        factor = (ADULT_HEIGHT / height).reshape(-1, *[1] * (self.pose.ndim - 1))
        root = None if self.root is None else self.root * factor[..., 0]
        return replace(self, pose=self.pose * factor, root=root)

    def split(self, size: int) -> Iterator["Batch"]:
        """The same windows in parts of at most `size`."""
        for first in range(0, len(self), size):
            yield Batch(**{name: None if value is None else value[first:first + size]
                           for name, value in vars(self).items()})


class Windows:
    """All windows of a list of clips; the clips lie end to end in a few tensors on `device`.

    With `mirror`, a mirrored copy of everything lies behind the original rows, so that a mirrored window is
    the same gather with an offset.
    """

    def __init__(self, clips: list[Clip], window: Window, *, device="cpu", mirror: bool = False):
        self.clips, self.window = clips, window
        skeleton = clips[0].skeleton
        if any(clip.skeleton is not skeleton for clip in clips):
            raise ValueError(f"All clips need the joints of {skeleton.name}; load one data set at a time.")
        self.lengths = [len(clip) for clip in clips]
        self.num_rows = sum(self.lengths)
        lengths = torch.tensor(self.lengths)
        self.clip_first = (lengths.cumsum(0) - lengths).to(device)                  # (clips,) first row
        self.clip_last = (lengths.cumsum(0) - 1).to(device)                         # (clips,) last row
        self.row_clip = torch.repeat_interleave(torch.arange(len(clips)), lengths).to(device)     # (N,)
        self.offsets = window.tds * (torch.arange(window.frames, device=device) - window.place)     # (T,)

        def stack(field, mirror_image):
            arrays = [getattr(clip, field) for clip in clips]
            if any(array is None for array in arrays):
                return None
            joined = np.concatenate(arrays) if arrays[0].ndim > 1 else np.stack(arrays)     # N rows, or clips
            if mirror:
                joined = np.concatenate([joined, mirror_image(joined)])
            return torch.from_numpy(joined).to(device)

        self.keypoints = stack("keypoints", lambda x: flip(x, skeleton))            # (N or 2N, J, 2)
        self.pose = stack("pose", lambda x: flip(x, skeleton))                      # (N or 2N, J, 3)
        self.root = stack("root", lambda x: x * np.float32([-1, 1, 1]))             # (N or 2N, 3)
        self.intrinsics = stack("intrinsics",                                       # (clips or 2 clips, 4)
                                lambda x: x * np.float32([1, 1, -1, 1]))
        self.up = stack("up", lambda x: x * np.float32([-1, 1, 1]))                 # (clips or 2 clips, 3)
        self.seen = stack("seen", lambda x: x[:, skeleton.mirror_order])            # (N or 2N, J)
        if window.inputs.needs_camera and self.intrinsics is None:
            raise ValueError(f"--input {window.inputs.space} needs the intrinsics of every clip. Use a "
                             "network of screen coordinates.")

    def centers(self, every: int = 1, *, valid_only: bool = False) -> torch.Tensor:
        """Rows (M,) of every `every`-th frame of each clip, counted from its first; on the CPU, in order."""
        parts = []
        for first, clip in zip(self.clip_first.tolist(), self.clips):
            rows = np.arange(0, len(clip), every)
            parts.append(first + (rows[clip.valid[rows]] if valid_only else rows))
        return torch.from_numpy(np.concatenate(parts))

    def runs(self, rows: torch.Tensor, size: int) -> list[torch.Tensor]:
        """Target rows (M,), in order, in parts of at most `size` that do not mix clips."""
        counts = torch.bincount(self.row_clip.cpu()[rows], minlength=len(self.clips)).tolist()
        return [part for clip in rows.split(counts) if len(clip) for part in clip.split(size)]

    def sequence(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What a network is given, (L, J, 2 or 3), of all frames between the ends of the windows with targets
        `rows` (B,); the same in all windows.

        The rows are of one clip, in order; frames beyond its ends repeat. Also (T, B), which of the L frames
        each window holds.
        """
        index = (rows - rows[0]) + (self.offsets - self.offsets[0])[:, None]                # (T, B)
        free = rows[0] + self.offsets[0] + torch.arange(int(index[-1, -1]) + 1, device=rows.device)
        clip = self.row_clip[rows[0]]
        held = free.clamp(self.clip_first[clip], self.clip_last[clip])
        seen, intrinsics = (None if values is None else values[at]
                            for values, at in ((self.seen, held), (self.intrinsics, clip)))
        return self.window.inputs.of_frames(self.keypoints[held], seen, intrinsics), index

    def covering(self) -> torch.Tensor:
        """Target rows of windows that begin `window.hop` of their frames apart and together hold every frame.

        They lie inside the clip, the last one at its end; where the clip is shorter than a window, there is
        one, around its middle. With tds > 1 each of the tds interleaved sequences is covered like a clip.
        """
        tds, frames = self.window.tds, self.window.frames
        parts = []
        for first, length in zip(self.clip_first.tolist(), self.lengths):
            for phase in range(min(tds, length)):
                steps = -(-(length - phase) // tds)                                 # frames of this sequence
                last = steps - frames                                               # start of the last window
                starts = [last // 2] if last <= 0 else [*range(0, last, self.window.hop), last]
                parts.append(first + phase + tds * (np.array(starts) + self.window.place))
        return torch.from_numpy(np.concatenate(parts))

    def window_rows(self, rows: torch.Tensor, direction=1) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows (B, T) of the windows whose targets are `rows` (B,), clamped to their clip.

        Also (B, T) which of them needed no clamping.
        """
        clip = self.row_clip[rows]                                                  # (B,)
        direction = torch.as_tensor(direction, device=rows.device).reshape(-1, 1)   # (B or 1, 1)
        free = rows[:, None] + direction * self.offsets                             # (B, T)
        held = torch.minimum(torch.maximum(free, self.clip_first[clip][:, None]),
                             self.clip_last[clip][:, None])
        return held, held == free

    def gather(self, rows: torch.Tensor, mirrored=0, direction=1, *, whole: bool = False) -> Batch:
        """The windows whose targets are `rows` (B,).

        `mirrored` is 0 or 1, `direction` 1 or -1 (time reversed), or (B,) of them. With `whole` the truth of
        all frames of the windows, (B, T, ..), instead of that at the targets.
        """
        clip = self.row_clip[rows]                                                  # (B,)
        window, _ = self.window_rows(rows, direction)                               # (B, T)
        mirrored = torch.as_tensor(mirrored, device=rows.device).reshape(-1)        # (B or 1,)
        window = window + mirrored[:, None] * self.num_rows                         # to the mirrored copy
        truth = window if whole else rows + mirrored * self.num_rows                # rows of the truth

        def take(values, index):
            if values is None:
                return None
            return values.index_select(0, index.flatten()).unflatten(0, index.shape)

        view = clip + mirrored * len(self.clips)
        return Batch(keypoints=take(self.keypoints, window), pose=take(self.pose, truth),
                     root=take(self.root, truth), intrinsics=take(self.intrinsics, view),
                     up=take(self.up, view), clip=clip, frame=rows - self.clip_first[clip],
                     seen=take(self.seen, window))
