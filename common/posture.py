"""Unseen joints are filled relative to the body: along the limb they hang on, in the trunk's scale and axes.

Shapes: J joints, ... any axes before them. A point (x, y) is the complex number x + iy, so that one complex
product turns and scales it. NumPy and torch alike.
"""
from collections.abc import Callable

import numpy as np
import torch

TRUNK = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
# What a joint of a limb hangs on. Any other joint hangs on the middle of the shoulders, but for these two.
HANGS_ON = {"elbow": "shoulder", "wrist": "elbow", "knee": "hip", "ankle": "knee"}
MIDDLE = {"pelvis": TRUNK[2:], "spine": TRUNK}
HIP_WIDTH = 0.5         # of the shoulders' width; both turn alike with the body's heading
LEAST_SQUARE = 0.1      # of the known corners' spread in the trunk's shape, that they can tell turn and scale


def hangs_on(joint: str) -> tuple[str, ...]:
    """The joints whose middle carries `joint`, which is none of the trunk's."""
    side, _, part = joint.rpartition("_")
    return (f"{side}_{HANGS_ON[part]}",) if part in HANGS_ON else MIDDLE.get(joint, TRUNK[:2])


def outwards(joints: tuple[str, ...], wanted: list[int]) -> list[int]:
    """The `wanted` joints without the trunk's, each after what it hangs on."""
    def depth(joint: int) -> int:
        below = hangs_on(joints[joint])[0]
        return 0 if below in TRUNK else 1 + depth(joints.index(below))
    return sorted((joint for joint in wanted if joints[joint] not in TRUNK), key=depth)


def trunk_axis(trunk):
    """The direction (...) from hips to shoulders, as long as the trunk's corners `trunk` (..., 4) are spread.

    The spread shrinks less than the direction's length where a person bends towards the camera.
    """
    up = trunk[..., :2].sum(-1) - trunk[..., 2:].sum(-1)
    spread = (abs(trunk - trunk.mean(-1)[..., None]) ** 2).mean(-1) ** 0.5
    length = abs(up)
    pick = torch.where if torch.is_tensor(trunk) else np.where
    axis = pick(length > 0, up / (length + (length == 0)) * spread, spread + 0j)
    return pick(spread > 0, axis, axis + 1)


def fill_trunk(trunk, known, carry: Callable):
    """The trunk's corners (..., 4) with the unknown ones filled; `carry` as in `fill_posture`.

    Their shape, relative to the trunk's center and axis, is carried from where all are known. It is moved to
    the corners that are known, and turned and scaled to them where a shoulder and a hip are. A corner that
    alone is unknown stands beside its twin, as the other two stand to each other.
    """
    pick = torch.where if torch.is_tensor(trunk) else np.where
    stack = torch.stack if torch.is_tensor(trunk) else np.stack
    whole, some = known.all(-1), known.any(-1)                                      # (...)
    shape = (trunk - trunk.mean(-1)[..., None]) / trunk_axis(trunk)[..., None]      # (..., 4)
    shape = stack([carry(name, shape[..., corner], whole) for corner, name in enumerate(TRUNK)], -1)
    count = known.sum(-1) + ~some
    at = pick(known, shape, 0 * shape).sum(-1) / count
    middle = pick(known, trunk, 0 * shape).sum(-1) / count
    arms = pick(known, shape - at[..., None], 0 * shape)
    square = (abs(arms) ** 2).sum(-1)
    axis = pick(known, (trunk - middle[..., None]) * arms.conj(), 0 * shape).sum(-1)
    axis = pick(square > 0, axis / (square + (square == 0)), 0 * axis + 1)
    lengthwise = known[..., :2].any(-1) & known[..., 2:].any(-1) & (square > LEAST_SQUARE)
    axis = carry("axis", axis, whole | lengthwise)
    center = carry("center", middle - at * axis, some)
    filled = pick(known, trunk, center[..., None] + shape * axis[..., None])
    columns = [trunk[..., corner] for corner in range(len(TRUNK))]
    for corner, twin, near, far in ((0, 1, 2, 3), (1, 0, 3, 2), (2, 3, 0, 1), (3, 2, 1, 0)):
        width = HIP_WIDTH if corner > 1 else 1 / HIP_WIDTH
        beside = columns[twin] + width * (columns[near] - columns[far])
        off = carry(f"beside {TRUNK[twin]}", (columns[corner] - beside) / axis, whole)
        alone = ~known[..., corner] & (known.sum(-1) == len(TRUNK) - 1)
        columns[corner] = pick(alone, beside + off * axis, filled[..., corner])
    return stack(columns, -1)


def fill_posture(points, known, joints: tuple[str, ...], wanted: list[int], carry: Callable):
    """New `points` (..., J), complex, with the unknown ones of the `wanted` joints filled.

    `known` (..., J) bool. `carry(name, values, known)` returns `values` (...) with those that are not `known`
    (...) replaced: it decides what is interpolated over time and what is held. It is asked for the trunk's
    shape, axis and center, and then for each other joint's place relative to what it hangs on, in units of
    the trunk's axis, from the inside out.
    """
    pick = torch.where if torch.is_tensor(points) else np.where
    stack = torch.stack if torch.is_tensor(points) else np.stack
    columns = [points[..., joint] for joint in range(len(joints))]
    rows = [joints.index(name) for name in TRUNK]
    trunk = fill_trunk(points[..., rows], known[..., rows], carry)
    for corner, row in enumerate(rows):
        columns[row] = trunk[..., corner]
    axis = trunk_axis(trunk)
    for joint in outwards(joints, wanted):
        carriers = [columns[joints.index(name)] for name in hangs_on(joints[joint])]
        base = sum(carriers) / len(carriers)
        place = carry(joints[joint], (columns[joint] - base) / axis, known[..., joint])
        columns[joint] = pick(known[..., joint], columns[joint], base + place * axis)
    return stack(columns, -1)
