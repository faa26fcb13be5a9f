"""Weight files of the original release: its names and ours; read, and written back where it can hold them.

Those of other published networks: releases.py.
"""
import re
from pathlib import Path

import torch

from common.untrusted.fields import CHECKPOINT, FORMAT
from common.weights import releases
from common.weights.building import refuse_other_keys, single

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
