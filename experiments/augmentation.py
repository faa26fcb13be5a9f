"""What each ingredient of the training augmentation is worth: --augmentation.

The rows are trainings at equal windows and epochs that leave one part of common/augment.py out. Each is
scored as --limits scores: on the test people, before cameras and with keypoints that the training data lack.
"""
import json
from collections.abc import Callable
from pathlib import Path

from common.augment import PARTS
from common.files import write_whole
from experiments.table_text import cost_legend, listed, whole_cost
from experiments.tables import Row

TRAINING = ("--dataset cmu --train 1 -f 27 --every_frame 1 --d_hid 256 --dropout 0 -b 64 --lr 2e-3 -lrd 0.65 "
            "--nepoch 8 --val_subjects 05,127 --val_stride 60 --test_stride 60")
ONE_CAMERA, ALL_CAMERAS = "--stride 14 --cameras 0", "--stride 56"      # as many windows
EVALUATION = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0 --test_stride 4"
LIMITS = "--limits --test_stride 72"
METRICS = ("mpjpe", "p_mpjpe")
# The columns: title, question of experiments/limits.py, which of its steps.
SITUATIONS = {"test rigs, exact keypoints": ("noise", lambda value: value == 0),
              "simulated detector noise": ("detector", lambda value: value == 1),
              "twice this noise": ("detector", lambda value: value == 2),
              "4 joints unseen": ("missing", lambda value: value == 4),
              "pitch 30 to 60 degrees": ("pitch", lambda value: value >= 30),
              "distance 6 to 12 m": ("distance", lambda value: value >= 6)}


def rows(root: Path) -> list[Row]:
    """All parts, all but one for each part, none; `root` is checkpoint/."""
    chosen = {"all": PARTS, **{f"without {part}": [name for name in PARTS if name != part] for part in PARTS},
              "none": ()}
    made = []
    for label, parts in chosen.items():
        name = f"augmentation_{label.replace(' ', '_')}"
        windows = ONE_CAMERA if "camera" in parts else ALL_CAMERAS
        augment = f" --augment {','.join(parts)}" if parts else ""
        made.append(Row(label, root / f"{name}_27_no_refine", f"{TRAINING} {windows}{augment} -c {name}",
                        EVALUATION))
    return made


def run(folder: Path, root: Path, *, run_rows: Callable,
        execute: Callable[[list[str]], str | None]) -> tuple[list[dict], list[dict]]:
    """Train and score what is not there yet; the rows, and those that failed and why.

    `run_rows(rows)` is tables.run, `execute` runs a command of run_ftcm.py and returns None, or a sentence on
    what was wrong. augmentation.json and augmentation.md in `folder` are written anew after every row.
    """
    done, missing = [], []
    for row in rows(root):
        measured, failed = run_rows([row])
        missing += failed
        for line in measured:
            reason = measure_limits(row, folder, execute)
            if reason:
                missing.append({"label": row.label, "reason": reason})
                continue
            report = json.loads((limits_folder(row, folder) / "limits.json").read_text(encoding="utf-8"))
            done.append({**line, "situations": {title: mean_errors(report, *question)
                                                for title, question in SITUATIONS.items()}})
        write(folder, done, missing)
    return done, missing


def limits_folder(row: Row, folder: Path) -> Path:
    return folder / f"limits_{row.name}"


def measure_limits(row: Row, folder: Path, execute: Callable[[list[str]], str | None]) -> str | None:
    """limits.json of the row's network, unless one is there that is newer than its weights."""
    weights, path = row.checkpoint(), limits_folder(row, folder) / "limits.json"
    if path.is_file() and path.stat().st_mtime >= weights.stat().st_mtime:
        return None
    return execute([*LIMITS.split(), "--reload", "1", "--previous_dir", str(weights), "--output",
                    str(path.parent)])


def mean_errors(report: dict, question: str, chosen: Callable[[float], bool]) -> dict:
    """METRICS in mm, the mean over the steps of `question` whose value is `chosen`."""
    steps = [step for step in report[question] if chosen(step["value"])]
    return {metric: sum(step[metric] for step in steps) / len(steps) for metric in METRICS}


def markdown(lines: list[dict], missing: list[dict]) -> str:
    """The table, MPJPE / P-MPJPE; then what is missing."""
    titles = ["trained with", *SITUATIONS, *(["training"] if whole_cost(lines) else [])]
    text = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for line in lines:
        cells = [f"{errors['mpjpe']:.1f} / {errors['p_mpjpe']:.1f}" for errors in line["situations"].values()]
        cells += [f"{line['training_cpu_minutes']:.1f} min"] if whole_cost(lines) else []
        text.append("| " + " | ".join([line["label"], *cells]) + " |")
    if lines:
        text += ["", "MPJPE / P-MPJPE in mm: means over the test frames that `--limits` scores. "
                 + cost_legend(lines, "Training: CPU minutes of the whole run on one thread.")]
    text += listed(missing)
    return "\n".join(text) + "\n"


def write(folder: Path, lines: list[dict], missing: list[dict]) -> None:
    """augmentation.json and augmentation.md."""
    content = {"command": "python run_ftcm.py --augmentation", "training": TRAINING, "evaluation": LIMITS,
               "rows": lines, "missing": missing}
    write_whole(folder / "augmentation.json", json.dumps(content, indent=1) + "\n")
    write_whole(folder / "augmentation.md", markdown(lines, missing))
