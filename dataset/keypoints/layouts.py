"""Joint layouts of 2D detectors and their conversion to Human3.6M's 17. Left and right are the person's own.

Shapes: N frames, J joints of the detector's layout. Positions are pixels or any other linear 2D coordinates.
"""
import numpy as np

from common.skeleton import HUMAN36M, TO_HUMAN36M, Skeleton

# The order of COCO's person keypoints (cocodataset.org). COCO has no pelvis: the nose is the root.
COCO17 = Skeleton(
    name="coco17",
    joints=("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
            "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee",
            "right_knee", "left_ankle", "right_ankle"),
    parents=(-1, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    root=0,
)

# OpenPose's documentation, "Pose Output Format (BODY_25)".
BODY25 = Skeleton(
    name="body25",
    joints=("nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow",
            "left_wrist", "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee",
            "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear", "left_big_toe", "left_small_toe",
            "left_heel", "right_big_toe", "right_small_toe", "right_heel"),
    parents=(1, 8, 1, 2, 3, 1, 5, 6, -1, 8, 9, 10, 8, 12, 13, 0, 0, 15, 16, 14, 19, 14, 11, 22, 11),
    root=8,
)

# MediaPipe's documentation, "Pose landmark detection guide". BlazePose has no pelvis: the nose is the root.
BLAZEPOSE33 = Skeleton(
    name="blazepose33",
    joints=("nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye",
            "right_eye_outer", "left_ear", "right_ear", "left_mouth", "right_mouth", "left_shoulder",
            "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_pinky",
            "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip", "right_hip",
            "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel",
            "left_foot_index", "right_foot_index"),
    parents=(-1, 0, 1, 2, 0, 4, 5, 3, 6, 0, 0, 0, 0, 11, 12, 13, 14, 15, 16, 15, 16, 15, 16, 11, 12, 23, 24,
             25, 26, 27, 28, 27, 28),
    root=0,
)

LAYOUTS = {layout.name: layout for layout in (HUMAN36M, COCO17, BODY25, BLAZEPOSE33)}

# Numbers of joints that layouts without a place here have too: the file or the command line must name one.
ALSO = {17: "", 25: " or another detector's (Kinect's, BODY_25B)"}

# A part of the head that the detector misses -> the joints whose mean stands in for it, first choice first.
# A hidden ear lies behind the head, near the other ear in the image: people often turn away from the camera.
HEAD_STAND_INS = {"left_ear": (("right_ear",), ("nose",)), "right_ear": (("left_ear",), ("nose",)),
                  "nose": (("left_ear", "right_ear"), ("left_ear",), ("right_ear",))}


def find_layout(num_joints: int, layout: str | None = None) -> Skeleton:
    """The layout of that name, or else the only one with that many joints; ValueError where there is none.

    A number of joints in ALSO tells no layout.
    """
    known = ", ".join(f"{name} ({len(skeleton.joints)} joints)" for name, skeleton in LAYOUTS.items())
    if layout is not None:
        if layout not in LAYOUTS:
            raise ValueError(f"There is no joint layout {layout!r}. Choose with --layout from: {known}.")
        if len(LAYOUTS[layout].joints) != num_joints:
            raise ValueError(f"The layout {layout} has {len(LAYOUTS[layout].joints)} joints, the keypoints "
                             f"have {num_joints}. Choose with --layout from: {known}.")
        return LAYOUTS[layout]
    fitting = [skeleton for skeleton in LAYOUTS.values() if len(skeleton.joints) == num_joints]
    if not fitting:
        raise ValueError(f"No joint layout has {num_joints} joints. Run the detector with one of: {known}; "
                         f"or say which joint is which in a mapping file, --layout FILE.json.")
    if num_joints in ALSO:
        names = " or ".join(skeleton.name for skeleton in fitting)
        raise ValueError(f"{num_joints} joints may be {names}{ALSO[num_joints]}, and the file does not say. "
                         f"State it with --layout: one of these names, or a mapping file.")
    return fitting[0]


def needed_joints(layout: Skeleton) -> list[int]:
    """Indices, ascending, of the joints that the conversion to Human3.6M reads; the others may be missing."""
    if layout == HUMAN36M:
        return list(range(len(HUMAN36M.joints)))
    return sorted({layout.joints.index(source) for weights in TO_HUMAN36M.values() for source in weights})


def to_human36m(keypoints: np.ndarray, scores: np.ndarray, layout: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Human3.6M's joints (N, 17, 2) and scores (N, 17) of `keypoints` (N, J, 2) and `scores` (N, J).

    A joint's score is the lowest of the joints it is made of. Human3.6M's own layout passes unchanged.
    """
    shape = (len(keypoints), len(layout.joints))
    if keypoints.shape != (*shape, 2) or scores.shape != shape:
        raise ValueError(f"The layout {layout.name} expects keypoints {(*shape, 2)} and scores {shape}, got "
                         f"{keypoints.shape} and {scores.shape}. Name the layout that the detector wrote.")
    if layout == HUMAN36M:
        return keypoints.copy(), scores.copy()
    joints, joint_scores = [], []
    for target in HUMAN36M.joints:
        rows = [layout.joints.index(source) for source in TO_HUMAN36M[target]]
        weights = np.array(list(TO_HUMAN36M[target].values()))
        joints.append((keypoints[:, rows] * weights[:, None]).sum(axis=1))      # (N, 2)
        joint_scores.append(scores[:, rows].min(axis=1))                        # (N,)
    return np.stack(joints, axis=1), np.stack(joint_scores, axis=1)


def complete_head(keypoints: np.ndarray, seen: np.ndarray, layout: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """New `keypoints` (N, J, 2) and `seen` (N, J) bool with unseen ears and noses filled by HEAD_STAND_INS.

    Only joints that are seen in the same frame stand in. Human3.6M's own layout passes unchanged.
    """
    filled_keypoints, filled = keypoints.copy(), seen.copy()
    if layout == HUMAN36M:
        return filled_keypoints, filled
    for joint, choices in HEAD_STAND_INS.items():
        target = layout.joints.index(joint)
        for choice in choices:
            rows = [layout.joints.index(source) for source in choice]
            frames = ~filled[:, target] & seen[:, rows].all(axis=1)
            filled_keypoints[frames, target] = keypoints[frames][:, rows].mean(axis=1)
            filled[:, target] |= frames
    return filled_keypoints, filled
