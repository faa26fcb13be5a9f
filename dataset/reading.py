"""Reads the content of files and streams within bounds: JSON, tables, arrays of numbers, entries of a dict.

`where` names the source in messages: a file, a line, a recording.
"""
import csv
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from common.bounds import (
    MAX_COLUMNS,
    MAX_DEPTH,
    MAX_FRAMES,
    MAX_LEVELS,
    MAX_LINE_BYTES,
    MAX_NAME,
    MAX_NUMBERS,
    MAX_PARTS,
    MAX_TEXT_BYTES,
)

NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def check_regular(path: Path, *, most: float = np.inf) -> None:
    """Refuse what is no regular file of at most `most` bytes: pipes and devices may never end."""
    if not path.is_file():
        raise ValueError(f"{path} is no regular file. Save its content in a file and name that.")
    if path.stat().st_size > most:
        raise ValueError(f"{path} is larger than {most / 1e6:.0f} MB. Split the video, or save its keypoints "
                         f"as npz.")


def read_bytes(path: Path, *, most: int = MAX_TEXT_BYTES) -> bytes:
    """The content of a text file of at most `most` bytes."""
    check_regular(path, most=most)
    with open(path, "rb") as file:
        return file.read(path.stat().st_size)


def parse_json(content: bytes, where: str):
    """The value that JSON text describes; text that is nested too deep is refused before it is parsed."""
    if content.count(b'"') + sum(map(content.count, (b"[", b"]", b"{", b"}"))) > MAX_PARTS:
        raise ValueError(f"{where} holds more than {MAX_PARTS:,} brackets and quotes. Split the video.")
    outside = content.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]       # of all strings
    brackets = np.frombuffer(b"".join(outside).translate(None, NOT_BRACKETS), np.uint8)
    opened = (brackets == ord("[")) | (brackets == ord("{"))
    if np.where(opened, 1, -1).cumsum().max(initial=0) > MAX_DEPTH:
        raise ValueError(f"{where} is nested deeper than {MAX_DEPTH} levels, so it is no JSON of keypoints. "
                         f"Export it again.")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        at = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise ValueError(f"{where} is no complete JSON ({getattr(error, 'msg', error)}{at}). "
                         f"Export it again.") from error


def read_rows(path: Path, delimiter: str = ",") -> Iterator[tuple[str, list[str]]]:
    """The place and the cells of each row of a table that is not blank; cells lose outer blanks."""
    check_regular(path, most=MAX_TEXT_BYTES)
    with open(path, encoding="utf-8-sig") as file:
        try:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), ""), start=1):
                where = f"{path}, row {number}"
                if len(line) > MAX_LINE_BYTES or line.count(delimiter) >= MAX_COLUMNS:
                    raise ValueError(f"{where} has more than {MAX_COLUMNS} columns or {MAX_LINE_BYTES:,} "
                                     f"characters. Export one row a frame.")
                cells = next(csv.reader([line], strict=True, delimiter=delimiter), [])
                row = [cell.strip() for cell in cells]
                if any(row):
                    yield where, row
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path} is no text table ({error}). Export it as UTF-8, cells separated by "
                             f"commas.") from error


def limit_entries(entries: Iterable, where: str) -> list:
    """The entries, people in frames, as a list; more than MAX_FRAMES are refused."""
    found = list(islice(entries, MAX_FRAMES + 1))
    if len(found) > MAX_FRAMES:
        raise ValueError(f"{where} holds more than {MAX_FRAMES:,} people in frames. Split the video.")
    return found


def read_numbers(value, where: str) -> np.ndarray:
    """Nested lists or an array as an array of real numbers; None is NaN."""
    if not isinstance(value, np.ndarray):
        check_nesting(value, where)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiubO" or array.size > MAX_NUMBERS:
            raise TypeError(f"got {array.size:,} of type {array.dtype}; at most {MAX_NUMBERS:,} real numbers")
        return array.astype(np.float64) if array.dtype.kind == "O" else array
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{where} must be numbers, the same count in each row ({error}). "
                         f"Export it again.") from error


def check_nesting(value, where: str) -> None:
    """Refuse nested lists of more than MAX_LEVELS levels or MAX_NUMBERS numbers.

    A list may hold the same list many times, so that few bytes of a file describe very many numbers.
    """
    level = [value]
    for _ in range(MAX_LEVELS + 1):
        if {str, bytes} & set(map(type, level)):
            raise ValueError(f"{where} must be numbers, got text. Export it again.")
        nested = [part for part in level if isinstance(part, (list, tuple))]
        arrays = sum(part.size for part in level if isinstance(part, np.ndarray))
        if arrays + sum(map(len, nested)) > MAX_NUMBERS:
            raise ValueError(f"{where} holds more than {MAX_NUMBERS:,} numbers. Split the video.")
        if not nested:
            return
        level = [item for part in nested for item in part]
    raise ValueError(f"{where} is nested deeper than {MAX_LEVELS} levels. Export it as plain arrays.")


def read_number(value, where: str) -> float:
    """One number, which files may wrap in an array."""
    plain = isinstance(value, (int, float, list, tuple, np.ndarray, np.generic))
    array = read_numbers(value, where) if plain else np.empty(0)
    if array.size != 1:
        raise ValueError(f"{where} must be one number, got {describe_value(value)}. Correct the file.")
    return float(array.item())


def read_text(value, where: str) -> str:
    """A name of printable characters, which files may wrap in an array."""
    value = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if not isinstance(value, str) or not value.isprintable() or len(value) > MAX_NAME:
        raise ValueError(f"{where} must be a name of at most {MAX_NAME} printable characters, got "
                         f"{describe_value(value)}. Rename it.")
    return str(value)


def read_texts(value, where: str) -> list[str]:
    """A flat list or array of names."""
    listed = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, (list, tuple)):
        raise ValueError(f"{where} must be a list of names, got {describe_value(value)}. Correct the file.")
    return [read_text(name, where) for name in listed]


def look_up(table, key: str, what: str, where: str, *, hint: str):
    """table[key]; ValueError where the dict `table` of `where` lacks `what`. `hint` ends the sentence."""
    if not isinstance(table, dict) or key not in table:
        raise ValueError(f"{where} lacks {what}; found: {describe_value(table)}. {hint}")
    return table[key]


def describe_value(value) -> str:
    """A short description of any value: a dict's first keys, an array's shape, a list's length."""
    if isinstance(value, dict):
        return ", ".join(key if isinstance(key, str) and key.isprintable() and len(key) <= 40
                         else describe_value(key) for key in islice(value, 20)) or "nothing"
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of type {value.dtype.kind}"
    if isinstance(value, (str, bytes)):
        return repr(value[:40])
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} of {len(value)}"
    if value is None or isinstance(value, (bool, float)) or isinstance(value, int) and abs(value) < 1e30:
        return repr(value)
    return f"a value of type {type(value).__name__}"
