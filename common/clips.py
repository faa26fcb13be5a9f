"""A clip: one camera's view of one recording. Every data set becomes a list of clips."""
import math
import zlib
from dataclasses import dataclass, replace

import numpy as np

from common.bounds import (
    BODY,
    DISTANCE,
    FPS,
    MAX_FRAMES,
    MAX_OUTSIDE_RECORDED,
    check_range,
    refuse_normalised,
    refuse_outside,
)
from common.camera import normalize_screen
from common.skeleton import Skeleton, conversion

SEEN_IN_BOTH = 0.999        # the mean of 1 and 1, but for rounding


@dataclass(frozen=True)
class Clip:
    """One camera's view of one recording. Arrays are float32 and share their first axis, the frames.

    subject, action   'S9', 'SittingDown': the row under which it is scored (take number removed)
    name              'S9/SittingDown 1/55011271': unique, used in messages
    keypoints         (N, J, 2) normalised screen coordinates, x right, y down
    pose              (N, J, 3) root-relative, camera space, metres; None without ground truth
    root              (N, 3) camera-space position of the root joint, metres; None when unknown
    intrinsics        (4,) focal x, y, centre x, y in screen units; None when unknown
    up                (3,) camera-space unit vector against gravity; None when unknown
    seen              (N, J) 1, or 0 where the keypoint was filled; None where all were seen or nobody knows
    valid             (N,) bool, the frames that are scored; None for all
    fps, skeleton     frames per second; the joint layout of `keypoints` and `pose`
    """
    subject: str
    action: str
    name: str
    keypoints: np.ndarray
    fps: float
    skeleton: Skeleton
    pose: np.ndarray | None = None
    root: np.ndarray | None = None
    intrinsics: np.ndarray | None = None
    up: np.ndarray | None = None
    seen: np.ndarray | None = None
    valid: np.ndarray | None = None

    def __post_init__(self):
        num_frames, num_joints = len(self.keypoints), len(self.skeleton.joints)
        if num_frames == 0:
            raise ValueError(f"{self.name}: expected at least one frame, got none. Leave the clip out.")
        if self.valid is None:
            object.__setattr__(self, "valid", np.ones(num_frames, bool))
        self._check("keypoints", (num_frames, num_joints, 2))
        self._check("pose", (num_frames, num_joints, 3))
        self._check("root", (num_frames, 3))
        self._check("intrinsics", (4,))
        self._check("up", (3,))
        self._check("seen", (num_frames, num_joints))
        if self.valid.shape != (num_frames,):
            raise ValueError(f"{self.name}: expected one valid flag for each of {num_frames} frames, "
                             f"got shape {self.valid.shape}. Re-create the file.")

    def _check(self, field, shape):
        array = getattr(self, field)
        if array is None:
            return
        if array.shape != shape:
            raise ValueError(f"{self.name}: expected {field} of shape {shape}, got {array.shape}. "
                             f"Re-create the file from the same recordings and the "
                             f"{self.skeleton.name} joints.")
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(array, np.float32)
        if not np.isfinite(array).all():
            frames = np.unique(np.argwhere(~np.isfinite(array))[:, 0])
            raise ValueError(f"{self.name}: {field} hold NaN or infinity in {len(frames)} of {len(array)} "
                             f"frames (first: frame {frames[0]}). Fill or remove these frames "
                             "before loading.")
        object.__setattr__(self, field, array)

    def __len__(self):
        return len(self.keypoints)

    def cut(self, rows: slice) -> "Clip":
        """The clip of these frames alone; a slice with a step lowers `fps`."""
        varying = ("keypoints", "pose", "root", "valid", "seen")
        fields = {field: getattr(self, field)[rows] for field in varying
                  if getattr(self, field) is not None}
        return replace(self, fps=self.fps / (rows.step or 1), **fields)


def from_pixels(pixels: np.ndarray, *, width: int, height: int, joints: np.ndarray | None = None,
                unit: str = "metres", **fields) -> Clip:
    """The clip of keypoints (N, J, 2), pixels, and of joints (N, J, 3), camera space, metres, if known.

    Every loader makes its clips here. Numbers that no video of a person can have raise ValueError with the
    clip's name. `unit` is that of the 3D file, for the message. `fields`: the other fields of the clip.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if joints is not None:
            root = joints[:, fields["skeleton"].root]
            fields |= {"pose": joints - root[:, None], "root": root}
        clip = Clip(keypoints=normalize_screen(pixels, width=width, height=height), **fields)
    if len(clip) > MAX_FRAMES:
        raise ValueError(f"{clip.name}: {len(clip):,} frames, expected at most {MAX_FRAMES:,}. "
                         f"Split the video.")
    if not clip.valid.any():
        raise ValueError(f"{clip.name}: no frame is valid. Leave the clip out.")
    check_range(clip.fps, FPS, f"{clip.name}: frames per second")
    points = np.reshape(pixels, (-1, 2)).astype(np.float64)
    refuse_outside(points, clip.name, width=width, height=height, most=MAX_OUTSIDE_RECORDED)
    refuse_normalised(points, clip.name, width=width, height=height)
    if joints is not None:
        others = np.delete(clip.pose, clip.skeleton.root, axis=1)
        advice = f"Correct the 3D file, which must hold {unit}"
        for points, bounds, what in ((others, BODY, "distance of the joints from the root joint"),
                                     (clip.root, DISTANCE, "distance of the root joint from the camera")):
            check_range(np.median(np.linalg.norm(points.astype(np.float64), axis=-1)), bounds,
                        f"{clip.name}: the median {what} in metres", advice)
    return clip


def select(clips: list[Clip], *, subjects: list[str] | None = None,
           actions: list[str] | None = None) -> list[Clip]:
    """The clips of these subjects and actions, by whole names; None means all.

    An unknown name is an error.
    """
    for what, wanted in (("subject", subjects), ("action", actions)):
        known = sorted({getattr(clip, what) for clip in clips})
        unknown = sorted(set(wanted or ()) - set(known))
        if unknown:
            raise ValueError(f"No clip has the {what} {', '.join(unknown)}. Choose from: {', '.join(known)}.")
    chosen = [clip for clip in clips if (subjects is None or clip.subject in subjects)
              and (actions is None or clip.action in actions)]
    if clips and not chosen:
        raise ValueError(f"No clip is left of the actions {', '.join(actions or ['*'])} for the subjects "
                         f"{', '.join(subjects or ['*'])}. Choose a combination that was recorded.")
    return chosen


def hold_out(clips: list[Clip], subjects: list[str]) -> tuple[list[Clip], list[Clip]]:
    """The clips of all other subjects, and those of `subjects`; ValueError where the former are none."""
    held_out = select(clips, subjects=subjects) if subjects else []
    rest = [clip for clip in clips if clip.subject not in subjects]
    if not rest:
        raise ValueError("--val_subjects holds out every training subject; leave at least one to train on.")
    return rest, held_out


def downsample(clips: list[Clip], factor: int) -> list[Clip]:
    """Every `factor`-th frame of every clip; the clips get shorter and their frame rate lower."""
    longest = max(map(len, clips))
    if factor > longest:
        raise ValueError(f"--downsample {factor} is more than the {longest} frames of the longest clip. "
                         "Choose a smaller number.")
    return [clip.cut(slice(None, None, factor)) for clip in clips]


def subset(clips: list[Clip], share: float) -> list[Clip]:
    """Consecutive frames of every clip, `share` of its length (0 to 1). The clip's name tells their place."""
    parts = []
    for clip in clips:
        kept = max(1, round(len(clip) * share))
        first = zlib.crc32(clip.name.encode()) % (len(clip) - kept + 1)
        parts.append(clip.cut(slice(first, first + kept)))
    return parts


def relayout(clips: list[Clip], skeleton: Skeleton) -> list[Clip]:
    """The clips in another joint layout (skeleton.conversion). In both, poses are relative to the pelvis."""
    if clips[0].skeleton is skeleton:
        return clips
    order = conversion(clips[0].skeleton, skeleton)
    return [replace(clip, skeleton=skeleton, keypoints=clip.keypoints[:, order], pose=clip.pose[:, order],
                    seen=None if clip.seen is None else clip.seen[:, order]) for clip in clips]


def resample_array(array: np.ndarray, num_frames: int, ratio: float) -> np.ndarray:
    """`num_frames` values of `array` (N, ..) at positions 0, ratio, 2 ratio, .. frames, linear in between."""
    position = np.minimum(np.arange(num_frames) * ratio, len(array) - 1)
    before = np.minimum(position.astype(int), max(len(array) - 2, 0))
    after = np.minimum(before + 1, len(array) - 1)
    weight = (position - before).reshape(-1, *[1] * (array.ndim - 1)).astype(array.dtype)
    return (1 - weight) * array[before] + weight * array[after]


def resample(clip: Clip, fps: float) -> Clip:
    """A clip without ground truth at another frame rate. Keypoints are interpolated linearly over time.

    An interpolated joint counts as seen where it was seen in both frames.
    """
    if math.isclose(clip.fps, fps):
        return clip
    ratio = clip.fps / fps
    num_frames = math.ceil((len(clip) - 1) / ratio - 1e-9) + 1
    if num_frames > 2 * MAX_FRAMES:
        raise ValueError(f"{clip.name}: {len(clip)} frames at {clip.fps:g} a second are {num_frames:,} at "
                         f"{fps:g}; expected at most {2 * MAX_FRAMES:,}. Split the video or state its --fps.")
    seen = None if clip.seen is None else resample_array(clip.seen, num_frames, ratio) > SEEN_IN_BOTH
    return replace(clip, fps=fps, valid=None, keypoints=resample_array(clip.keypoints, num_frames, ratio),
                   seen=seen)
