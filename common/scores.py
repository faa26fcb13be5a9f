"""Scores of predicted clips: per action, action-wise average; table text, CSV and JSON.

Poses come in metres; everything that leaves this file is in millimetres (per frame step for velocity, per
squared step for acceleration). Shapes: N frames, J joints.
"""
import csv
import io
import json
import math
from pathlib import Path

import numpy as np

from common import metrics
from common.clips import Clip
from common.files import write_whole

# key in the files -> title in the table
COLUMNS = {"mpjpe": "MPJPE", "p_mpjpe": "P-MPJPE", "n_mpjpe": "N-MPJPE", "mpjve": "MPJVE",
           "acceleration": "Accel"}
LEGEND = """\
MPJPE (P1), P-MPJPE (P2), N-MPJPE in mm; MPJVE in mm per frame step, Accel in mm per squared frame step.
average: action-wise, the mean of the rows above, as published tables have it; all frames: \
each frame counts once."""
MEAN_POSE_LEGEND = ("Mean pose: what the training subjects' mean pose scores "
                    "when it is turned to the true heading.")


def clip_errors(clip: Clip, predicted: np.ndarray, joints: list[int] | None = None) -> dict[str, np.ndarray]:
    """Errors in mm of the scored frames of one clip: those that are `valid` and predicted (not NaN).

    `predicted` (N, J, 3), metres; `joints` are the ones that count, None for all. Velocity and acceleration
    take runs of 2 and 3 consecutive scored frames.
    """
    scored = clip.valid & np.isfinite(predicted).all((1, 2))                    # (N,)
    pairs = scored[1:] & scored[:-1]
    triples = pairs[1:] & pairs[:-1]
    chosen = slice(None) if joints is None else joints
    predicted, pose = (1000 * array[:, chosen].astype(np.float64) for array in (predicted, clip.pose))
    return {"mpjpe": metrics.mpjpe(predicted[scored], pose[scored]),
            "p_mpjpe": metrics.p_mpjpe(predicted[scored], pose[scored]),
            "n_mpjpe": metrics.n_mpjpe(predicted[scored], pose[scored]),
            "mpjve": metrics.velocity_error(predicted, pose)[pairs],
            "acceleration": metrics.acceleration_error(predicted, pose)[triples]}


def mean(values) -> float:
    """The mean, NaN without values."""
    return float(np.mean(values)) if len(values) else math.nan


def score(clips: list[Clip], predicted: list[np.ndarray], joints: list[int] | None = None) -> dict:
    """"rows": one per action in order of appearance; "average": their mean; "all_frames": the mean over all
    frames; "interval": the bootstrap 95 % interval of the average MPJPE.

    Each has the keys of COLUMNS in mm. A row is the mean over all frames of its action's clips, so it does
    not depend on how they were batched.
    """
    by_action: dict[str, list[dict]] = {}
    for clip, poses in zip(clips, predicted, strict=True):
        by_action.setdefault(clip.action, []).append(clip_errors(clip, poses, joints))
    rows = []
    for action, parts in by_action.items():
        joined = {key: np.concatenate([part[key] for part in parts]) for key in COLUMNS}
        rows.append({"action": action, "clips": len(parts), "frames": len(joined["mpjpe"]),
                     **{key: mean(joined[key]) for key in COLUMNS}})
    rows = [row for row in rows if row["frames"]]
    if not rows:
        raise ValueError("No frame was scored: the clips have no valid frame among the predicted ones. "
                         "Lower --test_stride or --val_stride.")
    frames = sum(row["frames"] for row in rows)
    average = {key: mean([row[key] for row in rows if not math.isnan(row[key])]) for key in COLUMNS}
    everything = {key: mean(np.concatenate([part[key] for parts in by_action.values() for part in parts]))
                  for key in COLUMNS}
    interval = bootstrap({action: [part["mpjpe"] for part in parts if len(part["mpjpe"])]
                          for action, parts in by_action.items()
                          if any(len(part["mpjpe"]) for part in parts)})
    return {"rows": rows, "average": {"frames": frames, **average},
            "all_frames": {"frames": frames, **everything}, "interval": interval}


def mean_pose(clips: list[Clip]) -> np.ndarray:
    """The mean (J, 3) of all poses, metres, after levelling each and turning it to heading zero."""
    total = 0
    for clip in clips:
        level = clip.pose @ metrics.upright(clip.up).T
        total = total + metrics.turn(level, -metrics.heading(level, clip.skeleton)).sum(0)
    return total / sum(map(len, clips))


def mean_pose_prediction(clips: list[Clip], pose: np.ndarray) -> list[np.ndarray]:
    """Predicted from nothing but a level mean pose (J, 3) and each frame's true heading: (N, J, 3) a clip."""
    predicted = []
    for clip in clips:
        rotation = metrics.upright(clip.up)
        angle = metrics.heading(clip.pose @ rotation.T, clip.skeleton)
        predicted.append(metrics.turn(pose[None], angle) @ rotation)
    return predicted


def root_error(clips: list[Clip], roots: list[np.ndarray]) -> dict:
    """Mean error in mm of estimated roots (N, 3), metres, in space ("position") and along the view ("depth").

    "frames" counts the estimates: frames that were not predicted, or whose root no depth explains, are NaN.
    """
    difference = 1000 * np.concatenate([(found - clip.root)[clip.valid] for clip, found in zip(clips, roots)])
    difference = difference[np.isfinite(difference).all(1)]
    return {"position": mean(np.linalg.norm(difference, axis=1)), "depth": mean(np.abs(difference[:, 2])),
            "frames": len(difference)}


def bootstrap(by_action: dict[str, list[np.ndarray]], *, draws: int = 1000, seed: int = 0) -> list[float]:
    """The 95 % interval of the action-wise average when each action's clips are drawn again with replacement.

    `by_action`: an array (frames,) of errors for each clip of an action.
    """
    generator = np.random.default_rng(seed)
    averages = np.zeros(draws)
    for errors in by_action.values():
        totals = np.array([(values.sum(), len(values))     # (clips, 2): sum of errors, frames
                           for values in errors])
        drawn = totals[generator.integers(len(totals), size=(draws, len(totals)))].sum(1)
        averages += drawn[:, 0] / np.maximum(drawn[:, 1], 1) / len(by_action)
    return np.percentile(averages, [2.5, 97.5]).tolist()


def table(scores: dict, others: dict[str, dict] | None = None) -> str:
    """The paper-style table as text: a row per action, the averages, and the averages of `others` by name."""
    lines = [("Action", "Frames", *COLUMNS.values())]
    lines += [table_row(row["action"], row) for row in scores["rows"]]
    for name, result in {"": scores, **(others or {})}.items():
        prefix = f"{name}: " if name else ""
        lines.append(table_row(f"{prefix}average", result["average"]))
        lines.append(table_row(f"{prefix}all frames", result["all_frames"]))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = ["  ".join([line[0].ljust(widths[0])] + [cell.rjust(width)
                                                      for cell, width in zip(line[1:], widths[1:])])
             for line in lines]
    rule = "-" * len(texts[0])
    below = len(scores["rows"]) + 1
    return "\n".join([texts[0], rule, *texts[1:below], rule, *texts[below:]])


def table_row(name: str, row: dict) -> tuple[str, ...]:
    """The cells of one row; a dash for what could not be measured."""
    values = ["-" if math.isnan(row[key]) else f"{row[key]:.2f}" for key in COLUMNS]
    return (name, f"{row['frames']:,}", *values)


def write_scores(folder: Path, report: dict) -> list[Path]:
    """Write `report` as scores.json and its rows as scores.csv; returns the two paths.

    NaN becomes null in the JSON.
    """
    def plain(value):
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and math.isnan(value) else value

    paths = [folder / "scores.json", folder / "scores.csv"]
    write_whole(paths[0], json.dumps(plain(report), indent=1) + "\n")
    clips = sum(row["clips"] for row in report["rows"])
    rows = [*report["rows"], {"action": "average", "clips": clips, **report["average"]},
            {"action": "all frames", "clips": clips, **report["all_frames"]}]
    write_csv(paths[1], rows)
    return paths


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write rows as a CSV file, whole or not at all; the last row has all keys."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[-1]))
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())
