import shutil
import stat
import subprocess

import numpy as np
import pytest
from PIL import Image

from common.pictures import movies


def pictures(count=3, size=(40, 30)):
    return [Image.new("RGB", size, (80 * number, 0, 255)) for number in range(count)]


def stub(folder, script):
    """A program named ffmpeg that runs `script`; its last argument is the file to write."""
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/sh\nfor last; do :; done\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return str(path)


def test_a_gif_holds_all_pictures_at_their_rate_and_repeats(tmp_path):
    movies.save_gif(tmp_path / "a.gif", pictures(), fps=12.5)
    with Image.open(tmp_path / "a.gif") as gif:
        assert (gif.n_frames, gif.info["duration"], gif.info["loop"]) == (3, 80, 0)
        gif.seek(2)
        assert np.abs(np.asarray(gif.convert("RGB"))[5, 5] - np.array([160, 0, 255])).max() < 8


def test_ffmpeg_gets_every_picture_as_raw_bytes(tmp_path):
    ffmpeg = stub(tmp_path, 'cat > "$last"')
    movies.save_mp4(tmp_path / "a.mp4", iter(pictures()), size=(40, 30), fps=25, ffmpeg=ffmpeg)
    expected = b"".join(picture.tobytes() for picture in pictures())
    assert (tmp_path / "a.mp4").read_bytes() == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "ffmpeg"]


@pytest.mark.parametrize("script", ['echo "no such codec" >&2; exit 1',
                                    'cat > "$last"; echo "no such codec" >&2; exit 1'])
def test_a_failing_ffmpeg_is_quoted_and_leaves_no_file(script, tmp_path):
    with pytest.raises(ValueError, match="no such codec.*animation.gif"):
        movies.save_mp4(tmp_path / "a.mp4", pictures(400, (200, 200)), size=(200, 200), fps=25,
                       ffmpeg=stub(tmp_path, script))
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


@pytest.mark.skipif(movies.find_ffmpeg() is None or shutil.which("ffprobe") is None, reason="needs ffmpeg")
def test_a_real_ffmpeg_writes_all_pictures_at_an_even_size(tmp_path):
    movies.save_mp4(tmp_path / "a.mp4", pictures(5, (41, 30)), size=(41, 30), fps=12.5,
                   ffmpeg=movies.find_ffmpeg())
    said = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-of",
                           "csv=p=0", "-show_entries", "stream=width,height,r_frame_rate,nb_read_frames",
                           str(tmp_path / "a.mp4")], capture_output=True, text=True).stdout.strip()
    assert said == "40,30,25/2,5"
