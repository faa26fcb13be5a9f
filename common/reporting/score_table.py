"""Scores as text and as files: the paper-style table, scores.json, scores.csv. Everything is in mm."""
import csv
import io
import json
import math
from pathlib import Path

from common.files import write_whole
from common.scores import COLUMNS

LEGEND = """\
MPJPE (P1), P-MPJPE (P2), N-MPJPE in mm; MPJVE in mm per frame step, Accel in mm per squared frame step.
average: action-wise, the mean of the rows above, as published tables have it; all frames: \
each frame counts once."""
MEAN_POSE_LEGEND = ("Mean pose (baseline): the average training pose, rotated to the ground-truth heading, "
                    "on the same frames.")


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


def details(scores: dict) -> list[str]:
    """The interval and the errors by camera and joint, a line each; without what an older file lacks."""
    lines = []
    if "interval" in scores:
        low, high = scores["interval"]
        lines.append(f"95 % interval of the average MPJPE: {low:.2f} to {high:.2f} mm (bootstrap over each "
                     "action's motions; an action of one motion adds no width).")
    if scores.get("by_camera"):
        lines.append("MPJPE / P-MPJPE by camera: " + "; ".join(
            f"{row['camera']} {row['mpjpe']:.1f} / {row['p_mpjpe']:.1f}"
            for row in scores["by_camera"]) + ".")
    if "by_joint" in scores:
        lines.append("MPJPE / P-MPJPE by joint: " + "; ".join(
            f"{row['joint'].replace('_', ' ')} {row['mpjpe']:.1f} / {row['p_mpjpe']:.1f}"
            for row in scores["by_joint"]) + ".")
    return lines


def write_scores(folder: Path, report: dict) -> list[Path]:
    """Write `report` as scores.json and its rows as scores.csv; returns the two paths."""
    paths = [folder / "scores.json", folder / "scores.csv"]
    write_json(paths[0], report)
    clips = sum(row["clips"] for row in report["rows"])
    rows = [*report["rows"], {"action": "average", "clips": clips, **report["average"]},
            {"action": "all frames", "clips": clips, **report["all_frames"]}]
    write_csv(paths[1], rows)
    return paths


def by_minutes(history: list[dict]) -> list[dict]:
    """The validation errors of a training's epochs, in mm, by the minutes that had passed."""
    seconds, rows = 0.0, []
    for row in history:
        seconds += row["seconds"]
        if "p1" in row:
            rows.append({"epoch": row["epoch"], "minutes": seconds / 60, "p1": row["p1"], "p2": row["p2"]})
    return rows


def write_json(path: Path, content: dict) -> None:
    """Write plain values as a JSON file, whole or not at all; NaN becomes null."""
    write_whole(path, json.dumps(replace_nan(content), indent=1) + "\n")


def replace_nan(value):
    """`value` with None for every NaN in its dicts and lists."""
    if isinstance(value, dict):
        return {key: replace_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [replace_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write rows as a CSV file, whole or not at all; the last row has all keys."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[-1]))
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())
