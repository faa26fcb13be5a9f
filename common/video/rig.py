"""The rig that a BVH file describes, and its motion by forward kinematics.

Shapes: N frames, B bones, E bones that carry no other. Rig space: metres, y up.
At rest the rig stands in a T, arms sideways, palms down; x is its left and z its front.
"""
from dataclasses import dataclass, replace

import numpy as np

from common.skeleton import mirrored_name
from common.video.rotations import unit

X, Y, Z = np.eye(3)
# How people stand: medians of the 19 training subjects of the bundled motion capture, frames with an upright
# trunk. The loin leans back, the chest forward, and the nose lies before the neck.
LOIN, CHEST = unit(np.array([0, .220, -.031])), unit(np.array([0, .330, .029]))
NOSE, CROWN = unit(np.array([0, .076, .072])), unit(np.array([0, .121, -.044]))
CLAVICLE = unit(np.array([.182, -.029, -.015]))
ANKLE, TOE = 0.18, 0.02         # heights of ankle and toes above the sole, in lengths of the shin


@dataclass(frozen=True)
class Bone:
    """One bone of the rig.

    name, point   its name, as Mixamo's characters have it; the joint where it starts, or another point's name
    parent        the bone that carries it
    offset, unit  (3,) where it starts in its parent's axes at rest, in lengths of the joint bone to `unit`
    order         the file order of its Euler angles: a hinge's axis first; for the others the one whose
                  second angle stays farthest from 90 degrees on the training subjects
    end           (3,) where it ends if it carries no bone, in lengths of the joint bone to `end_unit`
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
       Bone("LeftHand", "left_wrist", "LeftForeArm", X, "left_wrist", "YZX", .4 * X, "left_wrist")]
LEG = [Bone("LeftUpLeg", "left_hip", "Hips", X, "left_hip", "YZX"),
       Bone("LeftLeg", "left_knee", "LeftUpLeg", -Y, "left_knee", "XZY"),
       Bone("LeftFoot", "left_ankle", "LeftLeg", -Y, "left_ankle", "XZY"),
       Bone("LeftToeBase", "left_toe", "LeftFoot", (TOE - ANKLE) * Y + .3 * Z, "left_ankle", "XZY",
            -TOE * Y + .14 * Z, "left_ankle")]
RIG = [*TRUNK, *ARM, *[bone.mirrored() for bone in ARM], *LEG, *[bone.mirrored() for bone in LEG]]
NAMES = [bone.name for bone in RIG]
PARENTS = [-1 if bone.parent is None else NAMES.index(bone.parent) for bone in RIG]
LAST = [bone for bone in range(len(RIG)) if RIG[bone].end is not None]      # head, hands, toes


@dataclass(frozen=True)
class Motion:
    """A rig that moves.

    root     (N, 3) where Hips lies, metres, rig space
    offsets  (B, 3) where each bone starts in its parent's axes, metres; of Hips 0
    ends     (B, 3) where each bone ends in its own axes, metres; 0 where it carries others
    axes     of each of the B bones (N, 3, 3), its axes in rig space; bones may share an array
    """
    root: np.ndarray
    offsets: np.ndarray
    ends: np.ndarray
    axes: list[np.ndarray]

    def cut(self, rows: slice) -> "Motion":
        """The motion in these frames."""
        return replace(self, root=self.root[rows], axes=[axes[rows] for axes in self.axes])

    def points(self) -> np.ndarray:
        """Where the bones start (N, B, 3), rig space: forward kinematics."""
        points = np.repeat(self.root[:, None], len(RIG), axis=1)
        for bone, parent in list(enumerate(PARENTS))[1:]:
            points[:, bone] = points[:, parent] + self.axes[parent] @ self.offsets[bone]
        return points

    def tips(self) -> np.ndarray:
        """Where the bones of LAST end (N, E, 3), rig space."""
        axes = np.stack([self.axes[bone] for bone in LAST], axis=1)                 # (N, E, 3, 3)
        return self.points()[:, LAST] + (axes @ self.ends[LAST, :, None])[..., 0]

    def turns(self) -> np.ndarray:
        """Each bone's rotation (N, B, 3, 3) in its parent's axes; of Hips in rig space."""
        axes = np.stack(self.axes, axis=1)                                          # (N, B, 3, 3)
        above = axes[:, PARENTS]
        above[:, 0] = np.eye(3)
        return above.swapaxes(-1, -2) @ axes
