"""Moving pictures: a GIF through Pillow, an MP4 through ffmpeg where one is installed."""
import io
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

from common.files import write_whole

PALETTE = 64            # colours of a GIF, the same in all its pictures: what stands still costs nothing


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
                    duration=max(20, 10 * round(100 / fps)))
    write_whole(path, file.getvalue())


def find_ffmpeg() -> str | None:
    """The ffmpeg program on the search path; None where there is none."""
    return shutil.which("ffmpeg")


def save_mp4(path: Path, pictures: Iterable[Image.Image], *, size: tuple[int, int], fps: float,
             ffmpeg: str) -> None:
    """Pipe RGB pictures of `size` (width, height), pixels, through `ffmpeg`; the file appears whole or not.

    Raises ValueError with ffmpeg's last line where it fails. Players want even sizes: an odd last row or
    column is left out.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial.mp4")
    command = [ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
               "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:.6f}", "-i", "-", "-an", "-threads", "1",
               "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
               str(temporary)]
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as process:
            try:
                for picture in pictures:
                    process.stdin.write(picture.tobytes())
                process.stdin.close()
            except BrokenPipeError:                     # ffmpeg stopped early: what it says follows
                process.stdin = None
            said = process.stderr.read().decode(errors="replace").strip().splitlines()
        if process.returncode or not temporary.is_file():
            raise ValueError(f"{ffmpeg} could not write {path} ({said[-1] if said else 'without a word'}). "
                             "Install an ffmpeg that writes mp4, or use animation.gif.")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
