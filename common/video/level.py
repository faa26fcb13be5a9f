"""Which way is up for poses in camera space. No score depends on it.

Shapes: N frames, J joints. Camera space: x right, y down, z forward.
"""
import numpy as np

from common.skeleton import Skeleton

ROUNDS = 30             # of Weiszfeld's iteration, far more than it needs


def camera_pitch(poses: np.ndarray, skeleton: Skeleton) -> float:
    """Degrees by which the camera of poses (N, J, 3) looks down, estimated from the motion.

    In most frames people stand over their feet. Up is therefore the geometric median, over the frames, of the
    directions from the midpoint of the ankles to the thorax. Frames in which the person lies, bends or jumps
    hardly move a median. The camera is assumed to have no roll, so the sideways component is left out.
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
