"""Variants of the network at equal data and epochs, several seeds, trained on the bundled motions.

`python -m experiments.ablation` trains and scores what is not there yet, seed by seed.
"""
import json
import sys
from pathlib import Path

from experiments.commands import (
    Study,
    add_shared_options,
    make_parser,
    make_study,
    parse_names,
    parse_seeds,
    run_study,
)
from experiments.rows import Row, measure_rows, row_table
from experiments.seeds import (
    LEGEND,
    METRICS,
    describe_change,
    difference_cell,
    difference_of,
    error_cell,
    join_seeds,
    label_cell,
)
from experiments.table_text import cpu_minutes_cell, fill_columns, list_missing, write_results

# Keypoints with simulated detector noise, half a second of context: what a temporal unit is for.
TRAINING = ("--dataset cmu -k gt --augment detector --train 1 --test 0 -f 27 --d_hid 128 -b 128 --nepoch 12 "
            "--lr 2e-3 -lrd 0.75 --cameras 0,2 --stride 20")
EVALUATION = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0,2 --test_stride 8"
# What a variant is called, what it changes in the first one, its options.
VARIANTS = {"both": ("both units, 3 blocks", "", "--layers 3"),
            "none": ("neither unit", "Removing both units", "--layers 3 --units none"),
            "fpm": ("FPM alone", "Removing the TPM", "--layers 3 --units fpm"),
            "tpm": ("TPM alone", "Removing the FPM", "--layers 3 --units tpm"),
            "elementwise": ("element-wise filter", "An element-wise filter in place of the matrix",
                            "--layers 3 --fpm_filter elementwise"),
            "blocks_1": ("1 block", "One block in place of three", "--layers 1"),
            "blocks_2": ("2 blocks", "Two blocks in place of three", "--layers 2"),
            "blocks_6": ("6 blocks", "Six blocks in place of three", "--layers 6")}
WHOLE = next(iter(VARIANTS))            # what the others are compared with


def make_ablation_rows(variants: tuple[str, ...], seeds: tuple[int, ...],
                       root: Path) -> dict[tuple[str, int], Row]:
    """The run of each variant with each seed, seed by seed; `root` is checkpoint/."""
    rows = {}
    for seed in seeds:
        for variant in variants:
            label, _, words = VARIANTS[variant]
            name = f"ablation_{variant}_seed{seed}"
            rows[variant, seed] = Row(f"{label}, seed {seed}", root / f"{name}_27_no_refine",
                                      f"{TRAINING} {words} --manualSeed {seed} -c {name}", EVALUATION,
                                      last=True)
    return rows


def summarise(rows: dict[tuple[str, int], Row], done: list[dict], missing: list[dict], study: Study) -> dict:
    """The content of ablation.json: a line for each variant, with its difference from the first one."""
    figures = {figure["label"]: figure for figure in done}
    lines, reports = [], {}
    for variant in dict.fromkeys(variant for variant, _ in rows):
        there = {seed: row for (name, seed), row in rows.items() if name == variant and row.label in figures}
        reports[variant] = {seed: json.loads((study.output / row.name / "scores.json").read_text("utf-8"))
                            for seed, row in there.items()}
        if not there:
            continue
        line = join_seeds(VARIANTS[variant][0], [figures[row.label] | {"training_seed": seed}
                                                 for seed, row in there.items()])
        line["change"] = VARIANTS[variant][1]
        if variant != WHOLE and reports.get(WHOLE):
            line["difference"] = difference_of(reports[variant], reports[WHOLE])
        lines.append(line)
    return {"command": study.command, "training": TRAINING, "evaluation": EVALUATION,
            "rows": lines, "missing": missing}


def ablation_table(lines: list[dict], missing: list[dict]) -> str:
    """The table of the variants; what its numbers support; what is missing."""
    if lines and "seeds" not in lines[0]:               # a file of one seed, as older versions write it
        return row_table(lines, missing)
    columns = {"variant": label_cell, "MPJPE": lambda line: error_cell(line, "mpjpe"),
               "P-MPJPE": lambda line: error_cell(line, "p_mpjpe"),
               **{f"{title} minus the first row's": lambda line, metric=metric: difference_cell(line, metric)
                  for metric, title in zip(METRICS, ("MPJPE", "P-MPJPE", "N-MPJPE"))},
               "parameters": lambda line: f"{line['parameters'] / 1e6:.2f} M", "training": cpu_minutes_cell}
    said = [describe_change(line["change"], line["difference"]) for line in lines if line.get("difference")]
    text = fill_columns(columns, lines)
    if lines:
        epochs = lines[0]["seeds"][0]["training_epochs"]
        text += (f"\n{LEGEND} Training: {epochs} epochs of the same windows each, the last one scored; mean "
                 "processor minutes. Variants that cost less were not trained longer.\n")
    if said:
        text += "\n" + "".join(f"- {sentence}\n" for sentence in said)
    return text + list_missing(missing)


def measure_ablation(variants: tuple[str, ...], seeds: tuple[int, ...], study: Study) -> dict:
    """Train and score what is not there yet, seed by seed; the results are written anew after each row.

    What is trained already is scored first.
    """
    rows = make_ablation_rows(variants, seeds, study.runs)

    def report(done: list[dict], missing: list[dict]) -> dict:
        results = summarise(rows, done, missing, study)
        write_results(study.output, "ablation", results, ablation_table(results["rows"], missing))
        return results

    ordered = sorted(rows.values(), key=lambda row: not row.is_finished())
    return report(*measure_rows(ordered, study, report=report))


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    parser = make_parser("ablation", "Train and compare variants of the network on the bundled motions.")
    add_shared_options(parser)
    parser.add_argument("--variants", type=parse_names(VARIANTS), default=tuple(VARIANTS),
                        help=f"comma-separated, any of {', '.join(VARIANTS)}; default: all")
    parser.add_argument("--seeds", type=parse_seeds, default=(1, 2, 3), help="default: 1,2,3")
    args = parser.parse_args(argv)
    study = make_study("ablation", args, argv)
    results = measure_ablation(args.variants, args.seeds, study)
    print(f"\n{ablation_table(results['rows'], results['missing'])}\nTable: {study.output / 'ablation.json'}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
