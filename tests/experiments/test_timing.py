"""What is timed with how many threads."""
import time

import pytest
import torch

from experiments import timing


def test_one_thread_is_timed_by_its_processor_time():
    with timing.use_threads(1):
        assert timing.time_once(lambda: time.sleep(0.2)) < 0.1


def test_rounds_take_the_variants_in_turn_after_one_to_warm_up():
    order = []
    taken = timing.time_rounds({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == list("ababab") and {name: len(times) for name, times in taken.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize("count, expected", [(1, [("one_thread", 1)]),
                                             (2, [("one_thread", 1), ("all_threads", 2)])])
def test_one_thread_and_all_are_tried_and_the_number_is_as_before_afterwards(count, expected):
    with timing.use_threads(count):
        assert [(label, torch.get_num_threads()) for label in timing.vary_threads({})] == expected
        assert torch.get_num_threads() == count


def test_one_run_gives_its_result_seconds_and_memory():
    result, seconds, memory = timing.measure_once(lambda: torch.ones(2 ** 26).sum().item())     # 256 MiB
    assert result == 2 ** 26 and seconds > 0 and (memory is None or memory > 0.25)
