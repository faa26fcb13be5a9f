"""FTCM for inference: the same function as model/ftcm.py, its weights folded and laid out for speed.

- Weight norm is resolved; LayerNorm's scale and shift are merged into the linear layer behind it.
- The FPM is one product with its equal real matrix (T x T).
- Time comes first, so that the FPM is a single product for the whole batch.
- Products and convolutions are those of model/products.py; GELU is applied on the way.
- Overlapping windows share what each frame gets alone: embedding, and the first block up to its gate.

Shapes: B windows, T frames, J joints, C channels, L frames of a sequence that holds all windows, V views.
"""
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import nn

from model.ftcm import FTCM, FrequencyPoseMixing, TemporalPoseMixing
from model.products import convolve, linear_gelu, mix

REACH = 2       # frames on each side that the gate looks at: two convolutions with kernel 3


def fold(model: nn.Module) -> nn.Module:
    """A network for inference that equals `model`; ablated and other networks are returned as they are."""
    if not isinstance(model, FTCM):
        return model
    whole = all(isinstance(block.fpm, FrequencyPoseMixing) and isinstance(block.tpm, TemporalPoseMixing)
                for block in model.blocks)
    return FoldedFTCM(model).eval() if whole and model.blocks else model


class FoldedBlock(nn.Module):
    """An FTCMBlock for x (T, B, C), time first."""

    def __init__(self, block):
        super().__init__()

        def keep(name, value):
            self.register_buffer(name, value.detach().clone().contiguous())

        weight = block.expand.weight * block.norm.weight                                        # (C, C)
        bias = block.expand.bias + block.expand.weight @ block.norm.bias                        # (C,)
        for name, half, shift in zip("ab", weight.chunk(2), bias.chunk(2)):
            keep(f"expand_{name}_weight", half)                                                 # (C / 2, C)
            keep(f"expand_{name}_bias", shift)                                                  # (C / 2,)
        keep("mixing", block.fpm.matrix())                                                      # (T, T)
        self.tpm, self.temporal, self.merge = block.tpm, block.temporal, block.merge

    def expand(self, x):
        """The inputs a and b (.., C / 2) of the two units."""
        x = F.layer_norm(x, x.shape[-1:])
        return (linear_gelu(x, self.expand_a_weight, self.expand_a_bias),
                linear_gelu(x, self.expand_b_weight, self.expand_b_bias))

    def local(self, b, step=1):
        """The TPM's half of the mix: b (T, B, C / 2), neighbours `step` rows apart -> (T, B, C / 2)."""
        gate = F.gelu(self.tpm.norm1(convolve(b, self.tpm.conv1.weight, time=0, groups=2, step=step)))
        gate = self.tpm.norm2(convolve(gate, self.tpm.conv2.weight, time=0, groups=2, step=step))
        return linear_gelu(b * torch.sigmoid(gate), self.temporal.weight, self.temporal.bias)

    def join(self, x, a, b):
        """x and the mixed halves: a before the FPM, b behind the TPM (T, B, C / 2)."""
        mixed = torch.cat([mix(self.mixing, a), b], -1)                                         # (T, B, C)
        return x + linear_gelu(mixed, self.merge.weight, self.merge.bias)

    def forward(self, x):
        a, b = self.expand(x)
        return self.join(x, a, self.local(b))


class FoldedFTCM(nn.Module):
    """FTCM for inference. Built from a network's weights as they are now."""

    def __init__(self, model: FTCM):
        super().__init__()
        self.num_joints, self.frames, self.every_frame = model.num_joints, model.frames, model.every_frame
        self.mask = model.mask
        for name, layer in (("embed", model.embed), ("head", model.head)):
            self.register_buffer(f"{name}_weight", layer.weight().detach().clone())
            self.register_buffer(f"{name}_bias", layer.bias.detach().clone())
        self.blocks = nn.ModuleList(map(FoldedBlock, deepcopy(model.blocks)))
        self.requires_grad_(False)

    def embed(self, keypoints):
        """Keypoints (.., J, 2) -> (.., C)."""
        return linear_gelu(keypoints.flatten(-2), self.embed_weight, self.embed_bias)

    def answer(self, x):
        """Poses (B, J, 3), or (B, T, J, 3) for every frame, of x (T, B, C)."""
        x = x.transpose(0, 1) if self.every_frame else x.mean(0)
        return F.linear(x, self.head_weight, self.head_bias).unflatten(-1, (self.num_joints, 3))

    def forward(self, keypoints):
        """As FTCM.forward: keypoints (B, T, J, 2) -> (B, J, 3) or (B, T, J, 3)."""
        x = self.embed(keypoints.transpose(0, 1))                                               # (T, B, C)
        for block in self.blocks:
            x = block(x)                                                                        # (T, B, C)
        return self.answer(x)

    def lift_sequence(self, sequence, index, step: int):
        """The same for overlapping windows: poses (B, V, J, 3) of the windows that `index` picks.

        `sequence` (L, V, J, 2): keypoints of consecutive frames; `index` (T, B): each window's frames in it,
        which must lie `step` apart.
        """
        first = self.blocks[0]
        x = self.embed(sequence)                                                                  # (L, V, C)
        a, b = first.expand(x)                                                              # (L, V, C/2)
        local = first.local(b, step)                                                        # (L, V, C/2)

        def pick(values, index):
            return values.index_select(0, index.flatten()).view(*index.shape[:1], -1, values.shape[-1])

        x, a, mixed = pick(x, index), pick(a, index), pick(local, index)                        # (T, B V, ..)
        # Near a window's ends the gate sees zeros instead of the sequence's next frames.
        mixed[:REACH] = first.local(pick(b, index[:2 * REACH]))[:REACH]
        mixed[-REACH:] = first.local(pick(b, index[-2 * REACH:]))[-REACH:]
        x = first.join(x, a, mixed)
        for block in self.blocks[1:]:
            x = block(x)
        return self.answer(x).unflatten(0, (index.shape[1], -1))
