"""FTCM's forward pass as a training on a CPU computes it: the same function and gradients in less time.

- Time comes first: the FPM is one product for the whole batch, and the frames of a window lie whole rows of
  the batch apart.
- The convolutions over time are three products for both groups, added up in one array, in both directions.
- Linear layers are PyTorch's own products or oneDNN's (model/products.py): `measure_product` finds out
  which.
- Dropout compares random bits, 16 for each value, instead of drawing random numbers.
- In bfloat16 (autocast) each group's three products are one, which processors with bfloat16 units prefer.

Numerically the same sums in another order; the tests hold it against the layers of model/ftcm.py.

Shapes: B batch, T frames, C channels, R = T * B rows, G groups, I and O inputs and outputs of a group.
"""
import time

import torch
import torch.nn.functional as F
from torch import nn

from model import products

# (x, noise, last): x where the noise is above `last`, else 0.
threshold_backward = torch.ops.aten.threshold_backward

PRODUCTS = ("pytorch", "onednn")
CLEARLY = 0.9           # oneDNN's product is chosen where it takes less than this part of the other's time
LEVELS = 2 ** 16        # dropout's probability is rounded to one of so many


def suits(keypoints) -> bool:
    """Whether this form is the fast one: on a CPU, outside compilation and export."""
    return not torch.compiler.is_compiling() and keypoints.device.type == "cpu"


def lift(model, keypoints, product: str):
    """What the FTCM `model` answers to keypoints (B, T, J, 2), (B, T, J, 3) with the mask.

    `product` is that of its linear layers, one of PRODUCTS.
    """
    rows = keypoints.flatten(2).transpose(0, 1).contiguous()                # (T, B, 2 J or 3 J)
    x = F.gelu(linear(rows, model.embed.weight(), model.embed.bias, product))
    for block in model.blocks:
        x = pass_block(block, x, product)                                   # (T, B, C)
    pose = model.head(x.transpose(0, 1) if model.every_frame else x.mean(dim=0))
    return pose.unflatten(-1, (model.num_joints, 3))                        # (B, J, 3) or (B, T, J, 3)


def pass_block(block, x, product):
    """What an FTCMBlock makes of x (T, B, C)."""
    a, b = F.gelu(linear(block.norm(x), block.expand.weight, block.expand.bias, product)).chunk(2, dim=-1)
    a, b = mix(block.fpm, a), gate(block.tpm, b)                            # (T, B, C / 2) each
    b = F.gelu(linear(b, block.temporal.weight, block.temporal.bias, product))
    mixed, weight = torch.cat([a, b], dim=-1), block.merge.weight
    dropped = round(LEVELS * block.dropout.p)
    if block.training and 0 < dropped < LEVELS:
        mixed, weight = Dropout.apply(mixed, dropped), weight * (LEVELS / (LEVELS - dropped))
    else:
        mixed = block.dropout(mixed)
    return F.gelu(linear(mixed, weight, block.merge.bias, product)).add_(x)


def mix(fpm, x):
    """What a block's first unit makes of x (T, B, C / 2): the FPM as one product with its real matrix."""
    if hasattr(fpm, "matrix"):
        return (fpm.matrix() @ x.flatten(1)).view_as(x)
    return fpm(x.transpose(0, 1)).transpose(0, 1)


def gate(tpm, x):
    """What a block's second unit makes of x (T, B, C / 2)."""
    if isinstance(tpm, nn.Identity):
        return x
    inner = F.gelu(tpm.norm1(convolve(x, tpm.conv1.weight)))
    return x * torch.sigmoid(tpm.norm2(convolve(inner, tpm.conv2.weight)))


def linear(x, weight, bias, product):
    """x weight^T + bias: (.., inputs), (outputs, inputs), (outputs,) -> (.., outputs)."""
    return (products.linear if product == "onednn" else F.linear)(x, weight, bias)


def convolve(x, weight):
    """The convolution over time of x (T, B, G * I) with `weight` (G * O, I, 3): (T, B, G * O)."""
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        return JoinedConvolution.apply(x.to(dtype), weight.to(dtype))
    return Convolution.apply(x, weight)


class Convolution(torch.autograd.Function):
    """The convolution over time of x (T, B, G * I) with kernel 3, zeros outside: (T, B, G * O).

    `weight` (G * O, I, 3), as Conv1d has it. The groups are two.
    """

    @staticmethod
    def forward(ctx, x, weight):
        ctx.save_for_backward(x, weight)
        out = x.new_empty(*x.shape[:2], len(weight))                                        # (T, B, G * O)
        add_taps(by_group(x), taps_of(weight), by_group(out), step=x.shape[1])
        return out

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        step, of_x, taps = x.shape[1], torch.empty_like(x), taps_of(weight)
        rows, out = by_group(x), by_group(gradient.contiguous())            # (G, R, I), (G, R, O)
        add_taps(out, taps.flip(0).transpose(2, 3), by_group(of_x), step)
        of_taps = torch.zeros_like(taps).transpose(2, 3)                    # (3, G, O, I)
        columns = out.transpose(1, 2)                                       # (G, O, R)
        torch.bmm(columns, rows, out=of_taps[1])
        if len(x) > 1:
            torch.bmm(columns[..., step:], rows[:, :-step], out=of_taps[0])
            torch.bmm(columns[..., :-step], rows[:, step:], out=of_taps[2])
        return of_x, of_taps.permute(1, 2, 3, 0).flatten(0, 1)


class JoinedConvolution(torch.autograd.Function):
    """The same with one product for the three taps, forward and for each gradient."""

    @staticmethod
    def forward(ctx, x, weight):
        rows, taps = by_group(x).contiguous(), taps_of(weight)              # (G, R, I), (3, G, I, O)
        joined = torch.cat(list(taps), -1)                                  # (G, I, 3 O)
        ctx.save_for_backward(rows, joined)
        ctx.frames = len(x)
        step = x.shape[1]
        before, out, after = torch.bmm(rows, joined).chunk(3, -1)           # (G, R, O) each
        out = out.contiguous()
        out[:, step:] += before[:, :-step]
        out[:, :-step] += after[:, step:]
        return ungroup(out, len(x))

    @staticmethod
    def backward(ctx, gradient):
        rows, joined = ctx.saved_tensors
        out, step = by_group(gradient), gradient.shape[1]                   # (G, R, O)
        of_taps = F.pad(out, (0, 0, 0, step))[:, step:], out, F.pad(out, (0, 0, step, 0))[:, :-step]
        spread = torch.cat(of_taps, -1)                                     # (G, R, 3 O)
        of_weight = torch.bmm(rows.transpose(1, 2), spread).unflatten(-1, (3, -1))      # (G, I, 3, O)
        return (ungroup(torch.bmm(spread, joined.transpose(1, 2)), ctx.frames),
                of_weight.permute(0, 3, 1, 2).flatten(0, 1))


def ungroup(rows, frames):
    """The inverse of `by_group`: (T, B, channels) of rows (G, R, channels of a group)."""
    return rows.transpose(0, 1).flatten(1).unflatten(0, (frames, -1))


def by_group(x):
    """The view (G, R, channels of a group) of x (T, B, channels)."""
    return x.flatten(0, 1).unflatten(-1, (2, -1)).transpose(0, 1)


def taps_of(weight):
    """A convolution's weight (G * O, I, 3) as three matrices for each group, (3, G, I, O)."""
    return weight.unflatten(0, (2, -1)).permute(3, 0, 2, 1).contiguous()


def add_taps(rows, taps, out, step):
    """Write to `out` the rows times taps[1], the rows `step` before times taps[0], those after times taps[2].

    rows (G, R, I), taps (3, G, I, O), out (G, R, O).
    """
    torch.bmm(rows, taps[1], out=out)
    if rows.shape[1] > step:
        out[:, step:].baddbmm_(rows[:, :-step], taps[0])
        out[:, :-step].baddbmm_(rows[:, step:], taps[2])


class Dropout(torch.autograd.Function):
    """`x` with each value zero by a probability of `dropped` / LEVELS. What remains is left as it is."""

    @staticmethod
    def forward(ctx, x, dropped):
        words = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-2 ** 63, None)
        noise = words.view(torch.int16)[:x.numel()].view(x.shape).to(x.dtype)   # whole numbers
        ctx.save_for_backward(noise)
        ctx.last = dropped - LEVELS // 2 - 1                                # of the noise that drops a value
        return threshold_backward(x, noise, ctx.last)

    @staticmethod
    def backward(ctx, gradient):
        return threshold_backward(gradient, *ctx.saved_tensors, ctx.last), None


def measure_product() -> str:
    """One of PRODUCTS: "onednn" where that is clearly faster on this machine, which takes 0.02 s to see.

    One thread is measured by its processor time, so that other work on the machine changes nothing.
    """
    x, weight, bias = torch.ones(256, 512), torch.ones(512, 512), torch.ones(512)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    seconds = {name: [] for name in PRODUCTS}
    with torch.no_grad():
        for _ in range(6):
            for name in PRODUCTS:
                started = time.thread_time()
                linear(x, weight, bias, name)
                seconds[name].append(time.thread_time() - started)
    torch.set_num_threads(threads)
    return "onednn" if min(seconds["onednn"]) < CLEARLY * min(seconds["pytorch"]) else "pytorch"
