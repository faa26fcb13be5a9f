from pathlib import Path
from types import SimpleNamespace

import torch

from common.learning.resuming import random_state, set_random_state


class OneOfFour:
    """Stands in for four GPUs: records whose random state is read and written."""

    def __init__(self, monkeypatch, number):
        self.read, self.written = [], {}
        windows = SimpleNamespace(offsets=SimpleNamespace(device=torch.device("cuda", number)))
        self.batches = SimpleNamespace(windows=windows, generator=torch.Generator())
        monkeypatch.setattr(torch.cuda, "get_rng_state",
                            lambda device: self.read.append(device.index) or "own")
        monkeypatch.setattr(torch.cuda, "set_rng_state",
                            lambda state, device: self.written.update({device.index: state}))


def test_only_the_own_gpus_random_state_is_kept(monkeypatch):
    gpu = OneOfFour(monkeypatch, number=2)
    state = random_state(gpu.batches)
    assert state["cuda"] == ["own"] and gpu.read == [2]
    set_random_state(gpu.batches, state, Path("last.pth"))
    assert gpu.written == {2: "own"}


def test_a_file_with_the_states_of_all_gpus_gives_each_its_own(monkeypatch):
    gpu = OneOfFour(monkeypatch, number=2)
    states = {**random_state(gpu.batches), "cuda": ["first", "second", "third", "fourth"]}
    set_random_state(gpu.batches, states, Path("last.pth"))
    assert gpu.written == {2: "third"}
