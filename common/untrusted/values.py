"""Opens zip files that strangers wrote: what they unpack to is bounded before anything is unpacked."""
import contextlib
import os
import struct
import zipfile
import zlib
from pathlib import Path

LARGEST = 4 << 30           # bytes that one member or one pickle's values may unpack to
UNSUSPICIOUS = 64 << 20     # a member of at most so many bytes may be packed as densely as it likes
DENSEST = 30                # a larger one unpacks to at most so many times its packed size
MOST_MEMBERS = 20_000       # of a zip file

# What the readers of zip files, numbers and text raise on bytes that make no sense.
DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, IndexError, KeyError,
           TypeError, AttributeError, MemoryError, OverflowError, RuntimeError, SyntaxError)


class Refused(ValueError):
    """A file holds what it must not; the message continues a sentence about the file."""


@contextlib.contextmanager
def open_zip(path: Path):
    """The open zip file; Refused where it has too many members."""
    with zipfile.ZipFile(path) as archive:
        if len(archive.infolist()) > MOST_MEMBERS:
            raise Refused(f"it has {len(archive.infolist()):,} members, more than {MOST_MEMBERS:,}")
        yield archive


def open_member(archive: zipfile.ZipFile, name: str) -> tuple[zipfile.ZipExtFile, int]:
    """A member of the zip file as a stream, and its size in bytes.

    Refused before anything is unpacked where that would cost too much.
    """
    member = archive.getinfo(name)
    packed = min(member.compress_size, os.fstat(archive.fp.fileno()).st_size)
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise Refused(f"{readable(name)} is encrypted or packed by a method other than deflate")
    if member.file_size > LARGEST or member.file_size > max(UNSUSPICIOUS, DENSEST * packed):
        raise Refused(f"{readable(name)} would unpack from {packed:,} to {member.file_size:,} bytes, "
                      f"more than {DENSEST} times as many or more than {LARGEST:,}")
    return archive.open(member), member.file_size


def readable(text: str) -> str:
    """A name from a file, fit for a sentence: short, one line, without control characters."""
    shown = text if len(text) <= 100 else text[:100] + ".."
    return shown if shown.isprintable() else ascii(shown)
