"""Test clips as other cameras, detectors and frame rates would have given them: the conditions of limits.py.

Every condition changes the same clips in one way, in steps.

Shapes: N frames of a clip, J joints.
"""
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from common.augmentation.augmenter import NEAREST
from common.camera import level_rotation, project
from common.clips import Clip, resample_array
from dataset import cmu_mocap
from dataset.keypoints import cleaning

# The steps of each condition.
STEPS = {"noise": (0, 2, 5, 10, 15, 20),                    # pixels in an image 1000 wide, standard deviation
         "detector": (0, 0.5, 1, 1.5, 2),                   # times the errors of the detector model
         "missing": (0, 1, 2, 4, 6, 8),                     # joints
         "pitch": (-20, -10, 0, 10, 20, 30, 40, 50, 60),    # degrees downwards
         "distance": (1.5, 2, 3, 4, 6, 8, 12),              # metres
         "rate": (1, 2, 3, 4, 6, 8)}                        # every n-th frame of the video is seen
AXES = {"noise": "2D noise, standard deviation in px (image 1000 px wide)",
        "detector": "simulated detector noise, times the model's",
        "missing": "joints of 17 hidden for a second, interpolated",
        "pitch": "camera pitch, degrees downwards",
        "distance": "camera distance in m (field of view 60 degrees)",
        "rate": "frames per second of the video"}
USUAL_PITCH, USUAL_DISTANCE = 10, 4             # of the other sweep
FOCAL = 1 / np.tan(np.radians(60) / 2)          # screen units: a field of view of 60 degrees
FOLLOW = 2                                      # seconds over which the camera follows the person


@dataclass(frozen=True)
class VariedClips:
    """One step of a condition: its value on the axis (AXES) and the changed clips.

    Every `every`-th frame of them is scored.
    """
    condition: str
    value: float
    clips: list[Clip]
    every: int


def vary(clips: list[Clip], *, every: int, seed: int) -> Iterator[VariedClips]:
    """All steps of all conditions. Clips have exact keypoints, pose, root and `up`."""
    noise = cmu_mocap.read_noise()
    changes = {"noise": lambda clip, value: add_noise(clip, value, seed),
               "detector": lambda clip, value: add_detector_noise(clip, value, noise, seed),
               "missing": lambda clip, value: hide_joints(clip, value, seed),
               "pitch": lambda clip, value: move_camera(clip, value, USUAL_DISTANCE),
               "distance": lambda clip, value: move_camera(clip, USUAL_PITCH, value)}
    for condition, change in changes.items():
        for value in STEPS[condition]:
            yield VariedClips(condition, value, [change(clip, value) for clip in clips], every)
    for step in STEPS["rate"]:
        yield VariedClips("rate", clips[0].fps / step, [see_every(clip, step) for clip in clips],
                          find_stride(every))


def take_one_view(clips: list[Clip]) -> list[Clip]:
    """Of each motion the clip of one camera: the first camera's, the next one's, .. in turn.

    A clip's name is that of its motion, a slash and the camera.
    """
    views: dict[str, list[Clip]] = {}
    for clip in clips:
        views.setdefault(clip.name.rpartition("/")[0], []).append(clip)
    return [seen[number % len(seen)] for number, seen in enumerate(views.values())]


def clip_seed(clip: Clip, seed: int) -> int:
    """A seed that differs from clip to clip and not from run to run."""
    return zlib.crc32(f"{seed} {clip.name}".encode())


def add_noise(clip: Clip, pixels: float, seed: int) -> Clip:
    """Gaussian errors of standard deviation `pixels`, new for every joint and frame."""
    drawn = np.random.default_rng(clip_seed(clip, seed)).normal(0, 2 / 1000, clip.keypoints.shape)
    return replace(clip, keypoints=clip.keypoints + pixels * drawn)


def add_detector_noise(clip: Clip, strength: float, noise: dict, seed: int) -> Clip:
    """Simulated detector noise (dataset/detector_noise.json), `strength` times the model's."""
    errors = cmu_mocap.detector_error(len(clip), noise, seed=clip_seed(clip, seed))        # (N, J, 2)
    return replace(clip, keypoints=clip.keypoints + strength * errors)


def hide_joints(clip: Clip, count: int, seed: int) -> Clip:
    """`count` joints are unseen and interpolated in some seconds (`draw_unseen`), which alone are scored."""
    seen, away = draw_unseen(clip, count, seed)
    filled = cleaning.fill_over_time(clip.keypoints, seen, clip.skeleton)
    return replace(clip, keypoints=filled, valid=clip.valid & away)


def draw_unseen(clip: Clip, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which joints are seen (N, J), and in which frames (N,) some are not.

    In every other second `count` joints, drawn anew, are unseen. The first half second shows all joints.
    """
    generator = np.random.default_rng(clip_seed(clip, seed))
    second = (np.arange(len(clip)) / clip.fps - 0.5) / 2                    # (N,) unit: two seconds
    away = (second >= 0) & (second % 1 < 0.5)                               # (N,)
    seen = np.ones(clip.keypoints.shape[:2], bool)                          # (N, J)
    for number in np.unique(np.floor(second[away])):
        joints = generator.permutation(seen.shape[1])[:count]
        seen[np.ix_(away & (np.floor(second) == number), joints)] = False
    return seen, away


def move_camera(clip: Clip, pitch: float, distance: float) -> Clip:
    """The motion before a camera that looks down by `pitch` degrees and keeps `distance` metres.

    It looks in the original camera's direction, seen from above, and glides with the person's mean position
    over two seconds, which it holds in the middle of the picture.
    """
    level = level_rotation(clip.up)                                         # (3, 3) camera to level space
    cos, sin = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ level     # level space to the new camera's
    reach = round(clip.fps * FOLLOW / 2)
    sums = np.concatenate([np.zeros((1, 3)), clip.root.astype(np.float64).cumsum(0)])       # (N + 1, 3)
    first = np.maximum(np.arange(len(clip)) - reach, 0)
    last = np.minimum(np.arange(len(clip)) + reach + 1, len(clip))
    followed = (sums[last] - sums[first]) / (last - first)[:, None]         # (N, 3)
    pose, root = clip.pose @ turn.T, (clip.root - followed) @ turn.T + [0, 0, distance]
    points = pose + root[:, None]                                           # (N, J, 3)
    near = points[..., 2].min(1) < NEAREST                                  # (N,)
    points[..., 2] = points[..., 2].clip(min=NEAREST)
    intrinsics = np.array([FOCAL, FOCAL, 0, 0])
    return replace(clip, keypoints=project(points, intrinsics), pose=pose, root=root, up=turn @ clip.up,
                   intrinsics=intrinsics, valid=clip.valid & ~near)


def see_every(clip: Clip, step: int) -> Clip:
    """Only every `step`-th frame is seen; between them keypoints are interpolated, as for a user's video."""
    return replace(clip, keypoints=resample_array(clip.keypoints[::step], len(clip), 1 / step))


def find_stride(every: int) -> int:
    """The first number from `every` on that shares no divisor with the steps of the rate.

    Its multiples fall on frames that are seen as often as on any others.
    """
    return next(number for number in range(every, 2 * every + 2)
                if all(np.gcd(number, step) == 1 for step in STEPS["rate"]))
