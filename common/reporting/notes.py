"""What the numbers of an evaluation are and are not, in sentences, as the table's readers need them."""
import math
from collections.abc import Callable
from pathlib import Path

from common.clips import Clip
from common.inputs import Inputs
from common.lift import TRUE_HEIGHT
from common.reporting import score_table
from common.stature import ADULT_HEIGHT, stature


def describe(clips: list[Clip], saved: dict, summary: dict) -> list[str]:
    """What the numbers are and are not, in sentences."""
    return [*describe_setting(clips, summary), *describe_input(saved, summary),
            *describe_each(describe_training, saved, summary), *describe_parts(clips, summary),
            *describe_each(describe_selection, saved, summary), *describe_root(summary)]


def describe_each(describe_one: Callable[[dict, dict], list[str]], saved: dict, summary: dict) -> list[str]:
    """What `describe_one` says of a checkpoint, or of each of several with its name before it."""
    if "members" not in saved:
        return describe_one(saved, summary)
    return [f"{one['checkpoint']}: {sentence}" for one in saved["members"]
            for sentence in describe_one(one, summary | summarise_training(one))]


def describe_setting(clips: list[Clip], summary: dict) -> list[str]:
    """Data, window and refine step of an evaluation."""
    refine = {None: "without refine", "gt": "with refine, which uses ground-truth root depth",
              "estimate": "with refine, whose root depth is estimated without ground truth",
              }[summary["refine"]]
    networks = [f"{one['checkpoint']} ({describe_window(one)})" for one in summary.get("networks", [])]
    window = f"the mean pose of {' and '.join(networks)}" if networks else describe_window(summary)
    precision = summary.get("precision", "float32")
    network = "ftcm" if networks else summary.get("network", "ftcm")
    return [f"{'' if network == 'ftcm' else network + ', '}{summary['dataset']}, "
            f"test subjects {', '.join(sorted({clip.subject for clip in clips}))}, "
            f"keypoints {summary['keypoints']}, {window}, "
            f"{'' if precision == 'float32' else 'computed in ' + precision + ', '}"
            f"{'target last, ' if summary['target'] == 'last' else ''}"
            f"{'mirrored test' if summary['mirrored_test'] else 'without mirrored test'}, {refine}.",
            "Poses are root-relative in camera space; the root joint counts "
            + ("as it was predicted, as in VideoPose3D's published figures." if summary.get("keep_root") else
               "with error 0, as in the published figures.")]


def describe_window(facts: dict) -> str:
    """The window of a network."""
    hop = "" if facts["hop"] is None else f", hop {facts['hop']}"
    return f"{facts['frames']} frames, tds {facts['tds']}{hop}"


def describe_input(saved: dict, summary: dict) -> list[str]:
    """Where the keypoints and the joints differ from what the network was trained on, or are simulated."""
    notes, given = [], Inputs(summary.get("input", "screen"), summary.get("mask", False))
    if given != Inputs():
        notes.append(given.describe() + (" It knows the cameras' intrinsics." if given.needs_camera else ""))
    kinds = {(one["data"]["dataset"], one["data"]["keypoints"]): None
             for one in saved.get("members", [saved]) if one["data"]}
    notes += [f"Trained on {dataset} with keypoints {keypoints}." for dataset, keypoints in kinds
              if (dataset, keypoints) != (summary["dataset"], summary["keypoints"])]
    if (summary["dataset"], summary["keypoints"]) == ("cmu", "detected"):
        notes.append("Keypoints: exact projections with simulated detector noise (MotionBERT's model, "
                     "dataset/detector_noise.json); no detector saw these people."
                     + (" The training used the same noise model."
                        if all(map(saw_noise, saved.get("members", [saved]))) else ""))
    if summary["shared_joints"]:
        notes.append(f"Two joint layouts: scored over the {len(summary['shared_joints'])} joints that both "
                     f"name ({', '.join(summary['shared_joints'])}). Neck, nose and head of one stand in for "
                     f"the other's in the input, and equal names do not lie at equal points of the body: "
                     "part of the error is definition.")
    return notes


def describe_training(saved: dict, summary: dict) -> list[str]:
    """How long and on what the network was trained, where its checkpoint says so."""
    options = saved.get("options")
    if not options:
        return []
    part = [f"{name} {format_value(value)}"
            for name in ("stride", "downsample", "subset", "cameras", "actions", "val_subjects")
            if (value := options[name]) not in (1, None, [])]
    notes = [f"Trained for {summary['training_epochs']} of {options['epochs']} epochs "
             f"({summary['training_minutes']:.1f} min in all), seed {options['seed']}, on "
             f"{'a part of the data: ' + ', '.join(part) if part else 'all training data'}."]
    if options.get("reload") and options.get("previous_dir"):
        notes.append(f"The training started from the weights in {Path(options['previous_dir']).name}; "
                     "theirs is not counted.")
    if options.get("teacher"):
        names = ", ".join(Path(path).name for path in options["teacher"])
        notes.append(f"The training also learned from the poses of {names}; their training is not counted.")
    return notes


def describe_parts(clips: list[Clip], summary: dict) -> list[str]:
    """What of the test set was scored, and what was done to its poses."""
    notes = []
    scored, total = summary["all_frames"]["frames"], sum(int(clip.valid.sum()) for clip in clips)
    if scored < total:
        notes.append(f"A part of the test set: {scored:,} of {total:,} frames (--test_stride "
                     f"{summary['test_stride']}).")
    for name in ("cameras", "actions"):
        if summary[name] and not (name == "cameras" and summary["dataset"] == "3dhp"):
            notes.append(f"A part of the test set: {name} {', '.join(summary[name])} only.")
    if summary["downsample"] > 1:
        notes.append(f"The clips' frame rate was divided by {summary['downsample']}.")
    if summary.get("smooth"):
        notes.append(f"Poses were averaged over time, with frames of the future: a Gaussian of "
                     f"{summary['smooth']:g} s standard deviation (--smooth).")
    return [*notes, *describe_size(clips, summary)]


def describe_size(clips: list[Clip], summary: dict) -> list[str]:
    """Which height the poses have where the network does not tell it."""
    if not summary.get("stature"):
        return []
    height = summary["body_height"]
    if height == TRUE_HEIGHT:
        heights = [stature(clip.pose, clip.skeleton).mean() for clip in clips]
        how = f"each clip's true one by its bones, {min(heights):.2f} to {max(heights):.2f} m"
    else:
        how = (f"{height:.2f} m, stated" if height else
               f"an average adult's, {ADULT_HEIGHT:.2f} m, assumed (--body_height states another)")
    return ["The network does not tell how tall people are: the scale is unknown. The poses' height is "
            f"{how}. N-MPJPE does not depend on it."]


def describe_selection(saved: dict, summary: dict) -> list[str]:
    """On what the epoch was selected."""
    history = saved.get("history")
    if not is_selected(saved):
        return ["This is a last epoch: it was not selected."] if history else []
    how = ("test subjects, as in the paper" if saved["selection"] == "test subjects" else
           f"{saved['selection']}, not on the test subjects")
    return [f"{selected_epoch(summary['selected_epoch'], history)} was selected on the {how}."]


def describe_root(summary: dict) -> list[str]:
    """The error of the estimated root, with the refine step."""
    if "root_error" not in summary:
        return []
    error = summary["root_error"]
    return [f"Mean error of the estimated root: {error['position']:.0f} mm, along the depth "
            f"{error['depth']:.0f} mm, over {error['frames']:,} frames; without an estimate a frame "
            "keeps its lifted pose."]


def saw_noise(saved: dict) -> bool:
    """Whether a checkpoint was trained on keypoints with simulated detector noise."""
    data, augment = saved["data"], saved.get("options", {}).get("augment") or []
    return (data.get("dataset"), data.get("keypoints")) == ("cmu", "detected") or "detector" in augment


def is_selected(saved: dict) -> bool:
    """Whether a checkpoint holds a selected epoch, not the last one."""
    return bool(saved.get("selection")) and "optimizer" not in saved


def selected_epoch(epoch: int | None, history: list[dict] | None) -> str:
    """The selected epoch and the training time up to it, as the beginning of a sentence."""
    if not epoch or not history:
        return "The epoch"
    minutes = sum(row["seconds"] for row in history[:epoch]) / 60
    return f"Epoch {epoch} of {len(history)} trained (after {minutes:.1f} min)"


def format_value(value) -> str:
    """An option's value in a sentence."""
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def summarise_training(saved: dict) -> dict:
    """What is known of the training of a checkpoint. Of several, the minutes of all and no epoch."""
    members = saved.get("members", [saved])
    history = [row for one in members for row in one.get("history", [])]
    alone = saved if len(members) == 1 else {}
    return {"trained_on": saved["data"], "selection": alone.get("selection"),
            "selected_epoch": alone.get("epoch") if is_selected(alone) else None,
            "training_epochs": len(history), "planned_epochs": alone.get("options", {}).get("epochs"),
            "training_minutes": sum(row["seconds"] for row in history) / 60,
            "training_cpu_minutes": sum(row.get("cpu_seconds", math.nan) for row in history) / 60,
            "validation": score_table.by_minutes(alone.get("history", []))}
