"""FTCM from the command line: train a lifter, evaluate a checkpoint. `python run_ftcm.py --help` lists the options."""
import math
import sys
import time
from pathlib import Path

import torch

from common import checkpoint, engine, options, plots, report, scores
from common.clips import Clip, downsample, select, subset, without
from common.provenance import provenance
from common.run_folder import RunFolder, prepare
from common.windows import TrainingBatches, Windows
from dataset import cmu_mocap, human36m
from model.ftcm import FTCM
from model.refine import Refine

DATASETS = {"h36m": human36m, "cmu": cmu_mocap}
# What may differ between a run and its continuation.
FREE_ON_RESUME = {"epochs", "resume", "device", "gpu", "output", "root_path", "eval_batch_size", "test_stride",
                  "max_minutes"}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    argv = options.program_arguments(argv)
    args = options.parse(argv)
    try:
        device = choose_device(args.device, args.gpu)
        torch.manual_seed(args.seed)
        if args.export_release:
            export_release(args)
        elif args.train:
            train(args, argv, device)
        else:
            evaluate(args, argv, device)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"run_ftcm.py: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nrun_ftcm.py: interrupted; whole epochs are saved, add --resume to continue a training", file=sys.stderr)
        return 130
    return 0


def choose_device(name: str, gpu: int) -> str:
    """The torch device of --device and --gpu."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, present in available.items() if present)
    if not available[name]:
        raise ValueError(f"--device {name} was asked for, but PyTorch finds no such device here. Use --device auto.")
    if name == "cuda" and not 0 <= gpu < torch.cuda.device_count():
        raise ValueError(f"--gpu must be one of 0 to {torch.cuda.device_count() - 1}, got {gpu}.")
    return f"cuda:{gpu}" if name == "cuda" else name


def load_clips(args, split: str) -> list[Clip]:
    """The clips of a split that the options choose."""
    dataset = DATASETS[args.dataset]
    unknown = sorted(set(args.cameras or ()) - set(dataset.CAMERAS))
    if unknown:
        raise ValueError(f"--cameras {', '.join(unknown)} does not exist; choose from {', '.join(dataset.CAMERAS)}.")
    clips = dataset.load(args.root_path, keypoints=args.keypoints, split=split, cameras=args.cameras)
    return downsample(select(clips, actions=args.actions), args.downsample)


def load_weights(args) -> tuple[FTCM, dict]:
    """The network and the checkpoint in --previous_dir. Options that the command line leaves out come from the file."""
    path = args.previous_dir
    saved = checkpoint.load(path)
    for name, value in {**saved["model_args"], **saved["data"]}.items():
        if name in args.given and getattr(args, name) != value and name not in ("dataset", "keypoints"):
            raise ValueError(f"{path} was trained with {name} {value}, the command line says {getattr(args, name)}. "
                             f"Drop that option or choose another checkpoint.")
        if name not in args.given and not (name == "keypoints" and "dataset" in args.given):
            setattr(args, name, value)
    model = FTCM(**saved["model_args"])
    checkpoint.load_weights(model, saved["model"], path)
    return model, saved


def make_refiner(args, clips: list[Clip], device: str) -> engine.Refiner | None:
    """The refine step that the options ask for; None without --refine."""
    if not args.refine:
        return None
    network = Refine(num_joints=len(clips[0].skeleton.joints))
    if args.refine_reload:
        checkpoint.load_refine(network, args.previous_refine_name)
    return engine.Refiner(network.to(device), root_source=args.refine_root, clips=clips)


def predict(model, clips: list[Clip], args, device: str, *, every: int, desc: str, refiner=None) -> dict:
    """`engine.predict` with the options' window and batch size."""
    batch_size = args.eval_batch_size or max(1, 16384 // args.frames)
    return engine.predict(model, clips, frames=args.frames, tds=args.tds, batch_size=batch_size, refiner=refiner,
                          flip_test=args.flip_test, every=every, device=device, desc=desc)


def decay(epoch: int, args) -> float:
    """Factor on the learning rate in an epoch, counted from 1: a small step after each, a large one now and then."""
    large = (epoch - 1) // args.large_decay_epoch
    return args.lr_decay ** (epoch - 1 - large) * args.lr_decay_large ** large


def train(args, argv: list[str], device: str) -> None:
    """Train, validate after every epoch, and score the best epoch at the end."""
    model, _ = load_weights(args) if args.reload else (None, None)
    name = f"{args.checkpoint}_{args.frames}_{'refine' if args.refine else 'no_refine'}"
    run = RunFolder(args.output or options.PROJECT / "checkpoint" / name, resume=args.resume)
    clips = load_clips(args, "train")
    held_out = select(clips, subjects=args.val_subjects) if args.val_subjects else []
    clips = subset(without(clips, args.val_subjects), args.subset)
    if not clips:
        raise ValueError("--val_subjects holds out every training subject; leave at least one to train on.")
    test_clips = load_clips(args, "test") if args.test else []
    model_args = {"num_joints": len(clips[0].skeleton.joints), "frames": args.frames, "dim": args.dim,
                  "depth": args.depth}
    model = (model or FTCM(**model_args)).to(device)
    refiner = make_refiner(args, clips, device)
    groups = [(model, args.lr)] + ([(refiner.network, args.lr_refine or args.lr)] if refiner else [])
    optimizer = torch.optim.Adam([{"params": network.parameters(), "lr": lr} for network, lr in groups], amsgrad=True)
    generator = torch.Generator().manual_seed(args.seed)
    windows = Windows(clips, frames=args.frames, tds=args.tds, device=device, mirror=args.flip)
    batches = TrainingBatches(windows, batch_size=args.batch_size, stride=args.stride, mirror=args.flip,
                              reverse=args.reverse, generator=generator)
    selection = f"held-out subjects {', '.join(args.val_subjects)}" if args.val_subjects else "test subjects"
    state = {"format": checkpoint.FORMAT, "epoch": 0, "best": {}, "history": [], "selection": selection,
             "model_args": model_args, "options": options.plain(args),
             "data": {"dataset": args.dataset, "keypoints": args.keypoints, "tds": args.tds},
             "mean_pose": torch.from_numpy(scores.mean_pose(clips))}
    if args.resume:
        state = resumed(run, state, [network for network, _ in groups], optimizer, generator)
    run.write_options({**state["options"], **provenance(argv, device)})
    total = sum(map(len, clips))
    run.log(f"{args.dataset} {args.keypoints}: {len(clips)} clips, {len(batches.rows):,} of {total:,} frames are centres, "
            f"{len(batches.rows) * batches.versions:,} windows an epoch; {device}; seed {args.seed}")
    run.log(f"The best epoch is selected on the {selection}" + ("." if args.val_subjects else ", as in the paper."))

    for epoch in range(state["epoch"] + 1, args.epochs + 1):
        if out_of_time(state["history"], args.max_minutes):
            run.log(f"Stopped before epoch {epoch} of {args.epochs}: --max_minutes {args.max_minutes:g}.")
            break
        started = time.time()
        for group, (_, lr) in zip(optimizer.param_groups, groups):
            group["lr"] = lr * decay(epoch, args)
        loss, error = engine.train_one_epoch(model, batches, optimizer, refiner=refiner,
                                             desc=f"epoch {epoch}/{args.epochs}")
        row = {"epoch": epoch, "learning_rate": args.lr * decay(epoch, args), "loss": loss, "train_mpjpe": 1000 * error}
        if args.test:
            validation = held_out or test_clips
            found = predict(model, validation, args, device, every=args.val_stride, desc="validate", refiner=refiner)
            average = scores.score(validation, found["pose"])["average"]
            row |= {"p1": average["mpjpe"], "p2": average["p_mpjpe"]}
        row["seconds"] = time.time() - started
        is_best = args.test and row["p1"] < state["best"].get("p1", math.inf)
        state |= {"epoch": epoch, "history": state["history"] + [row], "model": model.state_dict(),
                  "optimizer": optimizer.state_dict(), "rng": random_state(generator)}
        if refiner:
            state["refine"] = refiner.network.state_dict()
        run.save_epoch(state, is_best=is_best)
        run.log(f"epoch {epoch:3d}  lr {row['learning_rate']:.6f}  loss {loss:.5f} m  MPJPE {row['train_mpjpe']:.2f}"
                + (f"  P1 {row['p1']:.2f}  P2 {row['p2']:.2f} mm" if args.test else " mm")
                + f"  {row['seconds']:.0f} s" + ("  best" if is_best else ""))
        plots.training_curves(state["history"], run.folder / "curves.png", selection=selection)

    if not args.test:
        run.log(f"Not evaluated (--test 0). Last epoch: {run.last}")
        return
    best = [run.folder / name for name in state["best"]["files"]]
    saved = checkpoint.load(best[0])
    checkpoint.load_weights(model, saved["model"], best[0])
    if refiner:
        checkpoint.load_refine(refiner.network, best[1])
    score(model, refiner, saved, test_clips, args, argv, device, folder=run.folder, paths=best)
    print(f"Curves: {run.folder / 'curves.png'}   log: {run.folder / 'train.log'}\n"
          f"Best checkpoint: {' and '.join(map(str, best))}")


def out_of_time(history: list[dict], max_minutes: float | None) -> bool:
    """Whether one more epoch as long as the last would pass the limit; the first always fits."""
    if max_minutes is None or not history:
        return False
    return sum(row["seconds"] for row in history) + history[-1]["seconds"] > 60 * max_minutes


def random_state(generator: torch.Generator) -> dict:
    """The state of every random source that training draws from."""
    return {"shuffle": generator.get_state(), "cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def resumed(run: RunFolder, state: dict, networks: list, optimizer, generator) -> dict:
    """The state in last.pth, loaded into networks, optimiser and random sources; refused where the options differ."""
    saved = checkpoint.load(run.last)
    if "optimizer" not in saved:
        raise ValueError(f"{run.last} cannot be resumed: it holds weights only.")
    for name, value in state["options"].items():
        if name not in FREE_ON_RESUME and saved["options"].get(name) != value:
            raise ValueError(f"{run.last} was started with {name} {saved['options'].get(name)}, the command line says "
                             f"{value}. Repeat the run's options, which {run.folder / 'options.json'} lists.")
    for network, key in zip(networks, ("model", "refine")):
        checkpoint.load_weights(network, saved[key], run.last)
    optimizer.load_state_dict(saved["optimizer"])
    generator.set_state(saved["rng"]["shuffle"])
    torch.set_rng_state(saved["rng"]["cpu"])
    if torch.cuda.is_available() and len(saved["rng"]["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved["rng"]["cuda"])
    run.log(f"Resumed after epoch {saved['epoch']}.")
    return {**saved, "options": state["options"]}


def evaluate(args, argv: list[str], device: str) -> None:
    """Score the checkpoint in --previous_dir on the test subjects."""
    model, saved = load_weights(args)
    name = f"{args.previous_dir.stem}_{args.dataset}_{args.keypoints}"
    folder = prepare(args.output or options.PROJECT / "checkpoint" / name)
    clips = load_clips(args, "test")
    refiner = make_refiner(args, clips, device)
    paths = [args.previous_dir] + ([args.previous_refine_name] if refiner else [])
    score(model.to(device), refiner, saved, clips, args, argv, device, folder=folder, paths=paths)


def score(model, refiner, saved: dict, clips: list[Clip], args, argv: list[str], device: str, *, folder: Path,
          paths: list[Path]) -> None:
    """Predict `clips`, print the table with what it is and is not, write scores.json, scores.csv and an animation."""
    started = time.time()
    found = predict(model, clips, args, device, every=args.test_stride, desc="evaluate", refiner=refiner)
    facts = {"dataset": args.dataset, "keypoints": args.keypoints, "frames": args.frames, "tds": args.tds,
             "refine": args.refine_root if refiner else None, "mirrored_test": args.flip_test,
             "test_stride": args.test_stride, "cameras": args.cameras, "actions": args.actions,
             "downsample": args.downsample, "checkpoint": [str(path) for path in paths],
             "evaluation_seconds": time.time() - started, "seed": args.seed, **provenance(argv, device)}
    summary = report.summarise(clips, found, saved, facts)
    report.print_report(summary)
    shown = report.representative(clips, found["pose"])
    poses, = predict(model, [clips[shown]], args, device, every=1, desc="animate", refiner=refiner)["pose"]
    report.write_report(folder, summary, clips[shown], poses)


def export_release(args) -> None:
    """Write the network in --previous_dir as a weight file that the original release reads."""
    model, saved = load_weights(args)
    prepare(args.export_release.parent)
    checkpoint.save(args.export_release, checkpoint.to_release(model.state_dict(), saved["model_args"]))
    print(f"Weights in the original release's names: {args.export_release}")


if __name__ == "__main__":
    sys.exit(main())
