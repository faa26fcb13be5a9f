"""Files and folders are written whole or not at all, and what a killed process left is removed."""
import errno
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial"            # how the names of unfinished files and folders end
LOCKED_BYTE = 2 ** 30           # which byte Windows locks: beyond a log's end, so that others can read it
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def check_writable(folder: Path) -> Path:
    """Return `folder`; OSError where no file could be written into it. Nothing is created.

    A folder that is not there yet can be made where the nearest folder above it can be written.
    """
    with named(folder):
        nearest = next(path for path in [folder, *folder.absolute().parents] if path.exists())
        if not nearest.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return folder


@contextmanager
def named(path: Path) -> Iterator[None]:
    """An error of the system inside the block becomes an OSError that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno is None:                         # a sentence already
            raise
        shown = Path(*[part for part in path.parts if not part.endswith(PARTIAL)])
        advice = "Free some space there" if error.errno in FULL else "Make it writable"
        raise OSError(f"Cannot write {shown} ({error.strerror}). {advice} or choose another place, "
                         "then repeat the command.") from error


@contextmanager
def parents_of(path: Path) -> Iterator[None]:
    """The folder of `path` is there inside the block. A block that fails leaves no empty new folder."""
    made = []
    try:
        with named(path):
            made = [folder for folder in path.absolute().parents if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):                     # not empty, or not made
                folder.rmdir()
        raise


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what the block writes there replaces `path`, or is removed if it fails.

    After a power cut `path` holds the old or the new content. Missing folders are made. OSError names `path`
    where it cannot be written.
    """
    with parents_of(path):
        remove_abandoned(path.parent)
        temporary = unfinished(path)
        try:
            with named(path):
                yield temporary
                with open(temporary, "rb+") as file:
                    os.fsync(file.fileno())
                os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`; its files move into `folder` when the block ends without an error.

    A block that fails leaves none of them.
    """
    with parents_of(folder / "file"):
        remove_abandoned(folder)
        temporary = unfinished(folder / "files")
        try:
            with named(folder):
                shutil.rmtree(temporary, ignore_errors=True)    # of a process that had this one's number
                temporary.mkdir()
                yield temporary
                for file in sorted(temporary.iterdir()):
                    os.replace(file, folder / file.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_whole(path: Path, content: bytes | str) -> None:
    """Write bytes, or text as UTF-8, as `whole` does."""
    with whole(path) as temporary:
        temporary.write_bytes(content.encode(errors="backslashreplace") if isinstance(content, str)
                              else content)


def write_parts(path: Path, parts: Iterable[str]) -> None:
    """Write the parts of a text one after the other as UTF-8, as `whole` does."""
    with whole(path) as temporary, open(temporary, "w", encoding="utf-8", errors="backslashreplace",
                                        newline="") as file:
        file.writelines(parts)


def unfinished(path: Path) -> Path:
    """The hidden name beside `path` under which this process writes it."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}{PARTIAL}")


def remove_abandoned(folder: Path) -> None:
    """Remove the unfinished files and folders that killed processes of this computer left in `folder`."""
    for path in folder.glob(f".*.{platform.node()}.*{PARTIAL}"):
        process = path.name.removesuffix(PARTIAL).rpartition(".")[2]
        if process.isdecimal() and not is_running(int(process)):
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def is_running(process: int) -> bool:
    """Whether a process of this number runs. On Windows, where asking would end it, always True."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:                             # somebody else's
        pass
    return True


def lock(file: BinaryIO) -> bool:
    """Whether no other process holds the lock of `file`, which this one now holds until it is closed.

    The lock of a process that ended, however it ended, is free. Promised on local disks and on network disks
    that know locks; where a disk knows none, everybody gets the lock.
    """
    try:
        if os.name == "nt":
            import msvcrt
            file.seek(LOCKED_BYTE)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True


def near(path: Path) -> Path:
    """The path as seen from the working folder where it lies inside: commands then hold on other machines."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
