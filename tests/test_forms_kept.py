"""A run validates in one form of the network to its end; an evaluation says which form it used."""
import json

import pytest
import torch

import run_ftcm
from common.weights import checkpoint
from dataset import human36m
from model import folded, in_place
from tests.helpers import draw_nothing, write_human36m

LINE = ("-f 3 --d_hid 16 --layers 1 -k gt -b 16 --device cpu --train 1 --stride 6 --test_stride 4 "
        "--resume").split()


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Trains to an epoch on a machine where `fastest` is the fastest form; last.pth, and the forms used."""
    lengths = {(subject, "Walking"): 6 for subject in human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]}
    write_human36m(tmp_path, lengths=lengths)
    draw_nothing(monkeypatch)
    used, make = [], in_place.InPlace.__init__

    def train(epochs, fastest):
        used.clear()
        monkeypatch.setattr(folded, "fastest_form", lambda *_: fastest)
        monkeypatch.setattr(in_place.InPlace, "__init__",
                            lambda self, network, form: used.append(form) or make(self, network, form))
        assert run_ftcm.main([*LINE, "--root_path", str(tmp_path), "--output", str(tmp_path / "run"),
                              "--nepoch", str(epochs)]) == 0
        return torch.load(tmp_path / "run" / "last.pth", weights_only=True), set(used)

    train.folder = tmp_path / "run"
    return train


def test_a_resumed_run_keeps_its_form(run):
    saved, used = run(1, "onednn")
    assert saved["form"] == "onednn" and used == {"onednn"}
    saved, used = run(2, "pytorch")
    assert saved["form"] == "onednn" and used == {"onednn"}
    assert json.loads((run.folder / "scores.json").read_text())["form"] == "onednn"


def test_a_run_of_an_older_version_takes_the_fastest_form(run):
    saved, _ = run(1, "onednn")
    del saved["form"]
    checkpoint.save(run.folder / "last.pth", saved)
    saved, used = run(2, "pytorch")
    assert saved["form"] == "pytorch" and used == {"pytorch"}


def test_an_evaluation_measures_anew_on_its_own_machine(run, tmp_path, monkeypatch):
    saved, _ = run(1, "onednn")
    monkeypatch.setattr(folded, "fastest_form", lambda *_: "pytorch")
    best = run.folder / saved["best"]["files"][0]
    line = ["--train", "0", "-k", "gt", "--reload", "1", "--previous_dir", str(best), "--device", "cpu"]
    assert run_ftcm.main([*line, "--root_path", str(tmp_path), "--output", str(tmp_path / "evaluated")]) == 0
    assert json.loads((tmp_path / "evaluated" / "scores.json").read_text())["form"] == "pytorch"
