"""The table of what each part of the augmentation is worth."""
import json
from pathlib import Path

import run_ftcm
from common.augmentation.augmenter import PARTS
from common.command import options
from experiments import augmentation, limits
from experiments.commands import run_study


def test_every_row_is_a_command_the_program_accepts_and_leaves_out_one_part(tmp_path):
    rows = augmentation.make_augmentation_rows(tmp_path)
    assert len(rows) == len(PARTS) + 2
    sizes = set()
    for row in rows:
        args = options.parse(row.train.split())
        assert row.folder == tmp_path / f"{args.checkpoint}_27_no_refine"
        left_out = set(PARTS) - set(args.augment)
        assert left_out == ({row.label.removeprefix("without ")} if row.label.startswith("without") else
                            set(PARTS) if row.label == "none" else set())
        cameras = 4 if args.cameras is None else len(args.cameras)
        assert ("camera" in left_out) == (cameras == 4)         # without random cameras, all that there are
        sizes.add(cameras / args.stride)
        options.parse([*row.evaluate.split(), "--previous_dir", "x.pth"])
    assert len(sizes) == 1                                      # as many windows in each row
    limits.parse_limits(augmentation.LIMITS.split())


def test_a_situation_is_the_mean_over_its_steps():
    report = {"pitch": [{"value": 20, "mpjpe": 1.0, "p_mpjpe": 9.0},
                        {"value": 30, "mpjpe": 3.0, "p_mpjpe": 2.0},
                        {"value": 60, "mpjpe": 5.0, "p_mpjpe": 4.0}]}
    question = augmentation.SITUATIONS["pitch 30 to 60 degrees"]
    assert augmentation.average_steps(report, *question) == {"mpjpe": 4.0, "p_mpjpe": 3.0}


def test_a_row_whose_limits_fail_is_listed_with_the_reason(study, tmp_path, monkeypatch):
    rows = augmentation.make_augmentation_rows(tmp_path)
    monkeypatch.setattr(augmentation, "measure_rows", lambda rows, _: ([{"label": rows[0].label}], []))
    monkeypatch.setattr(augmentation, "measure_row_limits", lambda *_: "no room")
    done, missing = augmentation.measure_augmentation(rows, study)
    assert not done and [entry["label"] for entry in missing] == [row.label for row in rows]
    assert "- all: no room" in (study.output / "augmentation.md").read_text()


def write_limits(argv):
    """In the place of the limits: steps whose error is their value."""
    steps = {"rate": [50.0], "noise": [0.0, 50.0], "detector": [1.0, 2.0], "missing": [4.0],
             "pitch": [0.0, 30.0, 60.0], "distance": [6.0, 12.0]}
    report = {name: [{"value": value, "mpjpe": value, "p_mpjpe": value / 2} for value in values]
              for name, values in steps.items()}
    args, evaluation = limits.parse_limits(argv)
    assert args.test_stride == 72 and evaluation.previous_dir.is_file()
    args.output.mkdir(parents=True)
    (args.output / "limits.json").write_text(json.dumps(report))


def test_the_rows_are_trained_scored_and_not_repeated(project, monkeypatch, capsys):
    monkeypatch.setattr(augmentation, "PARTS", [])          # all and none: the little data have no vertical
    monkeypatch.setattr(augmentation, "TRAINING", "-k gt --train 1 -f 27 --layers 1 --d_hid 16 --nepoch 1")
    monkeypatch.setattr(augmentation, "EVALUATION", "-k gt --train 0 --reload 1")
    monkeypatch.setattr(limits, "execute", write_limits)
    line = ["--device", "cpu", "--root_path", str(project)]
    assert run_study(augmentation.execute, line) == 0
    path = Path("checkpoint/augmentation/augmentation.json")
    first = json.loads(path.read_text())
    assert [row["label"] for row in first["rows"]] == ["all", "none"]
    assert all(len(row["situations"]) == len(augmentation.SITUATIONS) for row in first["rows"])
    errors = first["rows"][0]["situations"]
    assert errors["pitch 30 to 60 degrees"] == {"mpjpe": 45.0, "p_mpjpe": 22.5}
    text = capsys.readouterr().out
    assert "| trained with | test rigs" in text and "| none | 0.0 / 0.0 | " in text
    monkeypatch.setattr(run_ftcm, "execute", None)          # whoever trains, scores or measures again, fails
    monkeypatch.setattr(limits, "execute", None)
    assert run_study(augmentation.execute, line) == 0
    assert json.loads(path.read_text()) == first
