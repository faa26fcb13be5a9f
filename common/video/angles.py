"""Poses -> joint angles over time, as a table for sports science.

Shapes: N frames, J joints. Angles are degrees. `side` is left or right; both sides have the same signs.

| column | 0 is | positive |
| --- | --- | --- |
| trunk_flexion | upright | to the front: the line pelvis-thorax against the vertical |
| trunk_side_bend | upright | to the right: that line against the plane between the hips |
| trunk_rotation | shoulders above hips | to the left: the shoulders' line against the hips' |
| side_hip_flexion | thigh along the trunk | to the front: thigh against trunk, about the hips' line |
| side_hip_abduction | thigh straight down | outwards: thigh against the plane between the hips |
| side_hip_rotation | knee bends straight back | inwards, about the thigh, after flexion and abduction |
| side_knee_flexion | straight | bent: thigh against shin; which way is not told |
| side_shoulder_elevation | arm along trunk | away from it, 180 overhead: upper arm against trunk |
| side_shoulder_plane | raised sideways | raised to the front, 90 straight ahead; below 0 backwards |
| side_shoulder_rotation | forearm to the front | inwards, about the upper arm, as if swung from hanging |
| side_elbow_flexion | straight | bent: upper arm against forearm |

Flexion, abduction and rotation follow the order of Grood and Suntay (1983), elevation and its plane the
recommendation of the ISB (Wu et al. 2005), as far as 17 joints allow. The trunk is the straight line from
pelvis to thorax: bending of the spine counts as flexion of the hips. Nothing tells the rotation of
forearms, shins, hands and feet. A rotation about a limb is told where its knee or elbow bends by 20 degrees
or more, a plane of elevation 20 degrees or more away from the trunk's line, a lean where the hips' line is
20 degrees or more off the vertical. What is not told is NaN, in the table an empty cell.
"""
from collections.abc import Iterator

import numpy as np

from common.camera import camera_to_level
from common.skeleton import HUMAN36M, Skeleton, conversion
from common.video.parts import parts
from common.video.rotations import angle_about, dot, swing, unit

TOLD = 20.0                             # degrees; nearer to a line, a direction about it means little
TO_UP = np.array([1, -1, -1])           # half a turn about x: y up, right-handed as before
SIDES = {"left": 1, "right": -1}
X, Y, Z = np.eye(3)


def angle_lines(poses: np.ndarray, skeleton: Skeleton, fps: float, *,
                up: np.ndarray | None = None) -> Iterator[str]:
    """CSV, a row a frame: frame, time_s, then {angle}_deg to 0.01; empty where not told. See `angles`."""
    for rows in parts(len(poses)):
        found = angles(poses[rows].astype(np.float64), skeleton, up=up)
        if rows.start == 0:
            yield ",".join(["frame", "time_s", *(f"{name}_deg" for name in found)]) + "\n"
        for frame, row in enumerate(np.stack(list(found.values()), axis=1).tolist(), start=rows.start):
            cells = ("" if value != value else f"{value:.2f}" for value in row)         # NaN: not told
            yield ",".join([str(frame), f"{frame / fps:.5f}", *cells]) + "\n"


def angles(poses: np.ndarray, skeleton: Skeleton, *, up: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Degrees (N,) by column of the table above.

    Poses (N, J, 3) are metres in axes with y down, or with `up` (3,) as the direction against gravity.
    NaN where an angle cannot be told. Raises ValueError for a skeleton without Human3.6M's joints.
    """
    points = camera_to_level(poses, up)[:, conversion(skeleton, HUMAN36M)] * TO_UP
    joints = {name: points[:, index] for index, name in enumerate(HUMAN36M.joints)}
    hips = unit(joints["left_hip"] - joints["right_hip"], np.nan)
    shoulders = unit(joints["left_shoulder"] - joints["right_shoulder"], np.nan)
    trunk = unit(joints["thorax"] - joints["pelvis"], np.nan)
    pelvis = axes(hips, trunk)
    found = trunk_angles(hips, shoulders, trunk)
    for side in SIDES:
        found |= leg_angles(joints, pelvis, side)
    front = unit(np.cross(shoulders, trunk), np.nan)
    for side in SIDES:
        found |= arm_angles(joints, np.stack([np.cross(trunk, front), trunk, front], axis=2), side)
    return found


def axes(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) with x = `left` (N, 3), a unit vector, y near `up` (N, 3), z to the front."""
    front = unit(np.cross(left, up), np.nan)
    return np.stack([left, np.cross(front, left), front], axis=2)


def trunk_angles(hips: np.ndarray, shoulders: np.ndarray, trunk: np.ndarray) -> dict[str, np.ndarray]:
    """The trunk's angles of unit vectors (N, 3): right to left hip and shoulder, pelvis to thorax."""
    level_hips = hips * [1, 0, 1]
    told = np.linalg.norm(level_hips, axis=1) > np.sin(np.radians(TOLD))
    lean = coordinates(axes(unit(np.where(told[:, None], level_hips, np.nan), np.nan), Y), trunk)
    return {"trunk_flexion": np.degrees(np.arctan2(lean[:, 2], lean[:, 1])),
            "trunk_side_bend": np.degrees(np.arcsin(-lean[:, 0].clip(-1, 1))),
            "trunk_rotation": np.degrees(angle_about(trunk, hips, shoulders))}


def leg_angles(joints: dict[str, np.ndarray], pelvis: np.ndarray, side: str) -> dict[str, np.ndarray]:
    """A leg's angles in the pelvis's axes (N, 3, 3)."""
    thigh, shin, bend = limb(joints, f"{side}_hip", f"{side}_knee", f"{side}_ankle")
    down = coordinates(pelvis, thigh)
    turned = SIDES[side] * np.degrees(angle_about(thigh, pelvis[..., 0], np.cross(thigh, shin)))
    return {f"{side}_hip_flexion": np.degrees(np.arctan2(down[:, 2], -down[:, 1])),
            f"{side}_hip_abduction": np.degrees(np.arcsin((SIDES[side] * down[:, 0]).clip(-1, 1))),
            f"{side}_hip_rotation": np.where(bend >= TOLD, turned, np.nan), f"{side}_knee_flexion": bend}


def arm_angles(joints: dict[str, np.ndarray], thorax: np.ndarray, side: str) -> dict[str, np.ndarray]:
    """An arm's angles in the thorax's axes (N, 3, 3)."""
    upper, fore, bend = limb(joints, f"{side}_shoulder", f"{side}_elbow", f"{side}_wrist")
    out = coordinates(thorax, upper)
    elevation = np.degrees(np.arctan2(np.hypot(out[:, 0], out[:, 2]), -out[:, 1]))
    plane = np.degrees(np.arctan2(out[:, 2], SIDES[side] * out[:, 0]))
    hanging = swing(thorax, -Y, upper) @ -X             # about which a hanging arm bends to the front
    turned = SIDES[side] * np.degrees(angle_about(upper, hanging, np.cross(upper, fore)))
    off_line = (elevation >= TOLD) & (elevation <= 180 - TOLD)
    return {f"{side}_shoulder_elevation": elevation,
            f"{side}_shoulder_plane": np.where(off_line, plane, np.nan),
            f"{side}_shoulder_rotation": np.where((bend >= TOLD) & (elevation <= 180 - TOLD), turned, np.nan),
            f"{side}_elbow_flexion": bend}


def limb(joints: dict[str, np.ndarray], *names: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors (N, 3) along both halves between three joints, and the bend (N,) in degrees."""
    first, middle, last = (joints[name] for name in names)
    upper, lower = unit(middle - first, np.nan), unit(last - middle, np.nan)
    sine = np.linalg.norm(np.cross(upper, lower), axis=1)
    return upper, lower, np.degrees(np.arctan2(sine, dot(upper, lower)))


def coordinates(of: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """`vectors` (N, 3) in the axes `of` (N, 3, 3)."""
    return (of.swapaxes(1, 2) @ vectors[..., None])[..., 0]
