"""Settings of the whole test session."""
import torch


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="also the tests that take minutes")


def pytest_configure():
    # Two OpenMP threads on a busy machine wait for each other; the tests' networks are too small to gain from
    # them.
    torch.set_num_threads(1)
