"""StridedTransformer: Li et al., "Exploiting Temporal Contexts with Strided Transformer for 3D Human Pose
Estimation", IEEE TMM 2022. Shapes: B windows, T frames, J joints, C channels.
"""
from torch import nn

from model.strided_transformer import FrameNormalization, Pointwise, StridedLifter

EMBEDDING_DROPS = 2.5       # times what the layers drop: 0.25 and 0.1 as published


class StridedTransformer(StridedLifter):
    """One linear layer for each frame, attention over time, strided layers. `depth` temporal layers.

    `dropout` is that of the attention's layers; the embedding drops 2.5 times as much.
    """

    def __init__(self, *, num_joints=17, frames=351, dim=256, depth=3, dropout=0.1):
        if EMBEDDING_DROPS * dropout >= 1:
            raise ValueError(f"dropout must be below {1 / EMBEDDING_DROPS:g}, since the embedding drops "
                             f"{EMBEDDING_DROPS:g} times as much, got {dropout:g}.")
        embed = nn.Sequential(Pointwise(2 * num_joints, dim), FrameNormalization(dim), nn.ReLU(),
                              nn.Dropout(EMBEDDING_DROPS * dropout))        # (B, T, 2 J) -> (B, T, C)
        super().__init__(embed, num_joints=num_joints, frames=frames, dim=dim, depth=depth, dropout=dropout)
