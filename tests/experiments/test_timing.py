"""What is timed with how many threads."""
import time

import torch

from experiments import timing


def test_one_thread_is_timed_by_its_processor_time():
    with timing.threads(1):
        assert timing.seconds(lambda: time.sleep(0.2)) < 0.1


def test_rounds_take_the_variants_in_turn_after_one_to_warm_up():
    order = []
    taken = timing.rounds({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == list("ababab") and {name: len(times) for name, times in taken.items()} == {"a": 2, "b": 2}


def test_the_number_of_threads_is_as_before_afterwards():
    before = torch.get_num_threads()
    seen = [(label, torch.get_num_threads()) for label in timing.thread_counts({})]
    assert seen == [("one_thread", 1), ("all_threads", before)] and torch.get_num_threads() == before


def test_one_run_gives_its_result_seconds_and_memory():
    result, seconds, memory = timing.run_once(lambda: torch.ones(2 ** 26).sum().item())     # 256 MiB
    assert result == 2 ** 26 and seconds > 0 and (memory is None or memory > 0.25)
