"""A block of the folded network on a CPU: its layers write into arrays that are kept from pass to pass.

- No large array is asked of the system anew: its empty pages cost more than a LayerNorm.
- A convolution is six products, three for each group, that add up in one array.
- Both units write into the two halves of one array.

What multiplies is the `form`, one of FORMS; model/folded.py finds out by timing.

Shapes: as in model/folded.py; N windows (with flip test two for each), R = T N rows, time first.
"""
import torch

from model.products import convolve, product

# What computes the linear layers and the FPM, and what the convolutions: PyTorch's own products (MKL's on
# x86), which leave other makers' wide vector units idle, or oneDNN.
FORMS = {"pytorch": ("pytorch", "pytorch"), "onednn": ("onednn", "pytorch"),
         "onednn, conv2d": ("onednn", "onednn")}
GROUPS = 2      # of the convolutions
REACH = 2       # frames on each side that the gate looks at: two convolutions with kernel 3
SPARE = 16      # values between a matrix's rows; rows 2 KiB apart would meet in the same lines of a cache

gelu_ = torch.ops.aten.gelu_


class Space:
    """The arrays of passes through one block after another, for T frames of N windows; parts of them.

    Neighbours of a convolution lie `step` frames apart.
    """

    def __init__(self, frames: int, windows: int, channels: int, step: int = 1):
        rows, half = frames * windows, channels // 2
        with torch.inference_mode(False):               # usable outside inference mode too
            self.x, self.halves, self.mixed = torch.empty(3, rows, channels)
            narrow, self.gate = torch.empty(2, rows, half // 2)
            wide = torch.empty(rows, half)
        self.cube = self.x.view(frames, windows, channels)                                  # (T, N, C)
        self.a, self.b = self.halves.chunk(2, 1)                                            # (R, C / 2)
        self.mixed_a, self.local = self.mixed.chunk(2, 1)                                   # (R, C / 2)
        # The FPM's input and output, each window's or, where there is one, the whole.
        self.fpm = tuple(part.view(frames, windows, half).transpose(0, 1) for part in (self.a, self.mixed_a))
        self.conv1 = Shifts(self.b, narrow, frames, step)
        self.conv2 = Shifts(self.gate, wide, frames, step)


class Shifts:
    """What a convolution of x (R, C) reads and where it adds, `out` (R, outputs)."""

    def __init__(self, x, out, frames: int, step: int):
        self.x, self.out, self.frames, self.step = x, out, frames, step
        shift = step * (len(x) // frames)                                                   # rows
        self.groups = [[(x, out), (x[:-shift], out[shift:]), (x[shift:], out[:-shift])]
                       for x, out in zip(x.chunk(GROUPS, 1), out.chunk(GROUPS, 1))]


class Layer:
    """A linear layer, with `gelu` its GELU: (R, inputs) -> (R, outputs)."""

    def __init__(self, weight, bias, library: str, *, gelu: bool = True):
        self.bias, self.library, self.gelu = bias, library, gelu
        if library == "pytorch":
            outputs, inputs = weight.shape
            self.weight = weight.new_empty(inputs, outputs + SPARE)[:, :outputs].copy_(weight.t())
        else:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous())

    def __call__(self, x, out):
        """The result: `out` (R, outputs), or with oneDNN an array of its own."""
        if self.library == "onednn":
            return product(x, self.weight, self.bias, gelu=self.gelu)
        if self.bias is None:
            torch.mm(x, self.weight, out=out)
        else:
            torch.addmm(self.bias, x, self.weight, out=out)
        return gelu_(out) if self.gelu else out

    def write(self, x, out):
        """The result in `out` (R, outputs), which may be a part of another array."""
        result = self(x, out)
        return out if result is out else out.copy_(result)


class Convolution:
    """A convolution over time with kernel 3 and two groups, zeros outside: rows (R, C) -> (R, outputs)."""

    def __init__(self, weight, library: str):
        self.weight, self.library = weight, library                             # (outputs, C / 2, 3)
        taps = weight.unflatten(0, (GROUPS, -1)).permute(0, 3, 2, 1).contiguous()
        self.taps = [(same, before, after) for before, same, after in taps]     # (C / 2, outputs / 2) each

    def __call__(self, shifts: Shifts):
        """`shifts.out`, or an array of its own."""
        if self.library == "onednn":
            image = shifts.x.unflatten(0, (shifts.frames, -1))
            return convolve(image, self.weight, time=0, groups=GROUPS, step=shifts.step).flatten(0, 1)
        for parts, (tap, *others) in zip(shifts.groups, self.taps):
            (x, out), *parts = parts
            torch.mm(x, tap, out=out)
            for (x, out), tap in zip(parts, others):
                out.addmm_(x, tap)
        return shifts.out


class Block:
    """A FoldedBlock that works in a Space."""

    def __init__(self, block, form: str):
        self.library, convolutions = FORMS[form]
        self.mixing = block.mixing                                                  # (T, T)
        self.norm1, self.norm2 = ((norm.normalized_shape, norm.weight, norm.bias)
                                  for norm in (block.tpm.norm1, block.tpm.norm2))
        self.expand = Layer(block.expand_weight, block.expand_bias, self.library)
        self.conv1, self.conv2 = (Convolution(layer.weight, convolutions)
                                  for layer in (block.tpm.conv1, block.tpm.conv2))
        self.temporal, self.merge = (Layer(layer.weight, layer.bias, self.library)
                                     for layer in (block.temporal, block.merge))

    def split(self, space: Space) -> None:
        """From x the inputs a and b of the two units."""
        self.expand.write(torch.layer_norm(space.x, space.x.shape[-1:]), space.halves)

    def mix(self, space: Space) -> None:
        """The FPM's half of the mix, from a."""
        a, out = space.fpm                                                          # (N, T, C / 2)
        if self.library == "onednn":
            columns = a.transpose(0, 1).flatten(1).contiguous()                     # (T, N C / 2)
            out.copy_(product(self.mixing, columns.t()).unflatten(1, (len(a), -1)).transpose(0, 1))
        elif len(a) == 1:
            torch.mm(self.mixing, a[0], out=out[0])
        else:
            torch.bmm(self.mixing.expand(len(a), -1, -1), a, out=out)

    def gate(self, space: Space) -> None:
        """The TPM's half of the mix, from b."""
        gate = torch.layer_norm(self.conv1(space.conv1), *self.norm1)               # (R, C / 4)
        torch.ops.aten.gelu.out(gate, out=space.gate)
        gate = torch.layer_norm(self.conv2(space.conv2), *self.norm2).sigmoid_()    # (R, C / 2)
        self.temporal.write(gate.mul_(space.b), space.local)

    def __call__(self, space: Space) -> None:
        """The block's output in place of x."""
        self.split(space)
        self.mix(space)
        self.gate(space)
        space.x.add_(self.merge(space.mixed, space.halves))
