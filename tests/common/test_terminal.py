"""What is said, and where, on terminals, in logs and where a stream is closed."""
import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

import run_ftcm
from common import terminal
from common.weights import checkpoint
from model.ftcm import FTCM

PROJECT = Path(__file__).parents[2]


def test_without_a_terminal_progress_is_plain_lines_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr(terminal, "EVERY", 0)
    assert list(terminal.progress("abc", desc="load", unit="clip")) == ["a", "b", "c"]
    with terminal.progress(total=40, desc="lift", unit="window") as bar:
        bar.set_postfix_str("MPJPE 3 mm")
        bar.update(10)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and not any("\r" in line for line in lines)
    assert lines[0].startswith("load:  33% 1/3") and lines[2].startswith("load: 100% 3/3")
    assert "25% 10/40" in lines[3] and "MPJPE 3 mm" in lines[3]


def test_work_that_ends_soon_writes_no_line(capsys):
    assert list(terminal.progress(range(1000), desc="load", unit="clip")) == list(range(1000))
    assert capsys.readouterr().err == ""


def test_on_a_terminal_progress_is_a_bar(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with terminal.progress(total=1, desc="lift", unit="window") as bar:
        assert isinstance(bar, tqdm)


@pytest.mark.parametrize("argv", [["--train", "1", "-f", "28"], ["--export_weights", "x.pth", "--reload", "1",
                                                                 "--previous_dir", "absent.pth"]])
def test_an_error_is_said_on_standard_output_where_standard_error_is_closed(argv, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    try:
        status = run_ftcm.main(argv)
    except SystemExit as stop:
        status = stop.code
    said = capsys.readouterr().out
    assert status == 2 and said.count("\n") == 1 and ("28" in said or "absent.pth" in said)


def test_a_live_stream_without_input_and_messages_ends_with_status_2():
    command = f"{sys.executable} run_ftcm.py --predict - --device cpu --runtime torch <&- 2>&-"
    done = subprocess.run(command, shell=True, cwd=PROJECT, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 2 and "Traceback" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("run_ftcm.py: error: standard input")


def small_checkpoint(path):
    model_args = {"frames": 5, "dim": 16, "depth": 1}
    checkpoint.save(path, {"format": checkpoint.FORMAT, "model_args": model_args, "fps": 50,
                           "data": {"dataset": "cmu", "keypoints": "gt", "tds": 1},
                           "model": FTCM(**model_args).state_dict()})
    return path


def export(tmp_path, name):
    path = small_checkpoint(tmp_path / "lifter.pth")
    return run_ftcm.main(["--export_weights", str(tmp_path / name), "--reload", "1",
                          "--previous_dir", str(path)])


def test_a_name_that_the_encoding_lacks_is_printed_in_ascii(tmp_path, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert export(tmp_path, "größe.pth") == 0
    assert rb"gr\xf6\xdfe.pth" in out.buffer.getvalue()


def test_a_stream_whose_number_went_to_a_file_for_reading_counts_as_closed(tmp_path):
    (tmp_path / "file").write_text("")
    with open(tmp_path / "file") as reading, open(tmp_path / "file", "w") as writing:
        assert not terminal.is_open(reading) and terminal.is_open(writing) and not terminal.is_open(None)


def test_an_error_of_printing_is_told_from_one_of_a_file(capsys):
    assert "standard output" in terminal.output_problem(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    for other in (None, ValueError("x"), OSError("a sentence"), OSError(errno.EIO, "no", "data.npz")):
        assert terminal.output_problem(other) is None


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_behind_standard_output_is_told(tmp_path, monkeypatch, capsys):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert export(tmp_path, "small.pth") == 2
        error = capsys.readouterr().err
        assert "standard output" in error and error.count("\n") == 1
