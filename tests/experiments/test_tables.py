"""The rows of --tables and --ablation: where weights are looked for, what a row says of its cost."""
import json
from pathlib import Path

import pytest
import torch

from common import checkpoint
from experiments import augmentation, comparison, table_text, tables
from experiments.tables import Row
from tests.common.test_compare import FIRST, SECOND, scores

LINE = {"label": "a", "mpjpe": 80.0, "p_mpjpe": 60.0, "mpjve": None, "interval": [79.0, 81.0],
        "last_epoch_mpjpe": None, "published": {}, "parameters": 5, "training_epochs": 8,
        "training_minutes": 5.1, "training_cpu_minutes": 4.9, "seed": 1, "hardware": "a computer",
        "commit": "abc"}


def report(errors, line):
    """The scores.json that the command `line` would have left."""
    row = {"mpjpe": 1.0, "p_mpjpe": 1.0, "mpjve": None, "frames": 45}
    return scores(errors, **{key: LINE[key] for key in LINE.keys() - {"label", "mpjpe", "p_mpjpe", "mpjve"}},
                  average=row, all_frames=row, selected_epoch=6, notes=[],
                  command=" ".join(["python", "run_ftcm.py", *line]))


def test_a_row_of_the_ablation_has_its_paired_difference_from_the_first(tmp_path):
    answers = iter([FIRST, SECOND])
    rows = []
    for name in ("both", "none"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "no_refine_1_1.pth").write_text("")
        rows.append(Row(name, tmp_path / name, "--train 1", "--train 0 --reload 1"))

    def execute(line):
        output = tmp_path / "out" / line[-1].split("/")[-1]
        output.mkdir(parents=True)
        (output / "scores.json").write_text(json.dumps(report(next(answers), line)))

    done, missing = tables.run(rows, tmp_path / "out", trains=False, execute=execute, against_first=True)
    assert not missing and "paired" not in done[0]
    assert done[1]["paired"]["difference"] == pytest.approx(4)          # derived in test_compare.py
    text = table_text.markdown(done, missing, published=False)
    assert "+4.00 (+3.00 to +7.00)" in text and "P1 minus the first row's (95 %, paired)" in text
    assert tables.run(rows, tmp_path / "out", trains=False, execute=None, against_first=True)[0] == done


@pytest.mark.parametrize("field", ["selected_epoch", "by_clip"])
def test_an_evaluation_of_an_older_version_is_repeated(field, tmp_path):
    weights, line = tmp_path / "w.pth", ["--train", "0"]
    weights.write_text("")
    content = report(FIRST, line)
    (tmp_path / "scores.json").write_text(json.dumps(content))
    assert tables.is_scored(line, weights, tmp_path)
    del content[field]
    (tmp_path / "scores.json").write_text(json.dumps(content))
    assert not tables.is_scored(line, weights, tmp_path)


def test_only_costs_of_whole_runs_are_shown():
    whole = {**LINE, "selected_epoch": 6}
    for first, shown in ((LINE, False), (whole, True)):
        text = table_text.markdown([first, whole], [], published=False)
        assert ("8 epochs, 5.1 min" in text, "Without training costs" in text) == (shown, not shown)
        assert ("each action's motions" in text, "each action's clips" in text) == (shown, not shown)
        situations = dict.fromkeys(augmentation.SITUATIONS, {"mpjpe": 1.0, "p_mpjpe": 1.0})
        text = augmentation.markdown([{**run, "situations": situations} for run in (first, whole)], [])
        assert ("4.9 min" in text, "Without training costs" in text) == (shown, not shown)
        line = comparison.joined(comparison.Network("FTCM", 9, ""), [first, whole], {
            "macs_per_frame": 1.0, "windows_per_second": 1.0, "poses_per_second": 1.0})
        text = comparison.markdown([line], [])
        assert ("4.9 min" in text, "Without training costs" in text) == (shown, not shown)
    assert table_text.training_cost({**LINE, "training_epochs": 0}) == ""       # weights without a history


def test_published_weights_are_found_where_the_readmes_command_has_them(tmp_path):
    rows = tables.published_rows("h36m", tmp_path)
    known, = [row for row in rows if row.published]
    assert known.label == "cpn_ft_h36m_dbb, 243 frames, tds 3, refine" and known.checkpoint() is None
    paths = [tmp_path / "model_243_refine" / "no_refine_6_4331.pth",
             tmp_path / "model_351_refine" / "refine_6_4331.pth"]
    for path in paths:
        path.parent.mkdir()
        path.write_text("")
    assert [known.checkpoint(), known.refine_file()] == paths
    assert all(row.checkpoint() is None for row in rows if row is not known)
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert all(f"./checkpoint/{name}" in readme for name in tables.PUBLISHED_WEIGHTS)
    own = known.folder / "no_refine_60_4400.pth"                        # a training of one's own comes first
    own.parent.mkdir()
    own.write_text("")
    assert known.checkpoint() == own


def finished(folder, best=None):
    """A run that is done, with this last.pth."""
    folder.mkdir()
    (folder / "scores.json").write_text("{}")
    torch.save({"format": checkpoint.FORMAT, "best": best or {}}, folder / "last.pth")
    return tables.Row(folder.name, folder, "--train 1", "--train 0")


def test_the_best_epochs_files_are_those_that_the_last_one_names(tmp_path):
    best = {"epoch": 6, "p1": 43.31, "files": ["no_refine_6_4331.pth", "refine_6_4331.pth"]}
    made = finished(tmp_path / "run", best)
    assert made.checkpoint() == tmp_path / "run" / "no_refine_6_4331.pth"
    assert made.refine_file() == tmp_path / "run" / "refine_6_4331.pth"


@pytest.mark.parametrize("damage", ["cut", "names"])
def test_a_damaged_run_is_a_missing_row(damage, tmp_path):
    best = {"epoch": 1, "p1": 0.01, "files": ["no_refine_1_1.pth/../../victim"]}
    rows = [finished(tmp_path / "run", best if damage == "names" else None)]
    if damage == "cut":
        content = rows[0].folder.joinpath("last.pth").read_bytes()
        rows[0].folder.joinpath("last.pth").write_bytes(content[:100])
    done, missing = tables.run(rows, tmp_path, trains=False, execute=lambda line: pytest.fail(f"ran {line}"))
    assert not done and missing[0]["label"] == "run" and "last.pth" in missing[0]["reason"]
