"""Where a lifter stops working: its errors against noise, missing joints, cameras and frame rates.

`python -m experiments.limits` scores a network under every condition of experiments/conditions.py and writes
limits.json and charts. Errors are means over frames, in mm.

Shapes: N frames of a clip, J joints.
"""
import sys
import time
from argparse import Namespace
from functools import partial

import numpy as np
import torch

import run_ftcm
from common.clips import Clip
from common.command import choices, option_values, options
from common.files import check_writable, near
from common.reporting.provenance import provenance
from common.reporting.score_table import write_json
from common.running.distributed import choose_device
from common.scores import JOINT_COLUMNS, joint_distances
from experiments import limits_charts
from experiments.commands import add_shared_options, make_parser, run_study
from experiments.conditions import AXES, take_one_view, vary

SCORED_EVERY = 36       # every n-th frame is scored


def parse_limits(argv: list[str]) -> tuple[Namespace, Namespace]:
    """The study's own options, and those of run_ftcm.py that evaluate the same network on exact keypoints."""
    parser = make_parser("limits", "Errors of a network against 2D noise, missing joints, camera pitch and "
                         "distance and frame rate, by joint and by action, on the test motions.")
    add_shared_options(parser)
    parser.add_argument("--previous_dir", help="checkpoint (.pth); default: the one that ships")
    parser.add_argument("-f", "--frames", help="which of the checkpoints that ship: its frames in a window")
    parser.add_argument("--dataset", default="cmu", help="default: cmu, the bundled motions")
    parser.add_argument("--hop", help="frames between two windows of an --every_frame network")
    parser.add_argument("--test_stride", type=option_values.positive(most=10_000), default=SCORED_EVERY,
                        help=f"score every n-th frame; default: {SCORED_EVERY}")
    args = parser.parse_args(argv)
    if args.previous_dir and len(options.split_files(args.previous_dir)) > 1:
        parser.error("--previous_dir takes one checkpoint here: the limits are those of one network")
    words = ["--dataset", args.dataset, "-k", "gt", *(["--reload", "1"] if args.previous_dir else [])]
    for name in ("root_path", "previous_dir", "frames", "hop"):
        value = getattr(args, name)
        words += [f"--{name}", str(value)] if value is not None else []
    return args, options.parse(words)


def measure_limits(model: torch.nn.Module, evaluation: Namespace, device: str, *, every: int) -> dict:
    """The errors under every condition, by joint and by action, as plain values."""
    clips = run_ftcm.load_clips(evaluation, "test")
    if any(clip.pose is None or clip.root is None or clip.up is None for clip in clips):
        raise ValueError("The limits are measured with cameras of another pitch, which needs the pose and "
                         "the vertical of every clip. Use --dataset cmu.")
    clips, fine = take_one_view(clips), max(1, every // 4)
    lift = partial(predict_poses, model, evaluation, device)
    poses = lift(clips, fine)
    report = {"every": every, "by_joint": score_joints(clips, poses),
              "by_action": score_actions(clips, poses),
              "overall": {"every": fine, **average_errors(clips, poses)}, **{name: [] for name in AXES}}
    for step in vary(clips, every=every, seed=evaluation.seed):
        print(f"{AXES[step.condition]}: {step.value:.4g}")
        poses = lift(step.clips, step.every)
        report[step.condition].append({"value": step.value, **average_errors(step.clips, poses)})
    total = sum(map(len, clips))
    report["thinning"] = (f"One camera's view of each of {len(clips)} test motions, another camera for each "
                          f"in turn, {total:,} frames; of these one in {every} is scored, one in {fine} by "
                          "joint and by action. Means over frames.")
    return report


def predict_poses(model: torch.nn.Module, evaluation: Namespace, device: str, clips: list[Clip],
                  every: int) -> list[np.ndarray]:
    """Poses (N, J, 3) a clip, metres; NaN except in every `every`-th frame."""
    return run_ftcm.predict_clips(model, clips, choices.window_of(evaluation),
                            choices.lifting_of(evaluation, device, every), desc="limits")["pose"]


def collect_distances(clips: list[Clip], poses: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Joint distances (frames, J) in mm of all scored frames, by the metric that averages them."""
    parts = [joint_distances(clip, found) for clip, found in zip(clips, poses, strict=True)]
    return {name: np.concatenate([part[name] for part in parts]) for name in JOINT_COLUMNS}


def average_errors(clips: list[Clip], poses: list[np.ndarray]) -> dict:
    """The metrics in mm over all scored frames, and how many these are."""
    distances = collect_distances(clips, poses)
    if not len(distances["mpjpe"]):
        raise ValueError("No frame is left to score. Lower --test_stride.")
    return {"frames": len(distances["mpjpe"]),
            **{name: float(values.mean()) for name, values in distances.items()}}


def score_joints(clips: list[Clip], poses: list[np.ndarray]) -> list[dict]:
    """The metrics in mm of each joint."""
    distances = collect_distances(clips, poses)
    return [{"value": joint, **{name: float(values[:, number].mean()) for name, values in distances.items()}}
            for number, joint in enumerate(clips[0].skeleton.joints)]


def score_actions(clips: list[Clip], poses: list[np.ndarray]) -> list[dict]:
    """The metrics in mm of each action."""
    rows = []
    for action in dict.fromkeys(clip.action for clip in clips):
        pairs = [(clip, found) for clip, found in zip(clips, poses) if clip.action == action]
        rows.append({"value": action, "clips": len(pairs), **average_errors(*map(list, zip(*pairs)))})
    return rows


def format_limits(report: dict) -> str:
    """A text table of every condition."""
    lines = [report["thinning"]]
    for name, title in AXES.items():
        lines += ["", title, "  ".join(["".rjust(8), *[metric.upper().replace("_", "-").rjust(8)
                                                       for metric in JOINT_COLUMNS], "frames".rjust(7)])]
        lines += ["  ".join([f"{row['value']:8.4g}", *[f"{row[metric]:8.2f}" for metric in JOINT_COLUMNS],
                             f"{row['frames']:7,}"]) for row in report[name]]
    return "\n".join(lines)


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    started = time.time()
    args, evaluation = parse_limits(argv)
    device = choose_device(args.device, args.gpu)
    model, saved = run_ftcm.load_network(evaluation)
    path = evaluation.previous_dir
    run_ftcm.refuse_layout(saved, run_ftcm.DATASETS[evaluation.dataset].SKELETON, path)
    name = f"limits_{path.stem}"
    folder = check_writable(args.output or near(options.PROJECT / "checkpoint" / name))
    report = measure_limits(model.to(device), evaluation, device, every=args.test_stride)
    report |= {"dataset": evaluation.dataset, "checkpoint": path.name, "network": evaluation.network,
               "frames": evaluation.frames, "tds": evaluation.tds, "trained_on": saved["data"],
               "seed": evaluation.seed, "minutes": (time.time() - started) / 60,
               **provenance(argv, device, program="-m experiments.limits")}
    write_json(folder / "limits.json", report)
    print(format_limits(report))
    print("\n".join(map(str, [folder / "limits.json", *limits_charts.save_limits(report, folder)])))


if __name__ == "__main__":
    sys.exit(run_study(execute))
