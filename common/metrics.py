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
