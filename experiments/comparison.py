"""FTCM beside the networks that it is compared with, each trained for the same processor time.

Same data, same augmentation, about one million parameters each, several seeds. `python -m
experiments.comparison` trains and scores what is not there yet, seed by seed, and writes its tables and its
figure anew after every training.
"""
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from common.command.option_values import positive
from experiments import budget
from experiments.charts import save_cost_chart
from experiments.commands import (
    Study,
    add_shared_options,
    make_parser,
    make_study,
    parse_names,
    parse_seeds,
    run_study,
)
from experiments.comparison_table import format_comparison
from experiments.inference_cost import measure_checkpoint_cost, one_thread
from experiments.rows import Row, read_figures, score_row
from experiments.seeds import difference_of, join_seeds
from experiments.table_text import write_results

TRAINING = "--dataset cmu -k gt --train 1 --test 0 --cameras 0,2"
EVALUATION = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0"


@dataclass(frozen=True)
class Network:
    """One training: its name in the tables, its options, the curve of the figure that its lines belong to.

    `hops`: frames between two windows when it is used, a line for each, for a network that predicts every
    frame; None for one pose a window.
    """
    label: str
    curve: str
    frames: int
    train: str
    hops: tuple[int | None, ...] = (None,)


# What is not named here, the learning rate among it, is as published: 1e-3, of pstmo 7e-4. Widths and depths
# give about 1.1 million parameters, batches about 2,000 to 4,000 steps in six minutes of a common CPU.
COMPARISON = {
    "ftcm_27_every": Network("FTCM, 27 frames, every frame", "FTCM, 27 frames, every frame", 27,
                             "-f 27 --every_frame 1 --d_hid 256 -b 64", hops=(1, 3, 9, 27)),
    "videopose3d": Network("VideoPose3D, 27 frames", "VideoPose3D", 27,
                           "--network videopose3d -f 27 --d_hid 352 -b 512"),
    "strided": Network("StridedTransformer, 27 frames", "StridedTransformer", 27,
                       "--network strided -f 27 --d_hid 128 -b 64"),
    "pstmo": Network("P-STMO, 27 frames, without pre-training", "P-STMO", 27,
                     "--network pstmo -f 27 --d_hid 120 -b 64 --lr 7e-4"),
    "single_frame": Network("single frame", "single frame", 1,
                            "--network single_frame --d_hid 512 -b 1024"),
    "stcformer": Network("STCFormer, 27 frames", "STCFormer, 1.0 M parameters", 27,
                         "--network stcformer -f 27 --d_hid 128 --layers 5 -b 4", hops=(9, 27)),
    "ftcm_27": Network("FTCM, 27 frames", "FTCM, one pose a window", 27, "-f 27 --d_hid 256 -b 64"),
    "stcformer_64": Network("STCFormer, 27 frames, 64 channels", "STCFormer, 0.2 M parameters", 27,
                            "--network stcformer -f 27 --d_hid 64 --layers 4 -b 16", hops=(9, 27)),
    "ftcm_9": Network("FTCM, 9 frames", "FTCM, one pose a window", 9, "-f 9 --d_hid 256 -b 192"),
    "ftcm_81": Network("FTCM, 81 frames", "FTCM, one pose a window", 81, "-f 81 --d_hid 256 -b 24"),
}
REFERENCE = ("ftcm_27_every", 9)        # the line that all others are compared with: network and hop


@dataclass(frozen=True)
class Setting:
    """What all trainings share: processor minutes, seeds, --augment. Which networks are trained."""
    minutes: float
    seeds: tuple[int, ...]
    augment: str
    networks: tuple[str, ...]

    def name_run(self, network: str) -> str:
        """What the runs of a network are called, without their seed."""
        changed = self.augment.replace(",", "_") or "plain"
        return f"comparison_{self.minutes:g}min_{changed}_{network}"

    def words(self, network: Network) -> list[str]:
        """The options of run_ftcm.py that train a network, without those of the plan."""
        augment = f"--augment {self.augment}" if self.augment else ""
        return budget.split_words(TRAINING, augment, network.train)


def name_line(network: Network, hop: int | None) -> str:
    """The name of a line: unique among the lines."""
    return network.label + (f", hop {hop}" if hop else "")


def make_hop_rows(key: str, seed: int, setting: Setting, root: Path) -> list[tuple[int | None, Row]]:
    """The hops of a network, each with the row of its evaluation; `root` is checkpoint/."""
    network, rows = COMPARISON[key], []
    run = f"{setting.name_run(key)}_seed{seed}"
    for hop in network.hops:
        rows.append((hop, Row(f"{name_line(network, hop)}, seed {seed}",
                              root / f"{run}_{network.frames}_no_refine", "",
                              EVALUATION + (f" --hop {hop}" if hop else ""),
                              suffix=f"_hop{hop}" if hop else "", last=True)))
    return rows


def train_network(key: str, seed: int, setting: Setting, study: Study) -> int:
    """Train a network with a seed to the end of the budget; returns the windows of an epoch.

    ValueError where that cannot be done.
    """
    network, run = COMPARISON[key], setting.name_run(key)
    words = setting.words(network)
    seconds = budget.measure_target(words, run, network.frames, study)
    lengths = budget.read_lengths(words, study)
    plan = budget.make_plan(seconds, lengths, setting.minutes)
    folder = study.runs / f"{run}_seed{seed}_{network.frames}_no_refine"
    budget.train_within([*words, "--manualSeed", str(seed), "-c", f"{run}_seed{seed}"], folder, plan,
                        setting.minutes, study)
    return 2 * budget.count_targets(lengths, plan.stride)           # each one mirrored too


def measure_comparison(setting: Setting, study: Study) -> dict:
    """Train and score what is not there yet, seed by seed; the content of comparison.json.

    The files of results are written anew after every training.
    """
    runs, costs, missing, results = {}, {}, [], {}
    for seed in setting.seeds:
        for key in setting.networks:
            rows = make_hop_rows(key, seed, setting, study.runs)
            print(f"\n{COMPARISON[key].label}, seed {seed}")
            try:
                windows = train_network(key, seed, setting, study)
                for hop, row in rows:
                    selected = study.output / row.name
                    reason = score_row(row, selected, None, study)
                    if reason:
                        raise ValueError(reason)
                    if (key, hop) not in costs:
                        costs[key, hop] = measure_checkpoint_cost(row.folder / "last.pth", hop)
                    figures = read_figures(row, selected)
                    figures["windows_seen"] = windows * figures["training_epochs"]
                    runs.setdefault((key, hop), {})[seed] = (figures, selected)
            except ValueError as error:
                missing.append({"label": f"{COMPARISON[key].label}, seed {seed}", "reason": str(error)})
            results = summarise(runs, costs, missing, setting, study)
            write_comparison(study, results)
    return results


def summarise(runs: dict, costs: dict, missing: list[dict], setting: Setting, study: Study) -> dict:
    """The content of comparison.json.

    `runs`: of (network, hop) the figures and the scores' folder by seed; `costs`: of (network, hop).
    """
    reports = {line: {seed: json.loads((folder / "scores.json").read_text(encoding="utf-8"))
                      for seed, (_, folder) in found.items()} for line, found in runs.items()}
    lines = []
    for key, hop in sorted(runs, key=lambda line: list(COMPARISON).index(line[0])):
        figures = [figure | {"training_seed": seed, "outside_budget": budget.is_outside(
            figure["training_cpu_minutes"], setting.minutes)} for seed, (figure, _) in runs[key, hop].items()]
        line = join_seeds(name_line(COMPARISON[key], hop), figures)
        line |= {"network": key, "curve": COMPARISON[key].curve, "hop": hop,
                 "frames": COMPARISON[key].frames, **costs[key, hop]}
        if (key, hop) != REFERENCE and REFERENCE in runs:
            line["difference"] = difference_of(reports[key, hop], reports[REFERENCE])
        lines.append(line)
    return {"command": study.command, "training": TRAINING, "evaluation": EVALUATION,
            "budget": {"minutes": setting.minutes, "tolerance": budget.TOLERANCE},
            "augment": setting.augment, "reference": name_line(COMPARISON[REFERENCE[0]], REFERENCE[1]),
            "networks": {key: COMPARISON[key].train for key in setting.networks},
            "rows": lines, "missing": missing}


def write_comparison(study: Study, results: dict) -> Path:
    """Write comparison.json, its tables and its figure; returns the path of the JSON file."""
    save_cost_chart(results["rows"], study.output / "comparison.png")
    return write_results(study.output, "comparison", results, format_comparison(results))


def parse_comparison(argv: list[str]) -> tuple[Setting, Study]:
    """What the arguments ask for."""
    parser = make_parser("comparison", "Train FTCM and other networks for equal processor time each.")
    add_shared_options(parser)
    parser.add_argument("--minutes", type=positive(float, most=10_000), default=6,
                        help="processor minutes of each training; default: 6")
    parser.add_argument("--networks", type=parse_names(COMPARISON), default=tuple(COMPARISON),
                        help=f"comma-separated, any of {', '.join(COMPARISON)}; default: all")
    parser.add_argument("--seeds", type=parse_seeds, default=(1, 2, 3), help="default: 1,2,3")
    parser.add_argument("--augment", default="detector",
                        help="--augment of every training, none for nothing; default: detector")
    args = parser.parse_args(argv)
    augment = "" if args.augment == "none" else args.augment
    return (Setting(args.minutes, args.seeds, augment, args.networks),
            make_study("comparison", args, argv))


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    setting, study = parse_comparison(argv)
    with one_thread():
        results = measure_comparison(setting, study)
    print(f"\n{format_comparison(results)}\nTable: {study.output / 'comparison.json'}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
