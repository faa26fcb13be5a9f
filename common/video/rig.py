"""Joint positions -> a rig that moves alike: bones of constant length, limbs with hinges, feet on the floor.

Shapes: N frames, J joints. Rig space: metres, y up; at rest x is the rig's left and z its front. At rest the rig
stands in a T: arms sideways, palms down.
"""
from dataclasses import dataclass, replace

import numpy as np

from common.skeleton import HUMAN36M, mirrored_name
from common.video.rotations import angle_about, dot, shortest_turn, swing, twist, unit
from common.video.smooth import smooth

X, Y, Z = np.eye(3)
# How people stand: medians of the 19 training subjects of the bundled motion capture, frames with an upright
# trunk. The loin leans back, the chest forward, and the nose lies before the neck.
LOIN, CHEST = unit(np.array([0, .220, -.031])), unit(np.array([0, .330, .029]))
NOSE, CROWN = unit(np.array([0, .076, .072])), unit(np.array([0, .121, -.044]))
CLAVICLE = unit(np.array([.182, -.029, -.015]))
ANKLE, TOE = 0.18, 0.02         # heights of ankle and toes above the sole, in lengths of the shin
FOOT_LIMITS, TOE_LIMITS = np.radians([-60, 75]), np.radians([-60, 10])      # about x: down is positive
NEAR_FLOOR = 0.05       # metres above its height in standing, where an ankle's foot no longer lies flat
PRIOR = 0.05            # weight of a limb's own twist beside its hinge's, which has sin(bend)^2
STEADY = 1.5            # frames, standard deviation of the Gaussian that smooths twists
MOST_LOWER_TWIST = np.radians(25)       # of its lower half
MOST_TWIST = np.radians(15)     # of a limb, and bend of a foot, from one frame to the next


@dataclass(frozen=True)
class Bone:
    """One bone of the rig.

    name, point  its name, as Mixamo's characters have it; the joint where it starts, or another point's name
    parent       the bone that carries it
    offset       where it starts in its parent's axes at rest, in lengths of the joint bone that ends in `unit`
    order        the file order of its Euler angles: the axis of a hinge first
    end          where it ends if it carries no bone, in lengths of the joint bone that ends in `end_unit`
    """
    name: str
    point: str
    parent: str | None
    offset: np.ndarray
    unit: str
    order: str
    end: np.ndarray | None = None
    end_unit: str = ""

    def mirrored(self) -> "Bone":
        """The right side's twin of a left bone."""
        across = np.array([-1, 1, 1])
        return replace(self, name=self.name.replace("Left", "Right"), point=mirrored_name(self.point),
                       parent=self.parent.replace("Left", "Right"), offset=self.offset * across,
                       unit=mirrored_name(self.unit), end=None if self.end is None else self.end * across,
                       end_unit=mirrored_name(self.end_unit))


TRUNK = [Bone("Hips", "pelvis", None, 0 * X, "spine", "YZX"),
         Bone("Spine", "loin", "Hips", 0 * X, "spine", "XZY"),
         Bone("Spine1", "spine", "Spine", LOIN, "spine", "XZY"),
         Bone("Spine2", "chest", "Spine1", CHEST / 2, "thorax", "XZY"),
         Bone("Neck", "thorax", "Spine2", CHEST / 2, "thorax", "XZY"),
         Bone("Head", "nose", "Neck", NOSE, "nose", "XZY", CROWN, "head")]
ARM = [Bone("LeftShoulder", "left_clavicle", "Spine2", CHEST / 2, "thorax", "ZYX"),
       Bone("LeftArm", "left_shoulder", "LeftShoulder", CLAVICLE, "left_shoulder", "XYZ"),
       Bone("LeftForeArm", "left_elbow", "LeftArm", X, "left_elbow", "YZX"),
       Bone("LeftHand", "left_wrist", "LeftForeArm", X, "left_wrist", "YZX", .4 * X,
            "left_wrist")]
LEG = [Bone("LeftUpLeg", "left_hip", "Hips", X, "left_hip", "YZX"),
       Bone("LeftLeg", "left_knee", "LeftUpLeg", -Y, "left_knee", "XZY"),
       Bone("LeftFoot", "left_ankle", "LeftLeg", -Y, "left_ankle", "XZY"),
       Bone("LeftToeBase", "left_toe", "LeftFoot", (TOE - ANKLE) * Y + .3 * Z, "left_ankle", "XZY",
            -TOE * Y + .14 * Z, "left_ankle")]
RIG = [*TRUNK, *ARM, *[bone.mirrored() for bone in ARM], *LEG, *[bone.mirrored() for bone in LEG]]

NAMES = [bone.name for bone in RIG]
PARENTS = [-1 if bone.parent is None else NAMES.index(bone.parent) for bone in RIG]


@dataclass(frozen=True)
class Motion:
    """A rig that moves.

    root     (N, 3) where Hips lies, metres, rig space
    offsets  (B, 3) where each bone starts in its parent's axes, metres; of Hips 0
    ends     (B, 3) where each bone ends in its own axes, metres; 0 where it carries others
    axes     (N, B, 3, 3) each bone's axes in rig space
    """
    root: np.ndarray
    offsets: np.ndarray
    ends: np.ndarray
    axes: np.ndarray

    def points(self) -> np.ndarray:
        """Where the bones start (N, B, 3), rig space: forward kinematics."""
        points = np.repeat(self.root[:, None], len(RIG), axis=1)
        for bone, parent in list(enumerate(PARENTS))[1:]:
            points[:, bone] = points[:, parent] + self.axes[:, parent] @ self.offsets[bone]
        return points

    def tips(self) -> np.ndarray:
        """Where the bones end that carry no other (N, E, 3), in the rig's order."""
        last = [bone for bone in range(len(RIG)) if RIG[bone].end is not None]
        return self.points()[:, last] + np.einsum("nbij,bj->nbi", self.axes[:, last], self.ends[last])

    def turns(self) -> np.ndarray:
        """Each bone's rotation (N, B, 3, 3) in its parent's axes; of Hips in rig space."""
        above = self.axes[:, PARENTS]
        above[:, 0] = np.eye(3)
        return above.swapaxes(-1, -2) @ self.axes


def wear(points: np.ndarray, *, on_floor: bool = True, face: bool = True) -> Motion:
    """The rig's motion for the points (N, 17, 3), rig space, of Human3.6M's joints.

    Bones have their median length, left and right the same. Every joint lies where `points` has it if bones have
    constant lengths and hips and pelvis keep their distances. `on_floor`: the lowest sole or joint of every frame
    lies at y = 0; otherwise one height is taken from all frames, so that the lowest ones lie there.
    """
    joints = {name: points[:, index] for index, name in enumerate(HUMAN36M.joints)}
    bones = {name: unit(joints[name] - joints[HUMAN36M.joints[parent]])
             for name, parent in zip(HUMAN36M.joints, HUMAN36M.parents) if parent >= 0}
    nose, crown = (NOSE, CROWN) if face else (Y, Y)
    axes = trunk_axes(joints, bones, nose, crown)
    for side in ("left", "right"):
        limb_axes(axes, bones, side)
    lengths = bone_lengths(points)
    offsets = np.array([lengths[bone.unit] * bone.offset for bone in RIG])
    ends = np.array([0 * X if bone.end is None else lengths[bone.end_unit] * bone.end for bone in RIG])
    offsets[NAMES.index("Head")], ends[NAMES.index("Head")] = lengths["nose"] * nose, lengths["head"] * crown
    for side in ("left", "right"):              # a pelvis keeps its shape, which need not be a straight line
        mean = (axes["Hips"].swapaxes(1, 2) @ bones[f"{side}_hip"][..., None]).mean(0)[:, 0]
        offsets[NAMES.index(f"{side.title()}UpLeg")] = lengths[f"{side}_hip"] * unit(mean)
    motion = Motion(points[:, 0], offsets, ends, np.stack([axes[name] for name in NAMES], axis=1))
    return stand(motion, lengths["left_ankle"], on_floor)


def bone_lengths(points: np.ndarray) -> dict[str, float]:
    """Median length of the bone that ends in each joint, metres, left and right the same."""
    lengths = np.median(np.linalg.norm(points - points[:, np.array(HUMAN36M.parents)], axis=-1), axis=0)
    return dict(zip(HUMAN36M.joints, (lengths + lengths[HUMAN36M.mirror_order]) / 2))


def trunk_axes(joints: dict, bones: dict, nose: np.ndarray, crown: np.ndarray) -> dict[str, np.ndarray]:
    """Axes (N, 3, 3) of pelvis, spine, neck and head, by name; `nose` and `crown` (3,) at rest."""
    hips = unit(joints["left_hip"] - joints["right_hip"])
    shoulders = unit(joints["left_shoulder"] - joints["right_shoulder"])
    face = np.cross(bones["head"], bones["nose"])               # to the left; the straighter, the shorter
    upright = np.broadcast_to(np.eye(3), (len(hips), 3, 3))
    axes = {"Hips": aligned(upright, X, hips, LOIN, bones["spine"])}
    axes["Spine"] = swing(axes["Hips"], LOIN, bones["spine"])
    axes["Spine1"] = aligned(axes["Spine"], CHEST, bones["thorax"], X, hips + shoulders)
    axes["Spine2"] = aligned(axes["Spine"], CHEST, bones["thorax"], X, shoulders)
    left = axes["Spine2"][..., 0]
    axes["Neck"] = aligned(axes["Spine2"], nose, bones["nose"], X, left + face)
    axes["Head"] = aligned(axes["Neck"], crown, bones["head"], X, 0.3 * left + face)
    return axes


def limb_axes(axes: dict[str, np.ndarray], bones: dict, side: str) -> None:
    """Adds the axes (N, 3, 3) of a side's arm, leg, foot and toes to `axes`."""
    name, sign = side.title(), {"left": 1, "right": -1}[side]
    axes[f"{name}Shoulder"] = swing(axes["Spine2"], CLAVICLE * [sign, 1, 1], bones[f"{side}_shoulder"])
    for above, upper, lower, last, rest, hinge in [
            (f"{name}Shoulder", "Arm", "ForeArm", ["Hand"], sign * X, -sign * Y),
            ("Hips", "UpLeg", "Leg", ["Foot", "ToeBase"], -Y, X)]:
        first, second = (bones[f"{side}_{joint}"] for joint in (
            ("elbow", "wrist") if upper == "Arm" else ("knee", "ankle")))
        axes[name + upper] = hinged(axes[above], rest, first, hinge, np.cross(first, second))
        axes[name + lower] = eased(swing(axes[name + upper], rest, second), axes[above], second, hinge)
        axes |= {name + part: axes[name + lower] for part in last}


def aligned(above: np.ndarray, rest: np.ndarray, main: np.ndarray, rest_side: np.ndarray,
            side: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) with `rest` along unit vectors `main` (N, 3), `rest_side` as near `side` (N, 3) as it gets.

    Without a side the axes `above` are swung the shortest way.
    """
    axes = swing(above, rest, main)
    return twist(axes, main, angle_about(main, axes @ rest_side, side))


def hinged(above: np.ndarray, rest: np.ndarray, main: np.ndarray, rest_hinge: np.ndarray,
           hinge: np.ndarray) -> np.ndarray:
    """`aligned` for a limb, whose hinge (N, 3), as long as the sine of its bend, tells little when it is straight.

    The twist in the axes `above` is smooth in time and changes by MOST_TWIST a frame at most.
    """
    axes = swing(above, rest, main)
    own = twists(above, main, axes @ rest_hinge)
    wanted, weights = own + angle_about(main, axes @ rest_hinge, hinge), dot(hinge, hinge)
    cosine, sine = (smooth(weights * wave(wanted) + PRIOR * wave(own), seconds=STEADY, fps=1)
                    for wave in (np.cos, np.sin))
    return twist(axes, main, unhurried(np.unwrap(np.arctan2(sine, cosine)), MOST_TWIST) - own)


def eased(axes: np.ndarray, above: np.ndarray, main: np.ndarray, rest_hinge: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) of a limb's lower half that twist in the axes `above` by MOST_LOWER_TWIST a frame at most."""
    own = twists(above, main, axes @ rest_hinge)
    return twist(axes, main, unhurried(own, MOST_LOWER_TWIST) - own)


def twists(above: np.ndarray, main: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Radians (N,) by which `side` has turned about `main` (N, 3) since the first frame, seen in `above`.

    It is what remains after `main` has carried it along the shortest way from frame to frame.
    """
    main, side = ((above.swapaxes(1, 2) @ vectors[..., None])[..., 0] for vectors in (main, side))
    carried = (shortest_turn(main[:-1], main[1:]) @ side[:-1, :, None])[..., 0]
    return np.concatenate([[0], angle_about(main[1:], carried, side[1:])]).cumsum()


def unhurried(angles: np.ndarray, most: float) -> np.ndarray:
    """Angles (N,) that change by `most` a frame at most: midway between the tightest such bounds."""
    ramp = most * np.arange(len(angles))
    low, high = (np.maximum.accumulate(sign * angles + ramp) - ramp for sign in (1, -1))
    late, early = (np.maximum.accumulate((sign * angles)[::-1] + ramp)[::-1] - ramp[::-1] for sign in (1, -1))
    return (np.maximum(low, late) - np.maximum(high, early)) / 2


def stand(motion: Motion, shin: float, on_floor: bool) -> Motion:
    """`motion` moved up or down to the floor, with feet and toes that do not go through it."""
    feet, toes = ([NAMES.index(side + part) for side in ("Left", "Right")] for part in ("Foot", "ToeBase"))
    heights = motion.points()[..., 1]
    heights[:, feet] -= ANKLE * shin
    lowest = np.concatenate([np.delete(heights, toes, axis=1), motion.tips()[:, :-2, 1]], axis=1).min(1)
    if not on_floor:
        lowest = np.full_like(lowest, min(np.percentile(lowest, 2), lowest.min() + 0.02))
    motion = replace(motion, root=motion.root - lowest[:, None] * Y, axes=motion.axes.copy())
    for foot, toe in zip(feet, toes):
        height = motion.points()[:, foot, 1]
        flat = 1 - (height - ANKLE * shin) / NEAR_FLOOR
        motion.axes[:, foot] = bent(motion.axes[:, foot], motion.offsets[toe], height - TOE * shin,
                                    flat.clip(0, 1), FOOT_LIMITS)
        height = motion.points()[:, toe, 1]
        motion.axes[:, toe] = bent(motion.axes[:, foot], motion.ends[toe], height, 0 * height, TOE_LIMITS)
    below = -np.concatenate([motion.points(), motion.tips()], axis=1)[..., 1].min(1)
    return replace(motion, root=motion.root + (below.clip(0) if on_floor else (below - 0.02).clip(0))[:, None] * Y)


def bent(axes: np.ndarray, end: np.ndarray, height: np.ndarray, flat: np.ndarray,
         limits: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) turned about their x, within `limits`, until `end` (3,) is not below the floor.

    The axes' origin is at `height` (N,). Where `end` is above the floor it moves down to it by the part `flat`
    (N,) of the way.
    """
    rise = axes[:, 1, 1] * end[1] + axes[:, 1, 2] * end[2]          # the end's height is
    dip = axes[:, 1, 2] * end[1] - axes[:, 1, 1] * end[2]           # rise cos(angle) + dip sin(angle)
    highest, reach = np.arctan2(dip, rise), np.maximum(np.hypot(rise, dip), 1e-9)
    half = np.arccos((-height / reach).clip(-1, 1))                 # above the floor: highest +- half
    away = -highest                                                 # from there to the unbent foot
    touch = highest + np.where(away < 0, -half, half)
    angles = np.angle(np.exp(1j * np.where(np.abs(away) > half, touch, flat * touch)))
    return twist(axes, axes[..., 0], unhurried(angles.clip(*limits), MOST_TWIST))
