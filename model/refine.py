"""Refine: blends the lifted pose's x and y with those of the back-projected keypoints.

Shapes: B batch, J joints.
"""
import torch
from torch import nn


class Refine(nn.Module):
    """A small network that decides, per joint and axis, how far to trust the observed keypoints.

    The layer names (`post_refine.0`, `post_refine.3`) are those of the original release, so its weight files
    load as they are.
    """

    def __init__(self, *, num_joints=17, hidden=1024, dropout=0.5):
        super().__init__()
        self.post_refine = nn.Sequential(
            nn.Linear(6 * num_joints, hidden), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(hidden, 2 * num_joints), nn.Sigmoid())

    def forward(self, lifted, back_projected):
        """The refined pose (B, J, 3) of `lifted` and `back_projected` (B, J, 3).

        All are root-relative, camera space, metres. x and y are a weighted mean of the two, z is the lifted
        one.
        """
        both = torch.cat([lifted, back_projected], dim=-1)                                  # (B, J, 6)
        weight = self.post_refine(both.flatten(1)).unflatten(1, (-1, 2))                    # (B, J, 2)
        blended = weight * lifted[..., :2] + (1 - weight) * back_projected[..., :2]         # (B, J, 2)
        return torch.cat([blended, lifted[..., 2:]], dim=-1)                                # (B, J, 3)
