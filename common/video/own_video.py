"""A user's own film: its keypoints are lifted, the poses placed, then written as files and pictures.

Shapes: N frames, J joints. Poses are metres.
"""
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from common.camera import make_intrinsics
from common.clips import Clip, resample, resample_array
from common.files import whole_folder
from common.recording import Recording, to_clip
from common.skeleton import HUMAN36M
from common.video import pose_files
from common.video.bvh import NAMINGS
from common.video.drawing import write_gif, write_mp4
from common.video.placement import (
    Placed,
    Placement,
    certainty,
    place,
    undo_roll,
    up_of,
)
from common.video.player import Film, Person, save_html


@dataclass(frozen=True)
class Wanted:
    """What to write.

    title      of pages and pictures
    pictures   any of html, gif, mp4
    rate       pictures a second of gif and mp4; None: the film's, in the gif at most 15
    bvh_names  names of the bones;   film  behind the keypoints of the page
    everybody  whether files are named for the people, and one page and one JSON hold all of them
    """
    title: str
    pictures: tuple[str, ...] = ("html",)
    rate: float | None = None
    bvh_names: str = NAMINGS[0]
    film: Film | None = None
    everybody: bool = False


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


def lift_recordings(people: list[Recording], placement: Placement, trained_fps: float,
                    predict: Callable[[Clip], np.ndarray]
                    ) -> tuple[list[Recording], list[np.ndarray], list[str]]:
    """`lift_recording` of each person; who could be lifted, their poses, each note once.

    Of several people those who cannot be lifted are left out, with a note. ValueError where nobody can be.
    """
    notes = []

    def lift(recording: Recording) -> np.ndarray:
        poses, said = lift_recording(recording, placement, trained_fps, predict)
        notes.extend(said)
        return poses

    kept, lifted, left_out = those_who_can(people, lift)
    return kept, lifted, [*dict.fromkeys(notes), *left_out]


def those_who_can(people: list[Recording], do: Callable[[Recording], object]) -> tuple[list, list, list[str]]:
    """The people for whom `do` works, what it gives for each, and a note on each of the others.

    The ValueError of the only one, or of the first where it works for nobody, is raised.
    """
    kept, found, notes, problem = [], [], [], None
    for recording in people:
        try:
            found.append(do(recording))
            kept.append(recording)
        except ValueError as error:
            problem = problem or error
            notes.append(f"{recording.name.capitalize()} is left out. {error}")
    if not kept:
        raise problem
    return kept, found, notes


def write_outputs(folder: Path, people: list[Recording], lifted: list[np.ndarray], placement: Placement,
                  wanted: Wanted) -> list[str]:
    """Write each person's lifted, root-relative poses (N, J, 3) as `placement` says; notes and file names.

    The poses are of the recordings' `upright_clip`. All files are written, or none where one of them cannot
    be.
    """
    if not wanted.everybody:
        people = [replace(people[0], name=wanted.title)]
    people, placed, notes = place_people(people, lifted, placement, wanted.everybody)
    starts = file_starts(people) if wanted.everybody else [""]
    with whole_folder(folder) as part:
        files: list[Path] = []
        for recording, motion, start in zip(people, placed, starts):
            files += write_pose_files(part, recording, motion, wanted, start)
        if wanted.everybody:
            files.append(part / "poses.json")
            pose_files.save_people_json(files[-1], [recording.name for recording in people], placed,
                                        [recording.first for recording in people], HUMAN36M, people[0].fps)
        picture_notes, pictures = write_pictures(part, people, placed, wanted)
    counts = [f"{len(motion.poses)} poses{f' of {recording.name}' if wanted.everybody else ''}, "
              f"{recording.fps:g} frames a second, metres; {motion.space}."
              for recording, motion in zip(people, placed)]
    return [*notes, *picture_notes, *counts, *(str(folder / file.name) for file in [*files, *pictures])]


def place_people(people: list[Recording], lifted: list[np.ndarray], placement: Placement,
                 everybody: bool) -> tuple[list[Recording], list[Placed], list[str]]:
    """Who could be placed, the placed motion of each, and notes; the others are left out.

    The vertical of the first is that of everybody. ValueError where nobody can be placed.
    """
    notes, poses_of = [], {recording.name: poses for recording, poses in zip(people, lifted)}

    def place_one(recording: Recording) -> Placed:
        nonlocal placement
        motion, said = place(upright_clip(recording, placement), certainty(recording),
                             poses_of[recording.name], placement)
        if placement.up is None:
            placement = replace(placement, up=up_of(motion, placement))
        notes.extend(f"{recording.name.capitalize()}: {note}" if everybody else note for note in said)
        return motion

    kept, placed, left_out = those_who_can(people, place_one)
    return kept, placed, [*notes, *left_out]


def file_starts(people: list[Recording]) -> list[str]:
    """What the names of each person's files begin with: person_1_; a number where names would be alike."""
    names = [re.sub(r"[^\w-]+", "_", recording.name) for recording in people]
    if len(set(map(str.lower, names))) < len(names):
        names = [f"person_{number}" for number in range(1, len(names) + 1)]
    return [f"{name}_" for name in names]


def write_pose_files(folder: Path, recording: Recording, placed: Placed, wanted: Wanted,
                     start: str) -> list[Path]:
    """Write a placed motion as npz, JSON, CSV, trc, angles and BVH; returns the files.

    Their names begin with `start`; with one the JSON, which is then everybody's, is left out.
    """
    npz, plain, table, markers, angles, bvh = files = [folder / (start + name) for name in (
        "poses.npz", "poses.json", "poses.csv", "poses.trc", "angles.csv", "motion.bvh")]
    poses, shared = placed.poses, {"skeleton": HUMAN36M, "fps": recording.fps}
    told = {"space": placed.space, "state": placed.state, "facts": placed.facts}
    pose_files.save_npz(npz, poses, **shared, **told)
    if not start:
        pose_files.save_json(plain, poses, **shared, **told)
    pose_files.save_csv(table, poses, **shared, state=placed.state)
    pose_files.save_trc(markers, poses, **shared)
    pose_files.save_angles(angles, poses, **shared, up=placed.up)
    pose_files.save_bvh(bvh, poses, **shared, up=placed.up, on_floor=not placed.grounded,
                        names=wanted.bvh_names)
    return [file for file in files if not start or file is not plain]


def write_pictures(folder: Path, people: list[Recording], placed: list[Placed],
                   wanted: Wanted) -> tuple[list[str], list[Path]]:
    """Write the page, the GIF and the MP4 of everybody, as far as they are wanted; notes and files."""
    page, gif, mp4 = (folder / name for name in ("poses.html", "animation.gif", "animation.mp4"))
    first, size, notes = people[0], (people[0].width, people[0].height), []
    begin = min(recording.first for recording in people)
    shown = [Person(recording.name, motion.poses, recording.keypoints, motion.state == 1, motion.up,
                    first=recording.first - begin) for recording, motion in zip(people, placed)]
    if "html" in wanted.pictures:
        film = wanted.film and replace(wanted.film, start=wanted.film.start + begin / first.fps)
        save_html(page, shown, title=wanted.title, fps=first.fps, film=film, size=size,
                  feet_on_floor=not placed[0].grounded)
    if "gif" in wanted.pictures:
        notes += write_gif(gif, shown, first.fps, size, wanted.rate)
    if "mp4" in wanted.pictures:
        notes += write_mp4(mp4, shown, first.fps, size, wanted.rate)
    return notes, [file for file in (page, gif, mp4) if file.exists()]
