"""Variants of the network at equal data, epochs and seed, trained on the bundled motions.

`python -m experiments.ablation` trains and evaluates what is not there yet.
"""
import sys
from pathlib import Path

from experiments.commands import Study, parse_study, run_study
from experiments.compare import paired_difference, read_scores
from experiments.rows import Row, measure_rows, row_table
from experiments.table_text import write_results

# Keypoints with simulated detector noise, half a second of context: what a temporal unit is for.
TRAINING = ("--dataset cmu -k detected -f 27 --d_hid 128 -b 128 --nepoch 12 --lr 2e-3 -lrd 0.75 "
            "--cameras 0,2 --stride 20 --val_stride 20 --test_stride 8 --val_subjects 05,127")
EVALUATION = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0,2 --test_stride 8"
VARIANTS = {"both units, 3 blocks": "--layers 3", "FPM alone": "--layers 3 --units fpm",
            "TPM alone": "--layers 3 --units tpm", "neither unit": "--layers 3 --units none",
            "element-wise filter": "--layers 3 --fpm_filter elementwise", "1 block": "--layers 1",
            "2 blocks": "--layers 2", "6 blocks": "--layers 6"}


def make_ablation_rows(root: Path) -> list[Row]:
    """A row for each of VARIANTS; `root` is checkpoint/."""
    rows = []
    for label, variant in VARIANTS.items():
        name = f"ablation_{label.replace(' ', '_').replace(',', '')}"
        rows.append(Row(label, root / f"{name}_27_no_refine", f"{TRAINING} {variant} --train 1 -c {name}",
                        EVALUATION))
    return rows


def measure_ablation(rows: list[Row], study: Study) -> tuple[list[dict], list[dict]]:
    """As `measure_rows`. All but the first row get the paired difference of their MPJPE from the first's."""
    done, missing = measure_rows(rows, study, last_too=True)
    paths = {row.label: study.output / row.name / "scores.json" for row in rows}
    if done and done[0]["label"] == rows[0].label:
        first = read_scores(paths[rows[0].label])
        for line in done[1:]:
            line["paired"] = paired_difference(first, read_scores(paths[line["label"]]))
    return done, missing


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    study = parse_study("ablation", "Train and compare variants of the network on the bundled motions.", argv)
    done, missing = measure_ablation(make_ablation_rows(study.runs), study)
    text = row_table(done, missing)
    path = write_results(study.output, "ablation",
                         {"command": study.command, "rows": done, "missing": missing}, text)
    print(f"\n{text}\nTable: {path}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
