"""What the tests of the studies share."""
import pytest

from common.command import options, records
from dataset import human36m
from experiments.commands import Study
from tests.helpers import draw_nothing, write_human36m


@pytest.fixture()
def study(tmp_path):
    """A study in an empty folder."""
    return Study(command="python -m experiments.x", output=tmp_path / "out", runs=tmp_path / "checkpoint",
                 root_path=tmp_path)


@pytest.fixture()
def project(tmp_path, monkeypatch):
    """A project of its own with miniature Human3.6M data, in the working folder; runs draw no pictures."""
    monkeypatch.chdir(tmp_path)
    for module in (options, records):
        monkeypatch.setattr(module, "PROJECT", tmp_path)
    draw_nothing(monkeypatch)
    subjects = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]
    write_human36m(tmp_path, lengths={(subject, "Walking"): 7 for subject in subjects})
    return tmp_path
