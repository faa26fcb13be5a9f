"""Reads npz archives whose arrays may hold pickled dicts, without running code from the file.

Neither NumPy's own reader nor a real class meets the file: headers and pickles are read here, and only plain
numbers, truth values, text and lists of values become arrays.
"""
import ast
import re
from pathlib import Path

import numpy as np

from common.untrusted.pickles import interpret
from common.untrusted.values import DAMAGED, Refused, open_member, open_zip, readable
from dataset.plain_arrays import NAMES, count, make_array, plain_type

LONGEST_HEADER = 10_000     # bytes


def read_archive(path: Path, keys: list[str], *, hint: str) -> list:
    """The values of `keys` in the npz file `path`: arrays, or what a pickled object array holds.

    Arrays may be read-only. Raises FileNotFoundError when the file is missing, ValueError when it is damaged,
    hostile or lacks a key. `hint` ends each message and says how to get a good file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"Missing data file {path} (keys {', '.join(keys)}). {hint}")
    names = archive_keys(path, hint=hint)
    missing = [key for key in keys if key not in names]
    if missing:
        found = ", ".join(map(readable, names[:10])) + (" .." if len(names) > 10 else "")
        raise ValueError(f"{path} has the keys {found or 'none'}; expected also {', '.join(missing)}. {hint}")
    try:
        with open_zip(path) as archive:
            return [read_member(archive, key + ".npy") for key in keys]
    except Refused as error:
        raise ValueError(f"{path} is refused: {error}. {hint}") from error
    except DAMAGED as error:
        what = f"{type(error).__name__}: {readable(str(error))}"
        raise ValueError(f"{path} is damaged ({what}). {hint}") from error


def archive_keys(path: Path, *, hint: str) -> list[str]:
    """The keys of the npz file `path`. Raises ValueError as `read_archive` does."""
    try:
        with open_zip(path) as archive:
            return [name.removesuffix(".npy") for name in archive.namelist()]
    except Refused as error:
        raise ValueError(f"{path} is refused: {error}. {hint}") from error
    except DAMAGED as error:
        raise ValueError(f"{path} is damaged or no npz file ({readable(str(error))}). {hint}") from error


def read_npy(path: Path, *, hint: str):
    """The value of the .npy file `path`; errors as of `read_archive`."""
    try:
        with open(path, "rb") as file:
            return read_value(file, path.stat().st_size)
    except Refused as error:
        raise ValueError(f"{path} is refused: {error}. {hint}") from error
    except DAMAGED as error:
        what = f"{type(error).__name__}: {readable(str(error))}"
        raise ValueError(f"{path} is damaged ({what}). {hint}") from error


def read_member(archive, name: str):
    """One value of an open archive."""
    file, size = open_member(archive, name)
    with file:
        return read_value(file, size)


def read_value(file, size: int):
    """The value of an open .npy file of at most `size` bytes."""
    dtype, order, shape = read_header(file)
    if dtype.kind != "O":
        # One byte more than the array has shows a member that is longer than it says.
        return make_array(file.read(min(count(shape, dtype), size) + 1), dtype, shape, order)
    array = interpret(file, NAMES)
    if not isinstance(array, np.ndarray):
        raise Refused(f"it holds a {type(array).__name__} where an array belongs")
    return array.item() if array.ndim == 0 and array.dtype.kind == "O" else array


def read_header(file) -> tuple[np.dtype, str, tuple]:
    """The type, the order ("C" or "F") and the shape that a .npy file states."""
    magic, version = file.read(6), file.read(2)
    if magic != b"\x93NUMPY" or version not in (b"\1\0", b"\2\0", b"\3\0"):
        raise Refused("a member is no .npy file of version 1, 2 or 3")
    length = int.from_bytes(file.read(2 if version == b"\1\0" else 4), "little")
    if length > LONGEST_HEADER:
        raise Refused(f"an array's header has {length:,} bytes, more than {LONGEST_HEADER:,}")
    text = re.sub(r"(\d)L\b", r"\1", file.read(length).decode("latin1"))     # Python 2 writes 3L
    header = ast.literal_eval(text.strip())
    if (type(header) is not dict or header.keys() != {"descr", "fortran_order", "shape"}
            or type(header["fortran_order"]) is not bool):
        raise Refused("an array's header lacks type, order or shape")
    description = header["descr"]
    if type(description) is not str or not description:
        raise Refused("an array's type has fields")
    order = description[0] if description[0] in "<>|=" else ""
    return (plain_type(description[len(order):], order), "F" if header["fortran_order"] else "C",
            header["shape"])
