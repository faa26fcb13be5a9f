"""The ablation: paired differences over seeds, the order of work, what is repeated; where the units pay."""
import json

import pytest

import run_ftcm
from common.command import options
from common.weights import checkpoint
from experiments import ablation, units
from experiments.ablation import VARIANTS, make_ablation_rows
from tests.experiments.test_compare import FIRST, SECOND
from tests.experiments.test_rows import report
from tests.experiments.test_seeds import with_steps


def test_every_row_is_a_command_the_program_accepts_and_the_work_goes_seed_by_seed(tmp_path):
    rows = make_ablation_rows(tuple(VARIANTS), (1, 2, 3), tmp_path)
    assert list(rows) == [(variant, seed) for seed in (1, 2, 3) for variant in VARIANTS]
    for (_, seed), row in rows.items():
        args = options.parse(row.train.split())
        assert args.seed == seed and row.folder.name == f"{args.checkpoint}_27_no_refine"
        options.parse([*row.evaluate.split(), "--previous_dir", "x.pth"])
    assert len({row.folder for row in rows.values()}) == len(rows)


@pytest.fixture()
def trained(study, monkeypatch):
    """Rows of two variants and two seeds that seem trained; evaluations answer by hand."""
    rows = make_ablation_rows(("both", "none"), (1, 2), study.runs)
    for row in rows.values():
        row.folder.mkdir(parents=True)
        (row.folder / "last.pth").write_text("")
    monkeypatch.setattr(checkpoint, "read", lambda path: {"epoch": 12})

    def execute(line):
        output = study.output / line[-1].split("/")[-1]
        output.mkdir(parents=True)
        errors = FIRST if "both" in output.name else SECOND
        content = report(errors, line) | with_steps(errors) | {"command": " ".join(["python", "x", *line])}
        (output / "scores.json").write_text(json.dumps(content))

    monkeypatch.setattr(run_ftcm, "execute", execute)
    return rows


def test_the_text_says_what_removing_the_units_costs(trained, study, monkeypatch):
    results = ablation.measure_ablation(("both", "none"), (1, 2), study)
    assert not results["missing"] and "difference" not in results["rows"][0]
    assert results["rows"][1]["difference"]["seeds"] == [1, 2]
    text = (study.output / "ablation.md").read_text()
    assert "- Removing both units costs 4.00 mm of MPJPE (+3.00 to +7.00).\n" in text
    monkeypatch.setattr(run_ftcm, "execute", None)                      # nothing is repeated
    assert ablation.measure_ablation(("both", "none"), (1, 2), study) == results


def test_a_training_that_lacks_epochs_goes_on(trained, study, monkeypatch):
    asked = []

    def execute(line):
        asked.append(line)
        raise ValueError("no room")

    monkeypatch.setattr(checkpoint, "read", lambda path: {"epoch": 11})
    monkeypatch.setattr(run_ftcm, "execute", execute)
    row = next(iter(trained.values()))
    assert row.is_unfinished() and row.checkpoint() == row.folder / "last.pth"
    assert ablation.measure_rows([row], study)[1] == [{"label": row.label, "reason": "no room"}]
    assert asked[0][-1] == "--resume" and "--test" in asked[0]


def test_what_is_trained_already_is_scored_first(trained, study, monkeypatch):
    for path in (trained["both", 1].folder, trained["none", 1].folder):
        (path / "last.pth").unlink()
    (trained["none", 2].folder / "last.pth").write_text("damaged")
    monkeypatch.setattr(checkpoint, "read", lambda path: read(path, {"epoch": 12}))

    def read(path, content):
        if path.read_text() == "damaged":
            raise ValueError("damaged")
        return content

    monkeypatch.setattr(run_ftcm, "execute", lambda line: (_ for _ in ()).throw(ValueError("no room")))
    results = ablation.measure_ablation(("both", "none"), (1, 2), study)
    assert [(entry["label"][-6:], entry["reason"]) for entry in results["missing"]] == [
        ("seed 2", "no room"), ("seed 1", "no room"), ("seed 1", "no room"), ("seed 2", "damaged")]


def test_without_any_row_there_is_a_list_of_reasons(study, monkeypatch):
    monkeypatch.setattr(run_ftcm, "execute", lambda line: (_ for _ in ()).throw(ValueError("no room")))
    results = ablation.measure_ablation(tuple(VARIANTS), (1,), study)
    assert not results["rows"]
    assert [entry["reason"] for entry in results["missing"]] == ["no room"] * len(VARIANTS)


def curve(*errors):
    return [{"epoch": epoch, "p1": error, "cpu_minutes": epoch / 2} for epoch, error in enumerate(errors, 1)]


@pytest.mark.parametrize("both, epoch", [((9, 9, 4, 3), 3), ((4, 9, 4, 9), None), ((1, 1, 1, 1), 1),
                                         ((5, 5, 5, 5), None)])
def test_the_units_pay_from_where_their_error_stays_lower(both, epoch):
    assert units.pays_from(curve(*both), curve(5, 5, 5, 5)) == epoch


def test_curves_are_means_over_seeds_with_the_time_so_far():
    first = [{"epoch": 1, "p1": 80.0, "cpu_seconds": 60.0}, {"epoch": 2, "p1": 70.0, "cpu_seconds": 60.0}]
    second = [{"epoch": 1, "p1": 82.0, "cpu_seconds": 120.0}, {"epoch": 2, "p1": 70.0, "cpu_seconds": 0.0}]
    histories = [first, second]
    assert units.average_curves(histories) == [{"epoch": 1, "p1": 81.0, "cpu_minutes": 1.5},
                                               {"epoch": 2, "p1": 70.0, "cpu_minutes": 2.0}]


def test_every_training_of_the_units_is_a_command_the_program_accepts(tmp_path):
    for frames in units.WINDOWS:
        row = units.make_units_row(frames, "none", 2, 40, tmp_path)
        args = options.parse(row.train.split())
        assert (str(args.frames), args.units, args.seed, args.epochs) == (frames, "none", 2, 40)
        assert row.folder.name == f"{args.checkpoint}_{frames}_no_refine"


def test_the_study_of_the_units_scores_noise_and_repeats_nothing(project, study, monkeypatch):
    monkeypatch.setattr(units, "TRAINING", "-k gt --train 1 -b 16 --d_hid 16 --layers 1")
    monkeypatch.setattr(units, "EVALUATION", "-k gt --train 0 --reload 1")
    study = type(study)(**{**vars(study), "runs": project / "checkpoint",
                           "shared": ("--root_path", str(project), "--device", "cpu")})
    results = units.measure_units(("5",), (1,), 2, study)
    line, = results["rows"]
    assert not results["missing"] and len(line["curves"]["both"]) == 2
    assert [point["strength"] for point in line["noise"]] == [0, 1, 2]
    for point in line["noise"]:
        assert point["difference"]["mpjpe"]["difference"] == pytest.approx(point["both"] - point["none"])
    assert line["noise"][0]["both"] != line["noise"][2]["both"]
    assert (study.output / "units.png").read_bytes().startswith(b"\x89PNG")
    assert "| 5 frames | " in (study.output / "units.md").read_text()
    monkeypatch.setattr(run_ftcm, "execute", None)
    monkeypatch.setattr(run_ftcm, "predict_clips", None)
    assert units.measure_units(("5",), (1,), 2, study) == results
