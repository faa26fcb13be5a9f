"""What each way to represent bodies and cameras is worth: eight trainings that switch seven options.

A fractional factorial design, 2^(7-4) of Box, Hunter and Hunter (1978): each option is on in four runs and
off in four, and every other option is on in half of either four. The difference of the two means is the
option's effect; eight runs tell as much of each option as sixteen that switch one at a time. An option that
helps only beside another one is not told apart from the others.

Every run has its own seed and averaged weights, and validates after each epoch on training people that it
holds out. The test people play no part. Windows are of three frames, nine frames apart, which learn faster
than longer ones (common/weights/growing.py). `python -m experiments.representation` trains what is not there
yet; `--runs 0,3` trains these alone, so that two processes can share the work.
"""
import sys
from pathlib import Path
from statistics import mean, median

import run_ftcm
from common import scores
from common.clips import hold_out
from common.command import choices, options
from common.files import check_writable
from common.reporting.provenance import provenance
from common.weights import checkpoint
from experiments.commands import make_parser, run_study
from experiments.table_text import markdown_table, write_results

HELD_OUT = "05,127,16"
TRAINING = ("--dataset cmu -k detected --train 1 -f 3 -tds 9 --every_frame 1 --d_hid 256 --dropout 0 "
            "-b 576 --lr 2e-3 -lrd 0.93 --nepoch 36 --cameras 0 --ema 0.999 --velocity_weight 1 --amp 1 "
            f"--val_subjects {HELD_OUT} --val_stride 5 --test_stride 5 --resume")
EVALUATION = "--train 0 --dataset cmu -k detected --cameras 0 --test_stride 5 --reload 1 --previous_dir"
# The first three are switched freely; each of the others is on where an even number of those named is off.
SWITCHES = {"stature": (0,), "virtual camera": (1,), "mask": (2,), "bone directions": (0, 1),
            "image plane": (0, 2), "landmarks": (1, 2), "proportions": (0, 1, 2)}
WORDS = {"stature": "--stature 1", "virtual camera": "--input virtual", "mask": "--mask 1",
         "bone directions": "--bone_weight 0.2", "image plane": "--reprojection_weight 1"}
AUGMENTED = {"proportions": "body", "landmarks": "placement"}       # and the part in its place when off
MINUTES = (10, 20, 30)              # of the processor: when the runs are compared
AVERAGED = 3                        # epochs up to then whose validation errors are averaged
COLUMNS = ("p_mpjpe", "n_mpjpe", "mpjpe", "mpjve")


def switches_of(run: int) -> dict[str, bool]:
    """Which options run 0 to 7 has."""
    return {name: sum(not run >> number & 1 for number in numbers) % 2 == 0
            for name, numbers in SWITCHES.items()}


def training_of(run: int) -> list[str]:
    """The arguments that train run 0 to 7."""
    on = switches_of(run)
    words = " ".join(word for name, word in WORDS.items() if on[name])
    parts = [name if on[name] else other for name, other in AUGMENTED.items()]
    return [*TRAINING.split(), *words.split(), "--manualSeed", str(run + 1), "--augment",
            ",".join(["camera", *parts, "posture", "layout", "detector", "missing"])]


def find_effects(values: list[float], runs: list[int]) -> dict[str, float]:
    """The effect of each option on `values`, one a run: mean of the runs with it less mean of those without.
    """
    on = [switches_of(run) for run in runs]
    return {name: mean(value for value, own in zip(values, on) if own[name])
            - mean(value for value, own in zip(values, on) if not own[name]) for name in SWITCHES}


def find_margin(effects: dict[str, float]) -> float:
    """How large an effect must be to stand out of the others, at 95 %: the margin of error of Lenth (1989).

    It takes most effects for noise; the factor is that of seven effects.
    """
    sizes = [abs(effect) for effect in effects.values()]
    spread = 1.5 * median(sizes)
    return 3.76 * 1.5 * median(size for size in sizes if size <= 2.5 * spread)


def errors_at(history: list[dict], minutes: float) -> dict | None:
    """Validation errors in mm after so many processor minutes, the mean of AVERAGED epochs; None before."""
    spent, rows = 0.0, []
    for row in history:
        spent += row["cpu_seconds"] / 60
        rows.append(row)
        if spent >= minutes:
            break
    else:
        return None
    return {"mpjpe": mean(row["p1"] for row in rows[-AVERAGED:]),
            "p_mpjpe": mean(row["p2"] for row in rows[-AVERAGED:]), "epoch": rows[-1]["epoch"]}


def score_held_out(weights: Path) -> dict:
    """The errors in mm of a run's weights on the people that it held out."""
    args = options.parse([*EVALUATION.split(), str(weights)])
    model, _ = run_ftcm.load_network(args)
    _, clips = hold_out(run_ftcm.load_clips(args, "train"), HELD_OUT.split(","))
    lifting = choices.lifting_of(args, "cpu", args.test_stride)
    found = run_ftcm.predict_clips(model.eval(), clips, choices.window_of(args), lifting)
    return {key: scores.score(clips, found["pose"])["average"][key] for key in COLUMNS}


def read_run(run: int, folder: Path) -> dict:
    """What is known of a run from its last epoch: the whole history and the errors of its weights."""
    saved = checkpoint.read(folder / "last.pth")
    history = saved["history"]
    return {"run": run, "on": [name for name, on in switches_of(run).items() if on],
            "training": " ".join(training_of(run)), "seed": run + 1, "epochs": len(history),
            "processor_minutes": sum(row["cpu_seconds"] for row in history) / 60,
            "history": [{key: row[key] for key in ("epoch", "loss", "p1", "p2", "cpu_seconds")}
                        for row in history],
            "at": {str(minutes): errors_at(history, minutes) for minutes in MINUTES},
            "last": score_held_out(folder / "last.pth")}


def compare(runs: list[dict]) -> list[dict]:
    """The effects at each of MINUTES that all runs have reached, then those of their last weights."""
    tables = []
    for minutes in map(str, MINUTES):
        if all(run["at"][minutes] for run in runs):
            tables.append({"after": f"{minutes} min", **{
                key: find_effects([run["at"][minutes][key] for run in runs], [run["run"] for run in runs])
                for key in ("mpjpe", "p_mpjpe")}})
    tables.append({"after": "last epoch", **{
        key: find_effects([run["last"][key] for run in runs], [run["run"] for run in runs])
        for key in COLUMNS}})
    return [{**table, "margin": {key: find_margin(table[key]) for key in COLUMNS if key in table}}
            for table in tables]


def effects_table(tables: list[dict]) -> str:
    """Markdown: a row for each option, its effects in mm, and what an effect must exceed to stand out."""
    titles, columns = ["on instead of off"], []
    for table in tables:
        for key, title in (("p_mpjpe", "P-MPJPE"), ("n_mpjpe", "N-MPJPE"), ("mpjpe", "MPJPE"),
                           ("mpjve", "MPJVE")):
            if key in table:
                titles.append(f"{title}, {table['after']}")
                columns.append((table, key))
    rows = [[name, *(f"{table[key][name]:+.1f}" for table, key in columns)] for name in SWITCHES]
    rows.append(["must exceed", *(f"{table['margin'][key]:.1f}" for table, key in columns)])
    return markdown_table(titles, rows)


def describe(results: dict) -> str:
    """Markdown of what the study wrote: the table of effects and what stands behind it."""
    minutes = sorted(run["processor_minutes"] for run in results["runs"])
    people = results["held_out"].replace(",", ", ")
    return (f"{effects_table(results['effects'])}\nErrors with the option less those without it, mm; "
            f"negative: better. Eight runs of {minutes[0]:.0f} to\n{minutes[-1]:.0f} processor minutes, each "
            f"option on in four of them, scored on training people {people}, who were held\nout. An effect "
            "below the last row's may be noise (Lenth 1989).\n")


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    parser = make_parser("representation", "Train with and without each way to represent bodies, cameras.")
    parser.add_argument("--runs", default="0,1,2,3,4,5,6,7",
                        help="comma-separated runs to train; default: all")
    args = parser.parse_args(argv)
    chosen = [int(word) for word in args.runs.split(",") if word in list("01234567")]
    if len(chosen) != len(args.runs.split(",")):
        raise ValueError(f"--runs takes numbers from 0 to 7, got {args.runs}.")
    output = check_writable(args.output or options.PROJECT / "checkpoint" / "representation")
    for run in chosen:
        run_ftcm.execute([*training_of(run), "--output", str(output / f"run_{run}")])
    there = [run for run in range(8) if (output / f"run_{run}" / "last.pth").is_file()]
    if len(there) < 8:
        return print(f"{len(there)} of 8 runs are there; train the others for the table.")
    runs = [read_run(run, output / f"run_{run}") for run in there]
    tables = compare(runs)
    results = {**provenance(argv, "cpu", program="-m experiments.representation"), "held_out": HELD_OUT,
               "runs": runs, "effects": tables}
    text = describe(results)
    print(text)
    print(f"Table: {write_results(output, 'representation', results, text)}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
