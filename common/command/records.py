"""What the options leave on record: in checkpoints, scores and notes, as names of files and folders."""
import argparse
from pathlib import Path

from common.command.choices import window_of
from common.command.option_values import PROJECT
from common.learning.training import TEST_SUBJECTS
from common.stature import ADULT_HEIGHT


def plain(args: argparse.Namespace) -> dict:
    """The options as plain values, fit for JSON and for a checkpoint."""
    return {name: str(value) if isinstance(value, Path) else value
            for name, value in sorted(vars(args).items())
            if name not in ("given", "shipped", "averaged", "camera", "everybody")}


def training_facts(args: argparse.Namespace) -> dict:
    """What the options say of a training in its checkpoints."""
    selection = None if not args.test else TEST_SUBJECTS if not args.val_subjects else (
        f"held-out subjects {', '.join(args.val_subjects)}")
    return {"network": args.network, "selection": selection, "options": plain(args),
            "data": {name: getattr(args, name)
                     for name in ("dataset", "keypoints", "tds", "target", "stature", "input")}}


def evaluation_facts(args: argparse.Namespace) -> dict:
    """What the options say of an evaluation in its scores.json."""
    facts = {name: getattr(args, name) for name in (
        "network", "dataset", "keypoints", "frames", "tds", "target", "input", "mask", "smooth",
        "test_stride", "cameras", "actions", "downsample", "seed", "keep_root", "stature", "body_height")}
    facts |= {"runtime": args.runtime, "precision": "bf16" if args.amp else args.precision}
    return {**facts, "refine": args.refine_root if args.refine else None, "mirrored_test": args.flip_test}


def training_folder(args: argparse.Namespace) -> Path:
    """The folder of a training run."""
    name = f"{args.checkpoint}_{args.frames}_{'refine' if args.refine else 'no_refine'}"
    return args.output or PROJECT / "checkpoint" / name


def files_of(args: argparse.Namespace) -> list[Path]:
    """The files of the networks that are used, that of the refine module last."""
    return args.averaged + ([args.previous_refine_name] if args.refine else [])


def evaluation_name(args: argparse.Namespace) -> str:
    """The name of an evaluation's folder: the checkpoint and whatever was asked for."""
    parts = [args.previous_dir.resolve().parent.name, *[path.stem for path in args.averaged],
             args.dataset, args.keypoints, f"tds{args.tds}"]
    parts += [args.precision] if args.precision != "float32" else []
    parts += ["refine", args.refine_root] if args.refine else []
    parts += [f"{name}{getattr(args, name)}" for name in ("test_stride", "downsample")
              if getattr(args, name) > 1]
    parts += [f"hop{window_of(args).hop}"] if window_of(args).hop else []
    parts += [f"smooth{args.smooth:g}"] if args.smooth else []
    parts += [f"height{args.body_height}"] if args.body_height else []
    parts += ["keep_root"] if args.keep_root else []
    return "_".join([*parts, *(args.cameras or []), *(args.actions or [])])


def describe_size(args: argparse.Namespace) -> list[str]:
    """A note on the height of a video's poses where the network does not tell it."""
    if not args.stature:
        return []
    height = (f"{args.body_height:g} m tall, as --body_height states" if args.body_height else
              f"{ADULT_HEIGHT:.2f} m tall, an average adult's height, assumed; --body_height states it")
    return [f"The network does not tell how tall people are, so the scale is unknown: the poses are those of "
            f"somebody {height}."]
