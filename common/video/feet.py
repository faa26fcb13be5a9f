"""A rig on its floor: the 17 joints have no toes, so feet and toes are bent to where a person's would be.

Shapes: N frames. Rig space (common/video/rig.py), metres; the floor is y = 0.
"""
from dataclasses import replace

import numpy as np

from common.video.parts import parts
from common.video.rig import ANKLE, NAMES, TOE, Motion, Y
from common.video.rotations import twist, unhurried

FOOT_LIMITS, TOE_LIMITS = np.radians([-60, 75]), np.radians([-60, 10])      # about x: down is positive
NEAR_FLOOR = 0.05               # metres above its height in standing from where an ankle's foot hangs freely
MOST_BEND = np.radians(15)      # of a foot or toes, from one frame to the next
TRUSTED = 0.02                  # metres below the floor that are left where heights are trusted
FEET, TOES = ([NAMES.index(side + part) for side in ("Left", "Right")] for part in ("Foot", "ToeBase"))


def stand(motion: Motion, shin: float, *, on_floor: bool) -> Motion:
    """`motion` moved up or down to the floor, its feet flat on it or above it; `shin` is a length, metres.

    `on_floor`: the lowest sole or joint of every frame lies at y = 0. Otherwise one height is taken from all
    frames, so that the lowest 2 % lie there or below, and nothing more than TRUSTED below.
    """
    lowest = over_parts(lowest_point, motion, shin)
    if not on_floor:
        lowest = np.full_like(lowest, min(np.percentile(lowest, 2), lowest.min() + TRUSTED))
    motion = raised(replace(motion, axes=list(motion.axes)), -lowest)
    for foot, toe in zip(FEET, TOES):
        height = over_parts(height_of, motion, foot)
        flat = 1 - (height - ANKLE * shin) / NEAR_FLOOR
        motion.axes[foot] = bent(motion.axes[foot], motion.offsets[toe], height - TOE * shin,
                                 flat.clip(0, 1), FOOT_LIMITS)
        height = over_parts(height_of, motion, toe)
        motion.axes[toe] = bent(motion.axes[foot], motion.ends[toe], height, 0 * height, TOE_LIMITS)
    below = -over_parts(lowest_of_all, motion)
    return raised(motion, (below if on_floor else below - TRUSTED).clip(0))


def over_parts(function, motion: Motion, *more) -> np.ndarray:
    """The numbers (N,) that `function` of a motion, and of `more`, has for its frames."""
    return np.concatenate([function(motion.cut(rows), *more) for rows in parts(len(motion.root))])


def lowest_point(motion: Motion, shin: float) -> np.ndarray:
    """Heights (N,) of the lowest sole or joint, metres, before feet and toes are bent."""
    heights = motion.points()[..., 1]
    heights[:, FEET] -= ANKLE * shin
    return np.concatenate([np.delete(heights, TOES, axis=1), motion.tips()[:, :-2, 1]], axis=1).min(1)


def lowest_of_all(motion: Motion) -> np.ndarray:
    """Heights (N,) of the lowest of all points and tips, metres."""
    return np.concatenate([motion.points(), motion.tips()], axis=1)[..., 1].min(1)


def height_of(motion: Motion, bone: int) -> np.ndarray:
    """Heights (N,) at which a bone starts, metres."""
    return motion.points()[:, bone, 1]


def raised(motion: Motion, heights: np.ndarray) -> Motion:
    """`motion`, each frame moved up by its height (N,), metres."""
    return replace(motion, root=motion.root + heights[:, None] * Y)


def bent(axes: np.ndarray, end: np.ndarray, height: np.ndarray, flat: np.ndarray,
         limits: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) turned about their x, within `limits`, until `end` (3,) is not below the floor.

    The axes' origin is at `height` (N,). Where `end` is above the floor it moves down by the
    part `flat` (N,) of the way. The angle changes by MOST_BEND a frame at most.
    """
    # Turned by an angle, the end lies higher than the origin by rise cos(angle) + dip sin(angle).
    rise = axes[:, 1, 1] * end[1] + axes[:, 1, 2] * end[2]
    dip = axes[:, 1, 2] * end[1] - axes[:, 1, 1] * end[2]
    highest, reach = np.arctan2(dip, rise), np.maximum(np.hypot(rise, dip), 1e-9)
    half = np.arccos((-height / reach).clip(-1, 1))             # above the floor: highest +- half
    touch = highest + np.where(highest > 0, -half, half)        # the end of that range that is nearer to 0
    angles = np.angle(np.exp(1j * np.where(np.abs(highest) > half, touch, flat * touch)))
    return twist(axes, axes[..., 0], unhurried(angles.clip(*limits), MOST_BEND))
