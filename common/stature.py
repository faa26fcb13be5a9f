"""How tall a person is by the bones, and the bones of an average adult.

A bone is named for the joint at its end. The joints reach from the ankles to the head: the sum of shin,
thigh, spine, chest, neck and head is taken as 1 / 1.07 of the height, for sole and crown.

Shapes: J joints, among them those of common.skeleton.HUMAN36M.
"""
from common.skeleton import Skeleton

# Length in metres, the mean over the 19 training people of the bundled motion capture.
ADULT = {"hip": 0.089, "knee": 0.408, "ankle": 0.440, "spine": 0.222, "thorax": 0.333, "nose": 0.106,
         "head": 0.129, "shoulder": 0.190, "elbow": 0.302, "wrist": 0.284}
STACKED = ("knee", "ankle", "spine", "thorax", "nose", "head")
CROWN_AND_SOLE = 1.07
ADULT_HEIGHT = CROWN_AND_SOLE * sum(ADULT[kind] for kind in STACKED)        # 1.75 m


def kind(joint: str) -> str:
    """The kind of the bone that ends in a joint: `knee` for `left_knee`."""
    return joint.removeprefix("left_").removeprefix("right_")


def stature(pose, skeleton: Skeleton):
    """The height (..) in metres of whoever has the bones of `pose` (.., J, 3), metres; NumPy and torch alike.

    Of a bone that left and right have, the mean counts.
    """
    total = 0
    for parent, child in skeleton.bones:
        name = skeleton.joints[child]
        if kind(name) in STACKED:
            length = ((pose[..., child, :] - pose[..., parent, :]) ** 2).sum(-1) ** 0.5
            total = total + (length if kind(name) == name else length / 2)
    return CROWN_AND_SOLE * total
