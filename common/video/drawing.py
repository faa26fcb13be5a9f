"""The motion of everybody in a film as a GIF or an MP4: 2D keypoints beside the 3D poses.

Shapes: N frames of the film, P people, J joints.
"""
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from common.camera import camera_to_level
from common.pictures import movies
from common.pictures.animation import Animation, make_animation
from common.skeleton import HUMAN36M
from common.terminal import progress
from common.video.player import Person

Size = tuple[int, int]                  # of the film's pictures: width and height in pixels
GIF_FPS, GIF_SECONDS = 15, 10           # at most, where no rate is stated; a GIF holds the first seconds


def write_gif(path: Path, people: list[Person], fps: float, size: Size, rate: float | None) -> list[str]:
    """Write the first seconds of everybody's motion at `rate` pictures a second; returns notes.

    Where the film has fewer frames a second, `fps`, its own rate is taken.
    """
    rate, animation = min(rate or GIF_FPS, fps), animate(people, fps, size)
    shown = frames_at(len(animation.headings), fps, rate)
    kept = shown[:max(1, round(GIF_SECONDS * rate))]
    movies.save_gif(path, [animation.draw(frame) for frame in kept], fps=rate)
    return [f"{path.name} holds the first {GIF_SECONDS} seconds."] if len(kept) < len(shown) else []


def write_mp4(path: Path, people: list[Person], fps: float, size: Size, rate: float | None) -> list[str]:
    """Write the whole of everybody's motion, as `write_gif`; a note where ffmpeg could not."""
    ffmpeg = movies.find_ffmpeg()
    if ffmpeg is None:
        return [f"No ffmpeg is on the search path: {path.name} was not written."]
    rate, animation = min(rate or fps, fps), animate(people, fps, size)
    shown = frames_at(len(animation.headings), fps, rate)
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


def animate(people: list[Person], fps: float, size: Size) -> Animation:
    """The animation of people, upright: poses are levelled where they know what is up."""
    frames = max(person.first + len(person.poses) for person in people)
    points = np.full((frames, len(people), len(HUMAN36M.joints), 2), np.nan, np.float32)
    poses = np.full((*points.shape[:3], 3), np.nan, np.float32)
    for number, person in enumerate(people):
        rows = slice(person.first, person.first + len(person.poses))
        points[rows, number] = person.keypoints
        poses[rows, number] = camera_to_level(person.poses, person.up)
    who = people[0].name if len(people) == 1 else f"{len(people)} people"
    headings = [f"{who}   {frame / fps:.2f} s" for frame in range(frames)]
    return make_animation(points, {"3D pose" if len(people) == 1 else "3D poses": poses}, HUMAN36M,
                          headings=headings, size=size)
