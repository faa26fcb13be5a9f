"""Equal processor time: plans by hand, and a training that is counted anew and goes on where it was left."""
import pytest

import run_ftcm
from experiments import budget
from experiments.budget import Plan

PLAN = Plan(stride=10, epochs=12, decay=0.7)


def test_a_plan_spends_the_budget_in_ten_epochs_while_the_rate_falls_to_its_last():
    plan = budget.make_plan(1.0, [100, 50], 2.5)        # every 10th frame: 15 targets, 15 s an epoch
    assert (plan.stride, plan.epochs) == (10, 10)
    assert plan.decay ** 9 == pytest.approx(budget.FINAL, rel=1e-2)


def test_where_one_target_of_each_clip_is_much_there_are_fewer_epochs():
    assert budget.make_plan(10.0, [100, 50], 1).epochs == 3             # 20 s an epoch at least


def test_where_all_frames_are_few_there_are_more_epochs():
    assert budget.make_plan(0.1, [100, 50], 5) == Plan(1, 20, round(budget.FINAL ** (1 / 19), 4))


@pytest.mark.parametrize("taken, epochs", [([], 8), ([30.0] * 7, 8), ([30.0] * 8, 12), ([45.0] * 8, 8),
                                           ([20.0] * 8, 18), ([30.0] * 8 + [90.0], 12)])
def test_after_two_thirds_the_number_of_epochs_follows_from_what_they_took(taken, epochs):
    history = [{"cpu_seconds": seconds} for seconds in taken]
    assert budget.count_epochs(history, PLAN, 6) == epochs


@pytest.mark.parametrize("done, asked", [(0, [8, 12]), (5, [8, 12]), (9, [12]), (12, [])])
def test_an_interrupted_training_goes_on_to_the_end_of_the_budget(done, asked, study, monkeypatch):
    history, lines = [{"cpu_seconds": 30.0}] * done, []

    def execute(line):
        lines.append(line)
        history.extend([{"cpu_seconds": 30.0}] * (int(line[line.index("--nepoch") + 1]) - len(history)))

    monkeypatch.setattr(run_ftcm, "execute", execute)
    monkeypatch.setattr(budget, "read_history", lambda folder: history)
    budget.train_within(["--train", "1"], study.runs / "x", PLAN, 6, study)
    assert lines == [["--train", "1", "-s", "10", "-lrd", "0.7000", "--nepoch", str(epochs), "--resume"]
                     for epochs in asked]


def test_what_cannot_be_trained_is_an_error_with_its_reason(study, monkeypatch):
    monkeypatch.setattr(run_ftcm, "execute", lambda line: (_ for _ in ()).throw(ValueError("no room")))
    with pytest.raises(ValueError, match="no room"):
        budget.train_within(["--train", "1"], study.runs / "x", PLAN, 6, study)
