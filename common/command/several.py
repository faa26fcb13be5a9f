"""Several checkpoints in --previous_dir, whose networks' poses are averaged."""
from argparse import Namespace
from collections.abc import Callable
from copy import copy

from torch import nn

from common.command import choices
from common.command.option_parser import spelt, written
from common.running.distributed import choose_device
from common.running.ensemble import Ensemble, Member
from common.skeleton import Skeleton


def load_ensemble(args: Namespace, load: Callable[[Namespace], tuple[nn.Module, dict]],
                  layout_of: Callable[[dict], Skeleton]) -> tuple[Ensemble, dict]:
    """The networks of all files in `args.averaged`, each with its own window, and what they are together.

    `load` gives the network and the checkpoint of one file, `layout_of` a checkpoint's joints. Options that
    the command line leaves out are set in `args` to what the first file says. The checkpoint's facts are the
    first one's; "members" holds all of them with `checkpoint`, `frames`, `tds` and `hop`. ValueError where
    the networks do not fit together.
    """
    device = choose_device(args.device, args.gpu)
    owns, members, saves = [], [], []
    for path in args.averaged:
        own = copy(args)
        own.previous_dir, own.averaged = path, [path]
        network, saved = load(own)
        window = choices.window_of(own)
        owns.append(own)
        members.append(Member(network, window, choices.lifting_of(own, device)))
        saves.append(saved | {"checkpoint": path.name, "frames": window.frames, "tds": window.tds,
                              "hop": window.hop})
    refuse_different(saves, {
        "target frame": [own.target for own in owns], "joint layout": [layout_of(one).name for one in saves],
        "frame rate": [saved.get("fps", 50) for saved in saves],
        **{spelt([name]): [written(getattr(own, name)) for own in owns]
           for name in ("stature", "input", "mask")}})
    vars(args).update(vars(owns[0]) | {"averaged": args.averaged})
    return Ensemble(members), saves[0] | {"members": saves}


def refuse_different(saves: list[dict], facts: dict[str, list]) -> None:
    """Raise ValueError where checkpoints differ in one of the `facts`: a value for each, by its name."""
    for what, values in facts.items():
        for saved, value in zip(saves, values, strict=True):
            if value != values[0]:
                raise ValueError(f"{saves[0]['checkpoint']} has the {what} {values[0]}, "
                                 f"{saved['checkpoint']} has {value}: their poses cannot be averaged. "
                                 "Name files that agree.")
