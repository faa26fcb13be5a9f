"""What StridedTransformer (model/strided.py) and P-STMO (model/pstmo.py) share: what follows their embedding.

After Li et al., "Exploiting Temporal Contexts with Strided Transformer for 3D Human Pose Estimation", IEEE
TMM 2022: attention over time, then layers that each keep every third frame until one is left.
Numerically it equals the original releases (tests/golden).

Shapes: B windows, T frames (odd), J joints, C channels, H heads, L positions that are left.
"""
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn

from model.normalization import Normalization

HEADS = 8
# Frames that each strided layer makes one of, for every T that they bring down to 1.
STRIDES = {9: (1, 3, 3), 27: (3, 3, 3), 81: (3, 3, 3, 3), 243: (3, 3, 3, 3, 3), 351: (3, 9, 13)}
POSITIONS = 3       # strided layers that are told each frame's place; later ones are not


class Norm(nn.Module):
    """Each frame's channels at mean 0 and deviation 1, the unbiased one, then scaled and shifted.

    1e-6 is added to the deviation itself, not to its square: not torch's LayerNorm.
    """

    def __init__(self, dim):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(dim))                           # (C,)
        self.shift = nn.Parameter(torch.zeros(dim))                         # (C,)

    def forward(self, x):
        x = x - x.mean(-1, keepdim=True)                                    # (.., C)
        # Several times as fast as torch.std.
        deviation = torch.linalg.vector_norm(x, dim=-1, keepdim=True) / (x.shape[-1] - 1) ** 0.5    # (.., 1)
        return self.gain * (x / (deviation + 1e-6)) + self.shift


class Pointwise(nn.Conv1d):
    """A convolution of kernel 1 over (B, T, inputs), channels last: a linear layer for each frame."""

    def __init__(self, num_inputs, num_outputs):
        super().__init__(num_inputs, num_outputs, kernel_size=1)

    def forward(self, x):
        return F.linear(x, self.weight[..., 0], self.bias)                  # (B, T, outputs)


class FrameNormalization(Normalization):
    """Batch normalisation of (B, T, C), over all frames of all windows."""

    def forward(self, x):
        return super().forward(x.flatten(0, -2)).view_as(x)


class Attention(nn.Module):
    """Each frame looks at all others, with 8 heads of C / 8 channels."""

    def __init__(self, dim, dropout):
        super().__init__()
        self.query = nn.Linear(dim, dim)
        # All four start with equal weights, as in the original releases.
        self.key, self.value, self.merge = (deepcopy(self.query) for _ in range(3))
        self.dropout = dropout

    def forward(self, x):
        q, k, v = (layer(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)      # (B, H, T, C / H)
                   for layer in (self.query, self.key, self.value))
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        return self.merge(mixed.transpose(1, 2).flatten(2))                 # (B, T, C)


class TemporalLayer(nn.Module):
    """Attention over time, then two linear layers for each frame; both with a residual connection."""

    def __init__(self, dim, dropout):
        super().__init__()
        self.norm1, self.norm2 = Norm(dim), Norm(dim)
        self.attention = Attention(dim, dropout)
        self.expand, self.contract = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attention(self.norm1(x)))                 # (B, T, C)
        wide = self.dropout(F.relu(self.expand(self.norm2(x))))             # (B, T, 2 C)
        return x + self.dropout(self.contract(wide))                        # (B, T, C)


class StridedLayer(nn.Module):
    """Attention over time, then a convolution of kernel 3 that keeps every `stride`-th position from 0 on."""

    def __init__(self, dim, dropout, *, stride, attention):
        super().__init__()
        self.norm1, self.norm2 = Norm(dim), Norm(dim)
        self.attention = attention
        self.expand = Pointwise(dim, 2 * dim)
        self.contract = nn.Conv1d(2 * dim, dim, kernel_size=3, padding=1, stride=stride)
        self.dropout, self.stride = nn.Dropout(dropout), stride

    def forward(self, x):
        x = x + self.dropout(self.attention(self.norm1(x)))                 # (B, L, C)
        wide = self.dropout(F.relu(self.expand(self.norm2(x))))             # (B, L, 2 C)
        joined = self.contract(wide.transpose(1, 2)).transpose(1, 2)        # (B, L / stride, C)
        return x[:, ::self.stride] + self.dropout(joined)                   # (B, L / stride, C)


def refuse_sizes(frames, dim, *, multiple=HEADS):
    """Raise ValueError where strided layers cannot make one of T frames, or heads not share C channels."""
    if frames not in STRIDES:
        raise ValueError(f"frames must be one of {', '.join(map(str, STRIDES))}, got {frames}.")
    if dim % multiple:
        raise ValueError(f"dim must be a multiple of {multiple}, so that {HEADS} heads share it, got {dim}.")


def equal_layers(depth, dim, dropout):
    """`depth` temporal layers that start with equal weights, as in the original releases."""
    layer = TemporalLayer(dim, dropout)
    return nn.ModuleList(deepcopy(layer) for _ in range(depth))


class TemporalEncoder(nn.Module):
    """Layers of attention over T frames; each frame's place is told once, before the first."""

    def __init__(self, frames, dim, depth, dropout):
        super().__init__()
        self.position = nn.Parameter(torch.randn(1, frames, dim))           # (1, T, C)
        self.layers = equal_layers(depth, dim, dropout)

    def forward(self, x, visible=slice(None)):
        """x (B, T, C) of all frames -> (B, T, C), or (B, L, C) of the L frames `visible` alone."""
        x = (x + self.position)[:, visible]
        for layer in self.layers:
            x = layer(x)
        return x


class StridedEncoder(nn.Module):
    """Makes one position of T; that it means the target frame is learned."""

    def __init__(self, frames, dim, dropout):
        super().__init__()
        attention = Attention(dim, dropout)
        self.positions = nn.ParameterList(                                  # (1, T, C) each
            torch.randn(1, frames, dim) for _ in range(POSITIONS))
        self.layers = nn.ModuleList(StridedLayer(dim, dropout, stride=stride, attention=deepcopy(attention))
                                    for stride in STRIDES[frames])

    def forward(self, x):
        for i, layer in enumerate(self.layers):
            if i < POSITIONS:
                x = x + self.positions[i][:, :x.shape[1]]
            x = layer(x)
        return x                                                            # (B, 1, C)


def pose_head(dim, num_outputs):
    """Channels (B, T, C) to numbers (B, T, outputs)."""
    return nn.Sequential(FrameNormalization(dim), Pointwise(dim, num_outputs))


class StridedLifter(nn.Module):
    """The lifter behind an embedding, which makes (B, T, C) of (B, T, 2 J). `depth` temporal layers."""

    every_frame = False

    def __init__(self, embed, *, num_joints, frames, dim, depth, dropout):
        super().__init__()
        refuse_sizes(frames, dim)
        self.num_joints, self.frames = num_joints, frames
        self.embed = embed
        self.temporal = TemporalEncoder(frames, dim, depth, dropout)
        self.strided = StridedEncoder(frames, dim, dropout)
        self.center_head = pose_head(dim, 3 * num_joints)
        self.every_head = pose_head(dim, 3 * num_joints)

    def forward(self, keypoints, both: bool = False):
        """Lift keypoints (B, T, J, 2) to the target frame's pose (B, J, 3).

        With `both` also every frame's pose (B, T, J, 3), which training adds to the loss. Keypoints in screen
        coordinates, poses root-relative in camera space, metres.
        """
        x = self.temporal(self.embed(keypoints.flatten(2)))                 # (B, T, C)
        pose = self.poses(self.center_head, self.strided(x))[:, 0]          # (B, J, 3)
        return (pose, self.poses(self.every_head, x)) if both else pose

    def poses(self, head, x):
        """The poses (B, T, J, 3) that a head reads off x (B, T, C)."""
        return head(x).unflatten(-1, (self.num_joints, 3))
