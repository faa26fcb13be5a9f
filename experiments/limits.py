"""Where a lifter stops working: its errors against noise, missing joints, cameras and frame rates.

Every question changes the same test clips in one way, in steps, and scores what is predicted from them.
Errors are means over frames, in mm.

Shapes: N frames of a clip, J joints.
"""
import zlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from common import metrics
from common.camera import project
from common.clips import Clip, resample_array
from common.scores import JOINT_COLUMNS, joint_distances

EVERY = 36              # every n-th frame is scored
NOISE = (0, 2, 5, 10, 15, 20)                   # pixels in an image 1000 wide, standard deviation
DETECTOR = (0, 0.5, 1, 1.5, 2)                  # times the errors of the detector model
MISSING = (0, 1, 2, 4, 6, 8)                    # joints
PITCH = (-20, -10, 0, 10, 20, 30, 40, 50, 60)   # degrees downwards
DISTANCE = (1.5, 2, 3, 4, 6, 8, 12)             # metres
RATES = (1, 2, 3, 4, 6, 8)                      # every n-th frame of the video is seen
USUAL_PITCH, USUAL_DISTANCE = 10, 4             # of the other sweep
FOCAL = 1 / np.tan(np.radians(60) / 2)          # screen units: a field of view of 60 degrees
NEAREST = 0.4                                   # metres; a frame with a closer joint is not scored
FOLLOW = 2                                      # seconds over which the camera follows the person
AXES = {"noise": "2D noise, standard deviation in px (image 1000 px wide)",
        "detector": "simulated detector noise, times the model's",
        "missing": "joints of 17 hidden for a second, interpolated",
        "pitch": "camera pitch, degrees downwards",
        "distance": "camera distance in m (field of view 60 degrees)",
        "rate": "frames per second of the video"}

Predict = Callable[[list[Clip], int], list[np.ndarray]]


def measure(clips: list[Clip], predict: Predict, *, detector_error: Callable[[int, int], np.ndarray],
            fill: Callable[[np.ndarray, np.ndarray], np.ndarray], seed: int, every: int = EVERY) -> dict:
    """The errors for every question of AXES, by joint and by action, as plain values.

    `predict(clips, every)` gives (N, J, 3) a clip, metres, NaN except in every `every`-th frame;
    `detector_error(num_frames, seed)` (N, J, 2) errors in screen units; `fill(keypoints, seen)` the keypoints
    (N, J, 2) with the joints interpolated that `seen` (N, J) denies. Clips have exact keypoints and `up`.
    """
    if any(clip.pose is None or clip.up is None for clip in clips):
        raise ValueError("The limits are measured with cameras of another pitch, which needs the pose and "
                         "the vertical of every clip. Use --dataset cmu.")
    clips = one_view(clips)
    changes = {
        "noise": (NOISE, lambda clip, value: noisy(clip, value, seed)),
        "detector": (DETECTOR, lambda clip, value: replace(clip, keypoints=clip.keypoints + value * (
            detector_error(len(clip), own_seed(clip, seed))))),
        "missing": (MISSING, lambda clip, value: hidden(clip, value, fill, seed)),
        "pitch": (PITCH, lambda clip, value: seen_from(clip, value, USUAL_DISTANCE)),
        "distance": (DISTANCE, lambda clip, value: seen_from(clip, USUAL_PITCH, value)),
        "rate": (RATES, slower)}
    fine = max(1, every // 4)
    poses = predict(clips, fine)
    report = {"every": every, "by_joint": by_joint(clips, poses), "by_action": by_action(clips, poses),
              "overall": {"every": fine, **errors(clips, poses)}}
    for name, (values, change) in changes.items():
        report[name] = []
        for value in values:
            changed = [change(clip, value) for clip in clips]
            shown = clips[0].fps / value if name == "rate" else value
            print(f"{AXES[name]}: {shown:.4g}")
            stride = odd_stride(every) if name == "rate" else every
            report[name].append({"value": shown, **errors(changed, predict(changed, stride))})
    total = sum(map(len, clips))
    report["thinning"] = (f"One camera's view of each of {len(clips)} test motions, another camera for each "
                          f"in turn, {total:,} frames; of these one in {every} is scored, one in {fine} by "
                          "joint and by action. Means over frames.")
    return report


def one_view(clips: list[Clip]) -> list[Clip]:
    """Of each motion the clip of one camera: the first camera's, the next one's, .. in turn.

    A clip's name is that of its motion, a slash and the camera.
    """
    views: dict[str, list[Clip]] = {}
    for clip in clips:
        views.setdefault(clip.name.rpartition("/")[0], []).append(clip)
    return [seen[number % len(seen)] for number, seen in enumerate(views.values())]


def own_seed(clip: Clip, seed: int) -> int:
    """A seed that differs from clip to clip and not from run to run."""
    return zlib.crc32(f"{seed} {clip.name}".encode())


def noisy(clip: Clip, pixels: float, seed: int) -> Clip:
    """Gaussian errors of standard deviation `pixels`, new for every joint and frame."""
    drawn = np.random.default_rng(own_seed(clip, seed)).normal(0, 2 / 1000, clip.keypoints.shape)
    return replace(clip, keypoints=clip.keypoints + pixels * drawn)


def hidden(clip: Clip, count: int, fill: Callable, seed: int) -> Clip:
    """In every other second `count` joints, drawn anew, are unseen and filled; these seconds are scored.

    The first half second shows all joints.
    """
    generator = np.random.default_rng(own_seed(clip, seed))
    second = (np.arange(len(clip)) / clip.fps - 0.5) / 2                    # (N,) unit: two seconds
    away = (second >= 0) & (second % 1 < 0.5)                               # (N,)
    seen = np.ones(clip.keypoints.shape[:2], bool)                          # (N, J)
    for number in np.unique(np.floor(second[away])):
        joints = generator.permutation(seen.shape[1])[:count]
        seen[np.ix_(away & (np.floor(second) == number), joints)] = False
    return replace(clip, keypoints=fill(clip.keypoints, seen), valid=clip.valid & away)


def seen_from(clip: Clip, pitch: float, distance: float) -> Clip:
    """The motion before a camera that looks down by `pitch` degrees and keeps `distance` metres.

    It looks in the original camera's direction, seen from above, and glides with the person's mean position
    over two seconds, which it holds in the middle of the picture.
    """
    level = metrics.upright(clip.up)                                        # (3, 3) camera to level space
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


def slower(clip: Clip, step: int) -> Clip:
    """Only every `step`-th frame is seen; between them keypoints are interpolated, as for a user's video."""
    return replace(clip, keypoints=resample_array(clip.keypoints[::step], len(clip), 1 / step))


def odd_stride(every: int) -> int:
    """The first number from `every` on without a divisor among RATES: its multiples fall on seen frames and,
    as often as on any others, between them.
    """
    return next(number for number in range(every, 2 * every + 2)
                if all(np.gcd(number, step) == 1 for step in RATES))


def compared(clips: list[Clip], poses: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Joint distances (frames, J) in mm of all scored frames, by the metric that averages them."""
    parts = [joint_distances(clip, found) for clip, found in zip(clips, poses, strict=True)]
    return {name: np.concatenate([part[name] for part in parts]) for name in JOINT_COLUMNS}


def errors(clips: list[Clip], poses: list[np.ndarray]) -> dict:
    """The metrics in mm over all scored frames, and how many these are."""
    distances = compared(clips, poses)
    if not len(distances["mpjpe"]):
        raise ValueError("No frame is left to score. Lower --test_stride.")
    return {"frames": len(distances["mpjpe"]),
            **{name: float(values.mean()) for name, values in distances.items()}}


def by_joint(clips: list[Clip], poses: list[np.ndarray]) -> list[dict]:
    """The metrics in mm of each joint."""
    distances = compared(clips, poses)
    return [{"value": joint, **{name: float(values[:, number].mean()) for name, values in distances.items()}}
            for number, joint in enumerate(clips[0].skeleton.joints)]


def by_action(clips: list[Clip], poses: list[np.ndarray]) -> list[dict]:
    """The metrics in mm of each action."""
    rows = []
    for action in dict.fromkeys(clip.action for clip in clips):
        chosen = [number for number, clip in enumerate(clips) if clip.action == action]
        rows.append({"value": action, "clips": len(chosen),
                     **errors([clips[number] for number in chosen], [poses[number] for number in chosen])})
    return rows


def text(report: dict) -> str:
    """A table of every question but joints and actions."""
    lines = [report["thinning"]]
    for name, title in AXES.items():
        lines += ["", title, "  ".join(["".rjust(8), *[metric.upper().replace("_", "-").rjust(8)
                                                       for metric in JOINT_COLUMNS], "frames".rjust(7)])]
        lines += ["  ".join([f"{row['value']:8.4g}", *[f"{row[metric]:8.2f}" for metric in JOINT_COLUMNS],
                             f"{row['frames']:7,}"]) for row in report[name]]
    return "\n".join(lines)
