"""poses.html: one file that plays 3D poses beside the 2D input in any browser, without network or library.

Shapes: N frames, J joints. The page is put together from the files of the folder page/.
"""
import base64
import html
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from common.bounds import MAX_FILM_BYTES
from common.camera import camera_to_level
from common.files import write_parts
from common.skeleton import HUMAN36M
from common.video.angles import angles
from common.video.parts import by_parts, parts

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("motion", "views", "curves", "film", "live", "controls")         # in the order in which they run
# What browsers play by the ends of their names, and what it is called inside the page.
FILMS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm",
         ".ogv": "video/ogg"}
ENCODED = 3 * 2 ** 18                       # bytes of a film that become text at once: whole threes
LARGEST = 2 ** 15 - 1                       # of the whole numbers in the page; the lowest means unknown
POSE_UNIT, KEYPOINT_UNIT, ANGLE_UNIT = 0.001, 0.1, 0.1                      # metres, pixels, degrees


@dataclass(frozen=True)
class Person:
    """One person of a page.

    poses      (N, 17, 3) metres, x right, y down, z forward
    keypoints  (N, 17, 2) pixels
    filled     (N, 17) bool, which joints are not where a keypoint was seen; None when unknown
    up         (3,) unit vector against gravity in the axes of `poses`; None where that is -y or unknown
    first      number of the film's frame that the first pose belongs to, counted from 0
    """
    name: str
    poses: np.ndarray
    keypoints: np.ndarray
    filled: np.ndarray | None = None
    up: np.ndarray | None = None
    first: int = 0


@dataclass(frozen=True)
class Film:
    """The film behind the keypoints: inside the page, or a `link` to it as an address seen from the page.

    `start`: seconds of the film at which the first frame of the page begins.
    """
    path: Path
    link: str | None
    start: float = 0


def open_film(how: str, path: Path, folder: Path, start: float = 0) -> Film:
    """The film in `path` for a page in `folder`; `how` is embed or link.

    FileNotFoundError where it is missing; ValueError where browsers do not play it or it is too large.
    """
    if not path.is_file():
        raise FileNotFoundError(f"--film: there is no file {path}. Name the film that the keypoints are of.")
    if path.suffix.lower() not in FILMS:
        raise ValueError(f"--film {path}: browsers play {', '.join(FILMS)}. Convert it, for example with "
                         f"ffmpeg -i {path.name} {path.stem}.mp4")
    if how == "link":
        try:
            address = Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
        except ValueError:                              # another drive of Windows
            return Film(path, path.resolve().as_uri(), start)
        return Film(path, quote(address), start)
    if path.stat().st_size > MAX_FILM_BYTES:
        raise ValueError(f"--film embed {path}: {path.stat().st_size / 1e6:.0f} MB do not fit into a page, "
                         f"{MAX_FILM_BYTES / 1e6:.0f} do. Use --film link, or a smaller copy.")
    return Film(path, None, start)


def save_html(path: Path, people: list[Person], *, title: str, fps: float, size: tuple[int, int],
              feet_on_floor: bool = True, film: Film | None = None) -> None:
    """Write the player of `people` in a film of `size`, width and height in pixels.

    The page keeps whole millimetres and tenths of a pixel and of a degree; far away, and in pictures wider
    than 3276 pixels, a little less. `feet_on_floor`: at first each pose stands on the floor with its lowest
    joint; without it the heights of frames and people are kept. Raises ValueError for input that does not fit
    together.
    """
    for person in people:
        check(person, fps)
    write_parts(path, page_parts(people, title=title, fps=fps, size=size, feet_on_floor=feet_on_floor,
                                 film=film))


def page_parts(people: list[Person], *, title: str, fps: float, size: tuple[int, int],
               feet_on_floor: bool = True, film: Film | None = None,
               live: dict | None = None) -> Iterator[str]:
    """The text of the page of `save_html`, part by part.

    A `live` one, {"delay": seconds between a frame and its pose}, shows the newest frame that the address
    frames sends.
    """
    data = {"title": title, "fps": float(fps), "width": size[0], "height": size[1], "live": live,
            "frames": max(person.first + len(person.poses) for person in people),
            "joints": HUMAN36M.joints, "parents": HUMAN36M.parents, "root": HUMAN36M.root,
            "angles": list(angles(people[0].poses[:1], HUMAN36M)), "feet_on_floor": feet_on_floor,
            "film": film and describe_film(film, fps), "people": [describe(person) for person in people]}
    # No "<" in the data: a title with "</script>" must not end the script element.
    text = json.JSONEncoder(separators=(",", ":")).iterencode(data)
    filled: dict[str, Iterable[str]] = {
        "DATA": (part.replace("<", "\\u003c") for part in text), "FILM": film_parts(film),
        "TITLE": [html.escape(title)], "STYLE": [read("style.css")],
        "SCRIPT": ["\n".join(read(f"{name}.js") for name in SCRIPTS)]}
    pieces = read("page.html").split("@")               # page.html has no @ but around these names
    for index, piece in enumerate(pieces):
        yield from filled[piece] if index % 2 else [piece]


def film_parts(film: Film | None) -> Iterator[str]:
    """The element of the page that holds a film without a link; nothing for others."""
    if film and film.link is None:
        yield '<script id="inside" type="text/plain">'
        with open(film.path, "rb") as file:
            while content := file.read(ENCODED):
                yield encode(content)
        yield "</script>\n"


def read(name: str) -> str:
    """The text of a file of the folder page/."""
    return (PAGE / name).read_text(encoding="utf-8").rstrip("\n")


def check(person: Person, fps: float) -> None:
    """Raise ValueError where a person's arrays or the frame rate make no sense."""
    shape = (len(person.poses), len(HUMAN36M.joints))
    if len(person.poses) == 0 or person.poses.shape != (*shape, 3) or person.keypoints.shape != (*shape, 2):
        raise ValueError(f"Expected keypoints (frames, {shape[1]}, 2) and poses (frames, {shape[1]}, 3) of "
                         f"at least one frame, got {person.keypoints.shape} and {person.poses.shape}. "
                         "Pass both of one clip.")
    if person.filled is not None and person.filled.shape != shape:
        raise ValueError(f"Expected which joints are filled as {shape}, got {person.filled.shape}. Pass one "
                         "value for each joint of each frame.")
    if not (np.isfinite(person.poses).all() and np.isfinite(person.keypoints).all() and np.isfinite(fps)
            and fps > 0):
        raise ValueError(f"Expected finite keypoints and poses and a rate above 0, got NaN, infinity or "
                         f"{fps} frames per second. Check the input file.")


def describe(person: Person) -> dict:
    """A person as the page knows it: level poses relative to their root, the root, keypoints, angles."""
    def level(poses: np.ndarray) -> np.ndarray:
        return camera_to_level(poses.astype(np.float64), person.up)

    def relative(poses: np.ndarray) -> np.ndarray:
        return level(poses) - level(poses)[:, HUMAN36M.root:HUMAN36M.root + 1]

    filled = None if person.filled is None else encode(np.packbits(person.filled).tobytes())
    return {"name": person.name, "first": person.first, "count": len(person.poses), "filled": filled,
            "root": pack(person.poses, POSE_UNIT, lambda poses: level(poses)[:, HUMAN36M.root]),
            "pose": pack(person.poses, POSE_UNIT, relative),
            "keypoints": pack(person.keypoints, KEYPOINT_UNIT, np.asarray),
            "angles": pack(person.poses, ANGLE_UNIT, lambda poses: angle_table(level(poses)))}


def describe_film(film: Film, fps: float) -> dict:
    """A film as the page knows it; it starts with a whole frame."""
    return {"name": film.path.name, "link": film.link, "type": FILMS[film.path.suffix.lower()],
            "start": round(film.start * fps) / fps}


def angle_table(poses_level: np.ndarray) -> np.ndarray:
    """All angles (N, A) in degrees of level poses (N, J, 3), NaN where not told."""
    return np.stack(list(angles(poses_level, HUMAN36M).values()), axis=1)


def pack(array: np.ndarray, unit: float, values: Callable[[np.ndarray], np.ndarray]) -> dict:
    """`values` of frames of `array` as whole numbers of 16 bits; one stands for `unit` or, if they need it,
    for more.
    """
    largest = max(float(np.nanmax(np.abs(values(array[rows])), initial=0)) for rows in parts(len(array)))
    unit = max(unit, largest / LARGEST)
    numbers = by_parts(lambda part: whole_numbers(values(part), unit), array)
    return {"unit": unit, "values": encode(numbers.tobytes())}


def whole_numbers(array: np.ndarray, unit: float) -> np.ndarray:
    """`array` in `unit`s, rounded, as 16 bits with the low byte first; the lowest number for NaN."""
    rounded = np.rint(np.asarray(array, np.float64) / unit)
    return np.where(np.isnan(rounded), -LARGEST - 1, rounded.clip(-LARGEST, LARGEST)).astype("<i2")


def encode(content: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(content).decode("ascii")
