"""P-STMO: Shan et al., "P-STMO: Pre-trained Spatial Temporal Many-to-One Model for 3D Human Pose Estimation",
ECCV 2022; the lifter and its pre-training, which fills in hidden keypoints. Numerically equal to the original
release (tests/golden).

Shapes: B windows, T frames, J joints, C channels, L visible frames or frames of a sequence,
V views.
"""
import torch
import torch.nn.functional as F
from torch import nn

from model.strided_transformer import (
    HEADS,
    FrameNormalization,
    Norm,
    Pointwise,
    StridedLifter,
    TemporalEncoder,
    equal_layers,
    pose_head,
    refuse_sizes,
)

SLOPE = 0.2         # of the embedding's LeakyReLU


class Embedding(nn.Module):
    """Keypoints of a frame (B, T, 2 J) to its channels (B, T, C), each frame alone, 2 C wide in between."""

    def __init__(self, num_joints, dim, dropout):
        super().__init__()
        wide = 2 * dim
        self.enter, self.enter_norm = Pointwise(2 * num_joints, wide), FrameNormalization(wide)
        self.inner1, self.inner1_norm = Pointwise(wide, wide), FrameNormalization(wide)
        self.inner2, self.inner2_norm = Pointwise(wide, wide), FrameNormalization(wide)
        self.leave = Pointwise(wide, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.activate(self.enter_norm(self.enter(x)))                   # (B, T, 2 C)
        inner = self.activate(self.inner1_norm(self.inner1(x)))             # (B, T, 2 C)
        x = x + self.activate(self.inner2_norm(self.inner2(inner)))         # (B, T, 2 C)
        return self.leave(x)                                                # (B, T, C)

    def activate(self, x):
        return self.dropout(F.leaky_relu(x, SLOPE))


class PSTMO(StridedLifter):
    """The lifter. With 3 temporal layers (`depth`) it is P-STMO-S, with 4 P-STMO.

    `millimetres`: the weights give millimetres, as those of the authors for MPI-INF-3DHP do; the poses are
    metres all the same.
    """

    def __init__(self, *, num_joints=17, frames=243, dim=256, depth=3, dropout=0.1, millimetres=False):
        super().__init__(Embedding(num_joints, dim, dropout), num_joints=num_joints, frames=frames, dim=dim,
                         depth=depth, dropout=dropout)
        self.millimetres = millimetres

    def poses(self, head, x):
        pose = super().poses(head, x)                                       # (B, T, J, 3)
        return pose / 1000 if self.millimetres else pose

    def lift_sequence(self, sequence, index, step: int):
        """The same for overlapping windows, which share their frames' embedding: poses (B, V, J, 3).

        `sequence` (L, V, J, 2): keypoints of consecutive frames; `index` (T, B): each window's frames in it.
        """
        x = self.embed(sequence.flatten(2).transpose(0, 1))[:, index.T]     # (V, B, T, C)
        x = self.strided(self.temporal(x.flatten(0, 1)))                    # (V B, 1, C)
        pose = self.poses(self.center_head, x)[:, 0]                        # (V B, J, 3)
        return pose.unflatten(0, (-1, index.shape[1])).transpose(0, 1)      # (B, V, J, 3)


class PSTMOPretraining(nn.Module):
    """The pre-training: whole frames and single joints are hidden, all keypoints are to be given back.

    The decoder has `depth` - 1 layers of half the channels. `masked_frames` is the share of frames that are
    hidden, `masked_joints` how many joints of each frame. The network `lifter` then takes over the parts
    `taken`.
    """

    lifter, taken = "pstmo", ("embed.", "temporal.")

    def __init__(self, *, num_joints=17, frames=243, dim=256, depth=3, dropout=0.1, masked_frames=0.8,
                 masked_joints=2):
        super().__init__()
        refuse_sizes(frames, dim, multiple=2 * HEADS)
        half = dim // 2
        self.num_joints, self.frames = num_joints, frames
        self.masked_frames, self.masked_joints = masked_frames, masked_joints
        self.embed = Embedding(num_joints, dim, dropout)
        self.temporal = TemporalEncoder(frames, dim, depth, dropout)
        self.between_norm, self.narrow = Norm(dim), nn.Linear(dim, half, bias=False)
        self.joint_token = nn.Parameter(torch.randn(1, 1, 2))               # instead of a hidden joint
        self.frame_token = nn.Parameter(torch.randn(1, 1, half))            # instead of a hidden frame
        self.decoder_position = nn.Parameter(torch.randn(1, frames, half))
        self.decoder = equal_layers(depth - 1, half, dropout)
        self.keypoint_head = pose_head(half, 2 * num_joints)

    def draw_masks(self, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """What to hide: frames (T,), joints (T, J); True is hidden. For all windows of a training step.

        The last joint is never hidden, as in the original release.
        """
        frame_mask = torch.zeros(self.frames, dtype=torch.bool)
        hidden = torch.randperm(self.frames, generator=generator)[:int(self.frames * self.masked_frames)]
        frame_mask[hidden] = True
        chance = torch.rand(self.frames, self.num_joints - 1, generator=generator)
        joint_mask = torch.zeros(self.frames, self.num_joints, dtype=torch.bool)
        joint_mask.scatter_(1, chance.argsort(1)[:, :self.masked_joints], True)
        return frame_mask, joint_mask

    def forward(self, keypoints, frame_mask, joint_mask):
        """All keypoints (B, T, J, 2) as guessed from those that the masks (T,) and (T, J) leave visible."""
        points = torch.where(joint_mask[..., None], self.joint_token, keypoints)        # (B, T, J, 2)
        visible, hidden = (~frame_mask).nonzero()[:, 0], frame_mask.nonzero()[:, 0]     # (L,), (T - L,)
        x = self.temporal(self.embed(points.flatten(2)), visible)                       # (B, L, C)
        x = self.narrow(self.between_norm(x)) + self.decoder_position[:, visible]       # (B, L, C / 2)
        x = torch.cat([x, (self.frame_token + self.decoder_position[:, hidden]).expand(len(x), -1, -1)], 1)
        for layer in self.decoder:
            x = layer(x)                                                    # (B, T, C / 2)
        in_time = torch.cat([visible, hidden]).argsort()
        return self.keypoint_head(x)[:, in_time].unflatten(-1, (-1, 2))     # (B, T, J, 2)
