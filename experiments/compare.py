"""The paired difference of two evaluations of the same test clips.

Both networks meet the same clips, easy and hard ones, so the difference has a narrower interval than either
average. `python -m experiments.compare A/scores.json B/scores.json` prints it.
"""
import json
import sys
from pathlib import Path
from statistics import mean

from common.files import check_writable
from common.reporting.score_table import write_json
from common.scores import COLUMNS, JOINT_COLUMNS, bootstrap
from experiments.commands import make_parser, run_study

SAME = ("dataset", "downsample", "shared_joints")       # what two evaluations must share to be compared
COUNTED = {"mpjve": "steps"}        # what a clip's mean is over, where that is not frames


def read_scores(path: Path) -> dict:
    """The scores.json of an evaluation; FileNotFoundError or ValueError where `path` is none."""
    if not path.is_file():
        raise FileNotFoundError(f"No scores at {path}: expected the scores.json of an evaluation. "
                                "Check the path.")
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not readable JSON: expected the scores.json of an evaluation. "
                         "Choose another file.") from error
    clips = scores.get("by_clip") if isinstance(scores, dict) else None
    if not (isinstance(clips, list) and clips and all(map(is_clip, clips))):
        raise ValueError(f"{path} lists no scored clips: expected the scores.json of an evaluation by this "
                         "version. Evaluate the checkpoint again.")
    if len({clip["clip"] for clip in clips}) < len(clips):
        raise ValueError(f"{path} lists a clip twice. Evaluate the checkpoint again.")
    return scores


def is_clip(clip) -> bool:
    """Whether this is an entry of `by_clip` in a scores.json."""
    return (isinstance(clip, dict) and all(isinstance(clip.get(key), str) for key in ("clip", "action"))
            and type(clip.get("frames")) is int and clip["frames"] > 0
            and all(type(clip.get(key)) in (int, float) and 0 <= clip[key] < 1e9 for key in JOINT_COLUMNS))


def refuse_other_clips(first: dict, second: dict) -> None:
    """Raise ValueError where two evaluations are not of the same frames of the same clips."""
    for name in SAME:
        if first.get(name) != second.get(name):
            raise ValueError(f"The evaluations differ in {name}: {first.get(name)} and {second.get(name)}. "
                             "Compare two evaluations of the same test clips.")
    frames, others = ({clip["clip"]: (clip["action"], clip["frames"]) for clip in scores["by_clip"]}
                      for scores in (first, second))
    if frames != others:
        name = sorted(name for name in {*frames, *others} if frames.get(name) != others.get(name))[0]
        counts = [found.get(name, ("", 0))[1] for found in (frames, others)]
        raise ValueError("The evaluations are not of the same frames: "
                         f"{name} has {counts[0]} and {counts[1]}. Repeat one with the other's --cameras, "
                         "--actions and --test_stride.")


def paired_difference(first: dict, second: dict, metric: str = "mpjpe") -> dict:
    """`second` minus `first`, two scores.json of the same clips: {"difference", "interval"} in mm.

    "difference" is that of the action-wise averages; "interval" draws each action's motions anew, the same
    ones for both. "mpjve" counts steps between frames, and clips without one are left out.
    """
    other = {clip["clip"]: clip[metric] for clip in second["by_clip"]}
    count = COUNTED.get(metric, "frames")
    clips = [(clip["action"], clip["clip"], (other[clip["clip"]] - clip[metric]) * clip[count], clip[count])
             for clip in first["by_clip"] if clip[count]]
    return {"difference": mean(average_actions(clips).values()), "interval": bootstrap(clips)}


def average_actions(clips: list[tuple[str, str, float, int]]) -> dict[str, float]:
    """The mean over frames for each action; `clips` as for `scores.bootstrap`."""
    groups: dict[str, list] = {}
    for action, _, total, frames in clips:
        groups.setdefault(action, []).append((total, frames))
    return {action: sum(total for total, _ in values) / sum(frames for _, frames in values)
            for action, values in groups.items()}


def action_average(scores: dict, metric: str) -> float:
    """The action-wise average of a scores.json, from its clips."""
    clips = [(clip["action"], clip["clip"], clip[metric] * clip["frames"], clip["frames"])
             for clip in scores["by_clip"]]
    return mean(average_actions(clips).values())


def compare_files(paths: list[Path]) -> dict:
    """Both averages and their paired difference for each of JOINT_COLUMNS, as plain values in mm."""
    first, second = map(read_scores, paths)
    refuse_other_clips(first, second)
    averages = [{metric: action_average(scores, metric) for metric in JOINT_COLUMNS}
                for scores in (first, second)]
    return {"files": list(map(str, paths)), "commands": [scores.get("command") for scores in (first, second)],
            "clips": len(first["by_clip"]), "frames": sum(clip["frames"] for clip in first["by_clip"]),
            **{metric: {"first": averages[0][metric], "second": averages[1][metric],
                        **paired_difference(first, second, metric)} for metric in JOINT_COLUMNS}}


def format_comparison(result: dict) -> str:
    """The averages, differences and intervals as text."""
    lines = [f"A  {result['files'][0]}\nB  {result['files'][1]}",
             f"{result['clips']} clips, {result['frames']:,} frames; mm, action-wise averages.", "",
             f"{'':8}{'A':>9}{'B':>9}{'B - A':>9}   95 % interval (bootstrap over each action's motions)"]
    for metric in JOINT_COLUMNS:
        row, (low, high) = result[metric], result[metric]["interval"]
        lines.append(f"{COLUMNS[metric]:8}{row['first']:9.2f}{row['second']:9.2f}{row['difference']:+9.2f}   "
                     f"{low:+.2f} to {high:+.2f}")
    return "\n".join(lines)


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    parser = make_parser("compare", "The paired difference of two evaluations of the same test clips with "
                         "its 95 % interval.", output="also write compare.json into this folder")
    parser.add_argument("files", nargs=2, type=Path, metavar="scores.json", help="two evaluations")
    args = parser.parse_args(argv)
    result = compare_files(args.files)
    print(format_comparison(result))
    if args.output:
        write_json(check_writable(args.output) / "compare.json", result)


if __name__ == "__main__":
    sys.exit(run_study(execute))
