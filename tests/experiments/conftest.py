"""What the tests of the studies share."""
import pytest

import run_ftcm
from common import options
from dataset import human36m
from experiments.commands import Study
from tests.helpers import write_human36m


@pytest.fixture()
def study(tmp_path):
    """A study in an empty folder."""
    return Study(command="python -m experiments.x", output=tmp_path / "out", runs=tmp_path / "checkpoint",
                 root_path=tmp_path)


@pytest.fixture()
def project(tmp_path, monkeypatch):
    """A project of its own with miniature Human3.6M data, in the working folder; runs draw no pictures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "PROJECT", tmp_path)
    monkeypatch.setattr(run_ftcm.report.curves, "training_curves", lambda *_, **__: None)
    monkeypatch.setattr(run_ftcm.report.curves, "clip_animation", lambda *_, **__: None)
    subjects = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]
    write_human36m(tmp_path, lengths={(subject, "Walking"): 7 for subject in subjects})
    return tmp_path
