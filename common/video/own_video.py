"""A user's own video: its poses are placed, smoothed and levelled, then written as files and pictures.

Shapes: N frames, J joints. Poses are metres in camera space until they are levelled.
"""
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.camera import camera_to_level, estimate_root
from common.clips import Clip, resample, resample_array
from common.files import whole_folder
from common.pictures import movies
from common.pictures.animation import make_animation
from common.recording import Recording, to_clip
from common.skeleton import HUMAN36M, Skeleton
from common.smooth import smooth
from common.terminal import progress
from common.video import pose_files
from common.video.level import camera_pitch, up_at_pitch
from common.video.player import save_html

GIF_FPS, GIF_PICTURES = 15, 150         # at most: a GIF holds the first ten seconds


@dataclass(frozen=True)
class Placement:
    """Where poses are placed.

    fov      horizontal field of view, degrees, with which the root is placed before the camera; None leaves
             poses relative to the root joint
    pitch    degrees by which the camera looks down, which levels the poses; "motion" estimates it from the
             motion; None keeps camera space
    seconds  standard deviation of the Gaussian that smooths the root's path; None for none
    """
    fov: float | None = None
    pitch: float | str | None = None
    seconds: float | None = None

    def describe_space(self) -> str:
        """The coordinate space of placed poses, in words."""
        origin = "the root joint of each frame" if self.fov is None else "the camera"
        axes = pose_files.CAMERA_AXES
        if self.pitch is not None:
            axes = f"{pose_files.LEVEL_AXES}, for a camera that looks down by {self.pitch:.1f} degrees"
        return f"{axes}; the origin is {origin}"


def lift_clip(clip: Clip, trained_fps: float,
              predict: Callable[[Clip], np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """One root-relative pose a frame (N, J, 3) of a clip of any frame rate, and notes.

    `predict` lifts a clip of the network's frame rate, `trained_fps`.
    """
    lifted = resample(clip, trained_fps)
    poses = resample_array(predict(lifted), len(clip), trained_fps / clip.fps)
    if lifted is clip:
        return poses, []
    return poses, [f"The network was trained at {trained_fps:g} frames a second. The keypoints were "
                   f"interpolated from {clip.fps:g} to {trained_fps:g} and the poses back."]


def estimate_pitch(placement: Placement, poses: np.ndarray,
                   skeleton: Skeleton) -> tuple[Placement, list[str]]:
    """`placement` with a pitch in degrees where poses (N, J, 3) are to tell it, and notes."""
    if placement.pitch != "motion":
        return placement, []
    pitch = camera_pitch(poses, skeleton)
    return replace(placement, pitch=pitch), [
        f"Levelled: the motion says that the camera looks down by {pitch:.1f} degrees. If that is wrong, "
        "state the angle with --level DEGREES."]


def estimate_root_path(clip: Clip, poses: np.ndarray, placement: Placement) -> tuple[np.ndarray, list[str]]:
    """Camera-space root positions (N, 3), metres, of root-relative poses (N, J, 3), and notes.

    Frames without an estimate are interpolated. Raises ValueError where no frame has one.
    """
    notes = ["The root was placed with an assumed horizontal field of view of "
             f"{placement.fov:g} degrees (--fov)."]
    root = estimate_root(clip.keypoints, poses, make_intrinsics(placement.fov))
    known = np.flatnonzero(np.isfinite(root).all(1))
    if len(known) == 0:
        raise ValueError("The root cannot be estimated: in every frame all keypoints coincide or no depth "
                         "explains them. Use --root none.")
    if len(known) < len(root):
        notes.append(f"No depth explains the keypoints in {len(root) - len(known)} of {len(root)} frames. "
                     "Their root was interpolated.")
        frames = np.arange(len(root))
        root = np.stack([np.interp(frames, known, axis[known]) for axis in root.T], 1).astype(np.float32)
    if placement.seconds:
        root = smooth(root, seconds=placement.seconds, fps=clip.fps)
    return root, notes


def make_intrinsics(fov: float) -> np.ndarray:
    """fx, fy, cx, cy (4,) in screen units of a camera with this horizontal field of view in degrees."""
    focal = 1 / math.tan(math.radians(fov) / 2)
    return np.array([focal, focal, 0, 0])


def place_poses(poses: np.ndarray, root: np.ndarray | None, placement: Placement) -> np.ndarray:
    """Root-relative poses (N, J, 3) moved to their root (N or 1, 3), if any, and levelled, if asked for."""
    if root is not None:
        poses = poses + root[:, None]
    if placement.pitch is None:
        return poses
    return camera_to_level(poses, up_at_pitch(placement.pitch)).astype(np.float32)


def write_results(folder: Path, recording: Recording, poses: np.ndarray, placement: Placement) -> list[str]:
    """Write root-relative poses (N, J, 3) of a recording as `placement` says; returns notes and file names.

    All files are written, or none where one of them cannot be.
    """
    placement, notes = estimate_pitch(placement, poses, HUMAN36M)
    root = None
    if placement.fov is not None:
        root, root_notes = estimate_root_path(to_clip(recording), poses, placement)
        notes += root_notes
    poses = place_poses(poses, root, placement)
    with whole_folder(folder) as part:
        files = write_pose_files(part, recording, poses, placement)
        animation_notes, pictures = write_animation(part, recording, poses)
    return [*notes, *animation_notes,
            f"{len(poses)} poses, {recording.fps:g} frames a second, metres; {placement.describe_space()}.",
            *(str(folder / file.name) for file in [*files, *pictures])]


def write_pose_files(folder: Path, recording: Recording, poses: np.ndarray,
                     placement: Placement) -> list[Path]:
    """Write placed poses (N, J, 3) as npz, JSON, CSV, BVH and as the player; returns the files."""
    npz, plain, table, bvh, page = files = [folder / name for name in (
        "poses.npz", "poses.json", "poses.csv", "motion.bvh", "poses.html")]
    facts = {"skeleton": HUMAN36M, "fps": recording.fps}
    pose_files.save_npz(npz, poses, **facts, space=placement.describe_space())
    pose_files.save_json(plain, poses, **facts, space=placement.describe_space())
    pose_files.save_csv(table, poses, **facts)
    pose_files.save_bvh(bvh, poses, **facts, on_floor=placement.pitch is not None)
    save_html(page, recording, poses)
    return files


def write_animation(folder: Path, recording: Recording, poses: np.ndarray) -> tuple[list[str], list[Path]]:
    """animation.gif of the first seconds and, with an ffmpeg, animation.mp4 of all frames.

    `poses` (N, J, 3) are drawn upright along their y axis. Returns notes and the files.
    """
    num_frames, fps = len(poses), recording.fps
    headings = [f"{recording.name}   {frame / fps:.2f} s" for frame in range(num_frames)]
    animation = make_animation(recording.keypoints, {"3D pose": poses}, HUMAN36M, headings=headings,
                               size=(recording.width, recording.height))
    every = max(1, math.ceil(fps / GIF_FPS - 0.01))
    shown = range(0, num_frames, every)
    drawn = {frame: animation.draw(frame) for frame in shown[:GIF_PICTURES]}
    gif, mp4 = folder / "animation.gif", folder / "animation.mp4"
    movies.save_gif(gif, list(drawn.values()), fps=fps / every)
    notes, files = [], [gif]
    if len(drawn) < len(shown):
        notes.append(f"animation.gif holds the first {len(drawn) * every / fps:.0f} seconds.")
    ffmpeg = movies.find_ffmpeg()
    if ffmpeg is None:
        return [*notes, "No ffmpeg is on the search path: animation.mp4 was not written."], files
    pictures = (drawn.get(frame) or animation.draw(frame)
                for frame in progress(range(num_frames), desc="draw", unit="frame"))
    try:
        movies.save_mp4(mp4, pictures, size=drawn[0].size, fps=fps, ffmpeg=ffmpeg)
    except ValueError as error:
        return [*notes, str(error)], files
    return notes, [*files, mp4]
