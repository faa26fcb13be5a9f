"""The body that a motion is fitted to: its bones, how long they are, and how knees and elbows bend.

Shapes: J joints (17, common.skeleton.HUMAN36M), K kinds of bones, D directions: the hips share one, every
other bone has its own.
"""
import numpy as np

from common import stature as bodies
from common.skeleton import HUMAN36M
from common.video.parts import by_parts

# A bone is named for the joint at its end. Spread of its length (a share, at equal stature) over the people
# of common.stature.ADULT; error in metres of a lifted bone across the line of sight and along it (the
# 27-frame network, the same people); usual acceleration of its end against its beginning, m/s2.
BONES = {"hip": (0.10, 0.0066, 0.011, 10), "knee": (0.03, 0.0175, 0.054, 40),
         "ankle": (0.026, 0.024, 0.062, 60), "spine": (0.031, 0.012, 0.018, 10),
         "thorax": (0.026, 0.017, 0.036, 10), "nose": (0.106, 0.014, 0.0225, 20),
         "head": (0.026, 0.0115, 0.022, 20), "shoulder": (0.05, 0.018, 0.025, 20),
         "elbow": (0.036, 0.020, 0.056, 60), "wrist": (0.085, 0.025, 0.071, 80)}
KINDS = list(BONES)
LENGTH = np.array([bodies.ADULT[kind] for kind in KINDS])                                   # (K,) metres
SPREAD, ACROSS, ALONG, ACCELERATION = np.array(list(BONES.values()), float).T               # (K,) each
STACKED = np.array([kind in bodies.STACKED for kind in KINDS])

PARENTS = [max(parent, 0) for parent in HUMAN36M.parents]
KIND = np.array([next((number for number, kind in enumerate(KINDS) if name.endswith(kind)), -1)
                 for name in HUMAN36M.joints])                              # (J,) -1 for the root
LEFT_HIP, RIGHT_HIP = (HUMAN36M.joints.index(name) for name in ("left_hip", "right_hip"))
JOINTS = [joint for joint in range(1, len(KIND)) if joint != LEFT_HIP]      # the joint that ends direction d
DIRECTION_KIND = KIND[JOINTS]                                               # (D,)
ANKLES = [HUMAN36M.joints.index(name) for name in ("right_ankle", "left_ankle")]
# Thigh and shin of a leg, upper arm and forearm of an arm: directions.
LEGS = [tuple(JOINTS.index(HUMAN36M.joints.index(f"{side}_{part}")) for part in ("knee", "ankle"))
        for side in ("right", "left")]
ARMS = [tuple(JOINTS.index(HUMAN36M.joints.index(f"{side}_{part}")) for part in ("elbow", "wrist"))
        for side in ("right", "left")]
SHOULDERS = [JOINTS.index(HUMAN36M.joints.index(f"{side}_shoulder")) for side in ("left", "right")]
CHEST = JOINTS.index(HUMAN36M.joints.index("thorax"))
HANGING = 0.3               # cosine between an upper arm and the way down the trunk: below, an elbow is free
BACKWARD = 0.3              # cosine by which a hanging arm's forearm may point behind its upper arm
FOLDED = np.cos(np.radians(155))                # cosine between the two bones of a fully bent elbow or knee


def stature(lengths: np.ndarray) -> float:
    """A person's height in metres, standing, of bones of `lengths` (K,) metres, as in common/stature.py."""
    return float(bodies.CROWN_AND_SOLE * lengths[STACKED].sum())


def adult(height: float | None) -> np.ndarray:
    """Lengths (K,) in metres of an average adult's bones, scaled to `height` metres; None leaves them."""
    return LENGTH if height is None else LENGTH * (height / stature(LENGTH))


def bone_vectors(poses: np.ndarray) -> np.ndarray:
    """From each joint's parent to the joint, (N, J, 3); 0 at the root."""
    return poses - poses[:, PARENTS]


def measured(poses: np.ndarray) -> np.ndarray:
    """Median lengths (K,) of the bones of poses (N, J, 3), left and right together, in their unit."""
    lengths = by_parts(lambda part: np.linalg.norm(bone_vectors(part), axis=-1), poses)
    lengths = np.median(lengths, axis=0)                                            # (J,)
    return np.array([lengths[KIND == kind].mean() for kind in range(len(KINDS))])


def reach(lengths: np.ndarray) -> np.ndarray:
    """The matrix (J, D) that takes unit directions (D, 3) to root-relative joints, for `lengths` (K,)."""
    matrix = np.zeros((len(KIND), len(JOINTS)))
    for joint in range(1, len(KIND)):
        matrix[joint] = matrix[PARENTS[joint]]
        if joint == LEFT_HIP:
            matrix[joint, JOINTS.index(RIGHT_HIP)] -= lengths[KIND[joint]]
        else:
            matrix[joint, JOINTS.index(joint)] += lengths[KIND[joint]]
    return matrix


def directions(poses: np.ndarray) -> np.ndarray:
    """Vectors (N, D, 3) of the bones of poses (N, J, 3), metres; the hips': half of left hip to right hip."""
    bones = bone_vectors(poses)[:, JOINTS]
    bones[:, JOINTS.index(RIGHT_HIP)] = (poses[:, RIGHT_HIP] - poses[:, LEFT_HIP]) / 2
    return bones


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (.., 3) of length 1; z where they have no length."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), [0.0, 0, 1])


def with_bones(poses: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Root-relative poses (N, J, 3) with the directions of `poses` and bones of `lengths` (K,), metres."""
    return reach(lengths) @ unit(directions(poses))


def forbidden(turns: np.ndarray) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """What no knee and no elbow does, for unit directions (N, D, 3): (direction, vectors, excess) each.

    A limb's lower bone is at fault by `excess` (N,) where that is above 0; it leaves the fault against
    `vectors` (N, 3). A knee is a hinge across the pelvis: its shin never points before its thigh. An elbow's
    forearm does not point far behind an upper arm that hangs down. Neither folds beyond FOLDED. The limits
    hold in 999 of 1,000 frames of the training people.
    """
    faults = []
    across = -turns[:, JOINTS.index(RIGHT_HIP)]                                     # to the person's left
    for thigh, shin in LEGS:
        ahead = unit(np.cross(turns[:, thigh], across))
        faults.append((shin, ahead, (turns[:, shin] * ahead).sum(1)))
    across = unit(turns[:, SHOULDERS[0]] - turns[:, SHOULDERS[1]])
    for upper, lower in ARMS:
        behind = -unit(np.cross(turns[:, upper], across))
        hangs = -(turns[:, upper] * turns[:, CHEST]).sum(1) > HANGING
        faults.append((lower, behind, np.where(hangs, (turns[:, lower] * behind).sum(1) - BACKWARD, -1)))
    for upper, lower in LEGS + ARMS:
        faults.append((lower, -turns[:, upper], FOLDED - (turns[:, lower] * turns[:, upper]).sum(1)))
    return faults
