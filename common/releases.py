"""Weight files of other published networks: recognised by their keys, read, and written back.

Our modules have the published names but where `renamed` says otherwise. A new network is a row in RELEASES.
The original FTCM's files: common/checkpoint.py.
"""
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

Shapes = dict[str, tuple]       # our name of a tensor -> its shape


@dataclass(frozen=True)
class Release:
    """The weight files of one published network.

    network    its name here
    marks      what a key of these files, and of no others, begins with
    arguments  shapes -> arguments of our class that they tell; KeyError or IndexError where they cannot
    fixed      arguments that are the same for all these files
    unsaid     what the files do not say: arguments and tds, as the authors used them
    data       what they were trained on, where that is the same for all
    renamed    (part of a published name, part of ours) pairs, replaced in this order
    unused     published tensors that no answer depends on, {i} the block: skipped, written as ones and zeros
    prefix     what the authors' program writes before each name
    within     the field of the file that holds the state dict; None where the file is one
    """
    network: str
    marks: str
    arguments: Callable[[Shapes], dict]
    fixed: dict = field(default_factory=dict)
    unsaid: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    renamed: tuple[tuple[str, str], ...] = ()
    unused: tuple[str, ...] = ()
    prefix: str = ""
    within: str | None = None

    def unused_names(self, depth: int) -> list[str]:
        """The never-used tensors of a network of `depth` blocks."""
        return list(dict.fromkeys(name.format(i=i) for name in self.unused for i in range(depth)))

    def our_name(self, name: str) -> str:
        for published, ours in self.renamed:
            name = name.replace(published, ours)
        return name

    def published_name(self, name: str) -> str:
        for published, ours in reversed(self.renamed):
            name = name.replace(ours, published)
        return name


def count_blocks(shapes: Shapes, beginning: str) -> int:
    """The blocks of names such as `beginning` 0 .. : the highest number and one."""
    pattern = re.compile(re.escape(beginning) + r"([0-9]{1,3})\.")
    return 1 + max((int(match[1]) for name in shapes if (match := pattern.match(name))), default=-1)


def stcformer_arguments(shapes: Shapes) -> dict:
    return {"dim": shapes["pose_emb.weight"][0], "depth": count_blocks(shapes, "stcformer.stc_block.")}


def videopose3d_arguments(shapes: Shapes) -> dict:
    """Kernels that are all as wide as dilated ones reach are a dense network's."""
    layers = count_blocks(shapes, "layers_conv.") // 2
    dim, inputs, width = shapes["expand_conv.weight"]
    kernels = [shapes[f"layers_conv.{2 * layer}.weight"][2] for layer in range(layers)]
    dilated, dense, spacing = [width, *kernels], [width], width
    for kernel in kernels:
        dense.append((kernel - 1) // spacing + 1)
        spacing *= dense[-1]
    reach = [(width - 1) * math.prod(dense[:layer]) + 1 for layer, width in enumerate(dense)]
    is_dense = layers > 0 and reach == dilated and min(dense) > 1
    widths = dense if is_dense else dilated
    return {"num_joints": inputs // 2, "frames": math.prod(widths), "dim": dim, "widths": widths,
            "dense": is_dense}


RELEASES = [
    Release("stcformer", "stcformer.stc_block.", stcformer_arguments, fixed={"variant": "h36m"},
            unsaid={"frames": 27, "tds": 3}),
    Release("stcformer", "mlpmixer.mixerblocks.", stcformer_arguments,
            fixed={"variant": "3dhp", "millimetres": True}, unsaid={"frames": 81},
            data={"dataset": "3dhp", "keypoints": "gt", "tds": 1}, prefix="module.",
            renamed=(("mlpmixer.mixerblocks.", "stcformer.stc_block."), (".cross_att.", ".stc_att."),
                     (".mlp1.", ".mlp."), (".gate_t.", ".sep2_t."), (".gate_s.", ".sep2_s."),
                     ("pose_lift.", "regress_head."),
                     *((f"{digit}.layer_norm1.", f"{digit}.layer_norm.") for digit in range(10))),
            unused=("mlpmixer.mixerblocks.{i}.layer_norm2.weight",
                    "mlpmixer.mixerblocks.{i}.layer_norm2.bias")),
    Release("videopose3d", "expand_conv.", videopose3d_arguments, unsaid={"target": "center"},
            within="model_pos"),
]


def recognise(names) -> Release | None:
    """The row of the files that have these names; None for those of no row."""
    return next((row for row in RELEASES if any(name.startswith(row.marks) for name in names)), None)


def read_release(release: Release, state: dict) -> dict:
    """The parts `network`, `model_args`, `data`, `model` and `unsaid` of a checkpoint; `name_in_file`, which
    gives the published name of one of our tensors.

    Raises ValueError that names what the state dict lacks where it does not tell the network's size.
    """
    model = {release.our_name(name): value for name, value in state.items()}
    shapes = {name: tuple(value.shape) for name, value in model.items()}
    try:
        arguments = release.arguments(shapes)
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f"its tensors do not tell the size of {release.network} ({error})") from error
    unused = {release.our_name(name) for name in release.unused_names(arguments.get("depth", 1))}
    unsaid = release.unsaid
    return {"network": release.network, "data": release.data, "unsaid": unsaid,
            "name_in_file": release.published_name,
            "model_args": {name: value for name, value in unsaid.items() if name != "tds"}
            | {"num_joints": 17} | arguments | release.fixed,
            "model": {name: value for name, value in model.items() if name not in unused}}


def write_release(saved: dict) -> dict | None:
    """What the authors' program reads of a checkpoint's network; None where no row is that network's.

    A network that answers in metres where theirs answers in millimetres has its last layer times 1000.
    """
    network, args = saved.get("network", "ftcm"), saved["model_args"]
    release = next((row for row in RELEASES if row.network == network
                    and row.fixed.get("variant") == args.get("variant")), None)
    if release is None:
        return None
    scale = 1000 if release.fixed.get("millimetres") and not args.get("millimetres") else 1
    state = {release.published_name(name): scale * value if name == "regress_head.weight" else value.clone()
             for name, value in saved["model"].items()}
    for name in release.unused_names(args.get("depth", 1)):
        state[name] = (torch.ones if name.endswith("weight") else torch.zeros)(args["dim"])
    state = {release.prefix + name: value for name, value in state.items()}
    return {"epoch": saved.get("epoch", 0), release.within: state} if release.within else state
