"""The small networks that FTCM is compared with. They take and give what model/ftcm.py's FTCM does.

SingleFrame is the residual network of Martinez et al., "A simple yet effective baseline for 3d human pose
estimation", ICCV 2017; TemporalConv the convolutions over time of Pavllo et al., "3D human pose estimation in
video with temporal convolutions and semi-supervised training", CVPR 2019.

Shapes: B batch, T frames (odd), J joints, C channels.
"""
import torch.nn.functional as F
from torch import nn


class Normalization(nn.BatchNorm1d):
    """Batch normalisation; a batch with one value a channel has no spread and is normalised as in use."""

    def forward(self, x):
        if self.training and x.numel() == self.num_features:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        return super().forward(x)


class ResidualMLP(nn.Module):
    """Two linear layers, each normalised, with ReLU and dropout, and a residual connection."""

    def __init__(self, dim, dropout):
        super().__init__()
        self.layers = nn.Sequential(*[layer for _ in range(2) for layer in (
            nn.Linear(dim, dim), Normalization(dim), nn.ReLU(), nn.Dropout(dropout))])

    def forward(self, x):
        return x + self.layers(x)                                           # (B, C)


class SingleFrame(nn.Module):
    """Lifts the keypoints of the window's centre frame; no other frame matters. `depth` residual blocks."""

    every_frame = False

    def __init__(self, *, num_joints=17, frames=1, dim=1024, depth=2, dropout=0.5, mask=False):
        super().__init__()
        self.num_joints, self.frames, self.mask = num_joints, frames, mask
        self.embed = nn.Sequential(nn.Linear((2 + mask) * num_joints, dim), Normalization(dim), nn.ReLU(),
                                   nn.Dropout(dropout))
        self.blocks = nn.Sequential(*[ResidualMLP(dim, dropout) for _ in range(depth)])
        self.head = nn.Linear(dim, 3 * num_joints)

    def forward(self, keypoints):
        """Lift keypoints (B, T, J, 2) in screen coordinates to root-relative poses (B, J, 3), metres."""
        x = self.embed(keypoints[:, keypoints.shape[1] // 2].flatten(1))    # (B, C)
        pose = self.head(self.blocks(x))                                    # (B, J * 3)
        return pose.unflatten(-1, (self.num_joints, 3))                     # (B, J, 3)


class ConvolutionBlock(nn.Module):
    """Joins three neighbours into one; the residual connection takes the middle one."""

    def __init__(self, dim, dropout):
        super().__init__()
        self.join = convolution(dim, dim, 3, dropout)
        self.mix = convolution(dim, dim, 1, dropout)

    def forward(self, x):
        return x[..., 1::3] + self.mix(self.join(x))                        # (B, C, T) -> (B, C, T / 3)


def convolution(num_inputs, num_outputs, kernel, dropout):
    """A convolution over time that steps by its own width, normalised, with ReLU and dropout."""
    return nn.Sequential(nn.Conv1d(num_inputs, num_outputs, kernel, stride=kernel, bias=False),
                         Normalization(num_outputs), nn.ReLU(), nn.Dropout(dropout))


class TemporalConv(nn.Module):
    """Convolutions of kernel 3 over time, without padding, until one of T = 3, 9, 27, .. frames is left.

    Over a whole video they are dilated by 1, 3, 9, ..; a window has one answer, which needs every third
    position alone, so here each steps by 3: the same answer for less.
    """

    every_frame = False

    def __init__(self, *, num_joints=17, frames=27, dim=728, dropout=0.25, mask=False):
        super().__init__()
        levels = next((n for n in range(1, 10) if 3 ** n == frames), None)
        if levels is None:
            raise ValueError(f"frames must be a power of 3 (3, 9, 27, ..), got {frames}.")
        self.num_joints, self.frames, self.mask = num_joints, frames, mask
        self.embed = convolution((2 + mask) * num_joints, dim, 3, dropout)
        self.blocks = nn.Sequential(*[ConvolutionBlock(dim, dropout) for _ in range(levels - 1)])
        self.head = nn.Conv1d(dim, 3 * num_joints, 1)

    def forward(self, keypoints):
        """Lift keypoints (B, T, J, 2) in screen coordinates to root-relative poses (B, J, 3), metres."""
        x = self.embed(keypoints.flatten(2).transpose(1, 2))                # (B, C, T / 3)
        pose = self.head(self.blocks(x)).squeeze(-1)                        # (B, J * 3)
        return pose.unflatten(-1, (self.num_joints, 3))                     # (B, J, 3)
