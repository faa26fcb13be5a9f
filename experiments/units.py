"""At which training length, window and noise FTCM's two units begin to pay.

The network is trained with both units and with neither, for several windows, at a constant learning rate with
averaged weights, and validated on held-out training people after every epoch: so one training stands for all
shorter ones. The last epoch is scored on the test people without, with, and with twice the detector's noise.
`python -m experiments.units` trains and scores what is not there yet, seed by seed.
"""
import json
import sys
from pathlib import Path
from statistics import mean

import run_ftcm
from common import scores
from common.command import choices, options
from common.command.option_values import positive
from common.reporting.provenance import provenance
from common.reporting.score_table import write_json
from dataset.cmu_mocap import read_noise
from experiments.budget import read_history
from experiments.charts import save_units_chart
from experiments.commands import (
    Study,
    add_shared_options,
    make_parser,
    make_study,
    parse_names,
    parse_seeds,
    run_study,
)
from experiments.conditions import add_detector_noise
from experiments.rows import Row, train_row
from experiments.seeds import describe_change, difference_cell, difference_of
from experiments.table_text import fill_columns, list_missing, write_results

TRAINING = ("--dataset cmu -k gt --augment detector --train 1 --d_hid 128 --layers 3 -b 128 -lrd 1 "
            "--ema 0.999 --cameras 0,2 --stride 40 --val_subjects 05,127 --val_stride 20 --test_stride 200")
EVALUATION = "--dataset cmu -k gt --train 0 --reload 1 --cameras 0 --test_stride 8"
WINDOWS = ("27", "9", "81")
UNITS = ("both", "none")
STRENGTHS = (0, 1, 2)               # times the detector's noise
SHOWN = (1, 2, 5, 10, 20, 40, 80)   # epochs in the table
NOISE_SEED = 1


def make_units_row(frames: str, units: str, seed: int, epochs: int, root: Path) -> Row:
    """The training of one network, which more epochs continue; `root` is checkpoint/."""
    name = f"units_{units}_seed{seed}"
    return Row(f"{frames} frames, units {units}, seed {seed}", root / f"{name}_{frames}_no_refine",
               f"{TRAINING} -f {frames} --units {units} --nepoch {epochs} --manualSeed {seed} -c {name}",
               EVALUATION, last=True)


def score_noise(row: Row, strength: float, study: Study) -> dict:
    """The scores of a row's last epoch at so many times the detector's noise; made where they lack."""
    path = study.output / f"{row.name}_noise{strength}" / "scores.json"
    weights = row.checkpoint()
    if not path.is_file() or path.stat().st_mtime < weights.stat().st_mtime:
        args = options.parse(row.evaluation(weights, None, path.parent) + list(study.shared))
        model, _ = run_ftcm.load_network(args)
        clips, noise = run_ftcm.load_clips(args, "test"), read_noise()
        clips = [add_detector_noise(clip, strength, noise, NOISE_SEED) for clip in clips]
        found = run_ftcm.predict_clips(model, clips, choices.window_of(args),
                                       choices.lifting_of(args, "cpu", args.test_stride))
        write_json(path, {"dataset": args.dataset, "downsample": 1, "shared_joints": None,
                          "noise": strength, **scores.score(clips, found["pose"])})
    return json.loads(path.read_text(encoding="utf-8"))


def measure_units(windows: tuple[str, ...], seeds: tuple[int, ...], epochs: int, study: Study) -> dict:
    """Train and score what is not there yet, seed by seed; the results are written anew after each network.

    What is trained already is scored first.
    """
    rows = {(frames, units, seed): make_units_row(frames, units, seed, epochs, study.runs)
            for seed in seeds for frames in windows for units in UNITS}
    found, missing, results = {}, [], {}
    for key, row in sorted(rows.items(), key=lambda item: not item[1].is_finished()):
        print(f"\n{row.label}")
        reason = train_row(row, study, trains=True)
        if reason:
            missing.append({"label": row.label, "reason": reason})
        else:
            found[key] = (read_history(row.folder), {strength: score_noise(row, strength, study)
                                                     for strength in STRENGTHS})
        results = summarise(found, missing, study)
        save_units_chart(results["rows"], study.output / "units.png")
        write_results(study.output, "units", results, units_table(results["rows"], missing))
    return results


def summarise(found: dict, missing: list[dict], study: Study) -> dict:
    """The content of units.json; `found`: of (frames, units, seed) the history and the scores by strength."""
    lines = []
    for frames in dict.fromkeys(frames for frames, _, _ in found):
        seeds = [seed for window, units, seed in found
                 if window == frames and units == UNITS[0] and (frames, UNITS[1], seed) in found]
        if not seeds:
            continue
        runs = {units: {seed: found[frames, units, seed] for seed in seeds} for units in UNITS}
        curves = {units: average_curves([history for history, _ in runs[units].values()]) for units in UNITS}
        noise = [{"strength": strength, **{units: mean(scored[strength]["average"]["mpjpe"]
                                                       for _, scored in runs[units].values())
                                           for units in UNITS},
                  "difference": difference_of(*({seed: scored[strength]
                                                 for seed, (_, scored) in runs[units].items()}
                                                for units in UNITS))} for strength in STRENGTHS]
        lines.append({"frames": int(frames), "seeds": seeds, "curves": curves, "noise": noise,
                      "pays_from": pays_from(curves["both"], curves["none"])})
    machine = provenance([], "cpu")
    return {"command": study.command, "training": TRAINING, "evaluation": EVALUATION,
            "hardware": machine["hardware"], "commit": machine["commit"], "rows": lines, "missing": missing}


def average_curves(histories: list[list[dict]]) -> list[dict]:
    """The mean over seeds of the held-out MPJPE and of the processor minutes so far, after every epoch."""
    spent = [[sum(row["cpu_seconds"] for row in history[:count + 1]) / 60 for count in range(len(history))]
             for history in histories]
    return [{"epoch": rows[0]["epoch"], "p1": mean(row["p1"] for row in rows), "cpu_minutes": mean(minutes)}
            for rows, minutes in zip(zip(*histories), zip(*spent))]


def pays_from(both: list[dict], none: list[dict]) -> int | None:
    """The first epoch from which on both units have the lower held-out error to the end; None without one."""
    first = None
    for one, other in zip(both, none):
        first = (first or one["epoch"]) if one["p1"] < other["p1"] else None
    return first


def units_table(lines: list[dict], missing: list[dict]) -> str:
    """The differences over training, window and noise; what they support; what is missing."""
    lines = sorted(lines, key=lambda line: line["frames"])
    longest = max((len(line["curves"]["both"]) for line in lines), default=0)
    columns = {"window": lambda line: f"{line['frames']} frames",
               **{f"{epoch} ep.": lambda line, epoch=epoch: curve_cell(line, epoch)
                  for epoch in SHOWN if epoch <= longest},
               "pays from epoch": lambda line: str(line["pays_from"] or "never"),
               **{f"noise x {strength}": lambda line, index=index: difference_cell(line["noise"][index],
                                                                                   "mpjpe")
                  for index, strength in enumerate(STRENGTHS)},
               "minutes, both / neither": lambda line: " / ".join(
                   f"{line['curves'][units][-1]['cpu_minutes']:.1f}" for units in UNITS)}
    text = fill_columns(columns, lines)
    if lines:
        text += ("\nMPJPE with both units minus that with neither, mm; below 0 the units pay. Epochs: "
                 "held-out training people, the same epochs for both, mean over "
                 f"{min(len(line['seeds']) for line in lines)} or more seeds, without interval. Noise: the "
                 "last epoch on the test people, with its 95 % interval (paired bootstrap over motions, of "
                 "the mean over seeds). Minutes: processor time of one training, validation included.\n\n")
        text += "".join(f"- {describe_change(name_change(line, point), point['difference'])}\n"
                        for line in lines for point in line["noise"])
    return text + list_missing(missing)


def name_change(line: dict, point: dict) -> str:
    """What a difference is of."""
    return (f"With {line['frames']} frames and {point['strength']} times the detector's noise, having both "
            "units")


def curve_cell(line: dict, epoch: int) -> str:
    """The difference after an epoch; empty where the training is shorter."""
    both, none = (line["curves"][units] for units in UNITS)
    return f"{both[epoch - 1]['p1'] - none[epoch - 1]['p1']:+.2f}" if epoch <= len(both) else ""


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    parser = make_parser("units", "Train FTCM with both units and with neither, and find where they pay.")
    add_shared_options(parser)
    parser.add_argument("--windows", type=parse_names(WINDOWS), default=WINDOWS,
                        help=f"comma-separated, any of {', '.join(WINDOWS)}; default: all")
    parser.add_argument("--seeds", type=parse_seeds, default=(1, 2, 3), help="default: 1,2,3")
    parser.add_argument("--nepoch", type=positive(most=10_000), default=40, help="epochs; default: 40")
    args = parser.parse_args(argv)
    study = make_study("units", args, argv)
    results = measure_units(args.windows, args.seeds, args.nepoch, study)
    print(f"\n{units_table(results['rows'], results['missing'])}\nTable: {study.output / 'units.json'}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
