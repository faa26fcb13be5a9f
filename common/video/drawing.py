"""A motion as a GIF or an MP4: 2D keypoints beside the 3D pose.

Shapes: N frames, J joints.
"""
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from common.pictures import movies
from common.pictures.animation import Animation, make_animation
from common.recording import Recording
from common.skeleton import HUMAN36M
from common.terminal import progress

GIF_FPS, GIF_SECONDS = 15, 10           # at most, where no rate is stated; a GIF holds the first seconds


def write_gif(path: Path, recording: Recording, poses: np.ndarray, rate: float | None) -> list[str]:
    """Write the first seconds of `poses` (N, J, 3), upright along their y axis, at `rate` pictures a second.

    Returns notes. Where the film has fewer frames a second, its own rate is taken.
    """
    rate = min(rate or GIF_FPS, recording.fps)
    shown = frames_at(len(poses), recording.fps, rate)
    kept = shown[:max(1, round(GIF_SECONDS * rate))]
    animation = animate(recording, poses)
    movies.save_gif(path, [animation.draw(frame) for frame in kept], fps=rate)
    return [f"{path.name} holds the first {GIF_SECONDS} seconds."] if len(kept) < len(shown) else []


def write_mp4(path: Path, recording: Recording, poses: np.ndarray, rate: float | None) -> list[str]:
    """Write all of `poses` (N, J, 3), as `write_gif`; a note where ffmpeg could not."""
    ffmpeg = movies.find_ffmpeg()
    if ffmpeg is None:
        return [f"No ffmpeg is on the search path: {path.name} was not written."]
    rate, animation = min(rate or recording.fps, recording.fps), animate(recording, poses)
    shown = frames_at(len(poses), recording.fps, rate)
    try:
        movies.save_mp4(path, draw(animation, shown), size=animation.draw(0).size, fps=rate, ffmpeg=ffmpeg)
    except ValueError as error:
        return [str(error)]
    return []


def draw(animation: Animation, frames: list[int]) -> Iterator[Image.Image]:
    """The pictures of `frames`, one after the other, with a bar."""
    for frame in progress(frames, desc="draw", unit="picture"):
        yield animation.draw(frame)


def frames_at(num_frames: int, fps: float, rate: float) -> list[int]:
    """The frames of a film of `fps` that are shown at `rate` pictures a second, which is not above it."""
    count = max(1, round(num_frames / fps * rate))
    return [min(num_frames - 1, int(number * fps / rate + 1e-6)) for number in range(count)]


def animate(recording: Recording, poses: np.ndarray) -> Animation:
    """The animation of a recording and its poses (N, J, 3)."""
    headings = [f"{recording.name}   {frame / recording.fps:.2f} s" for frame in range(len(poses))]
    return make_animation(recording.keypoints, {"3D pose": poses}, HUMAN36M, headings=headings,
                          size=(recording.width, recording.height))
