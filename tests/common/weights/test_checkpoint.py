import pickle

import pytest
import torch

from common.weights import building, checkpoint
from model.baselines import SingleFrame
from model.ftcm import FTCM
from model.videopose3d import VideoPose3D
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
        building.load_weights(FTCM(**saved["model_args"]), saved["model"], tmp_path / "w.pth")


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
    with pytest.raises(ValueError, match=r"refused: it asks for (io|_io)\.open"):
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
    old = {"format": checkpoint.FORMAT, "model_args": {"frames": 9, "dim": 16}, "data": {}, "model": {},
           "epoch": 1}
    checkpoint.save(tmp_path / "w.pth", old)
    with pytest.raises(Exception):  # noqa: B017
        checkpoint.save(tmp_path / "w.pth", {"format": lambda: None})
    assert checkpoint.load(tmp_path / "w.pth")["epoch"] == 1


def whole(**changes):
    """A whole checkpoint of a small network, as dicts that may be altered."""
    model = FTCM(frames=5, dim=16, depth=1)
    return {"format": checkpoint.FORMAT, "model_args": {"frames": 5, "dim": 16, "depth": 1},
            "model": model.state_dict(),
            "data": {"dataset": "cmu", "keypoints": "gt", "tds": 1}} | changes


def test_unknown_fields_are_dropped_but_in_what_chooses_a_network_or_its_input(tmp_path):
    checkpoint.save(tmp_path / "w.pth", whole(note="new", history=[{"epoch": 1, "seconds": 2.0, "note": 1}]))
    saved = checkpoint.load(tmp_path / "w.pth")
    assert "note" not in saved and saved["history"] == [{"epoch": 1, "seconds": 2.0}]
    for place in ("model_args", "data"):
        checkpoint.save(tmp_path / "w.pth", whole(**{place: {**whole()[place], "note": 1}}))
        with pytest.raises(ValueError, match=f"{place}.note must be left out"):
            checkpoint.load(tmp_path / "w.pth")


def test_a_refusal_names_the_file_the_field_and_what_belongs_there(tmp_path):
    data = {"dataset": "cmu", "keypoints": "../x", "tds": 1}
    checkpoint.save(tmp_path / "w.pth", whole(data=data))
    with pytest.raises(ValueError,
                       match=r"w.pth is refused: data.keypoints must be a plain name .*got '../x'"):
        checkpoint.load(tmp_path / "w.pth")


@pytest.mark.parametrize("network, arguments", [
    (FTCM, {"frames": 19683, "dim": 8, "depth": 1}), (FTCM, {"frames": 5, "dim": 65536, "depth": 1000}),
    (SingleFrame, {"frames": 1, "dim": 65536, "depth": 1000}),
    (VideoPose3D, {"frames": 19683, "dim": 65536})])
def test_no_network_is_made_that_is_larger_than_its_file(network, arguments, tmp_path):
    with pytest.raises(ValueError, match="w.pth describes .*larger than the file"):
        building.build(network, {"model_args": arguments, "model": whole()["model"]}, tmp_path / "w.pth")


def test_building_draws_the_same_random_numbers_as_the_network_itself(tmp_path):
    torch.manual_seed(3)
    model = FTCM(frames=5, dim=16, depth=1)
    expected = torch.rand(2)
    torch.manual_seed(3)
    built = building.build(FTCM, {"model_args": {"frames": 5, "dim": 16, "depth": 1},
                                    "model": model.state_dict()}, tmp_path)
    assert torch.equal(torch.rand(2), expected)
    assert all(torch.equal(value, built.state_dict()[key]) for key, value in model.state_dict().items())


def test_the_number_of_a_release_files_blocks_is_bounded(tmp_path):
    torch.save(small_release(**{"mlpmixer.gmlp.999999999.LN.weight": torch.zeros(1)}), tmp_path / "w.pth")
    with pytest.raises(ValueError, match="Unexpected: mlpmixer.gmlp.999999999.LN.weight"):
        checkpoint.load(tmp_path / "w.pth")
