"""Checkpoints: plain values in one file, written whole or not at all; weight files of others are read too.

What a checkpoint may say is listed in common/untrusted/fields.py.

A checkpoint of ours is a dict with `format`, `network` (ftcm where absent), `model_args` (its arguments),
`data` (dataset, keypoints, tds), `model` (state dict) and, for resuming, `refine`, `optimizer`, `epoch`,
`best`, `history`, `options`, `rng`, `mean_pose`, `product` (that of model/training_form.py), `form` (of
validation, one of model/blocks_in_place.py), and where `model` is an average, `unaveraged`, the last step's
weights. Tensors may be stored in half precision. A refine file is the refine module's state dict alone, in
the original release's names.
"""
import io
from pathlib import Path

import torch

from common.files import write_whole
from common.untrusted import tensors
from common.untrusted.fields import CHECKPOINT, FORMAT, WEIGHTS
from common.weights import releases
from common.weights.building import load_weights, shorten, single
from common.weights.originals import from_release

# What a small checkpoint keeps.
KEPT = ("format", "network", "model_args", "data", "fps", "selection", "epoch", "history")


def save(path: Path, state: dict) -> None:
    """Write `state` so that `path` holds the old or the new file, whole, whenever the machine stops."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_whole(path, buffer.getvalue())


def read(path: Path) -> dict:
    """The checkpoint or state dict in `path`: the fields that CHECKPOINT knows, or tensors.

    Nothing in the file is executed. Raises FileNotFoundError or ValueError.
    """
    state = tensors.read_tensors(path)
    state = next((state[row.within] for row in releases.RELEASES if row.within in state),
                 state) if isinstance(state, dict) else state
    ours = isinstance(state, dict) and state.get("format") == FORMAT
    if not ours and not (isinstance(state, dict) and state and all(map(torch.is_tensor, state.values()))):
        raise ValueError(f"{path} is neither a checkpoint of this program nor a weight file of an original "
                         f"release. Expected a dict with format {FORMAT!r} or a state dict of tensors.")
    return take_fields(state, path)


def take_fields(state: dict, path: Path | str) -> dict:
    """A checkpoint without unknown fields, or a state dict; ValueError where it holds what is not allowed."""
    try:
        return (CHECKPOINT if "format" in state else WEIGHTS).take(state, "")
    except ValueError as error:
        raise ValueError(f"{path} is refused: {error}. Choose another file.") from None


def load(path: Path) -> dict:
    """The checkpoint in `path`, ours or a weight file of the release: `model_args`, `data` and `model`."""
    state = read(path)
    if "format" not in state:
        return from_release(state, path)
    missing = sorted({"model_args", "data", "model"} - state.keys())
    if missing:
        raise ValueError(f"{path} is not a whole checkpoint: it lacks {', '.join(missing)}. "
                         "Choose another file.")
    state["model"] = {key: single(value) for key, value in state["model"].items()}
    if "mean_pose" in state:
        state["mean_pose"] = single(state["mean_pose"])
    return state


def to_half(saved: dict) -> dict:
    """The small checkpoint of `saved`: what using it and judging it takes, numbers in half precision.

    Paths among the options lose their folders. Raises ValueError where half precision cannot hold a weight.
    """
    kept = {key: saved[key] for key in KEPT if key in saved}
    kept["model"] = {key: value.half() if value.is_floating_point() else value
                     for key, value in saved["model"].items()}
    broken = [key for key, value in kept["model"].items() if not value.isfinite().all()]
    if broken:
        raise ValueError(f"Half precision cannot hold {shorten(broken)}. Choose a checkpoint whose training "
                         "converged.")
    if "mean_pose" in saved:
        kept["mean_pose"] = saved["mean_pose"].half()
    if "optimizer" in saved:                            # a last epoch: nothing selected it
        kept["selection"] = None
    if "options" in saved:
        kept["options"] = {name: list(map(without_folder, value)) if isinstance(value, list) else
                           without_folder(value) for name, value in saved["options"].items()}
    return kept


def without_folder(value):
    """An option's value; a path's last part."""
    return Path(value).name if isinstance(value, str) and "/" in value else value


def load_refine(network: torch.nn.Module, path: Path) -> None:
    """Fill the refine module from a refine file, the release's or ours, or a checkpoint with `refine`."""
    state = read(path)
    state = state.get("refine", {}) if "format" in state else state
    load_weights(network, {key.removeprefix("module."): single(value) for key, value in state.items()}, path)
