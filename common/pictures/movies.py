"""Moving pictures: a GIF through Pillow, an MP4 through ffmpeg where one is installed."""
import io
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from common.files import whole, write_whole

PALETTE = 64            # colours of a GIF, the same in all its pictures: what stands still costs nothing
PATIENCE = 60           # seconds for which ffmpeg may take no picture before it is ended
MESSAGE_BYTES = 300     # of ffmpeg's messages, the last ones, are kept


def save_gif(path: Path, pictures: list[Image.Image], *, fps: float) -> None:
    """Write equally large RGB pictures as a GIF that repeats; its format knows hundredths of a second."""
    width, height = pictures[0].size
    shown = pictures[::max(1, len(pictures) // 4)]
    sample = Image.new("RGB", (width, height * len(shown)))
    for number, picture in enumerate(shown):
        sample.paste(picture, (0, number * height))
    palette = sample.quantize(PALETTE, dither=Image.Dither.NONE)
    indexed = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    file = io.BytesIO()
    indexed[0].save(file, format="GIF", save_all=True, append_images=indexed[1:], loop=0,
                    duration=durations(len(pictures), fps))
    write_whole(path, file.getvalue())


def durations(count: int, fps: float) -> list[int]:
    """Milliseconds for which each of `count` pictures is shown, whole hundredths of a second, 0.02 at least.

    They take turns so that the whole keeps its speed.
    """
    edges = [round(100 * number / fps) for number in range(count + 1)]
    return [10 * max(2, end - begin) for begin, end in zip(edges, edges[1:])]


def find_ffmpeg() -> str | None:
    """The ffmpeg program on the search path; None where there is none."""
    return shutil.which("ffmpeg")


def save_mp4(path: Path, pictures: Iterable[Image.Image], *, size: tuple[int, int], fps: float,
             ffmpeg: str) -> None:
    """Pipe RGB pictures of `size` (width, height), pixels, through `ffmpeg`; the file appears whole or not.

    Raises ValueError with ffmpeg's last line where it fails, cannot be started or stands still. Players want
    even sizes: an odd last row or column is left out.
    """
    with whole(path) as temporary:
        command = [ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
                   "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:.6f}", "-i", "-", "-an", "-threads", "1",
                   "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p",
                   "-movflags", "+faststart", "-f", "mp4", str(temporary)]
        problem = feed_program(command, (picture.tobytes() for picture in pictures))
        if problem is None and not temporary.is_file():
            problem = "it wrote nothing"
        if problem:
            raise ValueError(f"{ffmpeg} could not write {path.name} ({problem}). "
                             "Install an ffmpeg that writes mp4, or use animation.gif.")


def feed_program(command: list[str], parts: Iterable[bytes]) -> str | None:
    """Run a program that reads `parts` from its standard input; None when it worked, else what went wrong.

    It is ended, with all that it started, where it takes nothing or does not finish for PATIENCE seconds.
    """
    try:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, start_new_session=True)
    except OSError as error:
        return f"it cannot be started: {error.strerror}"
    messages, stuck = bytearray(), threading.Event()
    reader = threading.Thread(target=keep_last_bytes, args=(process.stderr, messages), daemon=True)
    reader.start()
    try:
        for part in parts:
            with time_limit(process, stuck):
                process.stdin.write(part)
            if process.poll() is not None:
                break
        with time_limit(process, stuck):
            process.stdin.close()
        with time_limit(process, stuck):
            process.wait()
    finally:
        end(process)
        process.wait()
        reader.join(timeout=1)
    if stuck.is_set():
        return f"it stood still for {PATIENCE:g} seconds"
    lines = messages.decode(errors="replace").strip().splitlines()
    return (lines[-1] if lines else "it failed without a message") if process.returncode else None


def keep_last_bytes(file: BinaryIO, kept: bytearray) -> None:
    """Read `file` to its end; `kept` holds its last MESSAGE_BYTES."""
    while part := os.read(file.fileno(), 65536):
        kept[:] = (kept + part)[-MESSAGE_BYTES:]


@contextmanager
def time_limit(process: subprocess.Popen, stuck: threading.Event) -> Iterator[None]:
    """End `process` and set `stuck` after PATIENCE seconds; a program that stops early is no error."""
    def give_up():
        stuck.set()
        end(process)

    timer = threading.Timer(PATIENCE, give_up)
    timer.start()
    try:
        with suppress(BrokenPipeError):                 # it stopped early: its messages say why
            yield
    finally:
        timer.cancel()


def end(process: subprocess.Popen) -> None:
    """Kill `process` and all that it started."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
