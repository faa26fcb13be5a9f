"""Training losses."""
import torch
from torch.nn.functional import normalize

from common.skeleton import Skeleton

NEAREST = 0.3       # of the root's depth: what a network puts nearer to the camera, or behind it, is
                    # projected from there, or one such joint would drown the gradient of all others


def mpjpe_loss(predicted, pose):
    """Mean joint distance, a scalar in metres, of `predicted` and `pose` (.., J, 3); the root counts too."""
    return torch.linalg.norm(predicted - pose, dim=-1).mean()


def velocity_loss(predicted, pose):
    """Mean distance of the joints' steps from frame to frame, a scalar in metres a step: the MPJVE.

    `predicted` and `pose` (B, T, J, 3), T frames.
    """
    return mpjpe_loss(predicted.diff(dim=1), pose.diff(dim=1))


def bone_loss(predicted, pose, skeleton: Skeleton):
    """Mean distance of the bones' unit vectors, parent to child, a scalar from 0 to 2: 2 sin(angle / 2) each.

    `predicted` and `pose` (.., J, 3). Lengths do not enter: a pose falls into lengths and directions as in
    Chen et al. 2022 (anatomy-aware 3D human pose estimation). A bone without length has no direction: the
    distance is 1, or 0 where both have none.
    """
    parents, children = zip(*skeleton.bones)

    def directions(joints):
        return normalize(joints[..., list(children), :] - joints[..., list(parents), :], dim=-1)

    return mpjpe_loss(directions(predicted), directions(pose))


def reprojection_loss(predicted, pose, root):
    """Mean distance in the image of joints from their true places, a scalar in metres at the root's depth.

    `predicted` and `pose` (.., J, 3), both seen from the camera with the root at `root` (.., 3), its true
    place. In metres it does not depend on the camera, and a person far away counts as much as a near one.
    """
    def plane(joints):
        joints = joints + root[..., None, :]
        return joints[..., :2] / torch.maximum(joints[..., 2:], NEAREST * depth[..., None, :])

    depth = root[..., 2:].clamp(min=0.1)                                            # (.., 1)
    return (torch.linalg.norm(plane(predicted) - plane(pose), dim=-1) * depth).mean()
