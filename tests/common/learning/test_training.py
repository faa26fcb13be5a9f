from types import SimpleNamespace

import pytest

from common.learning.training import Training
from common.running.distributed import Processes


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
