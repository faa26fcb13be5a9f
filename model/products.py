"""Linear layers and convolutions over time by oneDNN's products where that helps: float32 on a CPU.

PyTorch gives float32 matrices to MKL, which leaves the wide vector units of other makers' processors idle;
oneDNN, built into PyTorch too, uses them and applies GELU on the way. Numerically the same sums in another
order. Elsewhere these functions are PyTorch's own.

Shapes: B windows, T frames, C channels.
"""
import torch
import torch.nn.functional as F


def suits(x) -> bool:
    """Whether oneDNN's product can take `x`: a float32 tensor on a CPU, outside autocast and export."""
    return (x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_linear_pointwise") and not torch.is_autocast_enabled("cpu")
            and not torch.compiler.is_compiling())


def product(x, weight, bias=None, *, gelu: bool = False):
    """x weight^T + bias by oneDNN, without gradient: (.., inputs), (outputs, inputs) -> (.., outputs)."""
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "gelu" if gelu else "none", [], "none")


class Product(torch.autograd.Function):
    """A linear layer whose two gradients are oneDNN's products as well."""

    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        return product(x, weight, bias)

    @staticmethod
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        rows = gradient.flatten(0, -2)                                              # (.., outputs)
        of_x = product(gradient, weight.t()) if ctx.needs_input_grad[0] else None
        return of_x, product(rows.t(), x.flatten(0, -2).t()), rows.sum(0)


def linear(x, weight, bias):
    """x weight^T + bias: (.., inputs), (outputs, inputs), (outputs,) -> (.., outputs); differentiable."""
    return Product.apply(x, weight, bias) if suits(x) else F.linear(x, weight, bias)


def convolve(x, weight, *, time: int, groups: int, step: int = 1):
    """The convolution over time of x (B, T, C) or (T, B, C), zeros outside; `time` is the axis of frames.

    `weight` (outputs, C / groups, kernel) as Conv1d has it; neighbours lie `step` frames apart. A two-
    dimensional convolution of a picture with C channels: nothing is transposed.
    """
    size = [1, 1]
    size[time] = weight.shape[-1]
    reach = [step * (length // 2) for length in size]
    image = x.permute(2, 0, 1)[None]                                          # (1, C, B, T) or (1, C, T, B)
    out = F.conv2d(image, weight.unflatten(-1, size), padding=reach, dilation=step, groups=groups)
    return out[0].permute(1, 2, 0)
