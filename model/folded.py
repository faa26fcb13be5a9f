"""FTCM for inference: the same function as model/ftcm.py, its weights folded and laid out for speed.

- Weight norm is resolved; LayerNorm's scale and shift are merged into the linear layer behind it.
- The FPM is one product with its equal real matrix (T x T).
- Time comes first, so that the FPM is a single product for the whole batch.
- Overlapping windows share what each frame gets alone: embedding, and the first block up to its gate.
- float32 on a CPU is computed in place, by model/in_place.py.

Shapes: B windows, T frames, J joints, C channels, L frames of a sequence that holds all windows, V views.
"""
from copy import deepcopy
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import nn

from model.blocks_in_place import FORMS, REACH
from model.forms import fastest
from model.ftcm import FTCM, FrequencyPoseMixing, TemporalPoseMixing
from model.in_place import InPlace
from model.products import convolve, suits

TIMED_FROM = 128        # channels; smaller networks take the first form, so that noise decides nothing
TIMED_FRAMES = 512


def fold(model: nn.Module, *, timed: bool = True) -> nn.Module:
    """A network for inference that equals `model`; ablated and other networks are returned as they are.

    On a CPU it has the model's form or, where that has none, the fastest by timing, else (not `timed`) the
    first of FORMS, which is the same on every machine.
    """
    if not isinstance(model, FTCM):
        return model
    whole = all(isinstance(block.fpm, FrequencyPoseMixing) and isinstance(block.tpm, TemporalPoseMixing)
                for block in model.blocks)
    if not whole or not model.blocks:
        return model
    return FoldedFTCM(model, model.form or (None if timed else next(iter(FORMS)))).eval()


def form_of(model: nn.Module) -> str | None:
    """The name of the form that `fold(model)` has in float32 on a CPU; None for networks that stay."""
    folded = fold(model)
    used = isinstance(folded, FoldedFTCM) and suits(folded.embed_bias)
    return folded.settle_form() if used else None


@cache
def fastest_form(frames: int, dim: int) -> str:
    """Which of model/blocks_in_place.py is the fastest here; timed once, in a fraction of a second."""
    default = next(iter(FORMS))
    if dim < TIMED_FROM:
        return default
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        network = FoldedFTCM(FTCM(frames=frames, dim=dim, depth=2))         # more weights than a cache holds
        keypoints = torch.randn(max(1, TIMED_FRAMES // frames), frames, network.num_joints, 2)
        forms = {form: partial(InPlace(network, form).forward, keypoints) for form in FORMS}
        return fastest(forms)


class FoldedBlock(nn.Module):
    """An FTCMBlock for x (T, B, C), time first."""

    def __init__(self, block):
        super().__init__()
        weight = block.expand.weight * block.norm.weight                                        # (C, C)
        bias = block.expand.bias + block.expand.weight @ block.norm.bias                        # (C,)
        for name, value in (("expand_weight", weight), ("expand_bias", bias), ("mixing", block.fpm.matrix())):
            self.register_buffer(name, value.detach().clone())
        self.tpm, self.temporal, self.merge = block.tpm, block.temporal, block.merge

    def expand(self, x):
        """The inputs a and b (.., C / 2) of the two units."""
        x = F.layer_norm(x, x.shape[-1:])
        return F.gelu(F.linear(x, self.expand_weight, self.expand_bias)).chunk(2, -1)

    def local(self, b, step=1):
        """The TPM's half of the mix: b (T, B, C / 2), neighbours `step` rows apart -> (T, B, C / 2)."""
        gate = F.gelu(self.tpm.norm1(convolve(b, self.tpm.conv1.weight, time=0, groups=2, step=step)))
        gate = self.tpm.norm2(convolve(gate, self.tpm.conv2.weight, time=0, groups=2, step=step))
        return F.gelu(self.temporal(b * torch.sigmoid(gate)))

    def join(self, x, a, b):
        """x and the mixed halves: a before the FPM, b behind the TPM (T, B, C / 2)."""
        mixed = torch.cat([(self.mixing @ a.flatten(1)).view_as(a), b], -1)                     # (T, B, C)
        return x + F.gelu(self.merge(mixed))

    def forward(self, x):
        a, b = self.expand(x)
        return self.join(x, a, self.local(b))


class FoldedFTCM(nn.Module):
    """FTCM for inference. Built from a network's weights as they are now."""
    in_parts = True     # lift_sequence takes windows in parts

    def __init__(self, model: FTCM, form: str | None = None):
        super().__init__()
        self.num_joints, self.frames, self.every_frame = model.num_joints, model.frames, model.every_frame
        self.mask, self.form, self.made = model.mask, form, None
        for name, layer in (("embed", model.embed), ("head", model.head)):
            self.register_buffer(f"{name}_weight", layer.weight().detach().clone())
            self.register_buffer(f"{name}_bias", layer.bias.detach().clone())
        if not self.every_frame:
            self.head_weight /= self.frames         # of a sum over frames instead of the mean
        self.blocks = nn.ModuleList(map(FoldedBlock, deepcopy(model.blocks)))
        self.requires_grad_(False)

    def settle_form(self) -> str:
        """Choose the form for float32 on a CPU, by timing where none is set."""
        self.form = self.form or fastest_form(self.frames, len(self.embed_bias))
        return self.form

    def in_place(self) -> InPlace:
        """The same network for float32 on a CPU."""
        self.made = self.made or InPlace(self, self.settle_form())
        return self.made

    def embed(self, keypoints):
        """Keypoints (.., J, 2) -> (.., C)."""
        return F.gelu(F.linear(keypoints.flatten(-2), self.embed_weight, self.embed_bias))

    def answer(self, x):
        """Poses (B, J, 3), or (B, T, J, 3) for every frame, of x (T, B, C)."""
        x = x.transpose(0, 1) if self.every_frame else x.sum(0)
        return F.linear(x, self.head_weight, self.head_bias).unflatten(-1, (self.num_joints, 3))

    def forward(self, keypoints):
        """As FTCM.forward: keypoints (B, T, J, 2) -> (B, J, 3) or (B, T, J, 3)."""
        if suits(keypoints):
            return self.in_place().forward(keypoints)
        x = self.embed(keypoints.transpose(0, 1))                                               # (T, B, C)
        for block in self.blocks:
            x = block(x)                                                                        # (T, B, C)
        return self.answer(x)

    def lift_sequence(self, sequence, index, step: int, at_once: int | None = None):
        """The same for overlapping windows: poses (B, V, J, 3) of the windows that `index` picks.

        `sequence` (L, V, J, 2): keypoints of consecutive frames; `index` (T, B): each window's frames in it,
        which must lie `step` apart, the windows evenly apart. `at_once`: windows in one pass, all
        where None.
        """
        at_once = at_once or index.shape[1]
        if suits(sequence):
            return self.in_place().lift_sequence(sequence, index, step, at_once)
        first = self.blocks[0]
        frames = self.embed(sequence)                                                       # (L, V, C)
        a, b = first.expand(frames)                                                         # (L, V, C / 2)
        local = first.local(b, step)                                                        # (L, V, C / 2)

        def lift(index):
            def pick(values, index=index):
                return values.index_select(0, index.flatten()).view(len(index), -1, values.shape[-1])

            mixed = pick(local)                                                             # (T, B V, C / 2)
            # Near a window's ends the gate sees zeros instead of the sequence's next frames.
            mixed[:REACH] = first.local(pick(b, index[:2 * REACH]))[:REACH]
            mixed[-REACH:] = first.local(pick(b, index[-2 * REACH:]))[-REACH:]
            x = first.join(pick(frames), pick(a), mixed)
            for block in self.blocks[1:]:
                x = block(x)
            return self.answer(x).unflatten(0, (index.shape[1], -1))

        return torch.cat([lift(part) for part in index.split(at_once, 1)])
