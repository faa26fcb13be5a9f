"""FTCM for inference: the same function as model/ftcm.py, its weights folded and laid out for speed.

- Weight norm is resolved; LayerNorm's scale and shift are merged into the linear layer behind it.
- The FPM is one product with its equal real matrix (T x T).
- Time comes first, so that the FPM is a single product for the whole batch, and a convolution over time is
  three products of shifted rows, without padding or transposing.
- Overlapping windows share what each frame gets alone: embedding, and the first block up to its gate.

Shapes: B windows, T frames, J joints, C channels, L frames of a course that holds all windows, V views.
"""
import torch
import torch.nn.functional as F
from torch import nn

from model.ftcm import FTCM, FrequencyPoseMixing, TemporalPoseMixing

REACH = 2       # frames on each side that the gate looks at: two convolutions with kernel 3


def fold(model: FTCM) -> nn.Module:
    """A network for inference that equals `model`; ablated networks are returned as they are."""
    whole = all(isinstance(block.fpm, FrequencyPoseMixing) and isinstance(block.tpm, TemporalPoseMixing)
                for block in model.blocks)
    return FoldedFTCM(model).eval() if whole and model.blocks else model


def convolve(x, weight, step):
    """The convolution over time of x (T, B, inputs), zeros outside; neighbours lie `step` rows apart.

    `weight` (groups, 3, inputs / groups, outputs / groups).
    """
    out = x.new_empty(*x.shape[:2], weight.shape[0] * weight.shape[3])                  # (T, B, outputs)
    for part, kernel, out_part in zip(x.chunk(len(weight), -1), weight, out.chunk(len(weight), -1)):
        torch.mm(part.flatten(0, 1), kernel[1], out=out_part.flatten(0, 1))
        if len(x) > step:
            out_part[step:].flatten(0, 1).addmm_(part[:-step].flatten(0, 1), kernel[0])
            out_part[:-step].flatten(0, 1).addmm_(part[step:].flatten(0, 1), kernel[2])
    return out


class FoldedBlock(nn.Module):
    """An FTCMBlock for x (T, B, C), time first."""

    def __init__(self, block):
        super().__init__()
        def keep(name, value):
            self.register_buffer(name, value.detach().clone().contiguous())
        keep("expand_weight", block.expand.weight * block.norm.weight)                          # (C, C)
        keep("expand_bias", block.expand.bias + block.expand.weight @ block.norm.bias)          # (C,)
        keep("mixing", block.fpm.matrix())                                                      # (T, T)
        for name, conv in (("conv1", block.tpm.conv1), ("conv2", block.tpm.conv2)):
            keep(name, conv.weight.unflatten(0, (2, -1)).permute(0, 3, 2, 1))   # (2, 3, inputs, outputs)
        self.norm1, self.norm2, self.temporal = block.tpm.norm1, block.tpm.norm2, block.temporal
        merge_a, merge_b = block.merge.weight.t().chunk(2)
        keep("merge_a", merge_a)                                                                # (C / 2, C)
        keep("merge_b", merge_b)                                                                # (C / 2, C)
        keep("merge_bias", block.merge.bias)                                                    # (C,)

    def expand(self, x):
        """The inputs a and b (.., C / 2) of the two units."""
        u = F.linear(F.layer_norm(x, x.shape[-1:]), self.expand_weight, self.expand_bias)
        a, b = u.chunk(2, -1)
        return F.gelu(a), F.gelu(b)

    def local(self, b, step=1):
        """The TPM's half of the mix: b (T, B, C / 2), neighbours `step` rows apart -> (T, B, C / 2)."""
        gate = F.gelu(self.norm1(convolve(b, self.conv1, step)))                                # (T, B, C / 4)
        gate = torch.sigmoid_(self.norm2(convolve(gate, self.conv2, step)))                     # (T, B, C / 2)
        return F.gelu(self.temporal(gate.mul_(b)))

    def merge(self, x, a, b):
        """x with the mixed halves added, in place: a before the FPM, b behind the TPM (T, B, C / 2)."""
        a = (self.mixing @ a.flatten(1)).view(-1, a.shape[-1])                                  # (T B, C / 2)
        mixed = torch.addmm(self.merge_bias, a, self.merge_a).addmm_(b.flatten(0, 1), self.merge_b)
        return x.add_(F.gelu(mixed).view_as(x))                                                 # (T, B, C)

    def forward(self, x):
        a, b = self.expand(x)
        return self.merge(x, a, self.local(b))


class FoldedFTCM(nn.Module):
    """FTCM for inference. Built from a network's weights as they are now."""

    def __init__(self, model: FTCM):
        super().__init__()
        self.num_joints, self.frames, self.every_frame = model.num_joints, model.frames, model.every_frame
        for name, layer in (("embed", model.embed), ("head", model.head)):
            self.register_buffer(f"{name}_weight", layer.weight().detach().clone())
            self.register_buffer(f"{name}_bias", layer.bias.detach().clone())
        self.blocks = nn.ModuleList(map(FoldedBlock, model.blocks))
        self.requires_grad_(False)

    def embed(self, keypoints):
        """Keypoints (.., J, 2) -> (.., C)."""
        return F.gelu(F.linear(keypoints.flatten(-2), self.embed_weight, self.embed_bias))

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

    def lift_course(self, course, index, step: int):
        """The same for overlapping windows: poses (B, V, J, 3) of the windows that `index` picks.

        `course` (L, V, J, 2): keypoints of consecutive frames; `index` (T, B): each window's frames in it,
        which must lie `step` apart.
        """
        first = self.blocks[0]
        x = self.embed(course)                                                                  # (L, V, C)
        a, b = first.expand(x)                                                                  # (L, V, C / 2)
        local = first.local(b, step)                                                            # (L, V, C / 2)

        def pick(values, index):
            return values.index_select(0, index.flatten()).view(*index.shape[:1], -1, values.shape[-1])

        x, a, mixed = pick(x, index), pick(a, index), pick(local, index)                        # (T, B V, ..)
        # Near a window's ends the gate sees zeros instead of the course's next frames.
        mixed[:REACH] = first.local(pick(b, index[:2 * REACH]))[:REACH]
        mixed[-REACH:] = first.local(pick(b, index[-2 * REACH:]))[-REACH:]
        x = first.merge(x, a, mixed)
        for block in self.blocks[1:]:
            x = block(x)
        return self.answer(x).unflatten(0, (index.shape[1], -1))
