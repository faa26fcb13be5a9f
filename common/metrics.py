"""Pose errors per frame, in NumPy, in the unit of the input. Shapes: N frames, J joints.

Every function takes `predicted` and `pose` (N, J, 3), both relative to the same root joint, and returns one
number a frame.
"""
import numpy as np


def mpjpe(predicted, pose):
    """(N,) mean joint distance (MPJPE, protocol 1)."""
    return np.linalg.norm(predicted - pose, axis=-1).mean(-1)


def p_mpjpe(predicted, pose):
    """(N,) mean joint distance after the best similarity alignment of each frame (P-MPJPE, protocol 2).

    The alignment minimises squared distances. The mean of the distances themselves can therefore exceed MPJPE
    in single frames.
    """
    return mpjpe(align(predicted, pose), pose)


def align(predicted, pose):
    """`predicted` (N, J, 3) after each frame's best rotation, scale and translation towards `pose`.

    Umeyama 1991, without reflections. A prediction whose joints all coincide is moved onto the centroid,
    unscaled.
    """
    predicted, pose = np.asarray(predicted, np.float64), np.asarray(pose, np.float64)
    center_predicted, center_pose = predicted.mean(1, keepdims=True), pose.mean(1, keepdims=True)
    a, b = predicted - center_predicted, pose - center_pose             # (N, J, 3)
    u, singular, vt = np.linalg.svd(a.swapaxes(1, 2) @ b)               # (N, 3, 3), (N, 3), (N, 3, 3)
    sign = np.sign(np.linalg.det(u) * np.linalg.det(vt))                # (N,)
    singular[:, 2] *= sign
    u[:, :, 2] *= sign[:, None]
    spread = (a ** 2).sum((1, 2))                                       # (N,)
    scale = np.divide(singular.sum(1), spread, out=np.ones_like(spread), where=spread > 0)
    return scale[:, None, None] * (a @ (u @ vt)) + center_pose


def n_mpjpe(predicted, pose):
    """(N,) mean joint distance after each frame's best scale, root fixed (N-MPJPE, Rhodin et al. 2018)."""
    return mpjpe(rescale(predicted, pose), pose)


def rescale(predicted, pose):
    """`predicted` (N, J, 3) after each frame's best scale about the root towards `pose`."""
    spread = (predicted ** 2).sum((1, 2))
    scale = np.divide((predicted * pose).sum((1, 2)), spread, out=np.ones_like(spread), where=spread > 0)
    return scale[:, None, None] * predicted


def velocity_error(predicted, pose):
    """(N - 1,) mean joint distance of the first differences, per frame step (MPJVE, Pavllo et al. 2019)."""
    return mpjpe(np.diff(predicted, axis=0), np.diff(pose, axis=0))


def acceleration_error(predicted, pose):
    """(N - 2,) mean distance of the second differences, per frame step squared (Kanazawa et al. 2019)."""
    return mpjpe(np.diff(predicted, n=2, axis=0), np.diff(pose, n=2, axis=0))


def upright(up):
    """The rotation matrix (3, 3) from camera to level space: `up` (3,) becomes -y; None means it is."""
    if up is None:
        return np.eye(3)
    down = -np.asarray(up, np.float64)
    ahead = np.array([0.0, 0, 1]) - down[2] * down
    ahead /= np.linalg.norm(ahead)
    return np.stack([np.cross(down, ahead), down, ahead])


def heading(poses, skeleton):
    """(N,) angle about y, radians, of the line from the right to the left hip of level poses (N, J, 3)."""
    across = poses[:, skeleton.joints.index("left_hip")] - poses[:, skeleton.joints.index("right_hip")]
    return np.arctan2(across[:, 2], across[:, 0])


def turn(poses, angle):
    """Level poses (N or 1, J, 3) turned by `angle` (N,), radians, about y, so that `heading` grows by it."""
    x, y, z = np.moveaxis(poses, -1, 0)                                 # (N or 1, J) each
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]           # (N, 1)
    return np.stack(np.broadcast_arrays(cos * x - sin * z, y, sin * x + cos * z), -1)
