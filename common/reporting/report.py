"""The end of an evaluation: its summary, the notes, the table, its files and an animation."""
import math
from pathlib import Path

import numpy as np

from common import scores
from common.camera import camera_to_level
from common.clips import Clip
from common.metrics import mpjpe
from common.pictures import animation, movies
from common.reporting import score_table
from common.reporting.notes import describe, summarise_training


def summarise(clips: list[Clip], found: dict[str, list[np.ndarray]], saved: dict, facts: dict) -> dict:
    """Everything that is known of an evaluation, as plain values in mm: the content of scores.json.

    `found` is what `engine.predict` returned for `clips`, `saved` the checkpoint, `facts` the options and the
    machine.
    """
    skeleton, shared = clips[0].skeleton, facts["shared_joints"]
    joints = None if shared is None else [skeleton.joints.index(name) for name in shared]
    summary = {**facts, **summarise_training(saved), **scores.score(clips, found["pose"], joints)}
    if "members" in saved:
        summary["networks"] = [{name: one[name] for name in ("checkpoint", "frames", "tds", "hop")}
                               | summarise_training(one) for one in saved["members"]]
    if "lifted" in found:
        summary["lifted"] = yardstick(clips, found["lifted"], joints)
    if facts["refine"] == "estimate":
        summary["root_error"] = scores.root_error(clips, found["root"])
    if "mean_pose" in saved:
        flat = scores.mean_pose_prediction(clips, saved["mean_pose"].numpy())
        same_frames = [np.where(np.isfinite(poses), mean, np.nan)
                       for poses, mean in zip(found["pose"], flat)]
        summary["mean_pose"] = yardstick(clips, same_frames, joints)
    summary["notes"] = describe(clips, saved, summary)
    return summary


def yardstick(clips: list[Clip], predicted: list[np.ndarray], joints: list[int] | None) -> dict:
    """The rows and averages of other poses that stand in the same table."""
    result = scores.score(clips, predicted, joints)
    return {key: result[key] for key in ("rows", "average", "all_frames")}


def print_report(summary: dict) -> None:
    """The notes and the table on standard output."""
    others = {title: summary[key]
              for title, key in (("Lifted, before refine", "lifted"), ("Mean pose", "mean_pose"))
              if key in summary}
    print("\n" + "\n".join(summary["notes"]) + "\n")
    print(score_table.table(summary, others))
    print(score_table.LEGEND + ("\n" + score_table.MEAN_POSE_LEGEND if "mean_pose" in summary else ""))
    print("\n".join(score_table.details(summary)) + "\n")


def write_report(folder: Path, summary: dict, clip: Clip, poses: np.ndarray) -> None:
    """scores.json, scores.csv and animation.gif of `clip` with its predicted `poses` into `folder`.

    `poses` (N, J, 3) in metres.
    """
    written = score_table.write_scores(folder, summary)
    picture = folder / "animation.gif"
    save_animation(picture, clip, poses)
    print(f"Scores: {', '.join(map(str, written))}\nAnimation of the clip with the median error: {picture}")


def save_animation(path: Path, clip: Clip, predicted: np.ndarray, *, every: int = 2, most: int = 75) -> None:
    """A GIF of up to `most` frames, every `every`-th of `clip`.

    It shows the 2D input, the prediction (N, J, 3) in metres and the ground truth, each pose upright.
    """
    rows = slice(0, every * most, every)
    part, predicted = clip.cut(rows), predicted[rows]
    headings = [f"{clip.action}   {clip.name}   frame {every * number}   MPJPE {1000 * error:.0f} mm"
                for number, error in enumerate(mpjpe(predicted, part.pose))]
    poses_level = {"prediction": camera_to_level(predicted, clip.up),
                   "ground truth": camera_to_level(part.pose, clip.up)}
    shown = animation.make_animation(part.keypoints, poses_level, clip.skeleton, headings=headings)
    movies.save_gif(path, [shown.draw(frame) for frame in range(len(part))], fps=part.fps)


def representative(clips: list[Clip], predicted: list[np.ndarray]) -> int:
    """The number of the clip with the median MPJPE."""
    errors = []
    for clip, poses in zip(clips, predicted):
        scored = clip.valid & np.isfinite(poses).all((1, 2))
        errors.append(scores.mean(mpjpe(poses[scored], clip.pose[scored])))
    order = [number for number in np.argsort(errors) if not math.isnan(errors[number])]
    return int(order[len(order) // 2])
