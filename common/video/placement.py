"""Where a video's poses are placed, whose body they have, and which numbers tell of both.

Shapes: N frames, J joints. Poses are metres in camera space until they are levelled.
"""
import math
from dataclasses import dataclass, replace

import numpy as np

from common.camera import ASSUMED_FOV, camera_to_level, estimate_root, make_intrinsics
from common.clips import Clip
from common.recording import Recording
from common.skeleton import HUMAN36M
from common.smooth import smooth
from common.video.body import STATES, UNLIKELY, Body, fit
from common.video.level import camera_pitch, up_at_pitch

CERTAIN = 0.5           # score from which a keypoint counts as seen for sure
CAMERA_AXES = "camera axes: x right, y down, z forward"
LEVEL_AXES = "level axes: x right, y down along gravity, z forward"


@dataclass(frozen=True)
class Placement:
    """What the options say of camera, place and body.

    root     whether poses are placed before the camera; otherwise they are relative to the root joint
    fov      the camera's horizontal field of view, degrees; `fov_stated` tells whether it is assumed
    pitch    degrees by which the camera looks down, which levels the poses; "motion" estimates it from the
             motion; None keeps camera space
    roll     degrees by which the camera is turned clockwise about its line of sight; None: not stated
    seconds  standard deviation of the Gaussian that smooths the root's path without a fit; None for none
    rays     whether the network is given rays, which depend on `fov`
    up       (3,) the direction against gravity, where another person of the film told it; None: not known
    fit      whether one body is fitted to the poses;   height  its stature, metres; None for an average adult
    """
    root: bool = False
    fov: float = ASSUMED_FOV
    fov_stated: bool = False
    pitch: float | str | None = None
    roll: float | None = None
    seconds: float | None = None
    rays: bool = False
    fit: bool = True
    height: float | None = None
    up: np.ndarray | None = None

    def describe_space(self, floor: float | None = None) -> str:
        """The coordinate space of placed poses, in words; `floor` where their origin lies on the floor."""
        origin = "the camera" if self.root else "the root joint of each frame"
        if floor is not None:
            origin = "the floor below the camera"
        axes = CAMERA_AXES
        if self.pitch is not None:
            axes = f"{LEVEL_AXES}, for a camera that looks down by {self.pitch:.1f} degrees"
            axes += f" and is turned clockwise by {self.roll:.1f} degrees" if round(self.roll or 0, 1) else ""
        return f"{axes}; the origin is {origin}"


@dataclass(frozen=True)
class Placed:
    """The motion that all files show, and what is known of it.

    poses     (N, J, 3) metres, in the axes and from the origin that `space` names
    state     (N, J) index of body.STATES
    up        (3,) unit vector against gravity in the axes of `poses`; None where that is -y or unknown
    grounded  whether the heights of the frames can be compared: a fitted body was placed in space
    facts     numbers and where they come from, by name; None where a number is unknown
    """
    poses: np.ndarray
    state: np.ndarray
    space: str
    up: np.ndarray | None
    grounded: bool
    facts: dict


def undo_roll(keypoints: np.ndarray, roll: float | None) -> np.ndarray:
    """Keypoints (.., 2), screen coordinates, as a camera sees them that is not turned by `roll` degrees."""
    if not roll:
        return keypoints
    cos, sin = math.cos(math.radians(roll)), math.sin(math.radians(roll))
    return (keypoints @ np.array([[cos, sin], [-sin, cos]])).astype(keypoints.dtype)


def certainty(recording: Recording) -> np.ndarray:
    """(N, J) from 0 to 1: how sure each keypoint is; below body.UNLIKELY it counts as filled.

    A detector's score says little once it is above CERTAIN; a filled keypoint is not sure at all.
    """
    shape = recording.keypoints.shape[:2]
    scores = np.ones(shape) if recording.scores is None else np.clip(recording.scores / CERTAIN, 0, 1)
    return scores if recording.filled is None else np.where(recording.filled, 0, scores)


def place(clip: Clip, seen: np.ndarray, poses: np.ndarray, placement: Placement) -> tuple[Placed, list[str]]:
    """The motion to write of lifted, root-relative poses (N, J, 3) of a clip without roll, and notes.

    `seen` (N, J) from 0 to 1: how sure the keypoints are. Where no body can be fitted, a note says so and the
    lifted poses are placed. Raises ValueError where the root is wanted and cannot be estimated.
    """
    body, notes = fit_body(clip, seen, poses, placement) if placement.fit else (None, [])
    notes = [*describe_rays(placement), *notes]
    root = floor = None
    if body is not None:
        poses, up, state, floor = body.pose, body.up, body.state, body.floor
        root = body.root if placement.root else None
    else:
        up, state = stated_up(poses, placement, judge=True), (seen < UNLIKELY).astype(np.uint8)
        if placement.root:
            root, root_notes = estimate_root_path(clip, poses, placement)
            notes = notes + root_notes
    facts, levelled = describe_facts(body, up, floor, placement), placement.pitch is not None
    if placement.pitch == "motion":
        notes = [*notes, f"Levelled: the motion says that the camera looks down by "
                         f"{facts['pitch_degrees']:.1f} degrees. If that is wrong, state the angle with "
                         "--level DEGREES."]
    poses = place_poses(poses, root, up if levelled else None)
    if not (levelled and placement.root):
        floor = None
    if floor is not None:
        poses = poses + np.array([0, floor, 0], np.float32)
    if levelled:
        placement = replace(placement, pitch=facts["pitch_degrees"], roll=facts["roll_degrees"])
    return Placed(poses, state, placement.describe_space(floor), None if levelled else up,
                  grounded=body is not None and placement.root, facts=facts), notes


def fit_body(clip: Clip, seen: np.ndarray, poses: np.ndarray,
             placement: Placement) -> tuple[Body | None, list[str]]:
    """The body of lifted poses (N, J, 3), None where the fit cannot work, and a note on either."""
    up = stated_up(poses, placement, judge=placement.roll is not None)
    try:
        body = fit(poses, clip.keypoints, seen, make_intrinsics(placement.fov), clip.fps,
                   height=placement.height, up=up)
    except (ValueError, np.linalg.LinAlgError) as error:
        return None, [f"No body was fitted, the poses are those of the network: {error}"]
    if not (np.isfinite(body.pose).all() and np.isfinite(body.root).all()):
        return None, ["No body was fitted, the poses are those of the network: the fit found none."]
    return body, [describe_body(body, placement)]


def stated_up(poses: np.ndarray, placement: Placement, *, judge: bool) -> np.ndarray | None:
    """The direction against gravity (3,) for a camera without roll; None where nothing states it.

    Where the motion of poses (N, J, 3) is to state it, it does if `judge`.
    """
    if placement.up is not None:
        return placement.up
    if placement.pitch is None or placement.pitch == "motion" and not judge:
        return None
    pitch = camera_pitch(poses, HUMAN36M) if placement.pitch == "motion" else placement.pitch
    return up_at_pitch(pitch)


def place_poses(poses: np.ndarray, root: np.ndarray | None, up: np.ndarray | None) -> np.ndarray:
    """Root-relative poses (N, J, 3) moved to their root (N or 1, 3), if any, and levelled by `up`, if any."""
    if root is not None:
        poses = poses + root[:, None]
    return poses if up is None else camera_to_level(poses, up).astype(np.float32)


def estimate_root_path(clip: Clip, poses: np.ndarray, placement: Placement) -> tuple[np.ndarray, list[str]]:
    """Camera-space root positions (N, 3), metres, of root-relative poses (N, J, 3), and notes.

    Frames without an estimate are interpolated. Raises ValueError where no frame has one.
    """
    notes = [f"The root was placed with a field of view of {describe_fov(placement)}."]
    root = estimate_root(clip.keypoints, poses, make_intrinsics(placement.fov))
    known = np.flatnonzero(np.isfinite(root).all(1))
    if len(known) == 0:
        raise ValueError("The root cannot be estimated: in every frame all keypoints coincide or no depth "
                         "explains them. Lift the person alone, with --root none.")
    if len(known) < len(root):
        notes.append(f"No depth explains the keypoints in {len(root) - len(known)} of {len(root)} frames. "
                     "Their root was interpolated.")
        frames = np.arange(len(root))
        root = np.stack([np.interp(frames, known, axis[known]) for axis in root.T], 1).astype(np.float32)
    if placement.seconds:
        root = smooth(root, seconds=placement.seconds, fps=clip.fps)
    return root, notes


def up_of(placed: Placed, placement: Placement) -> np.ndarray | None:
    """The direction against gravity (3,) in the axes of the camera without its roll; None where unknown."""
    pitch, roll = placed.facts["pitch_degrees"], placed.facts["roll_degrees"]
    if pitch is None:
        return placed.up
    pitch, roll = math.radians(pitch), math.radians(roll - (placement.roll or 0))
    return -np.array([math.sin(roll) * math.cos(pitch), math.cos(roll) * math.cos(pitch), math.sin(pitch)])


def describe_fov(placement: Placement) -> str:
    """The field of view and where it comes from, in words."""
    return f"{placement.fov:g} degrees ({'stated' if placement.fov_stated else 'assumed; --fov states it'})"


def describe_rays(placement: Placement) -> list[str]:
    """A note on the field of view where the network is given rays."""
    return ["The network was given the keypoints as rays of a camera with a horizontal field of view of "
            f"{describe_fov(placement)}."] if placement.rays else []


def describe_body(body: Body, placement: Placement) -> str:
    """A note on the fitted body: its size, its camera, how many joints are not where a keypoint was."""
    size = "stated" if body.height_stated else "an average adult's, assumed; --body_height states it"
    counts = ", ".join(f"{100 * np.mean(body.state == number):.1f} % {STATES[number]}"
                       for number in range(len(STATES)))
    return (f"The poses are those of one body, {body.height:.2f} m tall ({size}), seen with a horizontal "
            f"field of view of {describe_fov(placement)}. Joints: {counts}.")


def describe_facts(body: Body | None, up: np.ndarray | None, floor: float | None,
                   placement: Placement) -> dict:
    """The numbers of a placed motion and the option or assumption that each comes from; None: unknown.

    `up` (3,), the vertical of a camera without the stated roll. `floor`: up @ point of its points, metres.
    """
    pitch = roll = height = lengths = height_source = fov_source = pitch_source = roll_source = None
    if body is not None:
        height, height_source = body.height, "--body_height" if body.height_stated else "an average adult"
        lengths = {name: float(length) for name, length in zip(HUMAN36M.joints, body.lengths)}
    if body is not None or placement.root or placement.rays:
        fov_source = "--fov" if placement.fov_stated else "assumed"
    if up is not None:
        pitch, roll = (math.degrees(angle) for angle in (math.asin(-up[2]), math.atan2(-up[0], -up[1])))
        roll += placement.roll or 0
        pitch_source = "--level" if isinstance(placement.pitch, float) else "motion"
        roll_source = "assumed" if pitch_source == "--level" or body is None else "motion"
        roll_source = roll_source if placement.roll is None else "--roll"
    return {"height_m": height, "height_source": height_source, "bone_lengths_m": lengths,
            "fov_degrees": placement.fov if fov_source else None, "fov_source": fov_source,
            "pitch_degrees": pitch, "pitch_source": pitch_source,
            "roll_degrees": roll, "roll_source": roll_source,
            "camera_above_floor_m": None if floor is None else -floor,
            "floor_source": None if floor is None else "standing feet"}
