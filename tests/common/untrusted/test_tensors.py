"""What torch.save writes comes back as torch.load gives it; what costs too much does not."""
import io
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from common.command import options
from common.untrusted import pickles, tensors


def equal(a, b) -> bool:
    """Whether two values are the same, types and tensors' bits included; an OrderedDict is a dict."""
    if torch.is_tensor(a):
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(equal, a, b))
    return type(a) is type(b) and a == b


def written(path, value):
    torch.save(value, path)
    return tensors.read_tensors(path)


def test_all_that_training_saves_comes_back(tmp_path):
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(network.parameters(), amsgrad=True)
    network(torch.randn(5, 3)).sum().backward()
    optimizer.step()
    matrix = torch.arange(6.0).reshape(2, 3)
    value = {"model": network.state_dict(), "optimizer": optimizer.state_dict(), "rng": torch.get_rng_state(),
             "parameter": torch.nn.Parameter(matrix), "transposed": matrix.t(), "column": matrix[:, 1],
             "none": torch.zeros(0, 3), "number": torch.tensor(2.5), "half": matrix.half(),
             "double": matrix.double(),
             "counts": torch.arange(3), "ordered": OrderedDict(a=1),
             "plain": [None, True, -1, 2 ** 63, 0.1, "ü\n", (1, "a"), ()],
             "infinite": float("inf")}
    read = written(tmp_path / "a.pth", value)
    assert equal(torch.load(tmp_path / "a.pth", weights_only=True),
                 read) and not read["parameter"].requires_grad


@pytest.mark.parametrize("path", options.SHIPPED.values(), ids=lambda path: path.name)
def test_the_checkpoints_that_ship_come_back(path):
    assert equal(torch.load(path, weights_only=True), tensors.read_tensors(path))


def test_tensors_share_no_memory_after_reading(tmp_path):
    row = torch.zeros(4)
    a, b = written(tmp_path / "a.pth", [row, row[:2]])
    b += 1
    assert a.tolist() == [0, 0, 0, 0]


def test_few_bytes_cannot_become_many_tensors(tmp_path):
    row = torch.zeros(100_000)
    assert len(written(tmp_path / "a.pth", [row])) == 1
    with pytest.raises(ValueError, match="take more bytes than the file has"):
        written(tmp_path / "a.pth", [row.view(100, 1000), row, row[1:]])


def test_compressed_tensors_are_refused_before_they_are_unpacked(tmp_path):
    torch.save(torch.zeros(100_000), tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as plain, zipfile.ZipFile(
            tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(ValueError, match="unpack to more bytes than the file has"):
        tensors.read_tensors(tmp_path / "b.pth")


def test_a_pickle_of_too_many_steps_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pickles, "MOST_STEPS", 100)
    with pytest.raises(ValueError, match="more than 100 steps"):
        written(tmp_path / "a.pth", list(range(200)))


@pytest.mark.parametrize("value", [torch.zeros(2, dtype=torch.complex64), torch.zeros(2).to_sparse(),
                                   torch.device("cpu"),
                                   {1, 2}, torch.float32, {(1, 2): 3}, {"a\nb": 1}, b"bytes", np.float64(1),
                                   np.ones(2)], ids=repr)
def test_what_no_checkpoint_holds_is_refused(value, tmp_path):
    with pytest.raises(ValueError, match="a.pth is refused: it "):
        written(tmp_path / "a.pth", value)


class Hostile:
    def __reduce__(self):
        return (open, ("executed", "w"))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_random_source_beside_the_weights_is_left_out_and_code_is_not_run(zipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weights = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(2).half()}
    torch.save({"weights": weights, "random_state": np.random.RandomState(3), "lr": 0.1}, "a.pth",
               _use_new_zipfile_serialization=zipped)
    assert equal(tensors.read_tensors(tmp_path / "a.pth"),
                 {"weights": weights, "random_state": None, "lr": 0.1})
    torch.save({"weights": weights, "random_state": Hostile()}, "a.pth",
               _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"refused: it asks for (io|_io)\.open"):
        tensors.read_tensors(tmp_path / "a.pth")
    assert not (tmp_path / "executed").exists()


def test_the_random_state_of_older_numpy_versions_is_left_out():
    state = pickle.dumps(np.random.RandomState(3).get_state(), protocol=2).replace(b"numpy._core",
                                                                                   b"numpy.core")
    file = io.BytesIO(b"\x80\x02cnumpy.random\n__RandomState_ctor\n)R" + state[2:-1] + b"b.")
    assert pickles.interpret(file, tensors.RANDOM_STATE) is None


def test_files_of_older_torch_versions_come_back(tmp_path):
    matrix = torch.arange(6.0).reshape(2, 3)
    value = {"a": matrix, "column": matrix[:, 1], "counts": torch.arange(3), "none": torch.zeros(0, 3),
             "parameter": torch.nn.Parameter(matrix.t()), "plain": [1, "b", 0.5]}
    torch.save(value, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    assert equal(torch.load(tmp_path / "a.pth", weights_only=True), tensors.read_tensors(tmp_path / "a.pth"))


@pytest.mark.parametrize("size", range(20, 1500, 83))
def test_a_cut_file_of_an_older_version_is_refused(size, tmp_path):
    torch.save({"a": torch.zeros(50), "b": torch.ones(9)}, tmp_path / "a.pth",
               _use_new_zipfile_serialization=False)
    content = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(content[:min(size, len(content) - 1)])
    with pytest.raises(ValueError, match="a.pth is "):
        tensors.read_tensors(tmp_path / "a.pth")


@pytest.mark.parametrize("old, new", [
    (b"little_endianq\x02\x88", b"little_endianq\x02\x89"),      # big-endian
    (b"FloatStorage", b"DoubleStorage"), (b"\x32\x00\x00\x00\x00\x00\x00\x00", b"\x31" + bytes(7))])
def test_a_forged_file_of_an_older_version_is_refused(old, new, tmp_path):
    torch.save({"a": torch.zeros(50)}, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    content = (tmp_path / "a.pth").read_bytes()
    assert old in content
    (tmp_path / "a.pth").write_bytes(content.replace(old, new))
    with pytest.raises(ValueError, match="a.pth is "):
        tensors.read_tensors(tmp_path / "a.pth")
