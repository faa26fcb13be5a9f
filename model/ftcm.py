"""FTCM: lifts a window of 2D keypoints to the 3D pose at its centre frame, or at every frame.

After Tang et al., "FTCM: Frequency-Temporal Collaborative Module for Efficient 3D Human Pose Estimation in
Video", IEEE TCSVT 2023. This file is the definition: every transform is written out as in the paper.
Numerically it equals the original release (tests/golden).

Shapes: B batch, T frames (odd), J joints, C channels, K = T // 2 + 1 frequency bins.
"""
import torch
import torch.nn.functional as F
from torch import nn

from model import training_form


class WeightNormLinear(nn.Module):
    """A linear layer whose rows have a learned length `gain` and direction (Salimans and Kingma 2016)."""

    def __init__(self, num_inputs, num_outputs):
        super().__init__()
        linear = nn.Linear(num_inputs, num_outputs)
        self.direction = nn.Parameter(linear.weight.detach().clone())               # (outputs, inputs)
        self.gain = nn.Parameter(linear.weight.detach().norm(dim=1, keepdim=True))  # (outputs, 1)
        self.bias = nn.Parameter(linear.bias.detach().clone())                      # (outputs,)

    def weight(self):
        """The matrix (outputs, inputs) that is applied."""
        return self.gain * F.normalize(self.direction, dim=1, eps=0)

    def forward(self, x):
        return F.linear(x, self.weight(), self.bias)


class TimeConvolution(nn.Conv1d):
    """A convolution over time with kernel 3, two groups, no bias, zeros outside: (B, T, channels)."""

    def __init__(self, num_inputs, num_outputs):
        super().__init__(num_inputs, num_outputs, kernel_size=3, padding=1, groups=2, bias=False)

    def forward(self, x):
        return super().forward(x.transpose(1, 2)).transpose(1, 2)


class FrequencyPoseMixing(nn.Module):
    """FPM: mixes all frequencies of the window with one another by a learned complex matrix.

    All of it is linear. With `fast` it is done as one product with the equal real matrix, which costs less.
    Always in float32.
    """
    fast = False

    def __init__(self, frames):
        super().__init__()
        bins = frames // 2 + 1
        self.frames = frames
        self.mixing = nn.Parameter(0.02 * torch.randn(bins, bins, 2))       # (K, K, real and imaginary part)

    def transform(self, x):
        """Frequencies mixed: x (.., T, C) -> (.., T, C)."""
        spectrum = torch.fft.rfft(x, dim=-2, norm="ortho")                  # (.., K, C) complex
        mixed = torch.view_as_complex(self.mixing) @ spectrum               # (.., K, C) complex
        return torch.fft.irfft(mixed, n=self.frames, dim=-2, norm="ortho")  # (.., T, C)

    def matrix(self):
        """The real matrix (T, T) that `transform` multiplies by: what it makes of the identity."""
        return self.transform(torch.eye(self.frames, dtype=self.mixing.dtype, device=self.mixing.device))

    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
            x = x.to(self.mixing.dtype)
            return self.matrix() @ x if self.fast else self.transform(x)       # (B, T, C)


class ElementwiseFilter(nn.Module):
    """For comparison with the FPM: GFNet's filter (Rao et al. 2021).

    One complex weight per frequency and channel. Frequencies do not mix with one another.
    """

    def __init__(self, frames, channels):
        super().__init__()
        self.weight = nn.Parameter(                         # (K, C, real and imaginary part)
            0.02 * torch.randn(frames // 2 + 1, channels, 2))

    def forward(self, x):
        spectrum = torch.fft.rfft(x, dim=1, norm="ortho")                   # (B, K, C) complex
        filtered = torch.view_as_complex(self.weight) * spectrum            # (B, K, C) complex
        return torch.fft.irfft(filtered, n=x.shape[1], dim=1, norm="ortho")     # (B, T, C)


class TemporalPoseMixing(nn.Module):
    """TPM: gates every frame by what its neighbours hold; two grouped convolutions over time, kernel 3."""

    def __init__(self, channels):
        super().__init__()
        self.conv1 = TimeConvolution(channels, channels // 2)
        self.norm1 = nn.LayerNorm(channels // 2)
        self.conv2 = TimeConvolution(channels // 2, channels)
        self.norm2 = nn.LayerNorm(channels)

    def forward(self, x):
        gate = F.gelu(self.norm1(self.conv1(x)))                            # (B, T, C / 2)
        gate = self.conv2(gate)                                             # (B, T, C)
        return x * torch.sigmoid(self.norm2(gate))                          # (B, T, C)


class FTCMBlock(nn.Module):
    """One frequency-temporal block: half of the channels goes through the FPM, the other through the TPM.

    For ablation a unit that `units` leaves out passes its half unchanged, and `fpm_filter` replaces the FPM's
    matrix.
    """

    def __init__(self, frames, dim, dropout, *, units="both", fpm_filter="matrix"):
        super().__init__()
        mixing = (FrequencyPoseMixing(frames) if fpm_filter == "matrix"
                  else ElementwiseFilter(frames, dim // 2))
        self.norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, dim)
        self.fpm = mixing if units in ("both", "fpm") else nn.Identity()
        self.tpm = TemporalPoseMixing(dim // 2) if units in ("both", "tpm") else nn.Identity()
        self.temporal = nn.Linear(dim // 2, dim // 2)
        self.dropout = nn.Dropout(dropout)
        self.merge = nn.Linear(dim, dim)

    def forward(self, x):
        a, b = F.gelu(self.expand(self.norm(x))).chunk(2, dim=-1)           # (B, T, C / 2) each
        a = self.fpm(a)                                                     # (B, T, C / 2)
        b = F.gelu(self.temporal(self.tpm(b)))                              # (B, T, C / 2)
        mixed = self.dropout(torch.cat([a, b], dim=-1))                     # (B, T, C)
        return x + F.gelu(self.merge(mixed))                                # (B, T, C)


class FTCM(nn.Module):
    """The lifter. `frames` is the odd window length T, `dim` the channels C, `depth` the number of blocks.

    `every_frame` predicts each frame of the window instead of its centre, with the same weights.
    `units` ("both", "fpm", "tpm", "none") and `fpm_filter` ("matrix", "elementwise") are for ablation.
    With `mask` a third number beside each joint's coordinates says whether it was seen (1) or filled (0).
    """
    form: str | None = None     # for inference (model/blocks_in_place.py); None: the fastest, by timing

    def __init__(self, *, num_joints=17, frames=243, dim=512, depth=6, dropout=0.1, units="both",
                 fpm_filter="matrix", every_frame=False, mask=False):
        super().__init__()
        if frames % 2 == 0 or frames < 1:
            raise ValueError(f"frames must be odd and positive so that the window has a centre frame, "
                             f"got {frames}.")
        if dim % 8:
            raise ValueError(f"dim must be a multiple of 8 (two halves, two groups, halved once), got {dim}.")
        self.num_joints, self.frames, self.every_frame, self.mask = num_joints, frames, every_frame, mask
        self.fast, self.product = False, None
        self.embed = WeightNormLinear((2 + mask) * num_joints, dim)
        self.blocks = nn.ModuleList(FTCMBlock(frames, dim, dropout, units=units, fpm_filter=fpm_filter)
                                    for _ in range(depth))
        self.head = WeightNormLinear(dim, 3 * num_joints)

    def use_fast(self, fast: bool, product: str | None = None) -> "FTCM":
        """Whether training goes a fast way, the same function: on a CPU that of model/training_form.py.

        Elsewhere the FPM alone is fast. `product` is one of training_form.PRODUCTS; None: the one that is
        fast here, by measuring.
        """
        self.fast = fast
        self.product = product or (training_form.measure_product() if fast else None)
        for module in self.modules():
            if isinstance(module, FrequencyPoseMixing):
                module.fast = fast
        return self

    def forward(self, keypoints):
        """Lift keypoints (B, T, J, 2) to the centre frame's pose (B, J, 3); with `every_frame` (B, T, J, 3).

        Keypoints in screen coordinates, (B, T, J, 3) with the mask; poses root-relative in camera space,
        metres.
        """
        if self.fast and training_form.suits(keypoints):
            return training_form.lift(self, keypoints, self.product)
        x = F.gelu(self.embed(keypoints.flatten(2)))                        # (B, T, C)
        for block in self.blocks:
            x = block(x)                                                    # (B, T, C)
        pose = self.head(x if self.every_frame else x.mean(dim=1))          # (B, J * 3) or (B, T, J * 3)
        return pose.unflatten(-1, (self.num_joints, 3))                     # (B, J, 3) or (B, T, J, 3)
