"""A training killed at any moment and resumed equals one that was not, and leaves no other files.

Trainings run in forked processes, which kill themselves (SIGKILL) before or after the n-th step of saving: a
temporary file is complete, a file is moved into place, an old best checkpoint is removed.
"""
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
import torch

import run_ftcm
from dataset import human36m
from model import training_form
from tests.helpers import draw_nothing, write_human36m

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LINE = ("-f 3 --d_hid 16 --layers 1 -k gt -b 16 --device cpu --train 1 --nepoch 3 --stride 6 --lr 0.003 "
        "--test_stride 8 --resume").split()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    lengths = {(subject, "Walking"): 6 for subject in human36m.SUBJECTS["train"]}
    write_human36m(folder, lengths=lengths | {("S9", "Walking"): 8, ("S11", "Walking"): 8})
    return folder


@pytest.fixture(scope="module", autouse=True)
def without_pictures():
    with pytest.MonkeyPatch.context() as patch:
        draw_nothing(patch)
        patch.setattr(training_form, "measure_product", lambda: "pytorch")
        yield


def train(data, output):
    return run_ftcm.main([*LINE, "--root_path", str(data), "--output", str(output)])


def die_at(moment, data, output):
    """Train; the process is killed at the `moment`-th step of saving, counted before and after each."""
    count = 0

    def deadly(step):
        def counted(*arguments, **more):
            nonlocal count
            for now in (True, False):
                if count == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1
                if now:
                    step(*arguments, **more)
        return counted

    os.fsync, os.replace = deadly(os.fsync), deadly(os.replace)
    Path.unlink = deadly(Path.unlink)
    os._exit(train(data, output))


def killed(moment, data, output):
    """Whether a training was killed at the moment: it may have ended before."""
    process = multiprocessing.get_context("fork").Process(target=die_at, args=(moment, data, output))
    process.start()
    process.join(timeout=120)
    return process.exitcode == -signal.SIGKILL


def last(output):
    return torch.load(output / "last.pth", weights_only=True)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    output = tmp_path_factory.mktemp("undisturbed") / "run"
    assert train(data, output) == 0
    return last(output), sorted(path.name for path in output.iterdir())


# A file is three steps of two moments: complete, in place, its temporary name gone. An epoch writes the best
# checkpoint, where it is one, last.pth, and history.csv after the replaced checkpoint is removed.
@pytest.mark.parametrize("moment", [2, 8, 9, 10, 15, 16, 20, 32, 33, 38, 39, 40, 41, 54])
def test_a_run_killed_while_it_saves_resumes_bit_for_bit(moment, data, undisturbed, tmp_path):
    (state, names), output = undisturbed, tmp_path / "run"
    assert killed(moment, data, output)
    if (output / "last.pth").exists():
        assert all((output / name).is_file() for name in last(output)["best"]["files"])
    assert train(data, output) == 0
    found = last(output)
    assert all(torch.equal(state["model"][key], found["model"][key]) for key in state["model"])
    assert found["best"] == state["best"] and found["product"] == state["product"] == "pytorch"
    assert sorted(path.name for path in output.iterdir()) == names


def test_a_run_killed_again_and_again_ends_like_one_that_was_not(data, undisturbed, tmp_path):
    state, names = undisturbed
    deaths = [killed(moment, data, tmp_path / "run") for moment in (9, 5, 14, 8)]
    assert deaths == [True] * 4 and train(data, tmp_path / "run") == 0
    found = last(tmp_path / "run")
    assert all(torch.equal(state["model"][key], found["model"][key]) for key in state["model"])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == names
