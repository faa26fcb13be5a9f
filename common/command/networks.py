"""What the command line knows of each network: its published sizes, its own options, its published training.

A new network is a class in model/networks.py and a row here.
"""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class NetworkOptions:
    """One network. Options stand under the names (`dest`) that option_parser.py gives them.

    sizes      option -> value instead of FTCM's default: the published size
    arguments  the options that its class takes beside frames, dim and dropout
    options    other options that not every network has
    lacks      options that mean nothing to it, though they do to all others
    published  option -> value with --recipe published: how its authors train it
    free       arguments that the command line may choose anew for the weights of any checkpoint
    vectors    vectors of `dim` channels that go through it for each frame
    """
    sizes: dict = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    published: dict = field(default_factory=dict)
    free: tuple[str, ...] = ("dropout",)
    vectors: int = 1


NETWORKS = {
    "ftcm": NetworkOptions(arguments=("depth", "units", "fpm_filter", "every_frame"),
                           options=("hop", "channel")),
    "single_frame": NetworkOptions(sizes={"frames": 1, "depth": 2, "dim": 1024, "dropout": 0.5},
                                   arguments=("depth",), options=("norm_momentum",),
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
}


def meaningless(network: str) -> set[str]:
    """The options that mean nothing to a network: those of others alone, and those that it lacks."""
    own = {name: {*row.arguments, *row.options} - {"target"} for name, row in NETWORKS.items()}
    return set().union(*own.values()) - own[network] | set(NETWORKS[network].lacks)
