import collections
import os
import pickle
import zipfile

import numpy as np
import pytest

from common.untrusted import pickles, values
from dataset.archive import read_archive


class Hostile:
    def __reduce__(self):
        return (open, ("executed", "w"))


def test_reads_pickled_dicts_and_plain_arrays_exactly(tmp_path):
    table = {"S1": {"Walking 1": [np.arange(6, dtype=np.float32).reshape(3, 2), np.float64(2.5)]},
             "n": (1, "a", None)}
    np.savez_compressed(tmp_path / "a.npz", table=np.array(table, dtype=object), plain=np.arange(3),
                        text=np.array(["x"]))
    read, plain, text = read_archive(tmp_path / "a.npz", ["table", "plain", "text"], hint="")
    assert read["S1"]["Walking 1"][0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert read["S1"]["Walking 1"][1] == 2.5 and read["n"] == (1, "a", None)
    assert plain.tolist() == [0, 1, 2] and text.tolist() == ["x"]


def test_reads_archives_that_numpy_1_wrote(tmp_path):
    np.savez(tmp_path / "a.npz", table=np.array({"x": np.arange(2)}, dtype=object))
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        content = archive.read("table.npy")
    assert b"numpy._core" in content
    with zipfile.ZipFile(tmp_path / "old.npz", "w") as archive:
        array = np.array({"x": np.arange(2)}, dtype=object)
        header = content[:content.index(b"\n") + 1]
        archive.writestr("table.npy",
                         header + pickle.dumps(array, protocol=2).replace(b"numpy._core", b"numpy.core"))
    table, = read_archive(tmp_path / "old.npz", ["table"], hint="")
    assert table["x"].tolist() == [0, 1]


def test_a_hostile_pickle_is_refused_by_name_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "a.npz", table=np.array({"x": Hostile()}, dtype=object))
    with pytest.raises(ValueError, match="a.npz is refused: it asks for (io|_io).open"):
        read_archive(tmp_path / "a.npz", ["table"], hint="")
    assert not (tmp_path / "executed").exists()


def test_missing_file_and_key_are_named_with_the_hint(tmp_path):
    with pytest.raises(FileNotFoundError, match="Missing data file .*a.npz .keys x.. Ask mum."):
        read_archive(tmp_path / "a.npz", ["x"], hint="Ask mum.")
    np.savez(tmp_path / "a.npz", y=np.zeros(1))
    with pytest.raises(ValueError, match="has the keys y; expected also x. Ask mum."):
        read_archive(tmp_path / "a.npz", ["x"], hint="Ask mum.")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.95])
def test_truncated_archives_are_refused(share, tmp_path):
    np.savez_compressed(tmp_path / "a.npz", x=np.array({"x": np.random.rand(500)}, dtype=object))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content[:int(share * len(content))])
    with pytest.raises(ValueError, match="a.npz is damaged"):
        read_archive(tmp_path / "a.npz", ["x"], hint="")


@pytest.mark.parametrize("position", [90, 150, 300])
def test_flipped_bytes_are_refused(position, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array({"x": np.random.rand(500)}, dtype=object))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[position] ^= 0xFF
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ValueError, match="a.npz"):
        read_archive(tmp_path / "a.npz", ["x"], hint="")


def equal(a, b) -> bool:
    """Whether two values are the same, types, byte orders and bits included; an OrderedDict is a dict."""
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        same = type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape
        return same and (all(map(equal, a.flat, b.flat)) if a.dtype == object else a.tobytes() == b.tobytes())
    return type(a) is type(b) and a == b


def write_member(path, content, description="{'descr': '|O', 'fortran_order': False, 'shape': (), }\n"):
    """An npz file with the member x: a version 1 header and then `content`."""
    header = description.encode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + content)


@pytest.mark.parametrize("package", [b"numpy.core", b"numpy._core"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_gives_the_values_that_numpy_gives(protocol, package, tmp_path):
    cube = np.arange(24).reshape(2, 3, 4)
    value = {"rows": cube, "columns": np.asfortranarray(cube * 1.5), "axes": cube.transpose(1, 0, 2),
             "big-endian": np.arange(4, dtype=">f4"), "half": np.arange(3, dtype="f2"),
             "none": np.zeros((0, 3)),
             "text": np.array(["ab", "ü"]), "big-endian text": np.array(["ab"], ">U3"),
             "bytes": np.array([b"ab"]),
             "truth": np.array([True, False]), "one": np.array(3.5), "scalar": np.float32(2),
             "count": np.uint64(2 ** 63),
             "true": np.bool_(True), "objects": np.asfortranarray(np.array([[1, "a", None], [2, b"", [3]]],
                                                                           object)),
             "within": np.array({"a": np.array([None, [1]], object)}, object),
             "plain": [1, 2.5, None, True, "x", b"yz", b"", -2 ** 40, (1,)],
             "ordered": collections.OrderedDict(a=1), 7: "seven"}
    pickled = pickle.dumps(np.array(value, object), protocol=protocol)
    if protocol < 4:                                    # later ones state the length of what is replaced
        pickled = pickled.replace(b"numpy._core", package)
    write_member(tmp_path / "a.npz", pickled)
    assert equal(value, read_archive(tmp_path / "a.npz", ["x"], hint="")[0])


def test_plain_members_come_back_as_numpy_reads_them(tmp_path):
    arrays = {"columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "big": np.arange(3, dtype=">i2"),
              "text": np.array([["a", "bc"]]), "one": np.array(7), "none": np.zeros((0, 2), "f4"),
              "truth": np.array([True])}
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    for value, read in zip(arrays.values(), read_archive(tmp_path / "a.npz", list(arrays), hint="")):
        assert equal(value, read)


def test_what_python_2_wrote_is_read_as_latin_1(tmp_path):
    content = (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02"
               b"K\x00\x85U\x01b\x87Rq\x03(K\x01"
               b")cnumpy\ndtype\nq\x04U\x02O8K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89"
               b"]q\x06}q\x07U\x04Gr\xfc\xdfq\x08h\x01h\x02K\x00\x85U\x01b\x87R(K\x01K\x02\x85h\x04U\x02f4K\x00K\x01\x87R"
               b"(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x08" + np.float32([1.5,
                                                                                                  -2]).tobytes()
               + b"tbsatb.")
    write_member(tmp_path / "a.npz", content, "{'descr': 'O', 'fortran_order': False, 'shape': (), }")
    expected = pickle.loads(content, encoding="latin1").item()
    assert list(expected) == ["Gr\xfc\xdf"]
    assert equal(expected, read_archive(tmp_path / "a.npz", ["x"], hint="")[0])
    write_member(tmp_path / "a.npz", bytes(24), "{'descr': '<f8', 'fortran_order': False, 'shape': (3L,), }")
    assert read_archive(tmp_path / "a.npz", ["x"], hint="")[0].tolist() == [0, 0, 0]


def test_an_array_of_each_kind_keeps_to_its_own_bytes(tmp_path):
    pickled = pickle.dumps(np.array({"a": np.arange(4.0)}, object), protocol=2)
    assert pickled.count(b"K\x04\x85") == 1
    write_member(tmp_path / "a.npz", pickled.replace(b"K\x04\x85", b"K\x05\x85"))
    with pytest.raises(ValueError, match="refused: an array's content is not the float64 of its shape"):
        read_archive(tmp_path / "a.npz", ["x"], hint="")


def test_sizes_of_real_archives_are_within_the_bounds_and_bombs_are_not(tmp_path, monkeypatch):
    joints = 1_500_000 * 32 * 3 * 8                     # Human3.6M's 3D positions in float64
    assert max(joints, 2_000_000_000) < values.LARGEST
    monkeypatch.setattr(values, "UNSUSPICIOUS", 10_000)
    motion = np.random.default_rng(0).normal(0, 0.01, (2000, 17, 3)).cumsum(0).round(3)
    np.savez_compressed(tmp_path / "motion.npz", x=motion)
    assert equal(motion, read_archive(tmp_path / "motion.npz", ["x"], hint="")[0])
    np.savez_compressed(tmp_path / "zeros.npz", x=np.zeros((2000, 17, 3)))
    with pytest.raises(ValueError, match="refused: x.npy would unpack from"):
        read_archive(tmp_path / "zeros.npz", ["x"], hint="")


def test_an_array_that_is_named_often_counts_as_often(tmp_path, monkeypatch):
    array = np.zeros(100_000)
    np.savez(tmp_path / "a.npz", x=np.array(dict.fromkeys(range(50), array), object))
    read, = read_archive(tmp_path / "a.npz", ["x"], hint="")
    assert equal(array, read[49])
    monkeypatch.setattr(pickles, "LARGEST", 20_000_000)
    with pytest.raises(ValueError, match="refused: its values take more than 20,000,000 bytes"):
        read_archive(tmp_path / "a.npz", ["x"], hint="")


def test_a_file_behind_a_pipe_is_no_data_file(tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="Missing data file"):
        read_archive(tmp_path / "a.npz", ["x"], hint="")
