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

    def layers(self):
        """Of each layer behind the first: width, spacing, convolution and mixing, each with its bn."""
        for i, (width, spacing) in enumerate(zip(self.widths[1:], self.spacings[1:])):
            pairs = (self.layers_conv[2 * i], self.layers_bn[2 * i], self.layers_conv[2 * i + 1],
                     self.layers_bn[2 * i + 1])
            yield width, spacing, *pairs

    def place(self, width: int) -> int:
        """Which of the `width` positions that a layer joins its answer is added to."""
        return width // 2 if self.target == "center" else width - 1

    def over_windows(self, x):
        """Poses (B, 3 J) of windows (B, T, 2 J)."""
        def activate(x, bn):
            return self.dropout(F.relu(bn(x.flatten(0, 1)).view_as(x)))

        x = activate(join(x, self.expand_conv.weight), self.expand_bn)                      # (B, T / w0, C)
        for width, _, conv, bn, mixing, mixing_bn in self.layers():
            joined = activate(join(x, conv.weight), bn)                                     # (B, L / w, C)
            x = x[:, self.place(width)::width] + activate(join(joined, mixing.weight), mixing_bn)
        return join(x, self.shrink.weight).squeeze(1) + self.shrink.bias                    # (B, 3 J)

    def over_sequence(self, x, step: int):
        """Poses (V, 3 J, windows) of all windows of frames `step` apart in sequences (V, 2 J, L)."""
        def activate(x, bn):
            return self.dropout(F.relu(bn(x)))

        x = activate(F.conv1d(x, self.expand_conv.weight, dilation=step), self.expand_bn)   # (V, C, fewer)
        for width, spacing, conv, bn, mixing, mixing_bn in self.layers():
            apart = spacing * step
            joined = activate(F.conv1d(x, conv.weight, dilation=step if self.dense else apart), bn)
            own = x[..., self.place(width) * apart:][..., :joined.shape[-1]]
            x = own + activate(mixing(joined), mixing_bn)                                   # (V, C, fewer)
        return self.shrink(x)

    def forward(self, keypoints):
        """Lift keypoints (B, T, J, 2) in screen coordinates to root-relative poses (B, J, 3), metres."""
        x = keypoints.flatten(2)                                                            # (B, T, 2 J)
        pose = self.over_sequence(x.transpose(1, 2), 1)[..., 0] if self.dense else self.over_windows(x)
        return pose.unflatten(-1, (self.num_joints, 3))                                     # (B, J, 3)

    def lift_sequence(self, sequence, index, step: int):
        """The same for overlapping windows: poses (B, V, J, 3) of the windows that `index` picks.

        `sequence` (L, V, J, 2): keypoints of consecutive frames; `index` (T, B): each window's frames in it,
        which must lie `step` apart.
        """
        pose = self.over_sequence(sequence.flatten(2).permute(1, 2, 0), step)               # (V, 3 J, ..)
        return pose.permute(2, 0, 1)[index[0]].unflatten(-1, (self.num_joints, 3))          # (B, V, J, 3)


def join(x, weight):
    """The convolution of x (B, L, inputs) that steps by its own width w: (B, L / w, outputs).

    `weight` (outputs, inputs, w) as Conv1d has it. One product of rows: faster than PyTorch's convolution.
    """
    rows = x.unflatten(1, (-1, weight.shape[-1])).transpose(2, 3).flatten(2)                # (B, L / w, ..)
    return F.linear(rows, weight.flatten(1))


def default_widths(frames: int) -> list[int]:
    """The widths of the published networks, 3, 3, ..; ValueError where `frames` is no power of 3."""
    layers = next((count for count in range(1, 10) if 3 ** count == frames), None)
    if layers is None:
        raise ValueError(f"frames must be a power of 3 (3, 9, 27, ..) where no widths are named, "
                         f"got {frames}.")
    return [3] * layers
