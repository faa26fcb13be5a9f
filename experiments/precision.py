"""Fewer bits: what the checkpoints that ship cost and how far off they are in float32, bfloat16 and int8.

`python -m experiments.precision` writes checkpoint/results/precision.json. Errors are of the bundled motions
with simulated detector noise, one thread.

Shapes: N frames of a clip, J joints.
"""
import sys
import time

import numpy as np
import torch

import run_ftcm
from common import scores
from common.clips import Clip
from common.command import choices, options
from common.lift import Lifting
from common.reporting.provenance import provenance
from common.reporting.score_table import write_json
from common.running import runtime
from common.windows import Window
from experiments.commands import add_clip_options, make_parser, run_study
from experiments.table_text import markdown_table
from model.folded import fold

COLUMNS = {"pass_ms": "ms a pass", "window_ms": "ms a window", "mpjpe": "MPJPE", "p_mpjpe": "P-MPJPE",
           "largest": "largest error of a joint", "moved": "joints move by", "moved_most": "at most"}


def execute(argv: list[str]) -> None:
    """Do what the arguments say, on one thread of the processor."""
    started = time.time()
    parser = make_parser("precision", "Measure speed and errors of the checkpoints that ship in fewer bits.",
                         output="the JSON file; default: checkpoint/results/precision.json")
    add_clip_options(parser)
    parser.add_argument("-k", "--keypoints", choices=["gt", "detected"], default="detected",
                        help="exact or with simulated detector noise; default: detected")
    chosen = parser.parse_args(argv)
    torch.set_num_threads(1)
    rows = []
    for choice in ("-f 27", "-f 81"):
        evaluation = options.parse(f"--train 0 --dataset cmu -k {chosen.keypoints} {choice}".split())
        clips = run_ftcm.load_clips(evaluation, chosen.split)[::chosen.every]
        rows += measure_forms(clips, evaluation)
    report = {**provenance(argv, "cpu", program="-m experiments.precision"), "seed": evaluation.seed,
              "split": chosen.split, "keypoints": chosen.keypoints, "clips": len(clips),
              "frames": sum(map(len, clips)), "rows": rows, "minutes": (time.time() - started) / 60}
    write_json(chosen.output or options.PROJECT / "checkpoint" / "results" / "precision.json", report)
    print(precision_table(rows))


def measure_forms(clips: list[Clip], evaluation) -> list[dict]:
    """A row for each form of one network: its costs, its errors in mm, how far it moves the joints."""
    model, _ = run_ftcm.load_network(evaluation)
    network, window = fold(model.eval()), choices.window_of(evaluation)
    lifting = choices.lifting_of(evaluation, "cpu")
    forms = {**runtime.make_forms(network, runtime.Computing(precision="bf16")),
             **runtime.make_forms(network, runtime.Computing(precision="int8"))}
    passes = runtime.time_forms(forms, network, lifting, windows=lifting.batch_size)
    singles = runtime.time_forms(forms, network, lifting, windows=1)
    rows, exact = [], None
    for (name, precision), form in forms.items():
        poses = lift(form, clips, window, lifting, precision)
        exact = poses if exact is None else exact           # the first form is float32 by PyTorch
        rows.append({"frames": evaluation.frames, "runtime": name, "precision": precision,
                     "windows": lifting.batch_size, "pass_ms": 1000 * passes[name, precision],
                     "window_ms": 1000 * singles[name, precision], **measure_errors(clips, poses, exact)})
    return rows


def lift(form: torch.nn.Module, clips: list[Clip], window: Window, lifting: Lifting,
         precision: str) -> list[np.ndarray]:
    """The poses (N, J, 3) of each clip, metres."""
    lifting = Lifting(batch_size=lifting.batch_size, amp=precision == "bf16")
    return run_ftcm.predict_clips(form, clips, window, lifting, desc=precision)["pose"]


def measure_errors(clips: list[Clip], poses: list[np.ndarray], exact: list[np.ndarray]) -> dict:
    """Errors in mm of poses (N, J, 3), and how far their joints lie from those of `exact`."""
    average = scores.score(clips, poses)["average"]
    errors = [np.linalg.norm(found - clip.pose, axis=-1)[clip.valid] for clip, found in zip(clips, poses)]
    moves = np.concatenate([np.linalg.norm(a - b, axis=-1) for a, b in zip(poses, exact, strict=True)])
    return {"mpjpe": average["mpjpe"], "p_mpjpe": average["p_mpjpe"],
            "largest": 1000 * float(max(error.max() for error in errors)),
            "moved": 1000 * float(moves.mean()), "moved_most": 1000 * float(moves.max())}


def precision_table(rows: list[dict]) -> str:
    """A row for each form; behind an error its difference from that in float32 by PyTorch."""
    cells = []
    for row in rows:
        exact = next(other for other in rows if other["frames"] == row["frames"])
        cells.append([f"{row['frames']}", f"{runtime.RUNTIMES[row['runtime']]} {row['precision']}"])
        for name in COLUMNS:
            gained = f" ({exact[name] / row[name]:.2f})" if name.endswith("_ms") else (
                "" if name.startswith("moved") else f" ({row[name] - exact[name]:+.2f})")
            cells[-1].append(f"{row[name]:.2f}{'' if row is exact else gained}")
    return markdown_table(["frames", "computed by", *COLUMNS.values()], cells)


def render_precision(name: str, data: dict, link: str) -> str:
    """The table with its legend and source."""
    return (f"{precision_table(data['rows'])}\n\n"
            f"Averages over actions in mm, {data['split']} people, keypoints {data['keypoints']}, "
            f"{data['frames']:,} frames. In parentheses: how many times as fast as PyTorch in\n"
            "float32, or the difference from its error. A pass has the default batch, "
            f"{' or '.join(dict.fromkeys(str(row['windows']) for row in data['rows']))} windows; each window "
            "with flip test; least time of\nseveral rounds that take the forms in turn.\n\n"
            f"- Command: `{data['command']}`; {data['hardware']}; seed {data['seed']}; "
            f"{data['minutes']:.1f} min; commit {data['commit']}.\n")


if __name__ == "__main__":
    sys.exit(run_study(execute))
