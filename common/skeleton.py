"""Joint layouts: names, parents, root, and the mirror image. Left and right are the person's own.

Shapes: J joints.
"""
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Skeleton:
    """One joint layout.

    joints    J names; a name that starts with `left_` has a twin that starts with `right_`
    parents   J indices; -1 for the root of the kinematic tree
    root      index of the joint that poses are relative to
    """
    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    root: int

    @cached_property
    def mirror_order(self) -> list[int]:
        """For each joint, the index of the joint that takes its place in the mirror."""
        return [self.joints.index(mirrored_name(name)) for name in self.joints]

    @cached_property
    def bones(self) -> list[tuple[int, int]]:
        """(parent, child) for each of the J - 1 bones."""
        return [(parent, child) for child, parent in enumerate(self.parents) if parent >= 0]

    def indices(self, prefix: str) -> list[int]:
        """Joints whose name starts with `prefix`, for example `left_`."""
        return [index for index, name in enumerate(self.joints) if name.startswith(prefix)]


def mirrored_name(name: str) -> str:
    """`left_knee` for `right_knee` and the other way round; other names stay."""
    for side, other in (("left_", "right_"), ("right_", "left_")):
        if name.startswith(side):
            return other + name.removeprefix(side)
    return name


def flip(joints, skeleton: Skeleton):
    """Mirror image (.., J, 2 or 3) of `joints` (.., J, 2 or 3), as a new array or tensor.

    x changes sign and left and right swap places, so x = 0 must be the mirror plane: the image centre for
    screen coordinates, the root or the camera for poses. NumPy and torch alike.
    """
    mirrored = joints[..., skeleton.mirror_order, :]
    mirrored[..., 0] = -mirrored[..., 0]
    return mirrored


HUMAN36M = Skeleton(
    name="human36m",
    joints=("pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
            "spine", "thorax", "nose", "head", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder",
            "right_elbow", "right_wrist"),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    root=0,
)

MPI_INF_3DHP = Skeleton(
    name="mpi_inf_3dhp",
    joints=("head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
            "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
            "pelvis", "spine", "head"),
    parents=(16, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1),
    root=14,
)

SKELETONS = {skeleton.name: skeleton for skeleton in (HUMAN36M, MPI_INF_3DHP)}

# Across layouts: which joint of the other takes a joint's place in the input. `head` names another point in
# each.
STAND_INS = {("human36m", "mpi_inf_3dhp"): {"thorax": "neck", "nose": "head", "head": "head_top"},
             ("mpi_inf_3dhp", "human36m"): {"neck": "thorax", "head": "nose", "head_top": "head"}}


def conversion(source: Skeleton, target: Skeleton) -> list[int]:
    """For each joint of `target`, the index of the joint of `source` that has its name or stands in for it.

    Raises ValueError for layouts without a documented correspondence.
    """
    if source is target:
        return list(range(len(target.joints)))
    if (target.name, source.name) not in STAND_INS:
        raise ValueError(f"No correspondence is known between the joints of {source.name} and of "
                         f"{target.name}. Evaluate on a data set with the joints that the network was "
                         "trained on.")
    stand_ins = STAND_INS[target.name, source.name]
    return [source.joints.index(stand_ins.get(name, name)) for name in target.joints]


def shared_joints(source: Skeleton, target: Skeleton) -> list[str]:
    """The joints that both layouts name for the same point, in the order of `target`."""
    stand_ins = STAND_INS.get((target.name, source.name), {})
    return [name for name in target.joints if name in source.joints and name not in stand_ins]


LIMBS = [f"{side}_{part}" for side in ("left", "right")
         for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
# Human3.6M's joint -> the detector's joints whose weighted sum it is; the weights of a row add up to 1. All
# detector layouts name these joints alike, so one table serves them all. Limbs are taken as they are. Others:
# pelvis  midway between the hips, as Human3.6M's own.
# spine   midway between pelvis and shoulder line: in Human3.6M's recorded skeleton this joint is about 233 mm
#         above the pelvis and the thorax about 257 mm above it.
# thorax  above the shoulder line by 0.06 of that line's distance from the pelvis: the median over the bundled
#         motion capture (dataset/cmu_mocap.npz), of which 80 % of the frames lie between 0.03 and 0.09.
# nose    Human3.6M's joint lies about 75 mm ahead of the skull's base, the tip of the nose about 125 mm ahead
#         of the ears: 0.6 of the way from between the ears to the tip.
# head    about 80 mm above the ears, and these about 200 mm above the shoulder line: 0.4 of that distance on.
TO_HUMAN36M = {
    **{joint: {joint: 1.0} for joint in LIMBS},
    "pelvis": {"left_hip": 0.5, "right_hip": 0.5},
    "spine": {"left_hip": 0.25, "right_hip": 0.25, "left_shoulder": 0.25, "right_shoulder": 0.25},
    "thorax": {"left_hip": -0.03, "right_hip": -0.03, "left_shoulder": 0.53, "right_shoulder": 0.53},
    "nose": {"nose": 0.6, "left_ear": 0.2, "right_ear": 0.2},
    "head": {"left_ear": 0.7, "right_ear": 0.7, "left_shoulder": -0.2, "right_shoulder": -0.2},
}
