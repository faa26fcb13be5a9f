"""FTCM from the command line: train a lifter, evaluate a checkpoint. `python run_ftcm.py --help` lists the options."""
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

from common import checkpoint, engine, options, plots, scores
from common.clips import Clip, downsample, select, subset, without
from common.provenance import provenance
from common.run_folder import RunFolder, prepare
from common.windows import TrainingBatches, Windows
from dataset import cmu_mocap, human36m
from model.ftcm import FTCM

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
        if args.train:
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
    saved = checkpoint.load(args.previous_dir)
    for name, value in {**saved["model_args"], **saved["data"]}.items():
        if name in args.given and getattr(args, name) != value and name not in ("dataset", "keypoints"):
            raise ValueError(f"{args.previous_dir} was trained with {name} {value}, the command line says "
                             f"{getattr(args, name)}. Drop that option or choose another checkpoint.")
        if name not in args.given and not (name == "keypoints" and "dataset" in args.given):
            setattr(args, name, value)
    model = FTCM(**saved["model_args"])
    checkpoint.load_weights(model, saved["model"], args.previous_dir)
    return model, saved


def lift(model, clips: list[Clip], args, device: str, *, every: int, desc: str) -> list[np.ndarray]:
    """`engine.predict` with the options' window and batch size."""
    batch_size = args.eval_batch_size or max(1, 16384 // args.frames)
    return engine.predict(model, clips, frames=args.frames, tds=args.tds, batch_size=batch_size,
                          flip_test=args.flip_test, every=every, device=device, desc=desc)


def learning_rate(epoch: int, args) -> float:
    """The learning rate of an epoch, counted from 1: a small decay after each, a large one every `large_decay_epoch`."""
    large = (epoch - 1) // args.large_decay_epoch
    return args.lr * args.lr_decay ** (epoch - 1 - large) * args.lr_decay_large ** large


def train(args, argv: list[str], device: str) -> None:
    """Train, validate after every epoch, and score the best epoch at the end."""
    if args.reload:
        model, _ = load_weights(args)
    else:
        model = FTCM(frames=args.frames, dim=args.dim, depth=args.depth)
    run = RunFolder(args.output or options.PROJECT / "checkpoint" / f"{args.checkpoint}_{args.frames}_no_refine",
                    resume=args.resume)
    clips = load_clips(args, "train")
    held_out = select(clips, subjects=args.val_subjects) if args.val_subjects else []
    clips = subset(without(clips, args.val_subjects), args.subset)
    if not clips:
        raise ValueError("--val_subjects holds out every training subject; leave at least one to train on.")
    test_clips = load_clips(args, "test") if args.test else []
    model.to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, amsgrad=True)
    generator = torch.Generator().manual_seed(args.seed)
    windows = Windows(clips, frames=args.frames, tds=args.tds, device=device, mirror=args.flip)
    batches = TrainingBatches(windows, batch_size=args.batch_size, stride=args.stride, mirror=args.flip,
                              reverse=args.reverse, generator=generator)
    selection = f"held-out subjects {', '.join(args.val_subjects)}" if args.val_subjects else "test subjects"
    state = {"format": checkpoint.FORMAT, "epoch": 0, "best": {}, "history": [], "selection": selection,
             "model_args": {"num_joints": 17, "frames": args.frames, "dim": args.dim, "depth": args.depth},
             "data": {"dataset": args.dataset, "keypoints": args.keypoints, "tds": args.tds},
             "options": options.plain(args),
             "mean_pose": torch.from_numpy(scores.mean_pose(clips))}
    if args.resume:
        state = resumed(run, state, model, optimizer, generator)
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
        optimizer.param_groups[0]["lr"] = learning_rate(epoch, args)
        loss, error = engine.train_one_epoch(model, batches, optimizer, desc=f"epoch {epoch}/{args.epochs}")
        row = {"epoch": epoch, "learning_rate": learning_rate(epoch, args), "loss": loss, "train_mpjpe": 1000 * error}
        if args.test:
            validation = held_out or test_clips
            predicted = lift(model, validation, args, device, every=args.val_stride, desc="validate")
            average = scores.score(validation, predicted)["average"]
            row |= {"p1": average["mpjpe"], "p2": average["p_mpjpe"]}
        row["seconds"] = time.time() - started
        state |= {"epoch": epoch, "history": state["history"] + [row], "model": model.state_dict(),
                  "optimizer": optimizer.state_dict(), "rng": random_state(generator)}
        is_best = args.test and row["p1"] < state["best"].get("p1", math.inf)
        run.save_epoch(state, best_name=f"no_refine_{epoch}_{round(100 * row['p1'])}.pth" if is_best else None)
        run.log(f"epoch {epoch:3d}  lr {row['learning_rate']:.6f}  loss {loss:.5f} m  MPJPE {row['train_mpjpe']:.2f}"
                + (f"  P1 {row['p1']:.2f}  P2 {row['p2']:.2f} mm" if args.test else " mm")
                + f"  {row['seconds']:.0f} s" + ("  best" if is_best else ""))
        plots.training_curves(state["history"], run.folder / "curves.png", selection=selection)

    if not args.test:
        run.log(f"Not evaluated (--test 0). Last epoch: {run.last}")
        return
    best = run.folder / state["best"]["file"]
    saved = checkpoint.load(best)
    checkpoint.load_weights(model, saved["model"], best)
    report(model, saved, test_clips, args, argv, device, folder=run.folder, path=best)
    print(f"Curves: {run.folder / 'curves.png'}   log: {run.folder / 'train.log'}   best checkpoint: {best}")


def out_of_time(history: list[dict], max_minutes: float | None) -> bool:
    """Whether one more epoch as long as the last would pass the limit; the first always fits."""
    if max_minutes is None or not history:
        return False
    return sum(row["seconds"] for row in history) + history[-1]["seconds"] > 60 * max_minutes


def random_state(generator: torch.Generator) -> dict:
    """The state of every random source that training draws from."""
    return {"shuffle": generator.get_state(), "cpu": torch.get_rng_state(), "cuda": torch.cuda.get_rng_state_all()}


def resumed(run: RunFolder, state: dict, model, optimizer, generator) -> dict:
    """The state in last.pth, loaded into model, optimiser and random sources; refused where the options differ."""
    saved = checkpoint.load(run.last)
    if "optimizer" not in saved:
        raise ValueError(f"{run.last} cannot be resumed: it holds weights only.")
    for name, value in state["options"].items():
        if name not in FREE_ON_RESUME and saved["options"].get(name) != value:
            raise ValueError(f"{run.last} was started with {name} {saved['options'].get(name)}, the command line says "
                             f"{value}. Repeat the run's options, which {run.folder / 'options.json'} lists.")
    checkpoint.load_weights(model, saved["model"], run.last)
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
    report(model.to(device), saved, load_clips(args, "test"), args, argv, device, folder=folder, path=args.previous_dir)


def report(model, saved: dict, clips: list[Clip], args, argv: list[str], device: str, *, folder: Path, path: Path) -> None:
    """Score `clips`, print the table with what it is and is not, write scores.json, scores.csv and an animation."""
    started = time.time()
    predicted = lift(model, clips, args, device, every=args.test_stride, desc="evaluate")
    result = scores.score(clips, predicted)
    baseline = None
    if "mean_pose" in saved:
        baseline = scores.score(clips, scores.mean_pose_prediction(clips, saved["mean_pose"].numpy()))
    history = saved.get("history", [])
    subjects = sorted({clip.subject for clip in clips})
    notes = describe(saved, clips, result, args)
    result = {
        "dataset": args.dataset, "keypoints": args.keypoints, "subjects": subjects, "frames": args.frames,
        "tds": args.tds, "refine": False, "mirrored_test": args.flip_test, "test_stride": args.test_stride,
        "checkpoint": str(path), "selection": saved.get("selection"), "trained_on": saved["data"],
        "training_epochs": len(history), "training_minutes": sum(row["seconds"] for row in history) / 60,
        "evaluation_seconds": time.time() - started, "seed": args.seed, **provenance(argv, device), "notes": notes,
        **result, "mean_pose": baseline and {key: baseline[key] for key in ("average", "all_frames")}}
    print("\n" + "\n".join(notes) + "\n")
    print(scores.table(result, baseline))
    print(scores.LEGEND + "\n")
    written = scores.write_scores(folder, result)
    picture = folder / "animation.gif"
    shown = representative(clips, predicted)
    poses, = lift(model, [clips[shown]], args, device, every=1, desc="animate")
    plots.clip_animation(clips[shown], poses, picture)
    print(f"Scores: {', '.join(map(str, written))}\nAnimation of the clip with the median error: {picture}")


def describe(saved: dict, clips: list[Clip], result: dict, args) -> list[str]:
    """What a table's numbers are and are not, in sentences."""
    trained = saved["data"]
    scored, total = result["average"]["frames"], sum(int(clip.valid.sum()) for clip in clips)
    notes = [f"{args.dataset}, test subjects {', '.join(sorted({clip.subject for clip in clips}))}, keypoints "
             f"{args.keypoints}, {args.frames} frames, tds {args.tds}, "
             f"{'mirrored test' if args.flip_test else 'without mirrored test'}, without refine. "
             f"Poses are root-relative in camera space."]
    if trained and (trained["dataset"], trained["keypoints"]) != (args.dataset, args.keypoints):
        notes.append(f"Trained on {trained['dataset']} with keypoints {trained['keypoints']}.")
    if saved.get("options", {}).get("stride", 1) > 1 or saved.get("options", {}).get("cameras"):
        trained_cameras = ", ".join(saved["options"]["cameras"] or ()) or "all"
        notes.append(f"Trained on a part of the data: every {saved['options']['stride']}. frame as a centre, cameras "
                     f"{trained_cameras}, {len(saved['history'])} epochs so far.")
    if scored < total or args.cameras or args.actions or args.downsample > 1:
        notes.append(f"A part of the test set: {scored:,} of {total:,} frames (--test_stride {args.test_stride}), cameras "
                     f"{', '.join(args.cameras or ()) or 'all'}, actions {', '.join(args.actions or ()) or 'all'}, "
                     f"--downsample {args.downsample}.")
    if saved.get("selection") == "test subjects":
        notes.append("The epoch was selected on the test subjects, as in the paper.")
    elif saved.get("selection"):
        notes.append(f"The epoch was selected on the {saved['selection']}, not on the test subjects.")
    return notes


def representative(clips: list[Clip], predicted: list[np.ndarray]) -> int:
    """The number of the clip with the median MPJPE."""
    errors = [scores.mean(scores.clip_errors(clip, poses)["mpjpe"]) for clip, poses in zip(clips, predicted)]
    order = [number for number in np.argsort(errors) if not math.isnan(errors[number])]
    return int(order[len(order) // 2])


if __name__ == "__main__":
    sys.exit(main())
