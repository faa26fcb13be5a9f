"""Weight files of other published networks: recognised by their keys, read, and written back.

Our modules have the published names but where `renamed` says otherwise. A new network is a row in RELEASES.
The original FTCM's files: originals.py.
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
    answers    our names of the last layers' tensors, 1000 times as large in weights for millimetres
    holds      state dict -> whether it is one of these, where names alone do not tell
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
    answers: tuple[str, ...] = ()
    holds: Callable[[dict], bool] = lambda state: True

    def unused_names(self, depth: int) -> list[str]:
        """The never-used tensors of a network of `depth` blocks."""
        return list(dict.fromkeys(name.format(i=i) for name in self.unused for i in range(max(depth, 1))))

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


def strided_arguments(shapes: Shapes) -> dict:
    _, frames, dim = shapes["temporal.position"]
    inputs = (shapes.get("embed.0.weight") or shapes["embed.enter.weight"])[1]
    return {"num_joints": inputs // 2, "frames": frames, "dim": dim,
            "depth": count_blocks(shapes, "temporal.layers.")}


def answers_in_millimetres(state: dict) -> bool:
    """Whether a P-STMO's weights were trained on millimetres: their poses spread over hundreds, not over 0.3.

    The normalisation before the last layer gives values whose spread is its scale.
    """
    scale, weight = state.get("fcn.0.weight"), state.get("fcn.1.weight")
    return (scale is not None and weight is not None and weight.shape[1:2] == scale.shape
            and bool((weight.squeeze(-1) * scale).norm(dim=1).mean() > 10))


# Parts of names that StridedTransformer and P-STMO share.
STRIDED_NAMES = (
    ("encoder.", "embed."), ("Transformer.pos_embedding", "temporal.position"),
    ("Transformer.model.layers.", "temporal.layers."),
    ("Transformer_reduce.model.layers.", "strided.layers."),
    *((f"Transformer_reduce.model.pos_embedding_{i + 1}", f"strided.positions.{i}") for i in range(3)),
    ("fcn.", "center_head."), ("fcn_1.", "every_head."),
    *((f".self_attn.linears.{i}.", f".attention.{name}.")
      for i, name in enumerate(("query", "key", "value", "merge"))),
    (".feed_forward.w_1.", ".expand."), (".feed_forward.w_2.", ".contract."),
    *((f".sublayer.{i}.norm.{theirs}", f".norm{i + 1}.{ours}")
      for i in range(2) for theirs, ours in (("a_2", "gain"), ("b_2", "shift"))))
PSTMO_NAMES = (
    ("encoder_to_decoder.", "narrow."), ("Transformer_dec.model.layers.", "decoder."),
    ("spatial_mask_token", "joint_token"), ("mask_token", "frame_token"),
    ("dec_pos_embedding", "decoder_position"), ("encoder_LN.a_2", "between_norm.gain"),
    ("encoder_LN.b_2", "between_norm.shift"), ("fcn_dec.", "keypoint_head."), *STRIDED_NAMES,
    ("embed.fc_1.", "embed.enter."), ("embed.bn_1.", "embed.enter_norm."),
    *((f"embed.layers.0.w{i}.", f"embed.inner{i}.") for i in (1, 2)),
    *((f"embed.layers.0.batch_norm{i}.", f"embed.inner{i}_norm.") for i in (1, 2)),
    ("embed.fc_2.", "embed.leave."))
FINAL_NORMS = ("Transformer.model.norm.a_2", "Transformer.model.norm.b_2",
               "Transformer_reduce.model.norm.a_2", "Transformer_reduce.model.norm.b_2")
PSTMO = {"arguments": strided_arguments, "renamed": PSTMO_NAMES, "prefix": "module.", "unused": FINAL_NORMS,
         "answers": tuple(f"{head}.1.{kind}" for head in ("center_head", "every_head")
                          for kind in ("weight", "bias"))}
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
                    "mlpmixer.mixerblocks.{i}.layer_norm2.bias"), answers=("regress_head.weight",)),
    Release("videopose3d", "expand_conv.", videopose3d_arguments, unsaid={"target": "center"},
            within="model_pos"),
    Release("strided", "encoder.0.", strided_arguments, renamed=STRIDED_NAMES, unused=FINAL_NORMS),
    Release("pstmo_pretraining", "spatial_mask_token", strided_arguments, unsaid={"tds": 2},
            renamed=PSTMO_NAMES, prefix="module.", unused=(
                *FINAL_NORMS[:2], "Transformer_dec.model.norm.a_2", "Transformer_dec.model.norm.b_2")),
    Release("pstmo", "encoder.fc_1.", fixed={"millimetres": True}, holds=answers_in_millimetres,
            data={"dataset": "3dhp", "keypoints": "gt", "tds": 1}, **PSTMO),
    Release("pstmo", "encoder.fc_1.", unsaid={"tds": 2}, **PSTMO),
]


def recognise(state: dict) -> Release | None:
    """The row of the files with such a state dict; None for those of no row."""
    return next((row for row in RELEASES
                 if any(name.startswith(row.marks) for name in state) and row.holds(state)), None)


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
    trained_on = saved.get("data", {}).get("dataset", "h36m")
    rows = [row for row in RELEASES if row.network == network
            and row.fixed.get("variant") == args.get("variant")]
    if not rows:
        return None
    release = min(rows, key=lambda row: row.data.get("dataset", trained_on) != trained_on)
    scale = 1000 if release.fixed.get("millimetres") and not args.get("millimetres") else 1
    state = {release.published_name(name): scale * value if name in release.answers else value.clone()
             for name, value in saved["model"].items()}
    for name in release.unused_names(args.get("depth", 1)):
        size = args["dim"] // 2 if "_dec." in name else args["dim"]
        state[name] = (torch.ones if name.endswith(("weight", "a_2")) else torch.zeros)(size)
    state = {release.prefix + name: value for name, value in state.items()}
    return {"epoch": saved.get("epoch", 0), release.within: state} if release.within else state
