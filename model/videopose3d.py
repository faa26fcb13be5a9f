"""VideoPose3D: convolutions over time, without padding, until one pose of a window is left.

After Pavllo et al., "3D human pose estimation in video with temporal convolutions and semi-supervised
training", CVPR 2019. Numbers and names of the weights equal those of the authors' code (tests/golden).

Shapes: B batch, T frames of a window (the product of the widths), J joints, C channels, L positions in time,
V views of a sequence.
"""
import math

import torch.nn.functional as F
from torch import nn

from model.normalization import Normalization


class VideoPose3D(nn.Module):
    """The network: a layer of convolutions for each of the `widths`, odd numbers whose product is `frames`.

    A window has one answer, which needs every w-th position of a layer of width w alone: there convolutions
    step by their own width. Over a sequence they are dilated instead, and windows share their work: the same
    answers. Training takes windows, because normalisation would see other positions in a sequence.

    `target` "last" is the causal network: what a layer adds to its input is added to the last position that
    it reads, not to the middle one. `dense` has kernels that hold every position that a dilated one spans.
    """

    every_frame = False

    def __init__(self, *, num_joints=17, frames=243, dim=1024, dropout=0.25, widths=None, target="center",
                 dense=False):
        super().__init__()
        self.widths = default_widths(frames) if widths is None else list(widths)
        if math.prod(self.widths) != frames or any(width % 2 == 0 or width < 3 for width in self.widths):
            raise ValueError(f"frames must be the product of odd widths from 3 on, got {frames} frames and "
                             f"widths {self.widths}.")
        self.num_joints, self.frames, self.target, self.dense = num_joints, frames, target, dense
        # Positions between the neighbours that a layer joins: 1, w0, w0 w1, ..
        self.spacings = [math.prod(self.widths[:layer]) for layer in range(len(self.widths))]
        kernels = [(width - 1) * spacing + 1 if dense else width
                   for width, spacing in zip(self.widths, self.spacings)]
        self.expand_conv = nn.Conv1d(2 * num_joints, dim, kernels[0], bias=False)
        self.expand_bn = Normalization(dim)
        self.layers_conv = nn.ModuleList(nn.Conv1d(dim, dim, size, bias=False)
                                         for kernel in kernels[1:] for size in (kernel, 1))
        self.layers_bn = nn.ModuleList(Normalization(dim) for _ in self.layers_conv)
        self.shrink = nn.Conv1d(dim, 3 * num_joints, 1)
        self.dropout = nn.Dropout(dropout)

    @property
    def sharing_gain(self) -> float:
        """How many frames of a long sequence cost what one window costs: products of the layers behind the
        first.
        """
        costs = [(width + 1, self.frames / (spacing * width))                   # a position's, positions
                 for width, spacing in zip(self.widths[1:], self.spacings[1:])]
        return sum(cost * count for cost, count in costs) / max(1, sum(cost for cost, _ in costs))

    def use_fast(self, fast: bool) -> "VideoPose3D":
        """Nothing to choose: this network has one way."""
        return self

    def answer(self, x, step: int | None = None):
        """Windows (B, 2 J, T) -> (B, 3 J, 1); with `step`, sequences (B, 2 J, L) -> (B, 3 J, windows in L).

        A window's frames lie `step` apart in a sequence.
        """
        for layer, (width, spacing) in enumerate(zip(self.widths, self.spacings)):
            stride, apart = (width, 1) if step is None else (1, spacing * step)
            dilation = step if self.dense else apart
            conv = self.layers_conv[2 * layer - 2] if layer else self.expand_conv
            bn = self.layers_bn[2 * layer - 2] if layer else self.expand_bn
            joined = F.conv1d(x, conv.weight, stride=stride, dilation=dilation)             # (B, C, fewer)
            joined = self.dropout(F.relu(bn(joined)))
            if layer:
                mixed = F.relu(self.layers_bn[2 * layer - 1](self.layers_conv[2 * layer - 1](joined)))
                begin = apart * (width // 2 if self.target == "center" else width - 1)
                joined = x[..., begin::stride][..., :joined.shape[-1]] + self.dropout(mixed)
            x = joined
        return self.shrink(x)

    def forward(self, keypoints):
        """Lift keypoints (B, T, J, 2) in screen coordinates to root-relative poses (B, J, 3), metres."""
        x = keypoints.flatten(2).transpose(1, 2)                                            # (B, 2 J, T)
        pose = self.answer(x, 1 if self.dense else None).squeeze(-1)                        # (B, 3 J)
        return pose.unflatten(-1, (self.num_joints, 3))                                     # (B, J, 3)

    def lift_sequence(self, sequence, index, step: int):
        """The same for overlapping windows: poses (B, V, J, 3) of the windows that `index` picks.

        `sequence` (L, V, J, 2): keypoints of consecutive frames; `index` (T, B): each window's frames in it,
        which must lie `step` apart.
        """
        pose = self.answer(sequence.flatten(2).permute(1, 2, 0), step)                      # (V, 3 J, L - ..)
        return pose.permute(2, 0, 1)[index[0]].unflatten(-1, (self.num_joints, 3))          # (B, V, J, 3)


def default_widths(frames: int) -> list[int]:
    """The widths of the published networks, 3, 3, ..; ValueError where `frames` is no power of 3."""
    layers = next((count for count in range(1, 10) if 3 ** count == frames), None)
    if layers is None:
        raise ValueError(f"frames must be a power of 3 (3, 9, 27, ..) where no widths are named, "
                         f"got {frames}.")
    return [3] * layers
