"""Writes poses for other programs: npz, JSON, CSV, .trc, angles, BVH. A file is replaced whole or not at all.

Shapes: N frames, J joints. Poses are metres, x right, y down, z forward: camera or level axes.
`state` (N, J): index of body.STATES, None where nothing is known of the joints. `facts`: placement.Placed.
"""
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common.files import whole, write_parts
from common.skeleton import Skeleton
from common.video.angles import angle_lines
from common.video.body import STATES
from common.video.bvh import NAMINGS, bvh_lines
from common.video.placement import CAMERA_AXES
from common.video.trc import trc_lines

ROOT_RELATIVE = CAMERA_AXES + "; the origin is the root joint of each frame"


def save_npz(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *, space: str = ROOT_RELATIVE,
             state: np.ndarray | None = None, facts: dict | None = None) -> None:
    """`poses` (N, J, 3) float32, with joints, parents, fps, unit and `space`; no array needs pickle.

    With `state` (N, J) and its words `states`; with `facts` by name, NaN or "" where unknown, the bones'
    lengths (J,), 0 at the root.
    """
    poses = check_poses(poses, skeleton, fps).astype(np.float32, copy=False)
    more = {} if state is None else {"state": state, "states": np.array(STATES)}
    for name, value in (facts or {}).items():
        if name == "bone_lengths_m":
            value = np.full(len(skeleton.joints), np.nan) if value is None else [
                value.get(joint, 0) for joint in skeleton.joints]
        unknown = "" if name.endswith("_source") else np.nan
        more[name] = np.array(unknown if value is None else value)
    with whole(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, poses=poses, unit="m", space=space, fps=float(fps),
                            joints=np.array(skeleton.joints), parents=np.array(skeleton.parents), **more)


def save_json(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *, space: str = ROOT_RELATIVE,
              state: np.ndarray | None = None, facts: dict | None = None) -> None:
    """The content of `save_npz`; poses[frame][joint] is [x, y, z] to 0.01 mm, and the root's parent -1.

    What is unknown is null, and the bones' lengths are named for the joint at the end of each.
    """
    person = {"space": space, "frames": len(poses), **(facts or {})}
    told = {"unit": "m", "fps": float(fps), "skeleton": skeleton.name, "joints": skeleton.joints,
            "parents": skeleton.parents, **person}
    write_parts(path, json_parts(told, check_poses(poses, skeleton, fps), state))


def json_parts(facts: dict, poses: np.ndarray, state: np.ndarray | None) -> Iterator[str]:
    """The text of an object of `facts`, `state` (N, J) with its words, and `poses` (N, J, 3) to 0.01 mm."""
    known = {} if state is None else {"states": STATES}
    yield json.dumps({**facts, **known}, separators=(",", ":"))[:-1]
    for name, values in (("state", state), ("poses", poses)):
        if values is None:
            continue
        yield f',"{name}":['
        for frame, value in enumerate(values):
            numbers = value.astype(np.float64).round(5) if name == "poses" else value
            yield "," * bool(frame) + json.dumps(numbers.tolist(), separators=(",", ":"))
        yield "]"
    yield "}"


def save_people_json(path: Path, names: list[str], people: list, first: list[int], skeleton: Skeleton,
                     fps: float) -> None:
    """Everybody's motion (placement.Placed) in the form of `save_json`: `people`, each with its `name`.

    `first_frame` is the number of the film's frame that a person's first pose belongs to, from 0.
    """
    told = {"unit": "m", "fps": float(fps), "skeleton": skeleton.name, "joints": skeleton.joints,
            "parents": skeleton.parents}

    def text() -> Iterator[str]:
        yield json.dumps(told, separators=(",", ":"))[:-1] + ',"people":['
        for number, (name, placed, start) in enumerate(zip(names, people, first)):
            facts = {"name": name, "first_frame": start, "frames": len(placed.poses), "space": placed.space,
                     **placed.facts}
            yield "," * bool(number)
            yield from json_parts(facts, check_poses(placed.poses, skeleton, fps), placed.state)
        yield "]}"

    write_parts(path, text())


def save_csv(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *,
             state: np.ndarray | None = None) -> None:
    """One row per frame: frame, time_s, {joint}_x_m, {joint}_y_m, {joint}_z_m, .. to 0.01 mm.

    With `state` {joint}_state stands behind them, a word for every joint.
    """
    poses = check_poses(poses, skeleton, fps)
    told = [] if state is None else [f"{joint}_state" for joint in skeleton.joints]
    head = ["frame", "time_s", *(f"{joint}_{axis}_m" for joint in skeleton.joints for axis in "xyz"), *told]

    def lines() -> Iterator[str]:
        yield ",".join(head) + "\n"
        for frame, pose in enumerate(poses):
            words = [] if state is None else [STATES[number] for number in state[frame].tolist()]
            numbers = [f"{value:.5f}" for value in pose.ravel().tolist()]
            yield ",".join([str(frame), f"{frame / fps:.5f}", *numbers, *words]) + "\n"

    write_parts(path, lines())


def save_trc(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float) -> None:
    """Markers over time for biomechanics programs (common/video/trc.py): y up, millimetres."""
    write_parts(path, trc_lines(check_poses(poses, skeleton, fps), skeleton, fps, name=path.name))


def save_angles(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *,
                up: np.ndarray | None = None) -> None:
    """Joint angles over time (common/video/angles.py); `up` (3,) against gravity, None where that is -y."""
    write_parts(path, angle_lines(check_poses(poses, skeleton, fps), skeleton, fps, up=up))


def save_bvh(path: Path, poses: np.ndarray, skeleton: Skeleton, fps: float, *, up: np.ndarray | None = None,
             on_floor: bool = True, names: str = NAMINGS[0]) -> None:
    """Joint angles on a skeleton of fixed bone lengths (common/video/bvh.py): y up, centimetres."""
    write_parts(path, bvh_lines(check_poses(poses, skeleton, fps), skeleton, fps, up=up, on_floor=on_floor,
                                names=names))


def check_poses(poses: np.ndarray, skeleton: Skeleton, fps: float) -> np.ndarray:
    """`poses` as an array, or a ValueError where shape, values or frame rate are wrong."""
    poses = np.asarray(poses)
    if poses.ndim != 3 or len(poses) == 0 or poses.shape[1:] != (len(skeleton.joints), 3):
        raise ValueError(f"Expected poses (frames, {len(skeleton.joints)}, 3) of at least one frame for the "
                         f"joints of {skeleton.name}, got {poses.shape}. Pass the poses of one clip.")
    if not np.isfinite(poses).all():
        raise ValueError("Expected finite poses, got NaN or infinity. Check keypoints and checkpoint.")
    if not (np.isfinite(fps) and fps > 0):
        raise ValueError(f"Expected frames per second above 0, got {fps}. Give the video's rate with --fps.")
    return poses
