"""A network built of what a checkpoint says, and filled with its weights: all of them, or an error."""
import math
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode


class Allowance(TorchFunctionMode):
    """Inside `with` layers can make parameters of at most `numbers` numbers in all; then ValueError."""

    def __init__(self, numbers: int):
        super().__init__()
        self.left = numbers

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function in (torch.empty, torch.zeros, torch.ones, torch.randn):
            size = args[0] if isinstance(args[0], (tuple, list)) else args
            self.left -= math.prod(size)
            if self.left < 0:
                raise ValueError("its network would be larger than the file")
        return function(*args, **(kwargs or {}))


def with_defaults(model_args: dict, network: type) -> dict:
    """The arguments of a file completed by the network's own defaults."""
    parameters = signature(network).parameters.items()
    return {name: parameter.default for name, parameter in parameters} | model_args


def build(network: type, saved: dict, path: Path) -> torch.nn.Module:
    """The network of the `model_args` and the weights in `saved`, the content of the file `path`.

    What a file says cannot make it take much more memory than the file's tensors. Raises ValueError, whose
    lists have each tensor by its name in the file.
    """
    state = saved["model"]
    try:
        with Allowance(2 * sum(value.numel() for value in state.values()) + 1_000_000):
            model = network(**saved["model_args"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} describes a network that this version does not know ({error}).") from error
    load_weights(model, state, path, saved.get("name_in_file", str))
    return model


def load_weights(model: torch.nn.Module, state: dict, path: Path,
                 name_in_file: Callable[[str], str] = str) -> None:
    """Copy the state dict into the model.

    Missing, unexpected and wrongly shaped or typed tensors are an error that lists them.
    """
    wanted = model.state_dict()
    refuse_other_keys(path, wanted={name_in_file(key) for key in wanted},
                      found={name_in_file(key) for key in state})
    for what, part in (("shapes", lambda tensor: tuple(tensor.shape)),
                       ("types", lambda tensor: tensor.dtype)):
        other = [f"{name_in_file(key)} {part(state[key])} instead of {part(value)}"
                 for key, value in wanted.items() if part(state[key]) != part(value)]
        if other:
            raise ValueError(f"{path} does not fit this model. Other {what}: {shorten(other)}.")
    model.load_state_dict(state)


def refuse_other_keys(path: Path, *, wanted, found) -> None:
    """Raise ValueError that lists the keys a file has too few or too many."""
    missing, unexpected = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unexpected:
        raise ValueError(f"{path} does not fit this model. Missing: {shorten(missing)}. "
                         f"Unexpected: {shorten(unexpected)}.")


def single(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in half precision as float32, any other as it is."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def shorten(keys: list[str], most: int = 12) -> str:
    """The first keys of a list in words."""
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return (", ".join(keys[:most]) or "none") + more
