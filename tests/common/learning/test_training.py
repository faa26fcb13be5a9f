from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from common.learning.training import Schedule, Training, out_of_time
from common.running.distributed import Processes


def test_time_limit_leaves_later_epochs_out():
    history = [{"seconds": 50.0}]
    assert not out_of_time([], 1) and not out_of_time(history, None)
    assert out_of_time(history, 1.5) and not out_of_time(history, 2)


def test_the_large_decay_replaces_the_small_one_in_its_epoch():
    schedule = Schedule(epochs=9, small=0.9, large=0.5, large_every=3)
    assert [schedule.factor(epoch) for epoch in (1, 3, 4, 5)] == pytest.approx([1, 0.81, 0.405, 0.3645])


class Measured:
    """Stands in for a network that measures which product is fast."""

    product = None

    def use_fast(self, fast, product=None):
        assert fast
        self.product = product or "onednn"
        return self


@pytest.mark.parametrize("state, expected", [({}, "onednn"), ({"product": "pytorch"}, "pytorch")])
def test_a_resumed_run_keeps_its_product_and_another_measures(state, expected):
    training = SimpleNamespace(model=Measured(), state=state, processes=Processes())
    Training.settle_product(training)
    assert training.model.product == training.state["product"] == expected


def test_all_processes_take_the_first_ones_product():
    processes = SimpleNamespace(count=2, collect=lambda part, total: ["pytorch", *part])
    training = SimpleNamespace(model=Measured(), state={}, processes=processes)
    Training.settle_product(training)
    assert training.model.product == training.state["product"] == "pytorch"


class OneOfFour:
    """Stands in for four GPUs: records whose random state is read and written."""

    def __init__(self, monkeypatch, number):
        self.read, self.written = [], {}
        windows = SimpleNamespace(offsets=SimpleNamespace(device=torch.device("cuda", number)))
        self.training = SimpleNamespace(batches=SimpleNamespace(windows=windows, generator=torch.Generator()))
        monkeypatch.setattr(torch.cuda, "get_rng_state",
                            lambda device: self.read.append(device.index) or "own")
        monkeypatch.setattr(torch.cuda, "set_rng_state",
                            lambda state, device: self.written.update({device.index: state}))


def test_only_the_own_gpus_random_state_is_kept(monkeypatch):
    gpu = OneOfFour(monkeypatch, number=2)
    state = Training.random_state(gpu.training)
    assert state["cuda"] == ["own"] and gpu.read == [2]
    Training.set_random_state(gpu.training, state, Path("last.pth"))
    assert gpu.written == {2: "own"}


def test_a_file_with_the_states_of_all_gpus_gives_each_its_own(monkeypatch):
    gpu = OneOfFour(monkeypatch, number=2)
    states = {**Training.random_state(gpu.training), "cuda": ["first", "second", "third", "fourth"]}
    Training.set_random_state(gpu.training, states, Path("last.pth"))
    assert gpu.written == {2: "third"}
