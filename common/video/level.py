"""Which way is up, and the floor, for poses in camera axes. They are not part of what is scored.

Shapes: N frames, J joints. Camera axes: x right, y down, z forward. Level axes: the same, turned until y
points down along gravity.
"""
import numpy as np

from common.metrics import upright
from common.skeleton import Skeleton

ROUNDS = 30             # of Weiszfeld's iteration, far more than it needs


def camera_pitch(poses: np.ndarray, skeleton: Skeleton) -> float:
    """Degrees by which the camera of poses (N, J, 3) looks down, judged by the motion alone.

    On an average of frames people stand over their feet: up is the geometric median over the frames of the
    directions from midway between the ankles to the thorax, which lying, bent or jumping frames hardly move.
    The camera is taken to have no roll, so the direction's share to the side is left out.
    """
    joint = skeleton.joints.index
    bodies = poses[:, joint("thorax")] - (poses[:, joint("left_ankle")] + poses[:, joint("right_ankle")]) / 2
    lengths = np.linalg.norm(bodies, axis=1, keepdims=True)
    directions = (bodies / np.maximum(lengths, 1e-9)).astype(np.float64)
    up = directions.mean(0)
    for _ in range(ROUNDS):                     # Weiszfeld: the mean, weighted by 1 / distance
        weights = 1 / np.maximum(np.linalg.norm(directions - up, axis=1), 1e-3)
        up = (weights[:, None] * directions).sum(0) / weights.sum()
    return float(np.degrees(np.arctan2(-up[2], -up[1])))


def up_at_pitch(degrees: float) -> np.ndarray:
    """The unit vector (3,) against gravity in the axes of a camera that looks down by `degrees`."""
    return np.array([0, -np.cos(np.radians(degrees)), -np.sin(np.radians(degrees))])


def level(points: np.ndarray, up) -> np.ndarray:
    """Points (.., 3) of camera axes in level axes; `up` (3,) in camera axes, None where it is -y."""
    return points @ upright(up).T


def on_floor(poses_level: np.ndarray) -> np.ndarray:
    """Level poses (N, J, 3), each moved up or down until its lowest joint lies at y = 0.

    For display: it hides what a pose cannot tell, how high above the floor somebody is, jumps included.
    """
    return poses_level - poses_level[..., 1].max(1)[:, None, None] * np.array([0, 1, 0])
