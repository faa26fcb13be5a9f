"""FTCM beside other networks, each trained for a few minutes: --comparison.

The rows are commands of run_ftcm.py that experiments/tables.py runs. Here several seeds become one line, and
what a network costs is measured.
"""
import json
import math
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

import torch

from experiments.benchmark import macs
from common.files import write_whole
from experiments.table_text import cost_legend, listed, whole_cost
from experiments.tables import Row

# Each network's own options are such that it trains for three to nine minutes on one thread of a common CPU.
TRAINING = "--dataset cmu -k detected --train 1 --val_subjects 05,127 --val_stride 60 --test_stride 60"
EVALUATION = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0"
METRICS = ("mpjpe", "p_mpjpe", "mpjve")
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Network:
    """One line: its name, its window's frames, its own training options, the seeds it is trained with.

    `hop`: frames between two windows when it is used, for a network that answers for every frame. Lines that
    differ in it alone share their training.
    """
    label: str
    frames: int
    train: str
    seeds: tuple[int, ...] = (1,)
    hop: int | None = None


EVERY_27 = "-f 27 --every_frame 1 --d_hid 256 -b 64 --lr 2e-3 --nepoch 8 -lrd 0.65 --stride 54"
EVERY_81 = "-f 81 --every_frame 1 --d_hid 256 -b 32 --lr 2e-3 --nepoch 8 -lrd 0.65 --stride 166"
EVERY_243 = "-f 243 --every_frame 1 --d_hid 256 -b 16 --lr 2e-3 --nepoch 5 -lrd 0.5 --stride 340"
COMPARISON = [
    Network("single frame", 1, "--network single_frame --d_hid 512 --dropout 0.25 -b 512 --nepoch 12 "
            "-lrd 0.75 --stride 6", seeds=SEEDS),
    Network("temporal convolution", 27, "--network temporal_conv --d_hid 352 -b 256 --nepoch 12 -lrd 0.75 "
            "--stride 10", seeds=SEEDS),
    Network("FTCM", 9, "-f 9 --d_hid 256 -b 128 --lr 2e-3 --nepoch 10 -lrd 0.7 --stride 22", seeds=SEEDS),
    Network("FTCM", 27, "-f 27 --d_hid 256 -b 64 --lr 2e-3 --nepoch 8 -lrd 0.65 --stride 54", seeds=SEEDS),
    *[Network("FTCM, every frame", 27, EVERY_27, seeds=SEEDS, hop=hop) for hop in (1, 3, 9, 27)],
    Network("FTCM", 81, "-f 81 --d_hid 256 -b 32 --lr 2e-3 --nepoch 8 -lrd 0.65 --stride 166"),
    *[Network("FTCM, every frame", 81, EVERY_81, hop=hop) for hop in (1, 9, 27, 81)],
    Network("FTCM", 243, "-f 243 --d_hid 256 -b 16 --lr 2e-3 --nepoch 5 -lrd 0.5 --stride 340"),
    *[Network("FTCM, every frame", 243, EVERY_243, hop=hop) for hop in (27, 81, 243)],
]


def chosen(text: str) -> list[Network]:
    """The lines, with the seeds, whose label holds every part of the comma-separated `text`; all for *.

    ValueError where there is none.
    """
    parts = [] if text == "*" else [part.strip() for part in text.split(",")]
    networks = []
    for network in COMPARISON:
        seeds = tuple(seed for seed in network.seeds if all(part in label(network, seed) for part in parts))
        networks += [replace(network, seeds=seeds)] if seeds else []
    if not networks:
        raise ValueError(f"No line of the comparison holds {text!r}. The lines: "
                         f"{'; '.join(map(title, COMPARISON))}.")
    return networks


def title(network: Network) -> str:
    """The name of a line: unique among the rows."""
    frames = f"{network.frames} frame{'s' if network.frames > 1 else ''}"
    return f"{network.label}, {frames}" + (f", hop {network.hop}" if network.hop else "")


def label(network: Network, seed: int) -> str:
    """The name of one run of a line."""
    return f"{title(network)}, seed {seed}"


def rows_of(network: Network, root: Path) -> list[Row]:
    """The runs of one line, one for each seed; `root` is checkpoint/."""
    rows = []
    for seed in network.seeds:
        name = f"comparison_{network.label}_seed{seed}".replace(", ", "_").replace(" ", "_")
        hop = f" --hop {network.hop}" if network.hop else ""
        rows.append(Row(label(network, seed), root / f"{name}_{network.frames}_no_refine",
                        f"{TRAINING} {network.train} --manualSeed {seed} -c {name}", EVALUATION + hop,
                        suffix=f"_hop{network.hop}" if network.hop else ""))
    return rows


def cost(model: torch.nn.Module, hop: int | None, *, inference: torch.nn.Module | None = None,
         windows: int = 64, repeats: int = 3) -> dict:
    """Multiply-accumulates for each pose, windows and poses a second here, all without the mirrored test.

    `hop`: new frames for each window of a network that answers for every frame; None for one pose a window.
    `inference` is the same network as it is used, which is timed; None for `model`.
    """
    network = (inference or model).eval()
    keypoints = torch.zeros(windows, model.frames, model.num_joints, 2)
    with torch.inference_mode():
        network(keypoints)
        seconds = []
        for _ in range(repeats):
            started = time.perf_counter()
            network(keypoints)
            seconds.append(time.perf_counter() - started)
    poses = hop or 1
    return {"macs_per_frame": macs(model, model.frames) / poses,
            "windows_per_second": windows / min(seconds),
            "poses_per_second": poses * windows / min(seconds)}


def joined(network: Network, seeds: list[dict], costs: dict) -> dict:
    """One line of the table from the figures of its seeds (tables.measured): means and deviations in mm."""
    values = {key: [run[key] for run in seeds if run[key] is not None] for key in METRICS}
    return {"label": title(network),
            **{key: mean(numbers) if numbers else None for key, numbers in values.items()},
            "deviation": {key: stdev(numbers) if len(numbers) > 1 else None
                          for key, numbers in values.items()},
            "parameters": seeds[0]["parameters"], **costs,
            "training_minutes": mean(run["training_minutes"] for run in seeds),
            "training_cpu_minutes": mean(run["training_cpu_minutes"] for run in seeds),
            "hardware": seeds[0]["hardware"], "commit": seeds[0]["commit"], "seeds": seeds}


def mean_pose_row(scores: dict) -> dict:
    """The line without any training from the scores.json of an evaluation."""
    return {"label": "mean pose at the true heading, no training",
            **{key: scores["mean_pose"]["average"][key] for key in METRICS},
            "deviation": dict.fromkeys(METRICS), "parameters": 0, "macs_per_frame": None,
            "windows_per_second": None, "poses_per_second": None, "training_minutes": 0.0,
            "training_cpu_minutes": 0.0,
            "hardware": scores["hardware"], "commit": scores["commit"], "seeds": []}


def run(folder: Path, root: Path, *, text: str, run_rows: Callable,
        measure_cost: Callable[[Path, int | None], dict]) -> tuple[list[dict], list[dict]]:
    """Train and score what of the `chosen` lines is not there; the lines, and the runs that failed and why.

    `run_rows(rows)` is tables.run; `measure_cost(checkpoint, hop)` is `cost` of its network. comparison.json
    and comparison.md in `folder` are written anew after every line.
    """
    lines, missing = [], []
    for network in chosen(text):
        rows = rows_of(network, root)
        done, failed = run_rows(rows)
        missing += failed
        if done:
            if not lines:
                scores = folder / rows[0].name / "scores.json"
                lines.append(mean_pose_row(json.loads(scores.read_text(encoding="utf-8"))))
            measured = next(row for row in rows if row.label == done[0]["label"])
            lines.append(joined(network, done, measure_cost(measured.checkpoint(), network.hop)))
        write(folder, text, lines, missing)
    return lines, missing


def markdown(lines: list[dict], missing: list[dict]) -> str:
    """The table, errors as mean and deviation over seeds; then what is missing."""
    runs = [run for line in lines for run in line["seeds"]]
    titles = ["network", "MPJPE", "P-MPJPE", "MPJVE", "parameters", "MACs a pose", "windows/s", "poses/s",
              *(["training"] if whole_cost(runs) else [])]
    text = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for line in lines:
        seeds = f" ({len(line['seeds'])} seeds)" if len(line["seeds"]) > 1 else ""
        text.append("| " + " | ".join([
            line["label"] + seeds, *[error(line, key) for key in METRICS], millions(line["parameters"]),
            millions(line["macs_per_frame"]), whole(line["windows_per_second"]),
            whole(line["poses_per_second"]),
            *([f"{line['training_cpu_minutes']:.1f} min"] if whole_cost(runs) else [])]) + " |")
    if lines:
        text += ["", "mm, average over actions, mirrored test; MPJVE in mm per frame step; mean and standard "
                 "deviation where there are several seeds. MACs and speed are without the mirrored test, in "
                 "batches of 64 windows. "
                 + cost_legend(runs, "Training: CPU minutes of the whole run on one thread.")]
    text += listed(missing)
    return "\n".join(text) + "\n"


def error(line: dict, key: str) -> str:
    """An error's cell: 61.23 or 61.23 ± 0.45."""
    if line[key] is None or math.isnan(line[key]):
        return "-"
    spread = line["deviation"][key]
    return f"{line[key]:.2f}" + ("" if spread is None else f" ± {spread:.2f}")


def millions(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.2f} M"


def whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def write(folder: Path, text: str, lines: list[dict], missing: list[dict]) -> None:
    """comparison.json and comparison.md."""
    command = shlex.join(["python", "run_ftcm.py", "--comparison", *([] if text == "*" else [text])])
    content = {"command": command, "training": TRAINING, "evaluation": EVALUATION, "rows": lines,
               "missing": missing}
    write_whole(folder / "comparison.json", json.dumps(content, indent=1) + "\n")
    write_whole(folder / "comparison.md", markdown(lines, missing))
