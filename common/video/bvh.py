"""Poses -> the lines of a BVH file: joint angles of a rig (common/video/rig.py) that characters can wear.

Shapes: N frames, J joints, B bones. BVH space: y up, x and z as at rest to the rig's left and front; of the
poses' axes, x stays and y and z change sign. Centimetres, which animation programs expect of the unitless
format.
"""
from collections.abc import Iterator

import numpy as np

from common.camera import camera_to_level
from common.skeleton import HUMAN36M, Skeleton, conversion
from common.video.parts import by_parts, parts
from common.video.rig import CROWN, NAMES, NOSE, PARENTS, RIG, Motion, Y
from common.video.rotations import euler, follow_on
from common.video.wear import wear

NAMINGS = ["mixamo", "joints"]
TO_RIG = np.array([1, -1, -1])          # half a turn about x


def bvh_lines(poses: np.ndarray, skeleton: Skeleton, fps: float, *, up: np.ndarray | None = None,
              on_floor: bool = True, names: str = "mixamo") -> Iterator[str]:
    """The lines of a BVH of poses (N, J, 3), metres.

    Their axes have y down, or `up` (3,) is the direction against gravity.
    `on_floor` moves every frame up or down until its lowest sole or joint lies at y = 0, which hides jumps;
    without it one height is taken from all frames, as heights that can be trusted want. `names`: of Mixamo's
    characters, or of the joints. Raises ValueError for other names.
    """
    if names not in NAMINGS:
        raise ValueError(f"Expected names of {' or '.join(NAMINGS)} for BVH, got {names!r}.")
    order = conversion(skeleton, HUMAN36M)
    joints = by_parts(lambda part: camera_to_level(part.astype(np.float64), up)[:, order] * TO_RIG, poses)
    nose, crown = (NOSE, CROWN) if skeleton is HUMAN36M else (Y, Y)     # in others no nose, but mid-head
    motion = wear(joints, on_floor=on_floor, nose=nose, crown=crown)
    return (line + "\n" for line in lines(motion, fps, NAMES if names == "mixamo" else
                                          [bone.point for bone in RIG]))


def lines(motion: Motion, fps: float, names: list[str]) -> Iterator[str]:
    """BVH of a rig that moves; `names` (B,) of its bones."""
    yield from ["HIERARCHY", *bone_lines(0, motion, names), "MOTION", f"Frames: {len(motion.root)}",
                f"Frame Time: {1 / fps:.8f}"]
    order, last = depth_first(0), None
    for rows in parts(len(motion.root)):
        turns = motion.cut(rows).turns()
        angles = np.stack([euler(turns[:, bone], RIG[bone].order) for bone in order], axis=1)
        angles = follow_on(angles, last)
        last, root = angles[-1], 100 * motion.root[rows]
        for row in np.concatenate([root, angles.reshape(len(angles), -1)], axis=1).tolist():
            yield " ".join([f"{value:.6f}" for value in row])


def bone_lines(bone: int, motion: Motion, names: list[str]) -> list[str]:
    """The HIERARCHY lines of a bone and all that it carries."""
    turns = " ".join(f"{axis}rotation" for axis in RIG[bone].order)
    channels = f"6 Xposition Yposition Zposition {turns}" if bone == 0 else f"3 {turns}"
    inside = [offset_line(motion.offsets[bone]), f"CHANNELS {channels}"]
    for child in children(bone):
        inside += bone_lines(child, motion, names)
    if RIG[bone].end is not None:
        inside += ["End Site", "{", "  " + offset_line(motion.ends[bone]), "}"]
    return [f"{'JOINT' if bone else 'ROOT'} {names[bone]}", "{", *("  " + line for line in inside), "}"]


def offset_line(offset: np.ndarray) -> str:
    return "OFFSET " + " ".join(f"{100 * value:.6f}" for value in offset)


def children(bone: int) -> list[int]:
    """The bones that `bone` carries."""
    return [child for child, parent in enumerate(PARENTS) if parent == bone]


def depth_first(bone: int) -> list[int]:
    """`bone` and all that it carries, in the order of the BVH file."""
    return [bone, *(index for child in children(bone) for index in depth_first(child))]
