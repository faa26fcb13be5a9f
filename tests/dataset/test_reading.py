"""Text, tables and lists are read within bounds; what lies beyond them is refused before it costs memory."""
import json
import os
import tracemalloc

import numpy as np
import pytest

from common.bounds import (
    MAX_COLUMNS,
    MAX_DEPTH,
    MAX_LEVELS,
    MAX_LINE_BYTES,
    MAX_NUMBERS,
    MAX_PARTS,
    MAX_TEXT_BYTES,
)
from dataset import reading
from dataset.reading import (
    check_regular,
    describe_value,
    limit_entries,
    parse_json,
    read_bytes,
    read_number,
    read_numbers,
    read_rows,
    read_text,
)


@pytest.mark.parametrize("value", [{"a[": ["\\", "\"]{", "é"], "b": [[1.5, None], []]}, "[" * 100, None])
def test_json_is_what_was_written_whatever_its_strings_hold(value):
    assert parse_json(json.dumps(value).encode(), "line 1") == value
    assert parse_json(json.dumps(value).encode("utf-16"), "line 1") == value


def test_json_may_be_nested_to_a_depth_that_is_not_that_of_brackets_in_strings():
    nested = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_json(nested.encode(), "x")
    assert parse_json(json.dumps([nested] * 9).encode(), "x") == [nested] * 9
    with pytest.raises(ValueError, match=f"x is nested deeper than {MAX_DEPTH} levels"):
        parse_json(f"[{nested}]".encode(), "x")


def test_json_of_too_many_parts_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(reading.json, "loads", None)
    with pytest.raises(ValueError, match=f"more than {MAX_PARTS:,} brackets"):
        parse_json(b"[" + b"[]," * (MAX_PARTS // 2) + b"[]]", "x")


def test_only_regular_files_and_links_to_them_are_read(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_bytes(tmp_path / "link") == b"content"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device", "."):
        with pytest.raises(ValueError, match="is no regular file"):
            check_regular(tmp_path / name)


@pytest.mark.parametrize("read", [read_bytes, lambda path: next(read_rows(path))])
def test_a_text_file_that_is_too_large_is_refused_unread(read, tmp_path):
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", MAX_TEXT_BYTES + 1)
    tracemalloc.start()
    with pytest.raises(ValueError, match="larger than 256 MB"):
        read(tmp_path / "large")
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


@pytest.mark.parametrize("line", ["," * MAX_COLUMNS, "9" * (MAX_LINE_BYTES + 1)])
def test_a_table_with_too_long_a_row_is_refused_before_the_row_is_whole(line, tmp_path):
    (tmp_path / "table.csv").write_text("frame,x\n" + 30 * line)
    rows = read_rows(tmp_path / "table.csv")
    assert next(rows) == (f"{tmp_path / 'table.csv'}, row 1", ["frame", "x"])
    with pytest.raises(ValueError, match=f"row 2 has more than {MAX_COLUMNS} columns or"):
        next(rows)


def test_numbers_keep_their_type_and_none_is_nan():
    assert read_numbers(np.float32([1, 2]), "x").dtype == np.float32
    assert np.isnan(read_numbers([None, 1], "x")).tolist() == [True, False]
    assert read_number(np.array([25]), "fps") == 25


@pytest.mark.parametrize("value", [[1j], np.zeros(3, complex), "12", ["1", 2], [[1, 2], [3]], {"x": 1},
                                   [10 ** 400], np.array(["x"]), np.zeros(2, "M8[s]")])
def test_what_is_no_real_number_is_refused(value):
    with pytest.raises(ValueError, match="x must be numbers"):
        read_numbers(value, "x")


def test_lists_that_hold_one_list_many_times_are_refused_before_they_are_unfolded():
    wide = [0.0] * (MAX_NUMBERS // 10_000)
    wide = [[wide] * 1_000] * 11
    with pytest.raises(ValueError, match=f"more than {MAX_NUMBERS:,} numbers"):
        read_numbers(wide, "x")
    deep = [0.0, 1.0]
    for _ in range(40):
        deep = [deep, deep]
    for value in (deep, [[deep]]):
        with pytest.raises(ValueError, match=f"deeper than {MAX_LEVELS} levels"):
            read_numbers(value, "x")
    assert describe_value(deep) == "list of 2"


@pytest.mark.parametrize("value", [None, [1, 2], np.zeros(2), {}, "x"])
def test_one_number_is_asked_for(value):
    with pytest.raises(ValueError, match="fps must be"):
        read_number(value, "fps")


@pytest.mark.parametrize("value", ["a\nb", "x" * 201, 5, ["x"], None, b"x"])
def test_a_name_is_short_and_printable(value):
    with pytest.raises(ValueError, match="layout must be a name"):
        read_text(value, "layout")


def test_more_people_than_a_file_may_hold_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "MAX_FRAMES", 3)
    assert limit_entries(iter("abc"), "x") == ["a", "b", "c"]
    with pytest.raises(ValueError, match="x holds more than 3 people"):
        limit_entries(iter("abcd"), "x")
