"""A user's own video: its poses placed, smoothed and levelled, then written as files and pictures.

Shapes: N frames, J joints. Poses are metres in camera axes until they are levelled (common/video/level.py).
"""
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.pictures import movies
from common.video import pose_files
from common.camera import estimate_root
from common.clips import Clip, resample, resample_array
from common.files import whole_folder
from common.pictures.skeletons import compose
from common.video.level import camera_pitch, level, up_at_pitch
from common.video.player import save_html
from common.pictures.curves import animation_panels
from common.skeleton import Skeleton
from common.terminal import progress
from common.smooth import smooth

GIF_FPS, GIF_PICTURES = 15, 150         # at most: an animation of the first ten seconds


@dataclass(frozen=True)
class Placement:
    """Where poses go.

    fov      horizontal field of view, degrees, with which the root is placed before the camera; None leaves
             poses relative to the root joint
    pitch    degrees by which the camera looks down, which levels the poses; "motion" judges it by the motion;
             None keeps the camera's axes
    seconds  standard deviation of the Gaussian that smooths the root's path; None for none
    """
    fov: float | None = None
    pitch: float | str | None = None
    seconds: float | None = None

    def space(self) -> str:
        """What the coordinates of placed poses are, in words."""
        origin = "the root joint of each frame" if self.fov is None else "the camera"
        axes = pose_files.CAMERA_AXES
        if self.pitch is not None:
            axes = f"{pose_files.LEVEL_AXES}, for a camera that looks down by {self.pitch:.1f} degrees"
        return f"{axes}; the origin is {origin}"


def lift(clip: Clip, trained_fps: float,
         predict: Callable[[Clip], np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """One root-relative pose a frame (N, J, 3) of a clip of any rate, and sentences on how.

    `predict` lifts a clip of the network's rate, `trained_fps`.
    """
    lifted = resample(clip, trained_fps)
    poses = resample_array(predict(lifted), len(clip), trained_fps / clip.fps)
    if lifted is clip:
        return poses, []
    return poses, [f"The network was trained at {trained_fps:g} frames a second: the keypoints were "
                   f"interpolated from {clip.fps:g} to {trained_fps:g} and the poses taken back at the "
                   "video's frames."]


def judged(wanted: Placement, poses: np.ndarray, skeleton: Skeleton) -> tuple[Placement, list[str]]:
    """`wanted` with a pitch in degrees where poses (N, J, 3) are to judge it, and a sentence on it."""
    if wanted.pitch != "motion":
        return wanted, []
    pitch = camera_pitch(poses, skeleton)
    return Placement(wanted.fov, pitch, wanted.seconds), [
        f"Levelled: judged by the motion, the camera looks down by {pitch:.1f} degrees; if that is wrong, "
        "state it with --level DEGREES."]


def root_path(clip: Clip, poses: np.ndarray, wanted: Placement) -> tuple[np.ndarray, list[str]]:
    """Camera-space root positions (N, 3), metres, of root-relative poses (N, J, 3), and sentences on them.

    Frames without an estimate are interpolated; ValueError where no frame has one.
    """
    notes = ["The root was placed with an assumed horizontal field of view of "
             f"{wanted.fov:g} degrees (--fov)."]
    root = estimate_root(clip.keypoints, poses, intrinsics(wanted.fov))
    known = np.flatnonzero(np.isfinite(root).all(1))
    if len(known) == 0:
        raise ValueError("The root cannot be estimated: in every frame all keypoints coincide or no depth "
                         "explains them. Use --root none.")
    if len(known) < len(root):
        notes.append(f"No depth explains the keypoints in {len(root) - len(known)} of {len(root)} frames: "
                     "their root was interpolated.")
        frames = np.arange(len(root))
        root = np.stack([np.interp(frames, known, axis[known]) for axis in root.T], 1).astype(np.float32)
    return (smooth(root, seconds=wanted.seconds, fps=clip.fps) if wanted.seconds else root), notes


def intrinsics(fov: float) -> np.ndarray:
    """fx, fy, cx, cy (4,) in screen units of a camera with this horizontal field of view in degrees."""
    focal = 1 / math.tan(math.radians(fov) / 2)
    return np.array([focal, focal, 0, 0])


def placed(poses: np.ndarray, root: np.ndarray | None, wanted: Placement) -> np.ndarray:
    """Root-relative poses (N, J, 3) at their root (N, 3), if any, levelled if wanted."""
    if root is not None:
        poses = poses + root[:, None]
    return poses if wanted.pitch is None else level(poses, up_at_pitch(wanted.pitch)).astype(np.float32)


def live_placer(wanted: Placement) -> Callable[[np.ndarray, np.ndarray], np.ndarray | None]:
    """Places one pose (J, 3) of keypoints (J, 2), screen coordinates; a root that cannot be told stays."""
    last = None

    def place(pose: np.ndarray, keypoints: np.ndarray) -> np.ndarray | None:
        nonlocal last
        if wanted.fov is not None:
            root = estimate_root(keypoints[None], pose[None], intrinsics(wanted.fov))
            last = root if np.isfinite(root).all() else last
            if last is None:
                return None
        return placed(pose[None], last, wanted)[0]

    return place


def write(folder: Path, clip: Clip, poses: np.ndarray, wanted: Placement, *, pixels: np.ndarray,
          size: tuple[int, int]) -> list[str]:
    """Write root-relative poses (N, J, 3) of a clip as `wanted` says; returns sentences and the files' names.

    All files are written, or none where one of them cannot be.
    `pixels` (N, J, 2) are the clip's keypoints in an image of `size` (width, height).
    """
    wanted, notes = judged(wanted, poses, clip.skeleton)
    root = None
    if wanted.fov is not None:
        root, more = root_path(clip, poses, wanted)
        notes += more
    poses, facts = placed(poses, root, wanted), {"skeleton": clip.skeleton, "fps": clip.fps}
    names = ("poses.npz", "poses.json", "poses.csv", "motion.bvh", "poses.html")
    with whole_folder(folder) as part:
        files = [part / name for name in names]
        pose_files.save_npz(files[0], poses, **facts, space=wanted.space())
        pose_files.save_json(files[1], poses, **facts, space=wanted.space())
        pose_files.save_csv(files[2], poses, **facts)
        pose_files.save_bvh(files[3], poses, **facts, on_floor=wanted.pitch is not None)
        save_html(files[4], keypoints=pixels, poses=poses, **facts, width=size[0], height=size[1],
                  title=clip.name)
        more, pictures = animate(part, clip, poses, pixels=pixels, size=size)
    return [*notes, *more, f"{len(poses)} poses, {clip.fps:g} frames a second, metres; {wanted.space()}.",
            *(str(folder / file.name) for file in [*files, *pictures])]


def animate(folder: Path, clip: Clip, poses: np.ndarray, *, pixels: np.ndarray,
            size: tuple[int, int]) -> tuple[list[str], list[Path]]:
    """animation.gif of the first seconds and, with an ffmpeg, animation.mp4 of all frames.

    Poses (N, J, 3) touch the floor, which lies across their y axis. Returns sentences and the files.
    """
    every = max(1, math.ceil(clip.fps / GIF_FPS - 0.01))
    panels = animation_panels(clip, [poses], ["3D pose"], up=None, pixels=pixels, size=size)
    ffmpeg, shown = movies.find_ffmpeg(), range(0, len(clip), every)[:GIF_PICTURES]
    notes, files = [], [folder / "animation.gif"]
    kept = {}

    def picture(frame: int):
        image = compose(panels, frame, f"{clip.name}   {frame / clip.fps:.2f} s")
        if frame in shown:
            kept[frame] = image
        return image

    if ffmpeg:
        frames = progress(range(len(clip)), desc="draw", unit="frame")
        first = picture(0)
        try:
            movies.save_mp4(folder / "animation.mp4", (picture(frame) for frame in frames), size=first.size,
                           fps=clip.fps, ffmpeg=ffmpeg)
            files.append(folder / "animation.mp4")
        except ValueError as error:
            notes.append(str(error))
    else:
        notes.append("No ffmpeg is on the search path: animation.mp4 was not written.")
    movies.save_gif(files[0], [kept.get(frame) or picture(frame) for frame in shown], fps=clip.fps / every)
    if len(shown) < len(range(0, len(clip), every)):
        notes.append(f"animation.gif holds the first {len(shown) * every / clip.fps:.0f} seconds.")
    return notes, files
