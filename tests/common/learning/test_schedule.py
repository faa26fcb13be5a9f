import pytest

from common.learning.schedule import Schedule, out_of_time


def test_time_limit_leaves_later_epochs_out():
    history = [{"seconds": 50.0}]
    assert not out_of_time([], 1) and not out_of_time(history, None)
    assert out_of_time(history, 1.5) and not out_of_time(history, 2)


def test_the_large_decay_replaces_the_small_one_in_its_epoch():
    schedule = Schedule(epochs=9, small=0.9, large=0.5, large_every=3)
    assert [schedule.factor(epoch) for epoch in (1, 3, 4, 5)] == pytest.approx([1, 0.81, 0.405, 0.3645])
