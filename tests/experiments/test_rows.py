"""Rows of many runs: where weights are looked for, what is repeated, what a row says of its cost."""
import json
import shutil
from pathlib import Path

import pytest
import torch

import run_ftcm
from common.command import options
from common.weights import checkpoint
from experiments import augmentation, rows, tables
from experiments.commands import run_study
from experiments.comparison_table import comparison_table
from experiments.rows import Row
from experiments.seeds import join_seeds
from model.stcformer import STCFormer
from tests.experiments.test_compare import FIRST, scores
from tests.helpers import release_state

LINE = {"label": "a", "mpjpe": 80.0, "p_mpjpe": 60.0, "mpjve": None, "interval": [79.0, 81.0],
        "last_epoch_mpjpe": None, "published": {}, "parameters": 5, "training_epochs": 8,
        "training_minutes": 5.1, "training_cpu_minutes": 4.9, "seed": 1, "hardware": "a computer",
        "commit": "abc"}


def report(errors, line):
    """The scores.json that the command `line` would have left."""
    row = {"mpjpe": 1.0, "p_mpjpe": 1.0, "n_mpjpe": 1.0, "mpjve": None, "frames": 45}
    return scores(errors, **{key: LINE[key] for key in LINE.keys() - {"label", "mpjpe", "p_mpjpe", "mpjve"}},
                  average=row, all_frames=row, selected_epoch=6, notes=[],
                  command=" ".join(["python", "run_ftcm.py", *line]))


@pytest.mark.parametrize("field", ["selected_epoch", "by_clip"])
def test_an_evaluation_of_an_older_version_is_repeated(field, tmp_path):
    weights, line = tmp_path / "w.pth", ["--train", "0"]
    weights.write_text("")
    content = report(FIRST, line)
    (tmp_path / "scores.json").write_text(json.dumps(content))
    assert rows.has_scores(line, weights, tmp_path)
    del content[field]
    (tmp_path / "scores.json").write_text(json.dumps(content))
    assert not rows.has_scores(line, weights, tmp_path)


def test_only_costs_of_whole_runs_are_shown():
    whole = {**LINE, "selected_epoch": 6}
    for first, shown in ((LINE, False), (whole, True)):
        text = rows.row_table([first, whole], [])
        assert ("8 epochs, 5.1 min" in text, "Without training costs" in text) == (shown, not shown)
        assert ("each action's motions" in text, "each action's clips" in text) == (shown, not shown)
        situations = dict.fromkeys(augmentation.SITUATIONS, {"mpjpe": 1.0, "p_mpjpe": 1.0})
        lines = [{**run, "situations": situations} for run in (first, whole)]
        text = augmentation.augmentation_table(lines, [])
        assert ("4.9 min" in text, "Without training costs" in text) == (shown, not shown)
        line = join_seeds("FTCM", [first, whole]) | {
            "macs_per_frame": 1.0, "windows_per_second": 1.0, "poses_per_second": 1.0}
        text = comparison_table([line], [])
        assert ("4.9 min" in text, "Without training costs" in text) == (shown, not shown)
    assert rows.training_cell({**LINE, "training_epochs": 0}) == ""       # weights without a history


def test_published_weights_are_found_where_the_readmes_command_has_them(tmp_path):
    made = tables.make_published_rows("h36m", tmp_path)
    known, = [row for row in made if row.published]
    assert known.label == "cpn_ft_h36m_dbb, 243 frames, tds 3, refine" and known.checkpoint() is None
    paths = [tmp_path / "model_243_refine" / "no_refine_6_4331.pth",
             tmp_path / "model_351_refine" / "refine_6_4331.pth"]
    for path in paths:
        path.parent.mkdir()
        path.write_text("")
    assert [known.checkpoint(), known.refine_file()] == paths
    assert all(row.checkpoint() is None for row in made if row is not known)
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
    return Row(folder.name, folder, "--train 1", "--train 0")


def test_the_best_epochs_files_are_those_that_the_last_one_names(tmp_path):
    best = {"epoch": 6, "p1": 43.31, "files": ["no_refine_6_4331.pth", "refine_6_4331.pth"]}
    made = finished(tmp_path / "run", best)
    assert made.checkpoint() == tmp_path / "run" / "no_refine_6_4331.pth"
    assert made.refine_file() == tmp_path / "run" / "refine_6_4331.pth"


@pytest.mark.parametrize("damage", ["cut", "names"])
def test_a_damaged_run_is_a_missing_row(damage, study, tmp_path, monkeypatch):
    best = {"epoch": 1, "p1": 0.01, "files": ["no_refine_1_1.pth/../../victim"]}
    row = finished(tmp_path / "run", best if damage == "names" else None)
    if damage == "cut":
        content = row.folder.joinpath("last.pth").read_bytes()
        row.folder.joinpath("last.pth").write_bytes(content[:100])
    monkeypatch.setattr(run_ftcm, "execute", lambda line: pytest.fail(f"ran {line}"))
    done, missing = rows.measure_rows([row], study)
    assert not done and missing[0]["label"] == "run" and "last.pth" in missing[0]["reason"]


def test_a_training_that_was_begun_is_finished(study, tmp_path, monkeypatch):
    row = finished(tmp_path / "run")
    (row.folder / "scores.json").unlink()
    asked = []

    def execute(line):
        asked.append(line)
        raise ValueError("no room")

    monkeypatch.setattr(run_ftcm, "execute", execute)
    assert rows.measure_rows([row], study) == ([], [{"label": "run", "reason": "no room"}])
    assert asked == [["--train", "1", "--resume"]]


def test_tables_list_what_is_missing_and_how_to_get_it(project):
    folder = project / "checkpoint" / "tables_h36m_gt_tds1_27_no_refine"
    folder.mkdir(parents=True)
    torch.save(release_state(27, depth=1, dim=16), folder / "no_refine_6_4331.pth")
    shutil.copy(project / "data_2d_h36m_gt.npz", project / "data_2d_h36m_cpn_ft_h36m_dbb.npz")
    (project / "checkpoint" / "stcformer").mkdir()
    torch.save(STCFormer(dim=16, depth=1).state_dict(),
               project / "checkpoint" / "stcformer" / "no_refine_6_4406.pth")
    assert run_study(tables.execute, ["--device", "cpu", "--root_path", str(project)]) == 0
    output = project / "checkpoint" / "tables"
    table = json.loads((output / "tables.json").read_text())
    assert table["command"] == f"python -m experiments.tables --device cpu --root_path {project}"
    peer = "stcformer, cpn_ft_h36m_dbb, 27 frames, -tds 3 --every_frame 0"
    assert [row["label"] for row in table["rows"]] == ["gt, 27 frames, tds 1", peer]
    assert table["rows"][0]["last_epoch_mpjpe"] is None
    low, high = table["rows"][0]["interval"]
    assert low <= table["rows"][0]["mpjpe"] <= high
    assert len(table["missing"]) == 31 + len(tables.PEERS) - 1
    assert [row["label"] for row in table["rows"] if row["published"]] == [peer]
    assert "pretrained_h36m_cpn.bin" in (output / "tables.md").read_text()
    assert "train them with: python run_ftcm.py --dataset h36m -k gt -f 27 -tds 3" in (
        output / "tables.md").read_text()


def test_published_figures_stand_beside_the_measured_ones():
    row = {**LINE, "selected_epoch": 6}
    text = rows.row_table([row, {**row, "label": "b", "published": {"mpjpe": 43.32, "p_mpjpe": 34.92}}], [])
    cells = [line.split(" | ") for line in text.splitlines()[:4]]
    assert cells[0][1:4] == ["published P1 / P2", "measured P1 / P2", "difference"]
    assert cells[2][1:4] == ["not published", "80.00 / 60.00", ""]
    assert cells[3][1:4] == ["43.32 / 34.92", "80.00 / 60.00", "+36.68 / +25.08"]


def test_a_figure_that_was_not_published_is_a_dash():
    row = {"mpjpe": 44.0, "p_mpjpe": 35.0, "published": {"mpjpe": 43.06, "p_mpjpe": None}}
    assert (rows.published_cell(row), rows.difference_cell(row)) == ("43.06 / -", "+0.94 / -")


def test_the_rows_of_other_networks_are_commands_that_parse():
    made = tables.make_peer_rows(Path("checkpoint"))
    for row in made:
        train = options.parse(row.train.replace("no_refine_*.pth", "x.pth").split())
        files = " --previous_dir x.pth" + " --previous_refine_name y.pth" * ("--refine" in row.evaluate)
        evaluate = options.parse((row.evaluate + files).split())
        assert train.network == evaluate.network and train.recipe == "published"
    larger = next(row for row in made if "--layers 4" in row.label)
    assert larger.folder.name == "tables_h36m_cpn_ft_h36m_dbb_pstmo_layers4_243_no_refine"
    assert "pstmo_layers4_pretraining_243_no_refine/last.pth" in larger.train
    assert larger.weights[0].parent.name == "pstmo"
