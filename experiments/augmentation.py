"""What each part of the training augmentation contributes.

The rows are trainings at equal windows and epochs that leave out one part of the Augmenter. Each network is
scored under the conditions of experiments/limits.py: on the test people, before cameras and with keypoints
that the training data lack. `python -m experiments.augmentation` does what is not there yet.
"""
import json
import sys
from collections.abc import Callable
from pathlib import Path

from common.augmentation.augmenter import PARTS
from experiments import limits
from experiments.commands import Study, parse_study, run_study
from experiments.rows import Row, measure_rows
from experiments.table_text import (
    cost_legend,
    cpu_minutes_cell,
    has_whole_cost,
    list_missing,
    markdown_table,
    write_results,
)

TRAINING = ("--dataset cmu --train 1 -f 27 --every_frame 1 --d_hid 256 --dropout 0 -b 64 --lr 2e-3 -lrd 0.65 "
            "--nepoch 8 --val_subjects 05,127 --val_stride 60 --test_stride 60")
ONE_CAMERA, ALL_CAMERAS = "--stride 14 --cameras 0", "--stride 56"      # as many windows
EVALUATION = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0 --test_stride 4"
LIMITS = "--test_stride 72"
# The columns: title, condition of experiments/limits.py, which of its steps.
SITUATIONS = {"test rigs, exact keypoints": ("noise", lambda value: value == 0),
              "simulated detector noise": ("detector", lambda value: value == 1),
              "twice this noise": ("detector", lambda value: value == 2),
              "4 joints unseen": ("missing", lambda value: value == 4),
              "pitch 30 to 60 degrees": ("pitch", lambda value: value >= 30),
              "distance 6 to 12 m": ("distance", lambda value: value >= 6)}


def make_augmentation_rows(root: Path) -> list[Row]:
    """A row with all parts, one without each part, one without all; `root` is checkpoint/."""
    without = {f"without {part}": [name for name in PARTS if name != part] for part in PARTS}
    rows = []
    for label, parts in {"all": PARTS, **without, "none": ()}.items():
        name = f"augmentation_{label.replace(' ', '_')}"
        windows = ONE_CAMERA if "camera" in parts else ALL_CAMERAS
        augment = f" --augment {','.join(parts)}" if parts else ""
        rows.append(Row(label, root / f"{name}_27_no_refine", f"{TRAINING} {windows}{augment} -c {name}",
                        EVALUATION))
    return rows


def measure_augmentation(rows: list[Row], study: Study) -> tuple[list[dict], list[dict]]:
    """Train and score what is not there yet; the rows, and those that failed and why.

    The files of results are written anew after every row.
    """
    done, missing = [], []
    for row in rows:
        measured, failed = measure_rows([row], study)
        missing += failed
        for line in measured:
            folder = study.output / f"limits_{row.name}"
            reason = measure_row_limits(row, folder, study)
            if reason:
                missing.append({"label": row.label, "reason": reason})
                continue
            report = json.loads((folder / "limits.json").read_text(encoding="utf-8"))
            done.append({**line, "situations": {title: average_steps(report, *situation)
                                                for title, situation in SITUATIONS.items()}})
        write_augmentation(study, done, missing)
    return done, missing


def measure_row_limits(row: Row, folder: Path, study: Study) -> str | None:
    """Measure the limits of the row's network into `folder`; None, or why that could not be done.

    A limits.json that is newer than the weights is kept.
    """
    weights, path = row.checkpoint(), folder / "limits.json"
    if path.is_file() and path.stat().st_mtime >= weights.stat().st_mtime:
        return None
    words = [*LIMITS.split(), "--previous_dir", str(weights), "--output", str(folder)]
    return study.attempt(words, limits.execute)


def average_steps(report: dict, condition: str, holds: Callable[[float], bool]) -> dict:
    """MPJPE and P-MPJPE in mm, the mean over the steps of `condition` whose value `holds`."""
    steps = [step for step in report[condition] if holds(step["value"])]
    return {metric: sum(step[metric] for step in steps) / len(steps) for metric in ("mpjpe", "p_mpjpe")}


def augmentation_table(rows: list[dict], missing: list[dict]) -> str:
    """The table, MPJPE / P-MPJPE; then what is missing."""
    costs = has_whole_cost(rows)
    cells = [[row["label"], *map(situation_cell, row["situations"].values()),
              *([cpu_minutes_cell(row)] if costs else [])] for row in rows]
    text = markdown_table(["trained with", *SITUATIONS, *(["training"] if costs else [])], cells)
    if rows:
        text += ("\nMPJPE / P-MPJPE in mm: means over the test frames that experiments/limits.py scores. "
                 + cost_legend(rows, "Training: CPU minutes of the whole run on one thread.") + "\n")
    return text + list_missing(missing)


def situation_cell(errors: dict) -> str:
    return f"{errors['mpjpe']:.1f} / {errors['p_mpjpe']:.1f}"


def write_augmentation(study: Study, rows: list[dict], missing: list[dict]) -> Path:
    """Write augmentation.json and augmentation.md; returns the path of the JSON file."""
    results = {"command": study.command, "training": TRAINING,
               "evaluation": f"python -m experiments.limits {LIMITS}", "rows": rows, "missing": missing}
    return write_results(study.output, "augmentation", results, augmentation_table(rows, missing))


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    study = parse_study("augmentation", "Train without each part of --augment and compare.", argv)
    rows, missing = measure_augmentation(make_augmentation_rows(study.runs), study)
    print(f"\n{augmentation_table(rows, missing)}\nTable: {study.output / 'augmentation.json'}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
