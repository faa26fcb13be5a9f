"""Checkpoints: plain values in one file, written whole or not at all; weight files of the original release.

What a checkpoint may say is listed in common/untrusted/fields.py.

A checkpoint of ours is a dict with `format`, `network` (ftcm where absent), `model_args` (its arguments),
`data` (dataset, keypoints, tds), `model` (state dict) and, for resuming, `refine`, `optimizer`, `epoch`,
`best`, `history`, `options`, `rng`, `mean_pose`, `product` (that of model/training_form.py), `form` (of
validation, one of model/blocks_in_place.py), and where `model` is an average, `unaveraged`, the last step's
weights. Tensors may be stored in half precision. A refine file is the refine module's state dict alone, in
the original release's names.
"""
import io
import math
import re
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import torch
from torch.overrides import TorchFunctionMode

from common.files import write_whole
from common.untrusted import tensors
from common.untrusted.fields import CHECKPOINT, FORMAT, WEIGHTS
from common.weights import releases

# What a small checkpoint keeps.
KEPT = ("format", "network", "model_args", "data", "fps", "selection", "epoch", "history")

# Our parameter, its name in the released source, its name in the release's evaluation script (the published
# weights).
SHARED_NAMES = [
    ("embed.gain", "pose_emb.weight_g"), ("embed.direction", "pose_emb.weight_v"),
    ("embed.bias", "pose_emb.bias"),
    ("head.gain", "pose_lift.weight_g"), ("head.direction", "pose_lift.weight_v"),
    ("head.bias", "pose_lift.bias"),
]
BLOCK_NAMES = [
    ("norm.weight", "fn.ln1_{i}.weight", "LN.weight"),
    ("norm.bias", "fn.ln1_{i}.bias", "LN.bias"),
    ("expand.weight", "fn.fc1_{i}.weight", "lin.weight"),
    ("expand.bias", "fn.fc1_{i}.bias", "lin.bias"),
    ("tpm.conv1.weight", "fn.SG{i}.ecl.conv1.weight", "SGU.ecl.conv1.weight"),
    ("tpm.conv2.weight", "fn.SG{i}.ecl.conv2.weight", "SGU.ecl.conv2.weight"),
    ("tpm.norm1.weight", "fn.SG{i}.ecl.ln1.weight", "SGU.ecl.ln1.weight"),
    ("tpm.norm1.bias", "fn.SG{i}.ecl.ln1.bias", "SGU.ecl.ln1.bias"),
    ("tpm.norm2.weight", "fn.SG{i}.ecl.ln2.weight", "SGU.ecl.ln2.weight"),
    ("tpm.norm2.bias", "fn.SG{i}.ecl.ln2.bias", "SGU.ecl.ln2.bias"),
    ("fpm.mixing", "fn.SG{i}.gfp.lfilter", "SGU.gfp.lfilter"),
    ("temporal.weight", "fn.fc2_{i}.ln_512.weight", "hrn.ln_512.weight"),
    ("temporal.bias", "fn.fc2_{i}.ln_512.bias", "hrn.ln_512.bias"),
    ("merge.weight", "fn.fc2_{i}.ln_1024.weight", "hrn.ln_1024.weight"),
    ("merge.bias", "fn.fc2_{i}.ln_1024.bias", "hrn.ln_1024.bias"),
]
# What the original release's program can hold, and the sentence for what it cannot.
HELD_BY_RELEASE = {
    "network": (["ftcm"], "The original release has no network {}"),
    "units": (["both"], "The original release has no ablated network, this one has units {}"),
    "fpm_filter": (["matrix"], "The original release has no ablated network, this one has an {} filter"),
    "every_frame": ([False], "The original release has no network that predicts every frame of a window"),
    "target": (["center"], "The original release lifts a window's centre frame, never its {}"),
    "stature": ([False], "The original release has no network that leaves the size of people open"),
    "mask": ([False], "The original release has no network with a mask of unseen joints"),
    "input": (["screen"], "The original release has networks of screen coordinates, never of {} input"),
    "dataset": (["h36m", "cmu"], "The original release has Human3.6M's joints, never those of {}"),
    "dim": ([512], "The original release always has 512 channels, this network has {}"),
    "depth": ([6], "The original release always has 6 blocks, this network has {}"),
    "frames": ([9, 27, 81, 243, 351], "The original release takes 9, 27, 81, 243 or 351 frames, never {}"),
}
NEVER_USED = re.compile(r"mlpmixer\.gmlp\.(\d+)\.(fn\.fc2_\1|hrn)\.ln_(256|128)\.(weight|bias)")


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


def single(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor in half precision as float32, any other as it is."""
    return tensor.float() if tensor.dtype == torch.float16 else tensor


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


def to_release(saved: dict) -> dict:
    """A checkpoint's network under the released source's names, never-used tensors as zeros.

    Other published networks under their authors' names. Raises ValueError that names what the release lacks
    where it cannot hold the network.
    """
    facts = {"network": saved.get("network", "ftcm"), **saved["data"], **saved["model_args"]}
    theirs = [row for row in releases.RELEASES if row.network == facts["network"]]
    other_joints = any(row.data.get("dataset") == "3dhp" for row in theirs)
    asked = ["stature"] + ["dataset"] * (not other_joints) if theirs else list(HELD_BY_RELEASE)
    for name in asked:
        held, lack = HELD_BY_RELEASE[name]
        if facts.get(name, held[0]) not in held:
            raise ValueError(lack.format(facts[name]) + ". Export another checkpoint, or this one in another "
                             "form: --export_onnx, --export_program or --export_weights.")
    if theirs:
        return releases.write_release(saved)
    state, model_args = saved["model"], saved["model_args"]
    depth, dim = model_args["depth"], model_args["dim"]
    released = {release: state[ours].clone() for release, ours in release_names(depth, layout=1).items()}
    for i in range(depth):
        for name, width in (("256", dim // 4), ("128", dim // 8)):
            released[f"mlpmixer.gmlp.{i}.fn.fc2_{i}.ln_{name}.weight"] = torch.zeros(width, width)
            released[f"mlpmixer.gmlp.{i}.fn.fc2_{i}.ln_{name}.bias"] = torch.zeros(width)
    return released


def release_names(depth: int, layout: int) -> dict[str, str]:
    """Release key -> our key for `depth` blocks; layout 1 is the released source, 2 the evaluation script."""
    names = {release: ours for ours, release in SHARED_NAMES}
    for i in range(depth):
        for row in BLOCK_NAMES:
            names[f"mlpmixer.gmlp.{i}." + row[layout].format(i=i)] = f"blocks.{i}.{row[0]}"
    return names


def from_release(state: dict, path: Path) -> dict:
    """A release state dict, either layout, with or without `module.`, as a checkpoint; other networks' too.

    Sizes are read off the tensors; the rest is the same in every network of the release. What it was trained
    on and at which tds, no file says.
    """
    state = {key.removeprefix("module."): value for key, value in state.items()}
    release = releases.recognise(state)
    if release:
        return from_other_release(release, state, path)
    state = {key: value for key, value in state.items() if not NEVER_USED.fullmatch(key)}
    blocks = {int(match[1]) for key in state if (match := re.match(r"mlpmixer\.gmlp\.([0-9]{1,3})\.", key))}
    depth = max(blocks, default=-1) + 1
    tables = [release_names(depth, layout) for layout in (1, 2)]
    table = max(tables, key=lambda names: len(names.keys() & state.keys()))
    refuse_other_keys(path, wanted=table.keys(), found=state.keys())
    model = {table[key]: value.float() for key, value in state.items()}
    if model["embed.direction"].ndim != 2 or model["embed.bias"].ndim != 1 or any(
            model[f"blocks.{i}.fpm.mixing"].ndim != 3 for i in range(depth)):
        raise ValueError(f"{path} does not fit this model: pose_emb or lfilter tensors have other dimensions "
                         f"than the original release's.")
    bins = model["blocks.0.fpm.mixing"].shape[0] if depth else 1
    args = {"num_joints": model["embed.direction"].shape[1] // 2, "frames": 2 * bins - 1,
            "dim": model["embed.bias"].shape[0], "depth": depth, "dropout": 0.1, "units": "both",
            "fpm_filter": "matrix", "every_frame": False}
    return {"format": FORMAT, "model_args": args, "data": {}, "model": model, "unsaid": {"tds": 1}}


def from_other_release(release: releases.Release, state: dict, path: Path) -> dict:
    """The state dict of another published network as a checkpoint; ValueError where it tells no size."""
    try:
        saved = releases.read_release(release, {key: single(value) for key, value in state.items()})
        CHECKPOINT.fields["model_args"].take(saved["model_args"], "its size")
    except ValueError as error:
        raise ValueError(f"{path} does not fit {release.network}: {error}. Choose another file.") from None
    return {"format": FORMAT, **saved}


def refuse_other_keys(path: Path, *, wanted, found) -> None:
    """Raise ValueError that lists the keys a file has too few or too many."""
    missing, unexpected = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unexpected:
        raise ValueError(f"{path} does not fit this model. Missing: {shorten(missing)}. "
                         f"Unexpected: {shorten(unexpected)}.")


def shorten(keys: list[str], most: int = 12) -> str:
    """The first keys of a list in words."""
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return (", ".join(keys[:most]) or "none") + more


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
