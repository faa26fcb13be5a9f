"""Files appear whole or not at all; folders appear with their first file; dead processes leave nothing."""
import multiprocessing
import os
import platform
import signal
import time

import pytest

from common import files

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def ended_process():
    """The number of a process that runs no more."""
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    return process.pid


def test_a_failed_write_keeps_the_old_file_and_the_folders_that_were_there(tmp_path):
    (tmp_path / "old.txt").write_text("old")
    for path in (tmp_path / "old.txt", tmp_path / "new" / "deep" / "file.txt"):
        with pytest.raises(KeyError):
            with files.whole(path) as temporary:
                temporary.write_text("half")
                raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


def test_the_first_file_makes_its_folder(tmp_path):
    files.write_whole(tmp_path / "new" / "deep" / "file.txt", "text")
    assert [path.read_text() for path in (tmp_path / "new").rglob("*.*")] == ["text"]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs limits on file sizes")
def test_a_full_disk_is_told_with_the_files_name_and_leaves_nothing(tmp_path):
    import resource
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    (tmp_path / "old.bin").write_bytes(b"old")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError) as single:
            files.write_whole(tmp_path / "old.bin", bytes(5000))
        with pytest.raises(OSError) as many:
            with files.whole_folder(tmp_path / "out") as part:
                files.write_whole(part / "small.bin", b"small")
                files.write_whole(part / "large.bin", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(tmp_path / "old.bin") in str(single.value) and "space" in str(single.value)
    assert str(tmp_path / "out" / "large.bin") in str(many.value)
    assert [path.name for path in tmp_path.iterdir()] == ["old.bin"]
    assert (tmp_path / "old.bin").read_bytes() == b"old"


def test_a_group_of_files_replaces_the_earlier_ones_together(tmp_path):
    for content in ("first", "second"):
        with files.whole_folder(tmp_path / "out") as part:
            for name in ("a.txt", "b.txt"):
                files.write_whole(part / name, content)
    assert {path.name: path.read_text() for path in (tmp_path / "out").iterdir()} == {
        "a.txt": "second", "b.txt": "second"}


@needs_fork
def test_what_dead_processes_of_this_computer_left_is_removed_and_nothing_else(tmp_path):
    here, dead = platform.node(), ended_process()
    (tmp_path / f".a.pth.{here}.{dead}.partial").write_text("half")
    (tmp_path / f".files.{here}.{dead}.partial").mkdir()
    (tmp_path / f".files.{here}.{dead}.partial" / "poses.csv").write_text("half")
    kept = [f".a.pth.{here}.{os.getppid()}.partial", f".a.pth.other{here}.{dead}.partial",
            f".a.pth.{here}.x.partial", f"a.pth.{here}.{dead}.partial", ".partial"]
    for name in kept:
        (tmp_path / name).write_text("")
    files.write_whole(tmp_path / "new.txt", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "new.txt"])


def test_looking_whether_a_folder_can_be_written_makes_none(tmp_path):
    assert files.check_writable(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "b", tmp_path / ("x" * 300)):
        with pytest.raises(OSError) as error:
            files.check_writable(folder)
        assert str(folder) in str(error.value)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError):
        files.check_writable(tmp_path / "a")
    tmp_path.chmod(0o700)


def test_a_lock_is_one_holders_until_the_file_is_closed(tmp_path):
    with open(tmp_path / "log", "ab") as first, open(tmp_path / "log", "ab") as second:
        assert files.lock(first) and not files.lock(second)
        first.close()
        assert files.lock(second)


def hold_for_ever(path, held):
    file = open(path, "ab")
    held.send(files.lock(file))
    time.sleep(600)


@needs_fork
def test_a_killed_process_holds_no_lock(tmp_path):
    forking = multiprocessing.get_context("fork")
    answer, question = forking.Pipe()
    process = forking.Process(target=hold_for_ever, args=(tmp_path / "log", question))
    process.start()
    assert answer.recv()
    with open(tmp_path / "log", "ab") as file:
        assert not files.lock(file)
        process.kill()
        process.join()
        assert files.lock(file)
