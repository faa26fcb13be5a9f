"""Joint positions -> the motion of the rig: bones of constant length, limbs with hinges, feet on the floor.

Shapes: N frames, J joints. Rig space: common/video/rig.py. Twist is the part of a rotation about a bone's own
line; joints do not show it, except where a limb bends or two sides are seen.
"""
import numpy as np

from common.skeleton import HUMAN36M
from common.smooth import smooth
from common.video.feet import stand
from common.video.parts import by_parts
from common.video.rig import CHEST, CLAVICLE, CROWN, LOIN, NAMES, NOSE, RIG, Motion, X, Y
from common.video.rotations import angle_about, dot, shortest_turn, swing, twist, unhurried, unit

PRIOR = 0.05                            # weight of the twist at rest beside that of a hinge, sin(bend)^2
STEADY = 1.5                            # frames, standard deviation of the Gaussian that smooths twists
MOST_TWIST = np.radians(15)             # of a limb's upper half, from one frame to the next
MOST_LOWER_TWIST = np.radians(25)       # of its lower half
SHOULDERS = 0.3                         # weight of the shoulders beside the face for a head's twist
SIDES = {"left": 1, "right": -1}
# What a bone without a length is taken to point along, by the joint where it ends.
REST = {"spine": LOIN, "thorax": CHEST, "nose": NOSE, "head": CROWN}
REST |= {bone.point: bone.offset for bone in RIG if bone.point[:4] in ("left", "righ")}


def wear(points: np.ndarray, *, on_floor: bool, nose: np.ndarray = NOSE, crown: np.ndarray = CROWN) -> Motion:
    """The rig's motion for the points (N, 17, 3), rig space, of Human3.6M's joints.

    Bones have their median length, left and right the same. The rig's joints lie where `points` has them if
    bones have constant length and hips and pelvis keep their distances. `on_floor`: see `feet.stand`, which
    moves whole frames.
    `nose` and `crown` (3,): directions from thorax to nose and from there to head at rest.
    """
    motion, shin = dress(points, nose, crown)
    return stand(motion, shin, on_floor=on_floor)


def dress(points: np.ndarray, nose: np.ndarray, crown: np.ndarray) -> tuple[Motion, float]:
    """`wear` but for the floor, and the length of a shin, metres."""
    joints = {name: points[:, index] for index, name in enumerate(HUMAN36M.joints)}
    bones = {name: unit(joints[name] - joints[HUMAN36M.joints[parent]], REST[name])
             for name, parent in zip(HUMAN36M.joints, HUMAN36M.parents) if parent >= 0}
    axes = trunk_axes(joints, bones, nose, crown)
    for side in SIDES:
        add_limbs(axes, bones, side)
    lengths, head = bone_lengths(points), NAMES.index("Head")
    offsets = np.array([lengths[bone.unit] * bone.offset for bone in RIG])
    ends = np.array([0 * X if bone.end is None else lengths[bone.end_unit] * bone.end for bone in RIG])
    offsets[head], ends[head] = lengths["nose"] * nose, lengths["head"] * crown
    for side, sign in SIDES.items():            # hips and pelvis need not lie on one line
        mean = (axes["Hips"].swapaxes(1, 2) @ bones[f"{side}_hip"][..., None]).mean(0)[:, 0]
        offsets[NAMES.index(f"{side.title()}UpLeg")] = lengths[f"{side}_hip"] * unit(mean, sign * X)
    return Motion(points[:, 0], offsets, ends, [axes[name] for name in NAMES]), lengths["left_ankle"]


def bone_lengths(points: np.ndarray) -> dict[str, float]:
    """Median length of the bone that ends in each joint, metres, left and right the same; of the root 0."""
    parents = np.array(HUMAN36M.parents)
    lengths = by_parts(lambda part: np.linalg.norm(part - part[:, parents], axis=-1), points)
    lengths = np.median(lengths, axis=0) * (parents >= 0)
    return dict(zip(HUMAN36M.joints, (lengths + lengths[HUMAN36M.mirror_order]) / 2))


def trunk_axes(joints: dict, bones: dict, nose: np.ndarray, crown: np.ndarray) -> dict[str, np.ndarray]:
    """Axes (N, 3, 3) of pelvis, spine, neck and head, by name."""
    hips = unit(joints["left_hip"] - joints["right_hip"], X)
    shoulders = unit(joints["left_shoulder"] - joints["right_shoulder"])
    face = np.cross(bones["head"], bones["nose"])               # to the left; the straighter, the shorter
    axes = {"Hips": aligned(np.broadcast_to(np.eye(3), (len(hips), 3, 3)), X, hips, LOIN, bones["spine"])}
    axes["Spine"] = swing(axes["Hips"], LOIN, bones["spine"])
    axes["Spine1"] = aligned(axes["Spine"], CHEST, bones["thorax"], X, hips + shoulders)
    axes["Spine2"] = aligned(axes["Spine"], CHEST, bones["thorax"], X, shoulders)
    left = axes["Spine2"][..., 0]
    axes["Neck"] = aligned(axes["Spine2"], nose, bones["nose"], X, left + face)
    axes["Head"] = aligned(axes["Neck"], crown, bones["head"], X, SHOULDERS * left + face)
    return axes


def add_limbs(axes: dict[str, np.ndarray], bones: dict, side: str) -> None:
    """Adds the axes (N, 3, 3) of a side's arm and leg to `axes`; hands, feet and toes are not bent."""
    name, sign = side.title(), SIDES[side]
    axes[f"{name}Shoulder"] = swing(axes["Spine2"], CLAVICLE * [sign, 1, 1], bones[f"{side}_shoulder"])
    for above, upper, lower, last, joints, rest, hinge in [
            (f"{name}Shoulder", "Arm", "ForeArm", ["Hand"], ("elbow", "wrist"), sign * X, -sign * Y),
            ("Hips", "UpLeg", "Leg", ["Foot", "ToeBase"], ("knee", "ankle"), -Y, X)]:
        first, second = (bones[f"{side}_{joint}"] for joint in joints)
        axes[name + upper] = hinged(axes[above], rest, first, hinge, np.cross(first, second))
        axes[name + lower] = eased(swing(axes[name + upper], rest, second), axes[above], second, hinge)
        axes |= {name + part: axes[name + lower] for part in last}


def aligned(above: np.ndarray, rest: np.ndarray, main: np.ndarray, rest_side: np.ndarray,
            side: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) whose `rest` (3,) is `main` (N, 3), unit vectors, and `rest_side` near `side`.

    Without a side the axes `above` are swung the shortest way.
    """
    axes = swing(above, rest, main)
    return twist(axes, main, angle_about(main, axes @ rest_side, side))


def hinged(above: np.ndarray, rest: np.ndarray, main: np.ndarray, rest_hinge: np.ndarray,
           hinge: np.ndarray) -> np.ndarray:
    """`aligned` for a limb with a hinge (N, 3), which is as long as the sine of its bend.

    A straight limb's hinge tells little. The twist in the axes `above` is smooth in time and changes by
    MOST_TWIST a frame at most.
    """
    axes = swing(above, rest, main)
    own = twists(above, main, axes @ rest_hinge)
    wanted, weights = own + angle_about(main, axes @ rest_hinge, hinge), dot(hinge, hinge)
    cosine, sine = (smooth(weights * wave(wanted) + PRIOR * wave(own), seconds=STEADY, fps=1)
                    for wave in (np.cos, np.sin))
    return twist(axes, main, unhurried(np.unwrap(np.arctan2(sine, cosine)), MOST_TWIST) - own)


def eased(axes: np.ndarray, above: np.ndarray, main: np.ndarray, rest_hinge: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) of a limb's lower half, whose twist in the axes `above` MOST_LOWER_TWIST limits."""
    own = twists(above, main, axes @ rest_hinge)
    return twist(axes, main, unhurried(own, MOST_LOWER_TWIST) - own)


def twists(above: np.ndarray, main: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Radians (N,) by which `side` has turned about `main` (N, 3) since the first frame, seen in `above`.

    It is what remains after `main` has carried it along the shortest way from frame to frame.
    """
    main, side = ((above.swapaxes(1, 2) @ vectors[..., None])[..., 0] for vectors in (main, side))
    carried = (shortest_turn(main[:-1], main[1:]) @ side[:-1, :, None])[..., 0]
    return np.concatenate([[0], angle_about(main[1:], carried, side[1:])]).cumsum()
