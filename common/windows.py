"""Windows of frames around a centre frame, gathered in batches from all clips at once.

A window is an index formula: rows `centre + tds * (-pad .. pad)`, clamped to the clip's first and last row.

Shapes: B batch, T frames, J joints, N rows, the frames of all clips one after another.
"""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from common.clips import Clip
from common.skeleton import flip


@dataclass(frozen=True)
class Batch:
    """Windows and the truth at their centre frames.

    `pose`, `root` and `intrinsics` are None where clips lack them.

    keypoints   (B, T, J, 2) screen coordinates         pose   (B, J, 3) root-relative, camera space, metres
    intrinsics  (B, 4) screen units                     root   (B, 3) camera space, metres
    clip        (B,) number of the clip                 frame  (B,) centre frame within the clip
    """
    keypoints: torch.Tensor
    pose: torch.Tensor | None
    root: torch.Tensor | None
    intrinsics: torch.Tensor | None
    clip: torch.Tensor
    frame: torch.Tensor

    def __len__(self):
        return len(self.keypoints)

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

    def __init__(self, clips: list[Clip], *, frames: int, tds: int = 1, device="cpu", mirror: bool = False):
        self.clips, self.frames, self.tds = clips, frames, tds
        skeleton = clips[0].skeleton
        if any(clip.skeleton is not skeleton for clip in clips):
            raise ValueError(f"All clips need the joints of {skeleton.name}; load one data set at a time.")
        self.lengths = [len(clip) for clip in clips]
        self.num_rows = sum(self.lengths)
        lengths = torch.tensor(self.lengths)
        self.clip_first = (lengths.cumsum(0) - lengths).to(device)                  # (clips,) first row
        self.clip_last = (lengths.cumsum(0) - 1).to(device)                         # (clips,) last row
        self.row_clip = torch.repeat_interleave(torch.arange(len(clips)), lengths).to(device)     # (N,)
        pad = (frames - 1) // 2
        self.offsets = tds * torch.arange(-pad, pad + 1, device=device)             # (T,)

        def stack(field, mirror_image):
            arrays = [getattr(clip, field) for clip in clips]
            if any(array is None for array in arrays):
                return None
            joined = np.concatenate(arrays) if arrays[0].ndim > 1 else np.stack(arrays)
            if mirror:
                joined = np.concatenate([joined, mirror_image(joined)])
            return torch.from_numpy(joined).to(device)

        self.keypoints = stack("keypoints", lambda x: flip(x, skeleton))            # (N or 2N, J, 2)
        self.pose = stack("pose", lambda x: flip(x, skeleton))                      # (N or 2N, J, 3)
        self.root = stack("root", lambda x: x * np.float32([-1, 1, 1]))             # (N or 2N, 3)
        self.intrinsics = stack("intrinsics",                                       # (clips or 2 clips, 4)
                                lambda x: x * np.float32([1, 1, -1, 1]))

    def centers(self, every: int = 1, *, valid_only: bool = False) -> torch.Tensor:
        """Rows (M,) of every `every`-th frame of each clip, counted from its first; on the CPU, in order."""
        parts = []
        for first, clip in zip(self.clip_first.tolist(), self.clips):
            rows = np.arange(0, len(clip), every)
            parts.append(first + (rows[clip.valid[rows]] if valid_only else rows))
        return torch.from_numpy(np.concatenate(parts))

    def gather(self, rows: torch.Tensor, mirrored=0, direction=1) -> Batch:
        """The windows centred on `rows` (B,).

        `mirrored` is 0 or 1, `direction` 1 or -1 (time reversed), or (B,) of them.
        """
        clip = self.row_clip[rows]                                                  # (B,)
        first, last = self.clip_first[clip], self.clip_last[clip]                   # (B,)
        if torch.is_tensor(direction):
            direction = direction[:, None]
        window = rows[:, None] + direction * self.offsets                           # (B, T)
        window = torch.minimum(torch.maximum(window, first[:, None]), last[:, None])
        shift = mirrored * self.num_rows                                            # to the mirrored copy
        window = window + (shift[:, None] if torch.is_tensor(shift) else shift)
        keypoints = self.keypoints.index_select(0, window.flatten()).unflatten(0, window.shape)
        return Batch(
            keypoints=keypoints,
            pose=None if self.pose is None else self.pose[rows + shift],
            root=None if self.root is None else self.root[rows + shift],
            intrinsics=(None if self.intrinsics is None
                        else self.intrinsics[clip + mirrored * len(self.clips)]),
            clip=clip, frame=rows - first)

    def batches(self, batch_size: int, *, every: int = 1) -> Iterator[Batch]:
        """Every `every`-th frame of every clip once, in order."""
        for rows in self.centers(every).split(batch_size):
            yield self.gather(rows.to(self.offsets.device))


class TrainingBatches:
    """Shuffled batches for one epoch at a time.

    Every `stride`-th valid frame is a centre. With `mirror` each window also appears mirrored in the same
    epoch, with `reverse` also with time reversed; both together give four versions. The order comes from
    `generator` alone.
    """

    def __init__(self, windows: Windows, *, batch_size: int, stride: int = 1, mirror: bool = False,
                 reverse: bool = False, generator: torch.Generator):
        self.windows, self.batch_size, self.mirror, self.reverse = windows, batch_size, mirror, reverse
        self.rows = windows.centers(stride, valid_only=True)
        self.versions = (1 + mirror) * (1 + reverse)
        self.generator = generator

    def __len__(self):
        return -(-len(self.rows) * self.versions // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        samples = torch.randperm(len(self.rows) * self.versions, generator=self.generator)
        rows = self.rows[samples // self.versions]
        version = samples % self.versions
        mirrored = version % 2 if self.mirror else torch.zeros_like(version)
        direction = 1 - 2 * (version // (1 + self.mirror))
        device = self.windows.offsets.device
        parts = [values.to(device).split(self.batch_size) for values in (rows, mirrored, direction)]
        for batch in zip(*parts):
            yield self.windows.gather(*batch)
