"""FTCM beside other networks, each trained for a few minutes on the bundled motions.

Several seeds become one line, and what a network costs is measured. `python -m experiments.comparison` trains
and scores what is not there yet.
"""
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

import torch

import run_ftcm
from common.command import options
from experiments.commands import Study, parse_study, run_study
from experiments.network_speed import count_macs
from experiments.rows import Row, measure_rows
from experiments.table_text import (
    cost_legend,
    cpu_minutes_cell,
    fill_columns,
    has_whole_cost,
    list_missing,
    write_results,
)
from model.folded import fold
from model.ftcm import FTCM

# Each network's own options are such that it trains for three to nine minutes on one thread of a common CPU.
TRAINING = "--dataset cmu -k detected --train 1 --val_subjects 05,127 --val_stride 60 --test_stride 60"
EVALUATION = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0"
COMPARED = ("mpjpe", "p_mpjpe", "mpjve")
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Network:
    """One line: its name, its window's frames, its own training options, the seeds it is trained with.

    `hop`: frames between two windows when it is used, for a network that predicts every frame. Lines that
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
    Network("temporal convolution", 27, "--network videopose3d -f 27 --d_hid 352 -b 256 --nepoch 12 "
            "-lrd 0.75 --stride 10", seeds=SEEDS),
    Network("FTCM", 9, "-f 9 --d_hid 256 -b 128 --lr 2e-3 --nepoch 10 -lrd 0.7 --stride 22", seeds=SEEDS),
    Network("FTCM", 27, "-f 27 --d_hid 256 -b 64 --lr 2e-3 --nepoch 8 -lrd 0.65 --stride 54", seeds=SEEDS),
    *[Network("FTCM, every frame", 27, EVERY_27, seeds=SEEDS, hop=hop) for hop in (1, 3, 9, 27)],
    Network("FTCM", 81, "-f 81 --d_hid 256 -b 32 --lr 2e-3 --nepoch 8 -lrd 0.65 --stride 166"),
    *[Network("FTCM, every frame", 81, EVERY_81, hop=hop) for hop in (1, 9, 27, 81)],
    Network("FTCM", 243, "-f 243 --d_hid 256 -b 16 --lr 2e-3 --nepoch 5 -lrd 0.5 --stride 340"),
    *[Network("FTCM, every frame", 243, EVERY_243, hop=hop) for hop in (27, 81, 243)],
]


def name_line(network: Network) -> str:
    """The name of a line: unique among the lines."""
    frames = f"{network.frames} frame{'s' if network.frames > 1 else ''}"
    return f"{network.label}, {frames}" + (f", hop {network.hop}" if network.hop else "")


def make_seed_rows(network: Network, root: Path) -> list[Row]:
    """The runs of one line, one for each seed; `root` is checkpoint/."""
    rows = []
    for seed in network.seeds:
        name = f"comparison_{network.label}_seed{seed}".replace(", ", "_").replace(" ", "_")
        hop = f" --hop {network.hop}" if network.hop else ""
        rows.append(Row(f"{name_line(network)}, seed {seed}", root / f"{name}_{network.frames}_no_refine",
                        f"{TRAINING} {network.train} --manualSeed {seed} -c {name}", EVALUATION + hop,
                        suffix=f"_hop{network.hop}" if network.hop else ""))
    return rows


def measure_comparison(networks: list[Network], study: Study) -> tuple[list[dict], list[dict]]:
    """Train and score what of these lines is not there yet; the lines, and the runs that failed and why.

    The files of results are written anew after every line.
    """
    lines, missing = [], []
    for network in networks:
        rows = make_seed_rows(network, study.runs)
        runs, failed = measure_rows(rows, study)
        missing += failed
        if runs:
            row = next(row for row in rows if row.label == runs[0]["label"])
            scores = json.loads((study.output / row.name / "scores.json").read_text(encoding="utf-8"))
            lines += [] if lines else [mean_pose_line(scores)]
            lines.append(join_seeds(network, runs, measure_checkpoint_cost(row.checkpoint(), network.hop)))
        write_comparison(study, lines, missing)
    return lines, missing


def measure_checkpoint_cost(path: Path, hop: int | None) -> dict:
    """As `measure_cost` of the network in a checkpoint, timed as it is used for inference."""
    model, _ = run_ftcm.load_network(options.parse(["--reload", "1", "--previous_dir", str(path)]))
    return measure_cost(model, hop, inference=fold(model) if isinstance(model, FTCM) else model)


def measure_cost(model: torch.nn.Module, hop: int | None, *, inference: torch.nn.Module | None = None,
                 windows: int = 64, repeats: int = 3) -> dict:
    """Multiply-accumulates for each pose, windows and poses a second here, all without flip test.

    `hop`: new frames for each window of a network that predicts every frame; None for one pose a window.
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
    return {"macs_per_frame": count_macs(model, model.frames) / poses,
            "windows_per_second": windows / min(seconds),
            "poses_per_second": poses * windows / min(seconds)}


def join_seeds(network: Network, seeds: list[dict], costs: dict) -> dict:
    """One line of the table from the figures of its seeds (rows.read_figures): means and deviations in mm."""
    values = {key: [run[key] for run in seeds if run[key] is not None] for key in COMPARED}
    return {"label": name_line(network),
            **{key: mean(numbers) if numbers else None for key, numbers in values.items()},
            "deviation": {key: stdev(numbers) if len(numbers) > 1 else None
                          for key, numbers in values.items()},
            "parameters": seeds[0]["parameters"], **costs,
            "training_minutes": mean(run["training_minutes"] for run in seeds),
            "training_cpu_minutes": mean(run["training_cpu_minutes"] for run in seeds),
            "hardware": seeds[0]["hardware"], "commit": seeds[0]["commit"], "seeds": seeds}


def mean_pose_line(scores: dict) -> dict:
    """The line without any training from the scores.json of an evaluation."""
    return {"label": "mean pose at the true heading, no training",
            **{key: scores["mean_pose"]["average"][key] for key in COMPARED},
            "deviation": dict.fromkeys(COMPARED), "parameters": 0, "macs_per_frame": None,
            "windows_per_second": None, "poses_per_second": None, "training_minutes": 0.0,
            "training_cpu_minutes": 0.0,
            "hardware": scores["hardware"], "commit": scores["commit"], "seeds": []}


def comparison_table(lines: list[dict], missing: list[dict]) -> str:
    """The table, errors as mean and deviation over seeds; then what is missing."""
    runs = [run for line in lines for run in line["seeds"]]
    columns = {"network": label_cell,
               "MPJPE": lambda line: error_cell(line, "mpjpe"),
               "P-MPJPE": lambda line: error_cell(line, "p_mpjpe"),
               "MPJVE": lambda line: error_cell(line, "mpjve"),
               "parameters": lambda line: millions_cell(line["parameters"]),
               "MACs a pose": lambda line: millions_cell(line["macs_per_frame"]),
               "windows/s": lambda line: rate_cell(line["windows_per_second"]),
               "poses/s": lambda line: rate_cell(line["poses_per_second"])}
    if has_whole_cost(runs):
        columns["training"] = cpu_minutes_cell
    text = fill_columns(columns, lines)
    if lines:
        text += ("\nmm, average over actions, flip test; MPJVE in mm per frame step; mean and standard "
                 "deviation where there are several seeds. MACs and speed are without flip test, in batches "
                 "of 64 windows. "
                 + cost_legend(runs, "Training: CPU minutes of the whole run on one thread.") + "\n")
    return text + list_missing(missing)


def label_cell(line: dict) -> str:
    count = len(line["seeds"])
    return line["label"] + (f" ({count} seeds)" if count > 1 else "")


def error_cell(line: dict, metric: str) -> str:
    """An error's cell: 61.23 or 61.23 ± 0.45."""
    if line[metric] is None:
        return "-"
    deviation = line["deviation"][metric]
    return f"{line[metric]:.2f}" + ("" if deviation is None else f" ± {deviation:.2f}")


def millions_cell(value: float | None) -> str:
    return "-" if value is None else f"{value / 1e6:,.2f} M"


def rate_cell(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def write_comparison(study: Study, lines: list[dict], missing: list[dict]) -> Path:
    """Write comparison.json and comparison.md; returns the path of the JSON file."""
    results = {"command": study.command, "training": TRAINING, "evaluation": EVALUATION, "rows": lines,
               "missing": missing}
    return write_results(study.output, "comparison", results, comparison_table(lines, missing))


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    study = parse_study("comparison", "Train FTCM and other networks for a few minutes each.", argv)
    lines, missing = measure_comparison(COMPARISON, study)
    print(f"\n{comparison_table(lines, missing)}\nTable: {study.output / 'comparison.json'}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
