"""Small checkpoints and the ones that ship: made, loaded, used when none is named."""
import io
import json
import shutil

import numpy as np
import pytest
import torch

import run_ftcm
from common.command import options
from common.weights import checkpoint
from dataset import human36m
from model.ftcm import FTCM
from tests.helpers import draw_nothing, run, write_human36m

SAMPLE = options.PROJECT / "dataset" / "baseball_coco17.npz"
SUBJECTS = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]


@pytest.fixture()
def trained(tmp_path, monkeypatch):
    """The best checkpoint of a tiny training on miniature Human3.6M archives in `tmp_path`."""
    draw_nothing(monkeypatch)
    write_human36m(tmp_path, lengths={(subject, "Walking"): 7 for subject in SUBJECTS})
    assert run("-f 5 --d_hid 16 --layers 1 -k gt -b 16 --train 1 --nepoch 1", tmp_path, tmp_path / "run") == 0
    return next((tmp_path / "run").glob("no_refine_*.pth"))


@pytest.fixture()
def shipped(trained, tmp_path, monkeypatch):
    """A project whose best checkpoint is a small one; the others are missing."""
    paths = {name: tmp_path / "checkpoint" / path.name for name, path in options.SHIPPED.items()}
    monkeypatch.setattr(options, "SHIPPED", paths)
    assert run(f"--export_weights {paths['best']} --reload 1 --previous_dir {trained}", tmp_path,
               tmp_path / "o") == 0
    return paths


def test_an_exported_checkpoint_holds_halves_and_scores_the_same_to_a_tenth_of_a_mm(trained, tmp_path):
    out = tmp_path / "small" / "weights.pth"
    assert run(f"--export_weights {out} --reload 1 --previous_dir {trained}", tmp_path, tmp_path / "o") == 0
    stored, loaded, whole = torch.load(out, weights_only=True), checkpoint.load(out), checkpoint.load(trained)
    assert {value.dtype for value in stored["model"].values()} == {torch.float16}
    assert {value.dtype for value in loaded["model"].values()} == {torch.float32}
    for key, value in whole["model"].items():
        assert torch.allclose(loaded["model"][key], value, rtol=1e-3, atol=1e-6)
    assert stored.keys() == {"format", "network", "model_args", "data", "fps", "mean_pose", "selection",
                             "epoch", "history", "options", "model"}
    for key in ("model_args", "data", "fps", "selection", "epoch", "history"):
        assert loaded[key] == whole[key]
    assert run(f"--train 0 --reload 1 --previous_dir {out}", tmp_path, tmp_path / "eval") == 0
    first, second = (json.loads((tmp_path / name / "scores.json").read_text()) for name in ("run", "eval"))
    assert first["average"]["mpjpe"] == pytest.approx(second["average"]["mpjpe"], abs=0.1)
    assert first["notes"][2:] == second["notes"][2:]


def test_an_exported_checkpoint_names_no_folder_of_its_maker(trained, tmp_path):
    saved = checkpoint.to_half(checkpoint.load(trained))
    assert str(tmp_path) in str(checkpoint.load(trained)["options"])
    assert str(tmp_path) not in str(saved["options"]) and saved["options"]["epochs"] == 1


def test_a_last_epoch_loses_its_optimizer_and_the_claim_to_have_been_selected(trained):
    last = checkpoint.load(trained.parent / "last.pth")
    small = checkpoint.to_half(last)
    assert last["selection"] == "test subjects" and small["selection"] is None and "optimizer" not in small


def test_weights_that_half_precision_cannot_hold_are_refused():
    saved = {"format": checkpoint.FORMAT, "model_args": {}, "data": {},
             "model": {"head.bias": torch.tensor([1e5])}}
    with pytest.raises(ValueError, match="Half precision cannot hold head.bias"):
        checkpoint.to_half(saved)


def test_the_published_network_fits_into_ten_megabytes(tmp_path):
    saved = {"format": checkpoint.FORMAT, "model_args": {}, "data": {}, "model": FTCM().state_dict()}
    checkpoint.save(tmp_path / "small.pth", checkpoint.to_half(saved))
    assert (tmp_path / "small.pth").stat().st_size < 10e6


def test_evaluation_without_a_named_checkpoint_uses_the_shipped_one_and_says_so(shipped, tmp_path, capsys):
    assert run("--train 0 -k gt", tmp_path, tmp_path / "default") == 0
    said = capsys.readouterr().out
    assert f"No --previous_dir: using the checkpoint that ships, {shipped['best']}\n" in said
    scores = json.loads((tmp_path / "default" / "scores.json").read_text())
    assert scores["checkpoint"] == [str(shipped["best"])] and scores["frames"] == 5
    assert run(f"--train 0 --reload 1 --previous_dir {shipped['best']}", tmp_path, tmp_path / "named") == 0
    named = json.loads((tmp_path / "named" / "scores.json").read_text())
    assert scores["average"] == named["average"]


def test_a_video_is_lifted_with_the_shipped_checkpoint(shipped, tmp_path, capsys, monkeypatch):
    draw_nothing(monkeypatch)
    line = f"--predict {SAMPLE} --layout coco17 --width 1920 --height 1080"
    assert run(line, tmp_path, tmp_path / "poses") == 0
    assert "using the checkpoint that ships" in capsys.readouterr().out
    assert np.load(tmp_path / "poses" / "poses.npz")["poses"].shape == (277, 17, 3)


def test_a_stream_is_lifted_with_the_shipped_checkpoint_and_hears_only_json(shipped, capsys, monkeypatch):
    frame = json.dumps([[100 + joint, 200 - joint, 1] for joint in range(17)])
    header = json.dumps({"layout": "coco17", "width": 640, "height": 480, "fps": 50})
    lines = io.TextIOWrapper(io.BytesIO(f"{header}\n{frame}\n".encode()))
    monkeypatch.setattr(run_ftcm.sys, "stdin", lines)
    assert run_ftcm.main(["--predict", "-", "--target", "center", "--device", "cpu"]) == 0
    captured = capsys.readouterr()
    assert [json.loads(line).get("frame") for line in captured.out.splitlines()] == [None, 0]
    assert "using the checkpoint that ships" in captured.err


def test_a_missing_shipped_checkpoint_is_named(shipped, tmp_path, capsys):
    assert run("--train 0 -k gt -f 27", tmp_path, tmp_path / "o") == 2
    error = capsys.readouterr().err
    assert f"The checkpoint that ships, {shipped['fast']}, is missing" in error and "Traceback" not in error


def test_without_licensed_data_the_default_evaluation_names_the_missing_file(shipped, tmp_path, capsys):
    shutil.move(tmp_path / "data_3d_h36m.npz", tmp_path / "elsewhere.npz")
    assert run("--train 0", tmp_path, tmp_path / "o") == 2
    assert "data_3d_h36m.npz" in capsys.readouterr().err


@pytest.mark.parametrize("path", list(options.SHIPPED.values()), ids=lambda path: path.name)
def test_shipped_files_are_small_and_name_their_recipe(path):
    assert path.is_file()
    assert path.stat().st_size <= 10e6
    saved = checkpoint.load(path)
    assert options.SHIPPED[{81: "best", 27: "fast"}[saved["model_args"]["frames"]]
                           if saved["data"]["target"] == "center" else "live"] == path
    assert saved["data"]["dataset"] == "cmu" and saved["history"] and "options" in saved
