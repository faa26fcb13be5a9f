"""Joint positions -> joint angles on a skeleton of fixed bone lengths, as the text of a BVH file.

Shapes: N frames, J joints. BVH space: x as in the poses, y up, z towards the camera; centimetres, which
animation programs expect of the unitless format. Rotations are matrices (.., 3, 3) acting on column vectors.
"""
import numpy as np

from common.skeleton import Skeleton

CAMERA_TO_BVH = 100 * np.array([1, -1, -1])     # metres to centimetres, and half a turn about x
# The rest pose, arms stretched sideways, facing along z: directions of the bones that end in these joints.
SIDES = {"left": 1, "right": -1}
REST = {f"{side}_{part}": (sign, 0, 0) for side, sign in SIDES.items()
        for part in ("hip", "shoulder", "elbow", "wrist")}
REST |= {f"{side}_{part}": (0, -1, 0) for side in SIDES for part in ("knee", "ankle")}
REST |= {part: (0, 1, 0) for part in ("spine", "thorax", "neck", "nose", "head", "head_top")}
END_SITE = 0.25                                 # length of what follows a last joint, in lengths of its bone


def bvh_text(poses: np.ndarray, skeleton: Skeleton, fps: float, *, on_floor: bool = False) -> str:
    """BVH of poses (N, J, 3), metres in camera or level axes. The root moves; joints turn by Z, X, Y.

    Angles are degrees. `on_floor` moves every frame up or down until the lowest joint lies at y = 0, on the
    skeleton of fixed bone lengths.
    """
    root, offsets, turns = joint_angles(poses * CAMERA_TO_BVH, skeleton)
    if on_floor:
        root = root - np.array([0, 1, 0]) * positions(root, offsets, turns, skeleton)[..., 1].min(1)[:, None]
    order = depth_first(skeleton, skeleton.parents.index(-1))
    angles = np.stack([euler_zxy(turns[:, joint]) for joint in order], axis=1)      # (N, J, 3)
    angles = np.unwrap(angles, period=360, axis=0).reshape(len(root), -1)
    rows = np.concatenate([root, angles], axis=1)
    motion = [" ".join(f"{value:.6f}" for value in row) for row in rows]
    return "\n".join(["HIERARCHY", *joint_lines(order[0], skeleton, offsets),
                      "MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / fps:.8f}", *motion, ""])


def joint_lines(joint: int, skeleton: Skeleton, offsets: np.ndarray) -> list[str]:
    """The HIERARCHY lines of a joint and all below it."""
    is_root, below = skeleton.parents[joint] < 0, children(skeleton, joint)
    position = "6 Xposition Yposition Zposition" if is_root else "3"
    inside = [offset_line(offsets[joint]), f"CHANNELS {position} Zrotation Xrotation Yrotation"]
    for child in below:
        inside += joint_lines(child, skeleton, offsets)
    if not below:
        inside += ["End Site", "{", "  " + offset_line(END_SITE * offsets[joint]), "}"]
    title = f"{'ROOT' if is_root else 'JOINT'} {skeleton.joints[joint]}"
    return [title, "{", *("  " + line for line in inside), "}"]


def offset_line(offset: np.ndarray) -> str:
    return "OFFSET " + " ".join(f"{value:.6f}" for value in offset)


def euler_zxy(turns: np.ndarray) -> np.ndarray:
    """Angles (N, 3), degrees, about z, x, y of rotations (N, 3, 3) = Z X Y; y is 0 where x is +-90."""
    z, y = np.arctan2(-turns[:, 0, 1], turns[:, 1, 1]), np.arctan2(-turns[:, 2, 0], turns[:, 2, 2])
    sine = turns[:, 2, 1].clip(-1, 1)
    locked = np.abs(sine) > 1 - 1e-12
    z = np.where(locked, np.arctan2(turns[:, 1, 0], turns[:, 0, 0]), z)
    return np.degrees(np.stack([z, np.arcsin(sine), np.where(locked, 0, y)], axis=1))


def joint_angles(points: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Root positions (N, 3), bone offsets (J, 3) and each joint's rotation (N, J, 3, 3) in its parent's axes.

    `points` (N, J, 3) are BVH space. Bones get their median length, left and right the same. A joint with one
    bone turns it the shortest way. Pelvis and thorax take the rotation that fits all their bones best; the
    directions of these bones at rest are the mean over the frames.
    """
    lengths, directions, rest = measure(points, skeleton)
    root = skeleton.parents.index(-1)
    whole = np.tile(np.eye(3), (*points.shape[:2], 1, 1))       # (N, J, 3, 3) the joints' axes in BVH space
    turns = whole.copy()
    for joint in depth_first(skeleton, root):
        above = whole[:, skeleton.parents[joint]] if joint != root else turns[:, root]
        below = children(skeleton, joint)
        whole[:, joint] = above
        if len(below) == 1:
            whole[:, joint] = shortest_turn(above @ rest[below[0]], directions[:, below[0]]) @ above
        elif below:
            fitted = best_turn(rest[below], directions[:, below])
            rest[below] = unit((directions[:, below] @ fitted).mean(axis=0), rest[below])
            whole[:, joint] = best_turn(rest[below], directions[:, below])
        turns[:, joint] = above.swapaxes(1, 2) @ whole[:, joint]
    return points[:, root], rest * lengths[:, None], turns


def positions(root: np.ndarray, offsets: np.ndarray, turns: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Joints (N, J, 3) of what `joint_angles` returns: forward kinematics."""
    points, whole = np.zeros((len(root), len(offsets), 3)), turns.copy()
    for joint in depth_first(skeleton, skeleton.parents.index(-1)):
        parent = skeleton.parents[joint]
        if parent < 0:
            points[:, joint] = root
        else:
            points[:, joint] = points[:, parent] + whole[:, parent] @ offsets[joint]
            whole[:, joint] = whole[:, parent] @ turns[:, joint]
    return points


def measure(points: np.ndarray, skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lengths (J,) of the bones to each joint, their directions (N, J, 3) and these at rest (J, 3)."""
    parents = np.array(skeleton.parents)
    bones = np.where((parents >= 0)[:, None], points - points[:, parents], 0)       # (N, J, 3)
    lengths = np.median(np.linalg.norm(bones, axis=-1), axis=0)
    rest = np.array([REST.get(joint, (0, 0, 0)) for joint in skeleton.joints], float)
    return (lengths + lengths[skeleton.mirror_order]) / 2, unit(bones, rest), rest


def children(skeleton: Skeleton, joint: int) -> list[int]:
    """The joints whose parent is `joint`."""
    return [child for child, parent in enumerate(skeleton.parents) if parent == joint]


def depth_first(skeleton: Skeleton, joint: int) -> list[int]:
    """`joint` and all joints below it, parents before children, in the order of the BVH file."""
    return [joint, *(index for child in children(skeleton, joint) for index in depth_first(skeleton, child))]


def best_turn(rest: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) that bring `rest` (M, 3) closest to `measured` (N, M, 3): the Kabsch algorithm."""
    left, _, right = np.linalg.svd(measured.swapaxes(1, 2) @ rest)            # (N, 3, 3)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]                  # no mirror image
    return left @ right


def unit(vectors: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Vectors (.., 3) of length 1; those without a length become `otherwise`."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), otherwise)


def shortest_turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) that take unit vectors `start` (N, 3) to `end` (N, 3) by the smallest angle.

    Two mirrorings: at the plane across start, then at the one across start + end. Opposite vectors turn half
    round.
    """
    helper = np.eye(3)[np.abs(start).argmin(axis=1)]
    across = unit(np.cross(start, helper), helper)
    middle = unit(start + end, across)
    mirror = [np.eye(3) - 2 * normal[:, :, None] * normal[:, None, :] for normal in (start, middle)]
    return mirror[1] @ mirror[0]
