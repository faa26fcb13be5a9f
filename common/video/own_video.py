"""A user's own video: its keypoints are lifted, the poses placed, then written as files and pictures.

Shapes: N frames, J joints. Poses are metres.
"""
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.clips import Clip, resample, resample_array
from common.files import whole_folder
from common.pictures import movies
from common.pictures.animation import make_animation
from common.recording import Recording, to_clip
from common.skeleton import HUMAN36M
from common.terminal import progress
from common.video import pose_files
from common.video.bvh import NAMINGS
from common.video.placement import Placed, Placement, certainty, make_intrinsics, place, undo_roll
from common.video.player import Film, Person, save_html

GIF_FPS, GIF_PICTURES = 15, 150         # at most: a GIF holds the first ten seconds


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


def upright_clip(recording: Recording, placement: Placement) -> Clip:
    """The recording as a clip of the camera that `placement` states, without its roll."""
    clip = to_clip(recording)
    return replace(clip, keypoints=undo_roll(clip.keypoints, placement.roll),
                   intrinsics=make_intrinsics(placement.fov))


def lift_recording(recording: Recording, placement: Placement, trained_fps: float,
                   predict: Callable[[Clip], np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """`lift_clip` of a recording's `upright_clip`."""
    return lift_clip(upright_clip(recording, placement), trained_fps, predict)


def write_outputs(folder: Path, recording: Recording, poses: np.ndarray, placement: Placement, *,
                  bvh_names: str = NAMINGS[0], film: Film | None = None) -> list[str]:
    """Write lifted, root-relative poses (N, J, 3) as `placement` says; returns notes and file names.

    The poses are of the recording's `upright_clip`. All files are written, or none where one of them cannot
    be.
    """
    placed, notes = place(upright_clip(recording, placement), certainty(recording), poses, placement)
    with whole_folder(folder) as part:
        files = write_pose_files(part, recording, placed, bvh_names, film)
        animation_notes, pictures = write_animation(part, recording, placed.poses)
    return [*notes, *animation_notes,
            f"{len(poses)} poses, {recording.fps:g} frames a second, metres; {placed.space}.",
            *(str(folder / file.name) for file in [*files, *pictures])]


def write_pose_files(folder: Path, recording: Recording, placed: Placed, bvh_names: str,
                     film: Film | None) -> list[Path]:
    """Write a placed motion as npz, JSON, CSV, trc, angles, BVH and as the player; returns the files."""
    npz, plain, table, markers, angles, bvh, page = files = [folder / name for name in (
        "poses.npz", "poses.json", "poses.csv", "poses.trc", "angles.csv", "motion.bvh", "poses.html")]
    poses, shared = placed.poses, {"skeleton": HUMAN36M, "fps": recording.fps}
    told = {"space": placed.space, "state": placed.state, "facts": placed.facts}
    pose_files.save_npz(npz, poses, **shared, **told)
    pose_files.save_json(plain, poses, **shared, **told)
    pose_files.save_csv(table, poses, **shared, state=placed.state)
    pose_files.save_trc(markers, poses, **shared)
    pose_files.save_angles(angles, poses, **shared, up=placed.up)
    pose_files.save_bvh(bvh, poses, **shared, up=placed.up, on_floor=not placed.grounded, names=bvh_names)
    person = Person(recording.name, poses, recording.keypoints, placed.state == 1, placed.up)
    save_html(page, [person], title=recording.name, fps=recording.fps, film=film,
              size=(recording.width, recording.height), feet_on_floor=not placed.grounded)
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
