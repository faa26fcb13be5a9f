"""A checkpoint and the options: it fills in what the command line left out, contradictions are refused."""
import argparse
from pathlib import Path

from common.command.network_contradictions import find_meaningless, find_network_problem
from common.command.networks import NETWORKS, PRETRAINING
from common.command.option_parser import build_parser, spelt, written
from common.command.records import plain
from common.learning.training import Training
from common.untrusted.values import readable
from common.weights import checkpoint

# What may differ between a run and its continuation.
FREE_ON_RESUME = {"epochs", "resume", "device", "gpu", "output", "root_path", "eval_batch_size",
                  "test_stride", "max_minutes", "compile", "publish"}
# What a checkpoint knows of itself, as far as options say it too.
OF_A_CHECKPOINT = ("network", "frames", "dim", "depth", "dropout", "units", "fpm_filter", "every_frame",
                   "widths", "dense", "masked_frames", "masked_joints", "dataset", "keypoints", "tds",
                   "target", "stature", "input", "mask")


def announce_shipped(args: argparse.Namespace) -> None:
    """Where nobody named a checkpoint, say which one is used; FileNotFoundError where it is absent."""
    if not args.shipped:
        return
    if not args.previous_dir.is_file():
        raise FileNotFoundError(f"The checkpoint that ships, {args.previous_dir}, is missing. Restore it "
                                "with git, or name another with --reload 1 --previous_dir FILE.")
    print(f"No --previous_dir: using the checkpoint that ships, {args.previous_dir}")


def adopt(args: argparse.Namespace, saved: dict, path: Path) -> None:
    """Set the options that the command line leaves out to what the checkpoint `saved` of `path` says.

    The data set and the dropout may differ from the checkpoint's: both say nothing of its weights. A training
    may begin with those of another --stature, give a mask to a network without one (inputs.give_mask), or
    make a network that predicts every frame answer for the last one. Any other contradiction is a ValueError.
    A checkpoint that nobody named does not choose the data set. The arguments of the network's class that may
    differ from the checkpoint's are set in `saved`.
    """
    network = saved.get("network", "ftcm")
    unsaid = {name: getattr(args, name) if name in args.given else value    # by files of other programs
              for name, value in saved.get("unsaid", {}).items()}
    saved["unsaid"] = unsaid
    saved["model_args"] |= {name: value for name, value in unsaid.items() if name in saved["model_args"]}
    if args.pretrain and network != PRETRAINING:
        raise ValueError(f"{path} holds a {network} network, not a pre-training. Drop --pretrain 1.")
    facts = {"network": network, "target": "center", "stature": False, "input": "screen",
             **saved["model_args"], **saved["data"], **unsaid}
    of_data = {"dataset", "keypoints"}
    of_training = {"stature", "mask" if args.mask else "", "target" if facts.get("every_frame") else ""}
    free = of_data | set(NETWORKS[network].free) | (of_training if args.train else set())
    for name in OF_A_CHECKPOINT:
        wanted, found = getattr(args, name), facts.get(name, getattr(args, name))
        if name not in args.given:
            if not (name in of_data and (args.shipped or "dataset" in args.given)):
                setattr(args, name, found)
        elif wanted != found and name not in free:
            raise ValueError(f"{path} was trained with {spelt([name])} {written(found)}, the command line "
                             f"says {written(wanted)}. Drop that option or choose another checkpoint.")
    if saved["model_args"]["num_joints"] != 17:
        raise ValueError(f"{path} is for {saved['model_args']['num_joints']} joints; every data set here has "
                         "17. Choose another checkpoint.")
    half = saved["model_args"]["dim"] // 2
    problem = find_meaningless(network, args.given, path) or find_network_problem(args, path)
    if problem:
        raise ValueError(problem + ".")
    if "channel" in args.given and args.channel != half:
        raise ValueError(f"{path} has {half} channels in each unit, the command line says --channel "
                         f"{args.channel}. Drop that option.")
    saved["model_args"] |= {name: getattr(args, name) for name in NETWORKS[network].free}


def keeps_pretraining(args: argparse.Namespace) -> bool:
    """Whether a pre-training is used as it is: to go on with it or to write its weights."""
    return bool(args.pretrain or args.export_release or args.export_weights)


def refuse_changes(args: argparse.Namespace, saved: dict, path: Path) -> None:
    """Raise ValueError where `saved`, a run's last epoch in `path`, was started with other options."""
    if "options" not in saved:
        return
    started = plain(build_parser().parse_args([])) | saved["options"]       # younger options were left out
    for name, value in plain(args).items():
        if name not in FREE_ON_RESUME and started[name] != value:
            raise ValueError(f"{path} was started with {spelt([name])} {readable(str(started[name]))}, the "
                             f"command line says {value}. Repeat the run's options, which options.json "
                             "beside it lists.")


def resume(training: Training, args: argparse.Namespace) -> None:
    """Go on after the run's last whole epoch; without one the training starts from the beginning."""
    path = training.run.last
    if not path.exists():
        training.run.log(f"--resume: {path.parent} holds no whole epoch; starting from the beginning.")
        return
    saved = checkpoint.load(path)
    refuse_changes(args, saved, path)
    training.resume(saved)
