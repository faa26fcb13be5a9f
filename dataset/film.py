"""A film, picture, folder of pictures or camera -> its keypoints, by the detector in its own environment.

The detector is `python -m dataset.detect_keypoints` (its lines and its file are described there), a program
of its own because MediaPipe wants older packages than this project.
"""
import atexit
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from common.files import check_writable
from common.terminal import progress
from dataset.archive import archive_keys, read_archive
from dataset.frames import IMAGES

PROJECT = Path(__file__).resolve().parents[1]
ENVIRONMENT = PROJECT / ".venv-detector"
FILMS = {".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ogv", ".gif",
         ".3gp", ".mts"}
KEPT = "keypoints.npz"          # in the output folder
ERROR = "detect_keypoints: error: "
STEP = re.compile(r"frame (\d+) of (\d+)")


@dataclass(frozen=True)
class Detector:
    """Which detector looks for whom: the options of detect_keypoints.py by their names there."""
    detector: str | None = None
    model: Path | None = None
    person_model: Path | None = None
    everybody: bool = False
    fps: float | None = None

    def words(self) -> list[str]:
        """These options as words of a command line."""
        given = {name: value for name, value in vars(self).items() if value not in (None, False)}
        return [word for name, value in given.items()
                for word in ([f"--{name}"] if value is True else [f"--{name}", str(value)])]


def is_film(path: Path) -> bool:
    """Whether a path names a film, a picture or a folder of pictures."""
    if path.is_dir():
        endings = {file.suffix.lower() for file in islice(path.iterdir(), 1000)}
        return bool(endings & IMAGES) and not endings & {".json", ".txt"}
    return path.suffix.lower() in FILMS | IMAGES


def keypoints_of(film: Path, folder: Path, detector: Detector,
                 span: tuple[float | None, float | None] = (None, None)) -> tuple[Path, list[str]]:
    """The keypoint file of a film, in `folder`, and notes; any other file is one itself, without notes.

    Nobody is looked for outside of `span`, seconds, from and to; the file's times are those of the film. A
    film is looked at once for each detector and span, or once as a whole. Raises FileNotFoundError without
    the detector's environment, ValueError with the detector's sentence, or for a detector where no film is.
    """
    if not is_film(film):
        if detector.detector or detector.model or detector.person_model:
            raise ValueError(f"{film} is no film: nothing is detected in it. Drop --detector, "
                             "--detector_model and --person_model.")
        return film, []
    if not film.exists():
        raise FileNotFoundError(f"There is no film {film}.")
    words = [word for name, value in zip(("--from", "--to"), span) if value is not None
             for word in (name, f"{value:g}")]
    kept, whole, made_of = folder / KEPT, describe(film, detector), describe(film, detector, words)
    if made_of_what(kept) in (made_of, whole):
        return kept, [f"Keypoints: {kept}, detected before. Remove it to detect again."]
    check_writable(folder)
    command = [find_python(), "-m", "dataset.detect_keypoints", str(film.resolve()), "--output",
               str(kept.resolve()), "--made_of", made_of, *detector.words(), *words]
    process = start(command, stdout=subprocess.DEVNULL)
    try:
        report_progress(process)
    finally:
        process.kill()
        process.wait()
    return kept, [f"Keypoints: {kept}, by {detector.detector or 'mediapipe'}."]


def open_camera(number: int, detector: Detector) -> BinaryIO:
    """The detector's lines of a camera, as `--predict -` reads them; the detector ends with this program."""
    command = [find_python(), "-m", "dataset.detect_keypoints", str(number), "--output", "-",
               *detector.words()]
    process = start(command, stdout=subprocess.PIPE)
    atexit.register(process.terminate)
    told: list[str] = []
    listener = threading.Thread(target=lambda: told.extend(last_words(process)), daemon=True)
    listener.start()
    if not process.stdout.peek(1):                      # it failed before the first line
        listener.join()
        raise ValueError(told[0])
    return process.stdout


def describe(film: Path, detector: Detector, more: list[str] = ()) -> str:
    """What a keypoint file is made of: it is made again when any of this changes; `more` words besides."""
    files = sorted(film.iterdir()) if film.is_dir() else [film]
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]
    sizes, times = [size for _, size, _ in facts], [time for *_, time in facts]
    return json.dumps([film.name, len(facts), sum(sizes), max(times, default=0), [*detector.words(), *more]])


def made_of_what(path: Path) -> str | None:
    """What a keypoint file says that it is made of; None where there is none, or none of a film."""
    try:
        if path.is_file() and "made_of" in archive_keys(path, hint=""):
            return str(read_archive(path, ["made_of"], hint="")[0])
    except (ValueError, OSError):
        pass
    return None


def find_python() -> str:
    """The Python of the detector's environment."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        raise FileNotFoundError(
            f"A film needs a detector, whose environment {ENVIRONMENT} is missing. Make it with: make "
            f"detector, or with: {Path(sys.executable).name} -m venv {ENVIRONMENT}, then {python} -m pip "
            f"install -r {PROJECT / 'dataset' / 'detector_requirements.txt'}")
    return str(python)


def start(command: list[str], *, stdout: int) -> subprocess.Popen:
    """Start a program that reads nothing, in the project's folder."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
                            cwd=PROJECT)


def report_progress(process: subprocess.Popen) -> None:
    """Show how far the detector is until it ends; ValueError with its last line where it failed."""
    with progress(total=0, desc="detect", unit="frame") as bar:
        problem, = last_words(process, bar)
    if process.wait() != 0:
        raise ValueError(problem)


def last_words(process: subprocess.Popen, bar=None) -> list[str]:
    """What the detector says of its failure, when it has ended; a `bar` is moved by its steps meanwhile."""
    error = last = None
    for line in process.stderr:
        text = line.decode(errors="replace").strip()
        step = STEP.fullmatch(text)
        if step and bar is not None:
            bar.total = int(step[2])
            bar.update(int(step[1]) - bar.n)
        if text.startswith(ERROR):
            error = text.removeprefix(ERROR)
        last = text or last
    return [error or f"The detector failed ({last or 'without a word'}). Run it by hand to see why: "
            "python -m dataset.detect_keypoints."]
