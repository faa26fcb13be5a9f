import pickle

import pytest
import torch

from common import checkpoint
from model.ftcm import FTCM
from tests.helpers import release_state


def small_release(**changes):
    state = release_state(9, depth=2, dim=32) | changes
    return {key: value for key, value in state.items() if value is not None}


def test_sizes_are_read_off_a_release_file(tmp_path):
    torch.save(small_release(), tmp_path / "w.pth")
    assert checkpoint.load(tmp_path / "w.pth")["model_args"] == {
        "num_joints": 17, "frames": 9, "dim": 32, "depth": 2, "dropout": 0.1, "units": "both",
        "fpm_filter": "matrix", "every_frame": False}


@pytest.mark.parametrize("changes, words", [
    ({"pose_emb.bias": None}, "Missing: pose_emb.bias. Unexpected: none"),
    ({"mlpmixer.gmlp.1.fn.extra.weight": torch.zeros(1)},
     "Missing: none. Unexpected: mlpmixer.gmlp.1.fn.extra.weight"),
    ({"mlpmixer.gmlp.1.fn.fc2_0.ln_256.weight": torch.zeros(1)},
     "Unexpected: mlpmixer.gmlp.1.fn.fc2_0.ln_256.weight"),
])
def test_a_key_too_few_or_too_many_is_listed(changes, words, tmp_path):
    torch.save(small_release(**changes), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=words):
        checkpoint.load(tmp_path / "w.pth")


def test_a_tensor_of_another_shape_is_listed(tmp_path):
    torch.save(small_release(**{"pose_lift.bias": torch.zeros(48)}), tmp_path / "w.pth")
    saved = checkpoint.load(tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"Other shapes: head.bias \(48,\) instead of \(51,\)"):
        checkpoint.load_weights(FTCM(**saved["model_args"]), saved["model"], tmp_path / "w.pth")


@pytest.mark.parametrize("state", [{"format": checkpoint.FORMAT}, {"pose_emb.weight_v": torch.tensor(1.0)},
                                   {}, [1]])
def test_incomplete_checkpoints_are_refused(state, tmp_path):
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="w.pth"):
        checkpoint.load(tmp_path / "w.pth")


class Hostile:
    def __reduce__(self):
        return (open, ("executed", "w"))


def test_a_file_that_runs_code_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"format": Hostile()}, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="not a readable checkpoint"):
        checkpoint.load(tmp_path / "w.pth")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps([1, 2]), "truncated"])
def test_damaged_files_are_refused(content, tmp_path):
    if content == "truncated":
        torch.save(small_release(), tmp_path / "w.pth")
        content = (tmp_path / "w.pth").read_bytes()[:5000]
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(ValueError, match="w.pth"):
        checkpoint.load(tmp_path / "w.pth")


def test_a_save_that_fails_leaves_the_old_file(tmp_path):
    old = {"format": checkpoint.FORMAT, "model_args": {}, "data": {}, "model": {}, "epoch": 1}
    checkpoint.save(tmp_path / "w.pth", old)
    with pytest.raises(Exception):
        checkpoint.save(tmp_path / "w.pth", {"format": lambda: None})
    assert checkpoint.load(tmp_path / "w.pth")["epoch"] == 1
