"""Writes predicted poses for other programs: npz, JSON, CSV, BVH. A file is replaced whole or not at all.

Shapes: N frames, J joints. Poses are metres, x right, y down, z forward: camera or level axes.
"""
import csv
import io
import json
from pathlib import Path

import numpy as np

from common.files import write_whole
from common.skeleton import Skeleton
from common.video.bvh import bvh_text

CAMERA_AXES = "camera axes: x right, y down, z forward"
LEVEL_AXES = "level axes: x right, y down along gravity, z forward"
ROOT_RELATIVE = CAMERA_AXES + "; the origin is the root joint of each frame"


def save_npz(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *,
             space: str = ROOT_RELATIVE) -> None:
    """`poses` (N, J, 3) float32, with joints, parents, fps, unit and `space`; no array needs pickle."""
    file, poses = io.BytesIO(), check_poses(poses, skeleton, fps).astype(np.float32)
    np.savez_compressed(file, poses=poses, unit="m", space=space, fps=float(fps),
                        joints=np.array(skeleton.joints), parents=np.array(skeleton.parents))
    write_whole(path, file.getvalue())


def save_json(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *,
              space: str = ROOT_RELATIVE) -> None:
    """The content of `save_npz`; poses[frame][joint] is [x, y, z] to 0.01 mm, and the root's parent -1."""
    facts = {"unit": "m", "space": space, "fps": float(fps), "frames": len(poses), "skeleton": skeleton.name,
             "joints": skeleton.joints, "parents": skeleton.parents,
             "poses": check_poses(poses, skeleton, fps).round(5).tolist()}
    write_whole(path, json.dumps(facts, separators=(",", ":")))


def save_csv(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float) -> None:
    """One row per frame: frame, time_s, then {joint}_x_m, {joint}_y_m, {joint}_z_m, to 0.01 mm."""
    poses, text = check_poses(poses, skeleton, fps), io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["frame", "time_s", *(f"{joint}_{axis}_m" for joint in skeleton.joints for axis in "xyz")])
    for frame, pose in enumerate(poses):
        table.writerow([frame, f"{frame / fps:.5f}", *(f"{value:.5f}" for value in pose.ravel())])
    write_whole(path, text.getvalue())


def save_bvh(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *,
             on_floor: bool = False) -> None:
    """Joint angles on a skeleton of fixed bone lengths (common/video/bvh.py): y up, centimetres."""
    write_whole(path, bvh_text(check_poses(poses, skeleton, fps), skeleton, fps, on_floor=on_floor))


def check_poses(poses: np.ndarray, skeleton: Skeleton, fps: float) -> np.ndarray:
    """`poses` as float64, or a ValueError where shape, values or frame rate are wrong."""
    poses = np.asarray(poses, np.float64)
    if poses.ndim != 3 or len(poses) == 0 or poses.shape[1:] != (len(skeleton.joints), 3):
        raise ValueError(f"Expected poses (frames, {len(skeleton.joints)}, 3) of at least one frame for the "
                         f"joints of {skeleton.name}, got {poses.shape}. Pass the poses of one clip.")
    if not np.isfinite(poses).all():
        raise ValueError("Expected finite poses, got NaN or infinity. Check keypoints and checkpoint.")
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"Expected frames per second above 0, got {fps}. Give the video's rate with --fps.")
    return poses
