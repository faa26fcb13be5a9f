import pickle
import zipfile

import numpy as np
import pytest

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
