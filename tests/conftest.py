"""Settings of the whole test session."""
import pytest
import torch

from common.running import runtime
from tests.helpers import draw_nothing


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also the tests that take minutes")


def pytest_configure():
    # Two OpenMP threads on a busy machine wait for each other; the tests' networks are too small to gain from
    # them.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def by_pytorch(monkeypatch):
    """Live commands are computed by PyTorch: to time ONNX Runtime beside it takes seconds."""
    monkeypatch.setattr(runtime, "chooses", lambda computing: False)


@pytest.fixture()
def without_pictures(monkeypatch):
    draw_nothing(monkeypatch)
