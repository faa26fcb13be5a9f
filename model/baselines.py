"""A small network that FTCM is compared with. It takes and gives what model/ftcm.py's FTCM does.

SingleFrame is the residual network of Martinez et al., "A simple yet effective baseline for 3d human pose
estimation", ICCV 2017.

Shapes: B batch, T frames (odd), J joints, C channels.
"""
from torch import nn

from model.normalization import Normalization


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
