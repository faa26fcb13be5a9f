"""What the command line knows of each network: its published sizes, its own options, its published training.

A new network is a class in model/networks.py and a row here.
"""
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field

PRETRAINING = "pstmo_pretraining"       # --network pstmo with --pretrain 1


@dataclass(frozen=True)
class NetworkOptions:
    """One network. Options stand under the names (`dest`) that the parser gives them.

    sizes      option -> value instead of FTCM's default: the published size
    arguments  the options that its class takes beside frames, dim and dropout
    options    other options that not every network has
    lacks      options that mean nothing to it, though they do to all others
    published  option -> value with --recipe published: how its authors train it; a function of the options
               where that depends on them
    free       arguments that the command line may choose anew for the weights of any checkpoint
    both       it answers for the target frame and for every frame, and learns both
    vectors    vectors of `dim` channels that go through it for each frame
    """
    sizes: dict = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    published: dict | Callable[[Namespace], dict] = field(default_factory=dict)
    free: tuple[str, ...] = ("dropout",)
    vectors: int = 1
    both: bool = False


def pstmo_recipe(args: Namespace) -> dict:
    """How the authors of P-STMO train the lifter: the larger one, and exact keypoints, at a higher rate."""
    faster = args.depth == 4 or args.keypoints == "gt" and args.dataset != "3dhp"
    return {"batch_size": 160, "epochs": 79, "lr_decay": 0.97, "lr": 1e-3 if faster else 7e-4,
            **({"frames": 81, "tds": 1} if args.dataset == "3dhp" else {"tds": 2})}


def pstmo_pretraining_recipe(args: Namespace) -> dict:
    """How they pre-train it: more of exact keypoints is hidden, and less for the larger network."""
    frames, joints = ((0.7, 2) if args.dataset == "3dhp" else (0.8, 7) if args.keypoints == "gt" else
                      (0.6, 3) if args.depth == 4 else (0.8, 2))
    return pstmo_recipe(args) | {"lr": 1e-4, "masked_frames": frames, "masked_joints": joints}


NETWORKS = {
    "ftcm": NetworkOptions(arguments=("depth", "units", "fpm_filter", "every_frame", "mask"),
                           options=("hop", "channel")),
    "single_frame": NetworkOptions(sizes={"frames": 1, "depth": 2, "dim": 1024, "dropout": 0.5},
                                   arguments=("depth", "mask"), options=("norm_momentum",),
                                   lacks=("frames", "target")),
    "stcformer": NetworkOptions(
        sizes={"frames": 27, "dim": 256, "every_frame": True},
        arguments=("depth", "every_frame", "variant"), options=("hop",), lacks=("target",),
        free=("dropout", "every_frame"), vectors=17,
        published={"tds": 3, "stride": 3, "batch_size": 42, "epochs": 79, "lr_decay": 0.96, "seed": 42}),
    "videopose3d": NetworkOptions(
        sizes={"dim": 1024, "dropout": 0.25}, arguments=("widths", "dense", "target"),
        options=("norm_momentum",),
        published={"batch_size": 1024, "seed": 1234, "norm_momentum": 0.001}),
    "strided": NetworkOptions(
        sizes={"frames": 351, "dim": 256, "depth": 3}, arguments=("depth",), options=("norm_momentum",),
        both=True, published={"batch_size": 256, "epochs": 20, "large_decay_epoch": 5}),
    "pstmo": NetworkOptions(
        sizes={"dim": 256, "depth": 3}, arguments=("depth",),
        options=("norm_momentum", "pretrain", "masked_frames", "masked_joints"), both=True,
        published=pstmo_recipe),
    PRETRAINING: NetworkOptions(
        sizes={"dim": 256, "depth": 3}, arguments=("depth", "masked_frames", "masked_joints"),
        options=("norm_momentum", "pretrain"), free=("dropout", "masked_frames", "masked_joints"),
        lacks=("target",), published=pstmo_pretraining_recipe),
}


def meaningless(network: str) -> set[str]:
    """The options that mean nothing to a network: those of others alone, and those that it lacks."""
    own = {name: {*row.arguments, *row.options} - {"target"} for name, row in NETWORKS.items()}
    return set().union(*own.values()) - own[network] | set(NETWORKS[network].lacks)
