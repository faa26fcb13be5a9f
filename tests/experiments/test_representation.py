"""The design of the eight trainings, and what is computed of their errors."""
from itertools import combinations

import pytest

from common.command import options
from experiments import representation
from experiments.representation import SWITCHES, compare, errors_at, find_effects, find_margin, switches_of

RUNS = list(range(8))


def test_each_option_is_on_in_half_of_the_runs_and_any_two_are_balanced():
    for name in SWITCHES:
        assert sum(switches_of(run)[name] for run in RUNS) == 4
    for first, second in combinations(SWITCHES, 2):
        both = sum(switches_of(run)[first] and switches_of(run)[second] for run in RUNS)
        assert both == 2, (first, second)


@pytest.mark.parametrize("run", RUNS)
def test_the_program_trains_what_a_run_says(run):
    args, on = options.parse([*representation.training_of(run), "--output", "x"]), switches_of(run)
    assert args.stature == on["stature"] and args.mask == on["mask"]
    assert (args.input == "virtual") == on["virtual camera"]
    assert bool(args.bone_weight) == on["bone directions"]
    assert bool(args.reprojection_weight) == on["image plane"]
    assert ("landmarks" in args.augment) == on["landmarks"] != ("placement" in args.augment)
    assert ("proportions" in args.augment) == on["proportions"] != ("body" in args.augment)
    assert args.seed == run + 1


def test_an_options_effect_is_found_whatever_the_others_do():
    effects = {name: number - 3.0 for number, name in enumerate(SWITCHES)}
    values = [100 + sum(effects[name] / 2 * (1 if on else -1) for name, on in switches_of(run).items())
              for run in RUNS]
    found = find_effects(values, RUNS)
    assert {name: round(effect, 9) for name, effect in found.items()} == effects


def test_a_large_effect_stands_out_and_equal_ones_do_not():
    noise = dict(zip(SWITCHES, (0.1, -0.1, 0.2, -0.2, 0.1, 0.15, 5.0)))
    assert 0.2 < find_margin(noise) < 5.0
    assert find_margin(dict.fromkeys(SWITCHES, 1.0)) > 1.0


def test_errors_are_those_of_the_epochs_up_to_so_many_processor_minutes():
    history = [{"epoch": epoch, "cpu_seconds": 60.0, "p1": 100.0 - epoch, "p2": 50.0 - epoch}
               for epoch in range(1, 21)]
    assert errors_at(history, 12) == {"mpjpe": 89.0, "p_mpjpe": 39.0, "epoch": 12}      # of epochs 10 to 12
    assert errors_at(history, 30) is None


def test_runs_are_compared_at_the_minutes_that_all_have_reached():
    def run(number, reached):
        errors = {"mpjpe": 60.0 + number, "p_mpjpe": 50.0, "epoch": 1}
        return {"run": number, "at": {str(minutes): errors if minutes <= reached else None
                                      for minutes in representation.MINUTES},
                "last": dict.fromkeys(representation.COLUMNS, 1.0)}
    tables = compare([run(number, 20 if number else 30) for number in RUNS])
    assert [table["after"] for table in tables] == ["10 min", "20 min", "last epoch"]
    assert tables[0]["mpjpe"]["stature"] == 1.0 and tables[0]["mpjpe"]["mask"] == 4.0    # runs count in bits
    text = representation.effects_table(tables)
    assert text.count("\n") == 2 + len(SWITCHES) + 1 and "+4.0" in text


def test_runs_that_are_not_there_are_refused(capsys):
    with pytest.raises(ValueError, match="numbers from 0 to 7, got 9"):
        representation.execute(["--runs", "9"])
