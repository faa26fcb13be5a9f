"""Scores of predicted clips: per action, joint, camera and clip; action-wise average with its interval.

Poses come in metres; everything that leaves this file is in millimetres (per frame step for velocity, per
squared step for acceleration). Shapes: N frames, J joints.
"""
import math
from collections.abc import Callable

import numpy as np

from common import metrics
from common.camera import camera_to_level, heading, level_rotation, turn
from common.clips import Clip

# key in the files -> title in the table
COLUMNS = {"mpjpe": "MPJPE", "p_mpjpe": "P-MPJPE", "n_mpjpe": "N-MPJPE", "mpjve": "MPJVE",
           "acceleration": "Accel"}
JOINT_COLUMNS = ("mpjpe", "p_mpjpe", "n_mpjpe")     # those that joints and clips have


def joint_distances(clip: Clip, predicted: np.ndarray, joints: list[int] | None = None) -> dict:
    """Joint distances (frames, J) in mm of a clip's scored frames: those that are `valid` and predicted.

    Keys: "mpjpe" as predicted, "p_mpjpe" after alignment, "n_mpjpe" after scaling; their means over the
    joints are the metrics. `predicted` (N, J, 3), metres, NaN where a frame was not predicted; `joints` are
    the ones that count, None for all.
    """
    scored = is_scored(clip, predicted)
    chosen = slice(None) if joints is None else joints
    found, truth = (1000 * array[scored][:, chosen].astype(np.float64) for array in (predicted, clip.pose))
    fitted = {"mpjpe": found, "p_mpjpe": metrics.align(found, truth),
              "n_mpjpe": metrics.rescale(found, truth)}
    return {key: np.linalg.norm(poses - truth, axis=-1) for key, poses in fitted.items()}


def motion_errors(clip: Clip, predicted: np.ndarray, joints: list[int] | None = None) -> dict:
    """Errors of velocity (pairs,) and acceleration (triples,) in mm over consecutive scored frames."""
    scored = is_scored(clip, predicted)
    pairs = scored[1:] & scored[:-1]
    triples = pairs[1:] & pairs[:-1]
    chosen = slice(None) if joints is None else joints
    found, truth = (1000 * array[:, chosen].astype(np.float64) for array in (predicted, clip.pose))
    return {"mpjve": metrics.velocity_error(found, truth)[pairs],
            "acceleration": metrics.acceleration_error(found, truth)[triples]}


def is_scored(clip: Clip, predicted: np.ndarray) -> np.ndarray:
    """(N,) bool: the frames that are valid and predicted."""
    return clip.valid & np.isfinite(predicted).all((1, 2))


def mean(values) -> float:
    """The mean, NaN without values."""
    return float(np.mean(values)) if len(values) else math.nan


def score(clips: list[Clip], predicted: list[np.ndarray], joints: list[int] | None = None) -> dict:
    """The scores in mm of `predicted` (N, J, 3), metres, one array for each clip.

    "rows"        one for each action in order of appearance: the means over all frames of its clips, so a row
                  does not depend on how they were batched
    "average"     the mean of the rows; "interval" is the bootstrap 95 % interval of its MPJPE
    "all_frames"  the means over all frames
    "by_joint"    the means over all frames for each joint (JOINT_COLUMNS); "by_camera": for each camera
    "by_clip"     each clip's frames, steps between frames and means, which experiments/compare.py pairs
    """
    parts, joint_sums = [], 0
    for clip, poses in zip(clips, predicted, strict=True):
        distances = joint_distances(clip, poses, joints)
        joint_sums = joint_sums + np.stack([distances[key].sum(0) for key in JOINT_COLUMNS], -1)    # (J, 3)
        parts.append({**{key: values.mean(-1) for key, values in distances.items()},
                      **motion_errors(clip, poses, joints)})
    scored = [(clip, part) for clip, part in zip(clips, parts) if len(part["mpjpe"])]
    if not scored:
        raise ValueError("No frame was scored: the clips have no valid frame among the predicted ones. "
                         "Lower --test_stride or --val_stride.")
    rows = grouped(scored, "action", lambda clip: clip.action)
    everything, = grouped(scored, "action", lambda clip: "all")
    frames, names = everything["frames"], clips[0].skeleton.joints
    average = {key: mean([row[key] for row in rows if not math.isnan(row[key])]) for key in COLUMNS}
    return {"rows": rows, "average": {"frames": frames, **average},
            "all_frames": {"frames": frames, **{key: everything[key] for key in COLUMNS}},
            "interval": bootstrap([(clip.action, clip.name, part["mpjpe"].sum(), len(part["mpjpe"]))
                                   for clip, part in scored]),
            "by_joint": [{"joint": names[number], **dict(zip(JOINT_COLUMNS, sums.tolist()))}
                         for number, sums in zip(joints or range(len(names)), joint_sums / frames)],
            "by_camera": grouped([pair for pair in scored if "/" in pair[0].name], "camera",
                                 lambda clip: clip.name.rpartition("/")[2]),
            "by_clip": [{"clip": clip.name, "action": clip.action, "frames": len(part["mpjpe"]),
                         "steps": len(part["mpjve"]),
                         **{key: mean(part[key]) for key in (*JOINT_COLUMNS, "mpjve")}}
                        for clip, part in scored]}


def grouped(scored: list[tuple[Clip, dict]], title: str, group: Callable[[Clip], str]) -> list[dict]:
    """One row for each group of clips in order of appearance: means over all its frames."""
    groups: dict[str, list[dict]] = {}
    for clip, part in scored:
        groups.setdefault(group(clip), []).append(part)
    return [{title: name, "clips": len(parts), "frames": sum(len(part["mpjpe"]) for part in parts),
             **{key: mean(np.concatenate([part[key] for part in parts])) for key in COLUMNS}}
            for name, parts in groups.items()]


def mean_pose(clips: list[Clip]) -> np.ndarray:
    """The mean (J, 3) of all poses, metres, after levelling each and turning it to heading zero."""
    total = 0
    for clip in clips:
        level = camera_to_level(clip.pose, clip.up)
        total = total + turn(level, -heading(level, clip.skeleton)).sum(0)
    return total / sum(map(len, clips))


def mean_pose_prediction(clips: list[Clip], pose: np.ndarray) -> list[np.ndarray]:
    """Predicted from nothing but a level mean pose (J, 3) and each frame's true heading: (N, J, 3) a clip."""
    predicted = []
    for clip in clips:
        rotation = level_rotation(clip.up)
        angle = heading(clip.pose @ rotation.T, clip.skeleton)
        predicted.append(turn(pose[None], angle) @ rotation)
    return predicted


def root_error(clips: list[Clip], roots: list[np.ndarray]) -> dict:
    """Mean error in mm of estimated roots (N, 3), metres, in space ("position") and along the view ("depth").

    "frames" counts the estimates: frames that were not predicted, or whose root no depth explains, are NaN.
    """
    difference = 1000 * np.concatenate([(found - clip.root)[clip.valid] for clip, found in zip(clips, roots)])
    difference = difference[np.isfinite(difference).all(1)]
    return {"position": mean(np.linalg.norm(difference, axis=1)), "depth": mean(np.abs(difference[:, 2])),
            "frames": len(difference)}


def bootstrap(clips: list[tuple[str, str, float, int]], *, draws: int = 1000, seed: int = 0) -> list[float]:
    """The 95 % interval of the action-wise average when each action's motions are drawn with replacement.

    `clips`: for each clip its action, its name, the sum of its frames' errors and the number of its frames.
    The views of one motion have similar errors and are drawn together. A clip's name is that of its motion,
    a slash and the camera.
    """
    generator = np.random.default_rng(seed)
    by_action: dict[str, dict[str, np.ndarray]] = {}
    for action, name, total, frames in clips:
        motions = by_action.setdefault(action, {})
        motion = name.rpartition("/")[0] or name
        motions[motion] = motions.get(motion, 0) + np.array([total, frames])
    averages = np.zeros(draws)
    for motions in by_action.values():
        totals = np.array(list(motions.values()))               # (motions, 2): sum of errors, frames
        drawn = totals[generator.integers(len(totals), size=(draws, len(totals)))].sum(1)
        averages += drawn[:, 0] / drawn[:, 1] / len(by_action)
    return np.percentile(averages, [2.5, 97.5]).tolist()
