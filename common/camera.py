"""Pinhole cameras: world, camera and level space, projection, back-projection, screen coordinates.

Camera space: x right, y down, z forward, metres. Level space: camera space turned until y points down along
gravity. Screen: the image's width maps to [-1, 1], the aspect ratio is kept, x right, y down. Quaternions:
real part first. The functions without a quaternion or an angle take NumPy arrays or torch tensors.
"""
import math

import numpy as np
import torch

ASSUMED_FOV = 55        # degrees across the picture, where nobody states the camera's field of view


def make_intrinsics(fov: float) -> np.ndarray:
    """fx, fy, cx, cy (4,) in screen units of a camera with this horizontal field of view in degrees."""
    focal = 1 / math.tan(math.radians(fov) / 2)
    return np.array([focal, focal, 0, 0])


def library(array):
    """The module, torch or numpy, whose functions take `array`."""
    return torch if torch.is_tensor(array) else np


def rotate(vectors, quaternion):
    """Vectors (.., 3) rotated by one unit quaternion (4,): v + 2w (q x v) + 2 q x (q x v)."""
    real, axis = quaternion[0], np.asarray(quaternion[1:])
    cross = np.cross(axis, vectors)
    return vectors + 2 * (real * cross + np.cross(axis, cross))


def inverse(quaternion):
    """The opposite rotation (4,) of a unit quaternion (4,): its conjugate."""
    return np.asarray(quaternion) * np.array([1, -1, -1, -1])


def world_to_camera(points_world, orientation, translation):
    """Camera-space points (.., 3) of world-space points (.., 3).

    `orientation` (4,) turns camera axes into world axes, `translation` (3,) is the camera's position in the
    world, in the unit of the points.
    """
    return rotate(points_world - np.asarray(translation), inverse(orientation))


def level_rotation(up):
    """Rotation matrices (.., 3, 3) from camera to level space.

    `up` (.., 3): unit vectors against gravity, camera space; None where that is -y. The rows are the axes of
    level space in camera space: y is down, z the horizontal part of forward, x = y cross z. A NumPy `up`
    gives float64, a tensor its own type.
    """
    if up is None:
        return np.eye(3)
    up = up if torch.is_tensor(up) else np.asarray(up, np.float64)
    down, forward = -up, up * 0
    forward[..., 2] = 1
    ahead = forward - down[..., 2:] * down
    ahead = ahead / library(up).linalg.norm(ahead, axis=-1, keepdims=True)
    return library(up).stack([library(up).linalg.cross(down, ahead), down, ahead], axis=-2)


def camera_to_level(points, up):
    """Level-space points (.., 3) of camera-space points (.., 3); `up` (3,) as for `level_rotation`."""
    return points @ level_rotation(up).T


def heading(poses_level, skeleton):
    """(N,) angle about y, radians, of the line from the right to the left hip of level poses (N, J, 3)."""
    left, right = (poses_level[:, skeleton.joints.index(name)] for name in ("left_hip", "right_hip"))
    across = left - right
    return np.arctan2(across[:, 2], across[:, 0])


def turn(poses_level, angle):
    """Level poses (N or 1, J, 3) turned by `angle` (N,), radians, about y, so that `heading` grows by it."""
    x, y, z = np.moveaxis(poses_level, -1, 0)                           # (N or 1, J) each
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]           # (N, 1)
    return np.stack(np.broadcast_arrays(cos * x - sin * z, y, sin * x + cos * z), -1)


def normalize_screen(pixels, *, width, height):
    """Screen coordinates (.., 2) of pixel coordinates (.., 2) in an image of `width` x `height` pixels."""
    return np.asarray(pixels) / width * 2 - np.array([1, height / width])


def denormalize_screen(screen, *, width, height):
    """Pixel coordinates (.., 2) of screen coordinates (.., 2); the inverse of `normalize_screen`."""
    return (np.asarray(screen) + np.array([1, height / width])) * width / 2


def normalize_intrinsics(focal_length, center, *, width, height):
    """fx, fy, cx, cy (4,) in screen units of a focal length (2,) and a principal point (2,) in pixels."""
    return np.concatenate([np.asarray(focal_length) / width * 2,
                           normalize_screen(center, width=width, height=height)])


def project(points, intrinsics, distortion=None):
    """Screen coordinates (.., 2) of camera-space points (.., 3) in front of the camera, metres.

    `intrinsics` (.., 4): fx, fy, cx, cy in screen units. `distortion` (5,): k1, k2, k3, p1, p2 or None. The
    lens model is Human3.6M's with VideoPose3D's order of the tangential terms (p1 belongs to x): with r2 =
    x^2 + y^2 on the plane z = 1, (x, y) (1 + k1 r2 + k2 r2^2 + k3 r2^3 + p1 x + p2 y) + (p1, p2) r2. Beyond
    45 degrees off the axis, far outside the image, the polynomial means nothing; there r2 stays 1.
    """
    plane = points[..., :2] / points[..., 2:]
    if distortion is not None:
        k1, k2, k3, p1, p2 = distortion
        radius2 = (plane ** 2).sum(-1)[..., None].clip(max=1)
        scale = 1 + radius2 * (k1 + radius2 * (k2 + radius2 * k3)) + p1 * plane[..., :1] + p2 * plane[..., 1:]
        plane = plane * scale + np.array([p1, p2], dtype=plane.dtype) * radius2
    return plane * intrinsics[..., :2] + intrinsics[..., 2:]


def back_project(screen, depth, intrinsics):
    """Camera-space points (.., 3), metres, seen at `screen` (.., 2) when they lie at `depth` (.., 1) metres.

    Inverts `project` without lens distortion: x = (u - cx) z / fx and likewise y. `intrinsics` (.., 4) must
    broadcast.
    """
    plane = (screen - intrinsics[..., 2:]) * depth / intrinsics[..., :2]
    depth = library(plane).broadcast_to(depth, plane[..., :1].shape)
    return library(plane).concatenate([plane, depth], axis=-1)


def back_project_pose(screen, relative_depth, root_depth, intrinsics, root: int):
    """Root-relative pose (.., J, 3) seen at `screen` (.., J, 2) at depths (.., J, 1) from the root's, metres.

    `root_depth` (.., 1, 1) is the camera-space depth of joint `root`, whose own relative depth counts as 0;
    `intrinsics` (.., 1, 4). The back-projected root is subtracted, so that joint lies at the origin.
    """
    joints = back_project(screen, relative_depth + root_depth, intrinsics)
    return joints - back_project(screen[..., root:root + 1, :], root_depth, intrinsics)


def estimate_root(screen, pose, intrinsics):
    """Camera-space root position (.., 3), metres, that best explains `screen` (.., J, 2), given `pose`.

    `pose` (.., J, 3) root-relative, metres; `intrinsics` (.., 4). With (a, b) = (screen - c) / f, a joint at
    root + pose projects to (a, b) when X - a Z = a z - x and Y - b Z = b z - y: two equations a joint, linear
    in the root (X, Y, Z). Least squares: X and Y are means given Z, and with centred values (marked ')
    Z = - sum(a' (a z - x)' + b' (b z - y)') / sum(a'^2 + b'^2). The result is NaN where all keypoints
    coincide, because then no depth is better than another, and where the best depth is not in front of the
    camera.
    """
    plane = (screen - intrinsics[..., None, 2:]) / intrinsics[..., None, :2]    # (.., J, 2): a, b
    offset = plane * pose[..., 2:] - pose[..., :2]                              # (.., J, 2): a z - x, b z - y
    plane_mean, offset_mean = plane.mean(-2), offset.mean(-2)                   # (.., 2)
    plane_rest, offset_rest = plane - plane_mean[..., None, :], offset - offset_mean[..., None, :]
    spread = (plane_rest ** 2).sum((-1, -2))                                    # (..,)
    depth = -(plane_rest * offset_rest).sum((-1, -2)) / (spread + (spread < 1e-12))     # (..,)
    root = pose[..., 0, :] * 0
    root[..., :2] = plane_mean * depth[..., None] + offset_mean
    root[..., 2] = depth
    root[(spread < 1e-12) | (depth <= 0)] = float("nan")
    return root
