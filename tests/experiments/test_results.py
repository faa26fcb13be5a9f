"""The README's figures are those of the JSON files that the program wrote."""
import json
import re
from pathlib import Path

import pytest

import run_ftcm
from common import checkpoint
from common.options import build_parser
from experiments import results

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
RESULTS = PROJECT / "checkpoint" / "results"
MARKED = re.findall(r"<!-- results:(\w+) -->", README)
SCORES = {"mpjpe": 61.234, "p_mpjpe": 45.0, "n_mpjpe": 60.0, "mpjve": None, "acceleration": None, "frames": 3}


@pytest.mark.parametrize("name", MARKED)
def test_a_block_is_exactly_what_its_json_file_renders_to(name):
    written = {match["name"]: match["text"] for match in results.BLOCK.finditer(README)}
    text, reason = results.block(name, RESULTS)
    if not (RESULTS / f"{name}.json").is_file() and not (RESULTS / name).is_dir():
        assert written[name] == "", f"{name} has figures but no {name}.json"
    else:
        assert reason is None and written[name] == text


def test_every_marker_is_closed_and_used_once():
    assert MARKED == [match["name"] for match in results.BLOCK.finditer(README)]
    assert len(MARKED) == len(set(MARKED)) and "demo" in MARKED


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_linked_files_exist(link):
    assert (PROJECT / link).exists()


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<![\w-])--[a-z_A-Z]+(?![\w=-])", README))))
def test_options_named_in_the_readme_exist(option):
    known = {name for action in build_parser()._actions for name in action.option_strings}
    assert option in known


def test_refreshing_changes_what_has_a_file_and_says_what_it_leaves(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("# A\n<!-- results:speed -->\nold\n<!-- /results:speed -->\nbetween\n"
                    "<!-- results:ablation -->\nkept\n<!-- /results:ablation -->\n"
                    "<!-- results:notes -->\n<!-- /results:notes -->\nend\n", encoding="utf-8")
    (tmp_path / "speed.json").write_text(json.dumps({
        "rows": [{"network": "FTCM", "windows_per_second": 1234.5, "frames": 27, "more": None, "parts": [1]}],
        "hardware": "a computer"}))
    (tmp_path / "notes.json").write_text("{}")
    assert results.refresh(page, tmp_path) == [
        "speed: rewritten", "ablation: left as it is, there is no ablation.json",
        "notes: left as it is, notes.json has no rows to show"]
    assert page.read_text() == (
        "# A\n<!-- results:speed -->\n| network | windows per second | frames | more |\n"
        "| --- | --- | --- | --- |\n| FTCM | 1,234.50 | 27 | - |\n\n- a computer.\n"
        "- From [speed.json](checkpoint/results/speed.json), which the program wrote.\n"
        "<!-- /results:speed -->\nbetween\n<!-- results:ablation -->\nkept\n<!-- /results:ablation -->\n"
        "<!-- results:notes -->\n<!-- /results:notes -->\nend\n")
    assert results.refresh(page, tmp_path)[0] == "speed: unchanged"


def test_an_evaluation_shows_its_table_its_notes_and_its_source():
    data = {"rows": [{"action": "walk", **SCORES}], "average": dict(SCORES), "all_frames": dict(SCORES),
            "notes": ["Half of it.", "Selected on nothing."], "command": "python run_ftcm.py -f 27",
            "hardware": "a computer", "torch": "2.0", "seed": 1, "training_minutes": 3.21,
            "evaluation_seconds": 7.6, "commit": "abc"}
    text = results.renderer("ftcm_27_gt", data)("ftcm_27_gt", data)
    assert "walk             3  61.23    45.00    60.00      -      -\n" in text
    for words in ("- Half of it.\n", "- Command: `python run_ftcm.py -f 27`\n",
                  "- Evaluated on a computer; PyTorch 2.0; seed 1; 8 s; commit abc."):
        assert words in text


def test_the_demo_says_that_time_ended_it_only_if_time_did():
    data = json.loads((RESULTS / "demo.json").read_text(encoding="utf-8"))
    stopped, whole = ({**data, "training_epochs": epochs, "planned_epochs": 20} for epochs in (13, 20))
    assert "The time limit ended this run" in results.demo("demo", stopped)
    assert "The time limit" not in results.demo("demo", whole)


def test_limits_show_their_chart_and_thinning():
    data = {"network": "ftcm", "frames": 27, "checkpoint": "ftcm_27.pth", "dataset": "cmu", "seed": 1,
            "thinning": "One in 36.", "command": "python run_ftcm.py --limits", "hardware": "a computer",
            "minutes": 2.345, "commit": "abc",
            **{name: [{"value": 1, "mpjpe": 5.04, "p_mpjpe": 2.0}, {"value": 3, "mpjpe": 4.0, "p_mpjpe": 3.0}]
               for name in results.limits.AXES}}
    text = results.renderer("limits_ftcm_27", data)("limits_ftcm_27", data)
    assert "- camera pitch, degrees downwards, 1 to 3: MPJPE 4.0 to 5.0, P-MPJPE 2.0 to 3.0 mm.\n" in text
    assert "](checkpoint/results/limits_ftcm_27.png)" in text and "One in 36." in text
    assert "`python run_ftcm.py --limits`; a computer; seed 1; 2.3 min; commit abc." in text


def test_shipped_checkpoints_are_evaluated_on_both_keypoints_and_what_failed_is_said(tmp_path):
    commands = []

    def execute(words):
        commands.append(" ".join(words[:-2]))
        return "no room" if "detected" in words else None

    (tmp_path / "ftcm_27.pth").write_text("")
    sentences = results.measure_shipped({27: tmp_path / "ftcm_27.pth", 81: tmp_path / "ftcm_81.pth"},
                                        tmp_path / "work", execute)
    assert commands == ["--train 0 -f 27 --dataset cmu -k gt --publish ftcm_27_gt",
                        "--train 0 -f 27 --dataset cmu -k detected --publish ftcm_27_detected",
                        "--limits -f 27 --publish limits_ftcm_27"]
    assert sentences == ["ftcm_27_detected: no room", "ftcm_81.pth is not there: not evaluated."]


def test_publishing_copies_files_under_the_name_and_renews_its_block_only(tmp_path):
    (tmp_path / "README.md").write_text("<!-- results:speed -->\nold\n<!-- /results:speed -->\n"
                                        "<!-- results:demo -->\nkept\n<!-- /results:demo -->\n",
                                        encoding="utf-8")
    (tmp_path / "out.json").write_text(json.dumps({"rows": [{"network": "FTCM"}]}))
    (tmp_path / "out.png").write_bytes(b"picture")
    said = results.publish("speed", [tmp_path / "out.json", tmp_path / "out.png"], tmp_path)
    assert said[1:] == ["speed: rewritten"]
    folder = tmp_path / "checkpoint" / "results"
    assert (folder / "speed.json").read_bytes() == (tmp_path / "out.json").read_bytes()
    assert (folder / "speed.png").read_bytes() == b"picture"
    text = (tmp_path / "README.md").read_text()
    assert "| FTCM |" in text and "old" not in text and "kept" in text


def test_smoothing_becomes_a_row_for_each_strength(tmp_path):
    def execute(words):
        output = Path(words[-1])
        output.mkdir(parents=True)
        strength = float(words[words.index("--smooth") + 1]) if "--smooth" in words else 0
        (output / "scores.json").write_text(json.dumps({
            "average": dict.fromkeys(results.scores.COLUMNS, 50 + strength), "command": "c", "hardware": "h",
            "commit": "x", "seed": 1}))
    (tmp_path / "results").mkdir()
    assert results.measure_smoothing(81, tmp_path / "work", tmp_path / "results", execute) == []
    rows = json.loads((tmp_path / "results" / "smoothing.json").read_text())["rows"]
    assert [row["MPJPE"] for row in rows] == [50 + seconds for seconds in results.SMOOTHING]
    assert results.measure_smoothing(81, tmp_path / "work", tmp_path / "results", lambda _: "no room") == [
        "smoothing: no room"]


def test_the_results_option_refreshes_the_page_without_shipped_files(tmp_path, monkeypatch, capsys):
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    monkeypatch.setattr(run_ftcm.options, "PROJECT", tmp_path)
    monkeypatch.setattr(run_ftcm.options, "SHIPPED", {27: tmp_path / "ftcm_27.pth"})
    assert run_ftcm.main(["--results", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "ftcm_27.pth is not there: not evaluated.\n" in said and "\ndemo: left as it is" in said
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == README


@pytest.mark.parametrize("path", [path for pattern in ("dataset/*.npz", "dataset/*.json", "dataset/*.csv",
                                                       "checkpoint/results/*.gif")
                                  for path in PROJECT.glob(pattern)], ids=lambda path: path.name)
def test_the_licence_names_all_data_of_others(path):
    assert str(path.relative_to(PROJECT)) in (PROJECT / "LICENSE").read_text(encoding="utf-8")


SCORED = sorted(path for path in RESULTS.glob("*.json")
                if "planned_epochs" in json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SCORED, ids=lambda path: path.stem)
def test_a_published_cost_is_the_whole_runs(path):
    data = json.loads(path.read_text(encoding="utf-8"))
    assert (data["selected_epoch"] or 0) <= data["training_epochs"] <= data["planned_epochs"]
    notes = " ".join(data["notes"])
    assert f"Trained for {data['training_epochs']} of {data['planned_epochs']} epochs" in notes
    weights = PROJECT / data["checkpoint"][0]
    if weights.name.startswith("ftcm_"):
        history = checkpoint.load(weights)["history"]
        assert data["training_epochs"] == len(history)
        assert data["training_minutes"] == pytest.approx(sum(row["seconds"] for row in history) / 60)
        assert data["training_cpu_minutes"] == pytest.approx(sum(row["cpu_seconds"] for row in history) / 60)
    assert "interval" in data and len(data["by_joint"]) == 17 and len(data["by_camera"]) == 4


def test_the_weights_that_ship_and_the_demo_were_scored_by_this_version():
    assert {path.stem for path in SCORED} >= {"demo", *[f"ftcm_{frames}_{keypoints}" for frames in (27, 81)
                                                        for keypoints in ("gt", "detected")]}


def test_a_published_figure_is_what_the_program_computes(tmp_path, monkeypatch):
    monkeypatch.setattr(run_ftcm.report.curves, "clip_animation", lambda *_, **__: None)
    line = "--train 0 -f 27 --dataset cmu -k detected -a run --device cpu --output"
    assert run_ftcm.main([*line.split(), str(tmp_path)]) == 0
    computed = json.loads((tmp_path / "scores.json").read_text())["rows"][0]
    published, = [row for row in json.loads((RESULTS / "ftcm_27_detected.json").read_text())["rows"]
                  if row["action"] == "run"]
    assert computed == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize("name", ["ablation", "augmentation", "comparison"])
def test_a_table_shows_training_costs_only_where_they_are_the_whole_runs(name):
    data, text = json.loads((RESULTS / f"{name}.json").read_text()), results.block(name, RESULTS)[0]
    runs = [run for row in data["rows"] for run in row.get("seeds", [row])]
    whole = all("selected_epoch" in run for run in runs)
    assert ("| training |" in text, "Without training costs" in text) == (whole, not whole)
    assert all(run["training_epochs"] >= run["selected_epoch"] for run in runs) if whole else True
