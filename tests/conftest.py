"""Settings of the whole test session."""
import torch


def pytest_configure():
    # Two OpenMP threads on a busy machine wait for each other; the tests' networks are too small to gain from
    # them.
    torch.set_num_threads(1)
