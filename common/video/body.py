"""Lifted poses -> one body: constant bones, joints that bend as joints do, feet that stand on one floor.

Shapes: N frames, J joints (17, common.skeleton.HUMAN36M). Camera space: x right, y down, z forward; metres.
"""
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from common.bounds import BODY_HEIGHT
from common.camera import estimate_root
from common.skeleton import HUMAN36M, Skeleton
from common.smooth import smooth
from common.terminal import progress
from common.video import anatomy
from common.video.level import camera_pitch, up_at_pitch
from common.video.motion import Motion
from common.video.parts import by_parts, parts

WINDOW, OVERLAP = 1000, 100     # frames that are fitted together, and that two windows share
FIRST_STEPS, STEPS = 3, 4       # of the search without and with standing feet
ROOT_SECONDS = 0.3              # over which the first guess of the root's path is smoothed
ANKLE_HEIGHT = 0.08             # of a standing foot's ankle above the floor, metres at a stature of 1.75 m
FOOT_SPEED = 0.3                # m/s at which an ankle is as likely to move as to stand
FOOT_RISE = 0.12                # metres above the standing ankles at which it is
LOWEST = 20                     # percent of the frames in which the lower ankle is taken to stand, at first
DEPTH_COUNTS = 0.3              # weight of an ankle's speed along the line of sight, which is less sure
SPEED_SECONDS = 0.1             # over which an ankle's speed is averaged
CORRECTED = 0.1                 # metres beside its keypoint from which a joint is called corrected
UNLIKELY = 0.5                  # score below which a keypoint does not count as seen
STATES = ("seen", "filled", "corrected")


@dataclass(frozen=True)
class Body:
    """A fitted motion. Arrays share their first axis, the frames, where they have one.

    pose      (N, J, 3) root-relative, camera space, metres
    root      (N, 3) camera-space position of the root joint, metres
    lengths   (J,) of the bone that ends in each joint, metres; 0 for the root
    height    the person's stature in metres; `height_stated` tells whether it was given or is an average
              adult's
    up        (3,) unit vector against gravity; `up_stated` tells whether it was given or judged
    floor     how far the floor lies along `up` from the camera, metres: up @ point = floor; None where no
              foot ever stands
    standing  (N, 2) bool, the right and the left foot
    state     (N, J) index of STATES: the keypoint was seen; it was not, the joint is filled; it was, and the
              joint lies elsewhere
    """
    pose: np.ndarray
    root: np.ndarray
    lengths: np.ndarray
    height: float
    height_stated: bool
    up: np.ndarray
    up_stated: bool
    floor: float | None
    standing: np.ndarray
    state: np.ndarray


def fit(lifted: np.ndarray, keypoints: np.ndarray, seen: np.ndarray, intrinsics: np.ndarray, fps: float, *,
        height: float | None = None, up: np.ndarray | None = None, skeleton: Skeleton = HUMAN36M) -> Body:
    """The motion of one body that explains lifted poses and keypoints best.

    `lifted` (N, J, 3) root-relative, camera space, metres; `keypoints` (N, J, 2) screen coordinates; `seen`
    (N, J) from 0 (unseen, the keypoint is filled) to 1; `intrinsics` (4,) in screen units, stated or assumed;
    `height` the stature in metres, None for an average adult's; `up` (3,) camera space, against gravity, None
    where the motion is to tell. Raises ValueError for other joints, shapes, sizes and numbers.
    """
    check(lifted, keypoints, seen, intrinsics, fps, height, up, skeleton)
    lengths, intrinsics = anatomy.adult(height), np.asarray(intrinsics, np.float64)
    lifted = lifted.astype(np.float64)
    lifted -= lifted[:, :1].copy()
    lifted *= lengths.sum() / max(anatomy.measured(lifted).sum(), 1e-3)
    root = first_root(keypoints, lifted, intrinsics, fps)

    def given(rows: slice) -> dict[str, np.ndarray]:
        return {"bones": anatomy.directions(lifted[rows]), "root": root[rows],
                "seen": np.asarray(seen[rows], np.float64),
                "keypoints": (keypoints[rows].astype(np.float64) - intrinsics[2:]) / intrinsics[:2]}

    first_up = up_at_pitch(camera_pitch(lifted, skeleton)) if up is None else np.asarray(up, np.float64)
    motion = search(given(middle(len(lifted))), fps, lengths=lengths, up=anatomy.unit(first_up),
                    known_up=up is not None)
    found = motion if len(lifted) <= WINDOW else joined(given, root, fps, motion)
    return described(motion, found, given, height, up)


def check(lifted, keypoints, seen, intrinsics, fps, height, up, skeleton) -> None:
    """Raise ValueError where the arguments of `fit` make no sense."""
    if skeleton is not HUMAN36M:
        raise ValueError(f"The fit of a body knows the joints of {HUMAN36M.name}, not of {skeleton.name}. "
                         "Switch it off.")
    shapes = [np.shape(values) for values in (lifted, keypoints, seen, intrinsics)]
    frames, joints = len(lifted), len(skeleton.joints)
    if frames == 0 or shapes != [(frames, joints, 3), (frames, joints, 2), (frames, joints), (4,)]:
        raise ValueError(f"Expected poses (frames, {joints}, 3), keypoints (frames, {joints}, 2), seen "
                         f"(frames, {joints}) and 4 intrinsics, got the shapes {shapes}.")
    if not all(np.isfinite(values).all() for values in (lifted, keypoints, seen, intrinsics)):
        raise ValueError("Poses, keypoints, seen and intrinsics must be finite. Fill unseen joints first.")
    if np.min(seen) < 0 or np.max(seen) > 1 or not fps > 0 or np.min(intrinsics[:2]) <= 0:
        raise ValueError("Expected seen from 0 to 1, a positive frame rate and positive focal lengths.")
    if height is not None and not BODY_HEIGHT[0] <= height <= BODY_HEIGHT[1]:
        raise ValueError(f"A person's height is {BODY_HEIGHT[0]} to {BODY_HEIGHT[1]} metres, got {height}. "
                         "State it in metres.")
    if up is not None and not (np.shape(up) == (3,) and np.isfinite(up).all() and np.linalg.norm(up) > 1e-6):
        raise ValueError(f"Expected a vertical of 3 finite numbers, not all 0, got {up}.")


def first_root(keypoints: np.ndarray, poses: np.ndarray, intrinsics: np.ndarray, fps: float) -> np.ndarray:
    """Smoothed root positions (N, 3) that best explain keypoints (N, J, 2) of poses (N, J, 3) one by one.

    Frames without one are interpolated; ValueError where no frame has one.
    """
    root = by_parts(lambda *part: estimate_root(part[0].astype(np.float64), part[1], intrinsics),
                    keypoints, poses)
    frames, known = np.arange(len(root)), np.flatnonzero(np.isfinite(root).all(1))
    if len(known) == 0:
        raise ValueError("The root cannot be estimated: in every frame all keypoints coincide or no depth "
                         "explains them. Check the keypoints, or switch the fit off.")
    root = np.stack([np.interp(frames, known, axis[known]) for axis in root.T], axis=1)
    return smooth(root, seconds=ROOT_SECONDS, fps=fps)


def middle(frames: int) -> slice:
    """The WINDOW frames in the middle, or all."""
    first = max(0, (frames - WINDOW) // 2)
    return slice(first, first + WINDOW)


def search(given: dict[str, np.ndarray], fps: float, **known) -> Motion:
    """The fitted motion of what is `given` of the frames of a window; `known` are arguments of Motion too."""
    motion = Motion(**given, fps=fps, **known)
    for _ in range(FIRST_STEPS):
        motion.improve(feet=False)
    find_standing(motion)
    for _ in range(STEPS):
        motion.improve(feet=True)
    return motion


def find_standing(motion: Motion) -> None:
    """Judge which feet stand, and at which level: ankles that are slow and about as low as the others."""
    ankles = motion.root[:, None] + motion.pose[:, anatomy.ANKLES]                  # (N, 2, 3)
    height, seen = ankles @ motion.up, motion.seen[:, anatomy.ANKLES]               # (N, 2)
    slow = 1 / (1 + (speeds(ankles, motion.fps) / FOOT_SPEED) ** 4)
    level = motion.level if motion.known.all() else np.percentile(height.min(1), LOWEST)
    for _ in range(2):
        rise = np.maximum(height - level, 0)
        motion.standing = seen * slow / (1 + (rise / FOOT_RISE) ** 4)
        total = motion.standing.sum()
        if total > 1 and not motion.known.all():
            level = (motion.standing * height).sum() / total
    motion.level = level


def speeds(points: np.ndarray, fps: float) -> np.ndarray:
    """Speeds (N, M), m/s, of points (N, M, 3), averaged over a short while; less of it along the sight."""
    if len(points) < 2:
        return np.zeros(points.shape[:2])
    velocity, sight = np.gradient(points, axis=0) * fps, anatomy.unit(points)
    velocity -= (1 - DEPTH_COUNTS) * (velocity * sight).sum(-1, keepdims=True) * sight
    speed, reach = np.linalg.norm(velocity, axis=-1), max(1, round(SPEED_SECONDS * fps / 2))
    padded = np.pad(speed, ((reach, reach), (0, 0)), mode="edge")
    return np.mean([padded[shift:shift + len(speed)] for shift in range(2 * reach + 1)], axis=0)


@dataclass
class Joined:
    """What changes from frame to frame of a motion: see Motion."""
    root: np.ndarray
    turns: np.ndarray
    standing: np.ndarray


def joined(given: Callable[[slice], dict], root: np.ndarray, fps: float, found: Motion) -> Joined:
    """The motion of all frames, fitted in windows with the body, vertical and level of `found`.

    `given` are the arguments of Motion for some frames. `root` (N, 3) is its first guess, which the fitted
    path replaces, so that a window begins where the one before ended. Where two windows overlap, one fades
    into the other.
    """
    frames, directions = len(root), len(anatomy.JOINTS)
    starts = np.append(np.arange(0, frames - WINDOW, WINDOW - OVERLAP), frames - WINDOW)
    whole = Joined(root, np.empty((frames, directions, 3)), np.zeros((frames, 2)))
    for rows in parts(frames):
        whole.turns[rows] = anatomy.unit(given(rows)["bones"])
    filled = 0
    for start in progress(starts.tolist(), desc="fit", unit="window"):
        rows = slice(start, start + WINDOW)
        part = search(given(rows), fps, lengths=found.lengths, up=found.up, level=found.level, known_up=True,
                      known_body=True)
        share = np.ones(WINDOW)
        if start:
            share[:filled - start] = (np.arange(filled - start) + 1) / (filled - start + 1)
        for name in ("root", "turns", "standing"):
            whole_values, values = getattr(whole, name), getattr(part, name)
            weight = share.reshape(-1, *[1] * (values.ndim - 1))
            whole_values[rows] += weight * (values - whole_values[rows])
        filled = start + WINDOW
    for rows in parts(frames):
        whole.turns[rows] = anatomy.unit(whole.turns[rows])
    return whole


def described(motion: Motion, found: Motion | Joined, given: Callable[[slice], dict], height: float | None,
              up: np.ndarray | None) -> Body:
    """What a fit returns: the body of `motion`, which moves as `found`. `given`: as of `joined`.

    The search may end beside the stature that it began with. The whole scene is scaled about the camera until
    the stature is exact, which moves nothing in the picture and keeps feet on the floor.
    """
    # Joined windows have the lengths that `motion` found, which are those of its stature but for micrometres.
    tall = anatomy.stature(motion.first_lengths if found is motion else motion.lengths)
    scale = tall / anatomy.stature(motion.lengths)
    lengths, reach, frames = scale * motion.lengths, anatomy.reach(motion.lengths), len(found.root)
    pose, root = np.empty((frames, len(reach), 3), np.float32), scale * found.root
    state = np.empty((frames, len(reach)), np.uint8)
    for rows in parts(frames):
        known, part = given(rows), scale * (reach @ found.turns[rows])
        joints, pose[rows] = root[rows, None] + part, part
        beside = joints[..., :2] / np.maximum(joints[..., 2:], 0.1) - known["keypoints"]
        corrected = np.linalg.norm(beside, axis=-1) * root[rows, 2:] > CORRECTED
        state[rows] = np.where(known["seen"] < UNLIKELY, 1, np.where(corrected, 2, 0))
    floor = scale * motion.level - ANKLE_HEIGHT * tall / anatomy.stature(anatomy.LENGTH)
    standing = found.standing > 0.5
    return Body(pose=pose, root=root.astype(np.float32),
                lengths=np.where(anatomy.KIND < 0, 0, lengths[anatomy.KIND]), height=tall,
                height_stated=height is not None, up=motion.up, up_stated=up is not None,
                floor=float(floor) if standing.any() else None, standing=standing,
                state=state)
