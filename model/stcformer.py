"""STCFormer: attention among the joints of a frame and, beside it, among the frames of a joint.

After Tang et al., "3D Human Pose Estimation with Spatio-Temporal Criss-cross Attention", CVPR 2023. Numbers
and names of the weights equal those of the authors' code (tests/golden), oddities included: the scale of the
attention, the tiny factors of the part embedding, no normalisation at the end.

Shapes: B batch, T frames, J joints, C channels, H heads, W = C / (2 H) channels of a head.
"""
import torch
import torch.nn.functional as F
from torch import nn

# The part that each joint belongs to (trunk, right leg, left leg, left arm, right arm), in Human3.6M's order;
# in MPI-INF-3DHP's order the variant counts head and neck, arms, legs.
PARTS = {"h36m": (0, 1, 1, 1, 2, 2, 2, 0, 0, 0, 0, 3, 3, 3, 4, 4, 4),
         "3dhp": (0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 0, 0, 0)}
SPATIAL, TEMPORAL = 1e-4, 1e-9      # factors of the part embedding beside each attention


def drop_path(x, training: bool):
    """x; in training whole and doubled or 0, one or the other with probability 1/2."""
    return x * F.dropout(x.new_ones(1), 0.5) if training else x


class CrissCrossAttention(nn.Module):
    """Half of the channels attends among the joints of its frame, the other half among its joint's frames.

    The variant "3dhp" has half as many heads, another scale, and its part embedding reaches the joints' half
    alone.
    """

    def __init__(self, dim, variant):
        super().__init__()
        self.variant, self.heads = variant, 8 if variant == "h36m" else 4
        self.scale = (dim // 2 if variant == "h36m" else dim) ** -0.5      # not the head's width
        width = dim // (2 * self.heads)
        self.layer_norm = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.emb = nn.Embedding(5, width) if variant == "h36m" else nn.Embedding(20, width, padding_idx=0)
        self.sep2_t = nn.Conv2d(dim // 2, dim // 2, 3, padding=1, groups=dim // 2)
        self.sep2_s = nn.Conv2d(dim // 2, dim // 2, 3, padding=1, groups=dim // 2)
        self.register_buffer("part", torch.tensor(PARTS[variant]), persistent=False)

    def project(self, x):
        """q, k and v (B, T, J, C): rows 3 c, 3 c + 1 and 3 c + 2 of the matrix give their channel c."""
        weight = self.qkv.weight.unflatten(0, (-1, 3)).transpose(0, 1).flatten(0, 1)        # (3 C, C)
        bias = self.qkv.bias.unflatten(0, (-1, 3)).t().flatten()                            # (3 C,)
        return F.linear(x, weight, bias).chunk(3, dim=-1)

    def attend(self, q, k, v):
        """Attention of q, k and v (B, M, L, C / 2) among the L places, by head: (B, M, L, H, W)."""
        q, k, v = (part.flatten(0, 1).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (q, k, v))
        found = F.scaled_dot_product_attention(q, k, v, scale=self.scale)                   # (B M, H, L, W)
        return found.transpose(1, 2)

    def convolve(self, layer, v):
        """The depth-wise convolution of v (B, T, J, C / 2) over frames and joints: (B, T, J, H, W)."""
        return layer(v.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).unflatten(-1, (self.heads, -1))

    def forward(self, x):
        batch, frames = x.shape[:2]
        halves = [part.chunk(2, dim=-1) for part in self.project(self.layer_norm(x))]       # (B, T, J, C / 2)
        (qs, ks, vs), (qt, kt, vt) = zip(*halves)
        spatial = self.attend(qs, ks, vs).unflatten(0, (batch, frames))                     # (B, T, J, H, W)
        temporal = self.attend(*(part.transpose(1, 2) for part in (qt, kt, vt)))
        temporal = temporal.unflatten(0, (batch, -1)).transpose(1, 2)                       # (B, T, J, H, W)
        embedding = self.emb(self.part)[:, None]                                            # (J, 1, W)
        spatial = spatial + self.convolve(self.sep2_s, vs) + SPATIAL * drop_path(embedding, self.training)
        temporal = temporal + self.convolve(self.sep2_t, vt)
        if self.variant == "h36m":
            temporal = temporal + TEMPORAL * drop_path(embedding, self.training)
        return self.proj(torch.cat([spatial, temporal], dim=-1).flatten(-2))                # (B, T, J, C)


class FeedForward(nn.Module):
    """Two linear layers without bias, GELU between them."""

    def __init__(self, dim, dropout):
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim, bias=False)
        self.fc2 = nn.Linear(4 * dim, dim, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(self.fc2(self.dropout(F.gelu(self.fc1(x)))))                    # (B, T, J, C)


class STCBlock(nn.Module):
    """Criss-cross attention, then a feed-forward network, each with a residual connection."""

    def __init__(self, dim, dropout, variant):
        super().__init__()
        self.stc_att = CrissCrossAttention(dim, variant)
        self.layer_norm = nn.LayerNorm(dim)
        self.mlp = FeedForward(dim, dropout)

    def forward(self, x):
        x = x + self.stc_att(x)                                                             # (B, T, J, C)
        return x + self.mlp(self.layer_norm(x))                                             # (B, T, J, C)


class STCFormer(nn.Module):
    """The network: `depth` blocks of `dim` channels, the same weights for windows of any length.

    `every_frame`: poses of all frames of the window; without it the centre frame's, as the authors score it.
    `variant`: "h36m", or "3dhp" for the earlier form that they trained on MPI-INF-3DHP.
    `millimetres`: the weights give millimetres, as those of that form do; the poses are metres all the same.
    """

    def __init__(self, *, num_joints=17, frames=27, dim=256, depth=6, dropout=0.1, every_frame=True,
                 variant="h36m", millimetres=False):
        super().__init__()
        if frames % 2 == 0 or num_joints != 17 or dim % 16:
            raise ValueError(f"STCFormer takes an odd number of frames, 17 joints and a multiple of 16 as "
                             f"dim, got {frames}, {num_joints} and {dim}.")
        self.num_joints, self.frames, self.every_frame = num_joints, frames, every_frame
        self.millimetres = millimetres
        self.pose_emb = nn.Linear(2, dim, bias=False)
        self.stcformer = nn.ModuleDict({"stc_block": nn.ModuleList(
            STCBlock(dim, dropout, variant) for _ in range(depth))})
        self.regress_head = nn.Linear(dim, 3, bias=False)

    def forward(self, keypoints):
        """Lift keypoints (B, T, J, 2) to poses (B, T, J, 3), or to the centre frame's pose (B, J, 3).

        Keypoints in screen coordinates, poses root-relative in camera space, metres.
        """
        x = F.gelu(self.pose_emb(keypoints))                                                # (B, T, J, C)
        for block in self.stcformer["stc_block"]:
            x = block(x)                                                                    # (B, T, J, C)
        x = x if self.every_frame else x[:, x.shape[1] // 2]                                # or (B, J, C)
        pose = self.regress_head(x)                                                         # (B, T, J, 3)
        return pose / 1000 if self.millimetres else pose
