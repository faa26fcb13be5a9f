import os
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


@pytest.mark.parametrize("script", ["sleep 600", 'cat > "$last"; sleep 600', 'sleep 600 & wait',
                                    "while :; do echo flood; done >&2"],
                         ids=["reads nothing", "never ends", "waits for another", "floods"])
def test_a_stuck_ffmpeg_is_ended_with_all_that_it_started(script, tmp_path, monkeypatch):
    monkeypatch.setattr(movies, "PATIENCE", 0.3)
    os.mkfifo(tmp_path / "alive")
    alive = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(ValueError, match="stood still.*animation.gif"):
        movies.save_mp4(tmp_path / "a.mp4", pictures(40, (200, 200)), size=(200, 200), fps=25,
                       ffmpeg=stub(tmp_path, f"exec 9> {tmp_path}/alive\n{script}"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "ffmpeg"]
    os.set_blocking(alive, True)
    assert os.read(alive, 1) == b""                     # the end: nobody holds it open any more
    os.close(alive)


def test_a_talkative_ffmpeg_is_read_while_it_works(tmp_path, monkeypatch):
    monkeypatch.setenv("STATUS", "0")
    ffmpeg = stub(tmp_path, 'head -c 3000000 /dev/zero >&2; cat > "$last"; echo late words >&2; exit $STATUS')
    movies.save_mp4(tmp_path / "a.mp4", pictures(), size=(40, 30), fps=25, ffmpeg=ffmpeg)
    assert (tmp_path / "a.mp4").stat().st_size == 3 * 40 * 30 * 3
    monkeypatch.setenv("STATUS", "1")
    with pytest.raises(ValueError, match="late words") as error:
        movies.save_mp4(tmp_path / "a.mp4", pictures(), size=(40, 30), fps=25, ffmpeg=ffmpeg)
    assert len(str(error.value)) < 1000


def test_an_ffmpeg_that_cannot_be_started_is_named(tmp_path):
    (tmp_path / "ffmpeg").write_bytes(b"\0no program")
    (tmp_path / "ffmpeg").chmod(0o700)
    with pytest.raises(ValueError, match=f"{tmp_path}/ffmpeg.*started.*animation.gif"):
        movies.save_mp4(tmp_path / "a.mp4", pictures(), size=(40, 30), fps=25,
                        ffmpeg=str(tmp_path / "ffmpeg"))
    assert [path.name for path in tmp_path.iterdir()] == ["ffmpeg"]


@pytest.mark.skipif(movies.find_ffmpeg() is None or shutil.which("ffprobe") is None, reason="needs ffmpeg")
def test_a_real_ffmpeg_writes_all_pictures_at_an_even_size(tmp_path):
    movies.save_mp4(tmp_path / "a.mp4", pictures(5, (41, 30)), size=(41, 30), fps=12.5,
                   ffmpeg=movies.find_ffmpeg())
    said = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v", "-of",
                           "csv=p=0", "-show_entries", "stream=width,height,r_frame_rate,nb_read_frames",
                           str(tmp_path / "a.mp4")], capture_output=True, text=True).stdout.strip()
    assert said == "40,30,25/2,5"
