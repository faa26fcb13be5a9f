"""Which of several forms of the same computation is the fastest on this machine, by timing."""
import time
from collections.abc import Callable

import torch

CLEARLY = 0.95      # another form is chosen where it takes less than this part of the first one's time
ROUNDS = 4


def fastest(forms: dict[str, Callable[[], object]]) -> str:
    """The name of the form that one thread computes in the least processor time.

    The first one stays unless another is clearly faster: so noise decides nothing, and the choice is the same
    the next time. Forms take turns, after a round to warm up.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rounds = [[time_once(form) for form in forms.values()] for _ in range(ROUNDS + 1)][1:]
    finally:
        torch.set_num_threads(threads)
    first, *others = map(min, zip(*rounds))
    taken = [CLEARLY * first, *others]
    return list(forms)[taken.index(min(taken))]


def time_once(work: Callable[[], object]) -> float:
    """Seconds of processor time that `work` takes in this thread; other work on the machine hardly counts."""
    started = time.thread_time()
    work()
    return time.thread_time() - started
