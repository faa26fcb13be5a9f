"""The pages' figures are those of the JSON files that the program wrote; files are published whole."""
import json
import re
from pathlib import Path

import pytest

from common.command.option_parser import RELEASE_ONLY, build_parser
from experiments import blocks, conditions, publish
from experiments.commands import run_study

PROJECT = Path(__file__).parents[2]
RESULTS = PROJECT / publish.FOLDER
PAGES = {name: (PROJECT / name).read_text(encoding="utf-8") for name in publish.PAGES}
MARKED = [(page, name) for page, text in PAGES.items()
          for name in re.findall(r"<!-- results:(\w+) -->", text)]
SCORES = {"mpjpe": 61.234, "p_mpjpe": 45.0, "n_mpjpe": 60.0, "mpjve": None, "acceleration": None, "frames": 3}
SMOOTHING = {"rows": [{"--smooth, seconds": "off", "MPJPE": 1234.5}], "command": "python run_ftcm.py",
             "hardware": "a computer", "seed": 1, "commit": "abc"}
SMOOTHING_TEXT = ("| --smooth, seconds | MPJPE |\n| --- | --- |\n| off | 1,234.50 |\n\n- the last row's "
                  "command: python run_ftcm.py; a computer; seed 1; commit abc.\n")


@pytest.mark.parametrize("page, name", MARKED)
def test_a_block_is_exactly_what_its_json_file_renders_to(page, name):
    written = {match["name"]: match["text"] for match in publish.BLOCK.finditer(PAGES[page])}
    assert written[name] == blocks.render_block(name, RESULTS, publish.PAGES[page])


@pytest.mark.parametrize("page", PAGES)
def test_every_marker_is_closed(page):
    names = [name for where, name in MARKED if where == page]
    assert names == [match["name"] for match in publish.BLOCK.finditer(PAGES[page])]


def test_all_results_have_one_block():
    there = {path.stem for path in RESULTS.glob("*.json")} | {path.name for path in RESULTS.glob("*/")}
    assert sorted(name for _, name in MARKED) == sorted(there | {blocks.SUMMARY})


@pytest.mark.parametrize("page, link", [(page, link) for page, text in PAGES.items()
                                        for link in re.findall(r"\]\(([^)#:]+)\)", text)])
def test_linked_files_exist(page, link):
    assert (PROJECT / page).parent.joinpath(link).exists()


def test_the_front_page_is_short():
    assert PAGES["README.md"].count("\n") <= 220


@pytest.mark.parametrize("page", PAGES)
def test_options_named_in_the_pages_exist(page):
    text = publish.BLOCK.sub("", PAGES[page])               # blocks hold commands of the past
    known = {name for action in build_parser()._actions for name in action.option_strings}
    known |= RELEASE_ONLY.keys() | {"--slow"}               # refused by name; an option of the tests
    assert set(re.findall(r"(?<![\w-])--[a-z_A-Z]+(?![\w=-])", text)) - known == set()


def write_page(project, *names):
    """A page with an old block of each name."""
    page = project / "README.md"
    parts = [f"<!-- results:{name} -->\nold\n<!-- /results:{name} -->\nafter {name}\n" for name in names]
    page.write_text("".join(["# A\n", *parts]), encoding="utf-8")
    (project / publish.FOLDER).mkdir(parents=True)
    return page


def test_renewing_changes_what_has_a_file_and_says_what_it_leaves(tmp_path):
    page = write_page(tmp_path, "smoothing", "ablation", "demo", "speed")
    folder = tmp_path / publish.FOLDER
    (folder / "smoothing.json").write_text(json.dumps(SMOOTHING))
    (folder / "demo.json").write_text("{}")
    (folder / "speed.json").write_text("{}")
    said = publish.renew_pages(tmp_path)
    assert [sentence.split(",")[0] for sentence in said] == [
        "smoothing: rewritten", "ablation: left as it is", "demo: left as it is", "speed: left as it is"]
    assert "ablation.json" in said[1] and "training_epochs" in said[2]
    text = page.read_text()
    assert text.startswith(
        f"# A\n<!-- results:smoothing -->\n{SMOOTHING_TEXT}- From [smoothing.json](checkpoint/results/"
        "smoothing.json), which the program wrote.\n<!-- /results:smoothing -->\nafter smoothing\n")
    assert text.count("old") == 3
    assert publish.renew_pages(tmp_path)[0] == "smoothing: unchanged"


def test_the_page_beside_the_results_links_them_by_their_names(tmp_path):
    page = write_page(tmp_path, "smoothing")
    page.rename(tmp_path / publish.FOLDER / "README.md")
    (tmp_path / publish.FOLDER / "smoothing.json").write_text(json.dumps(SMOOTHING))
    assert publish.renew_pages(tmp_path) == ["smoothing: rewritten"]
    assert "[smoothing.json](smoothing.json)" in (tmp_path / publish.FOLDER / "README.md").read_text()


def test_publishing_copies_files_under_the_name_and_renews_their_block(tmp_path, monkeypatch, capsys):
    page = write_page(tmp_path, "smoothing", "demo")
    monkeypatch.setattr(publish.options, "PROJECT", tmp_path)
    (tmp_path / "out.json").write_text(json.dumps(SMOOTHING))
    (tmp_path / "out.png").write_bytes(b"picture")
    files = [str(tmp_path / "out.json"), str(tmp_path / "out.png")]
    assert run_study(publish.execute, ["smoothing", *files]) == 0
    assert "smoothing: rewritten\n" in capsys.readouterr().out
    folder = tmp_path / publish.FOLDER
    assert (folder / "smoothing.json").read_bytes() == (tmp_path / "out.json").read_bytes()
    assert (folder / "smoothing.png").read_bytes() == b"picture"
    assert "1,234.50" in page.read_text() and page.read_text().count("old") == 1


@pytest.mark.parametrize("name, content, words", [
    ("speed", SMOOTHING, "speed"), ("demo", SMOOTHING, "training_epochs"), ("smoothing", [], "out.json"),
    ("smoothing", None, "out.json")])
def test_what_no_such_study_wrote_is_not_published(name, content, words, tmp_path, monkeypatch, capsys):
    page = write_page(tmp_path, name)
    monkeypatch.setattr(publish.options, "PROJECT", tmp_path)
    (tmp_path / "out.json").write_text("{" if content is None else json.dumps(content))
    assert run_study(publish.execute, [name, str(tmp_path / "out.json")]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not list((tmp_path / publish.FOLDER).iterdir()) and "old" in page.read_text()


def test_an_evaluation_shows_its_table_its_notes_and_its_source():
    data = {"rows": [{"action": "walk", **SCORES}], "average": dict(SCORES), "all_frames": dict(SCORES),
            "notes": ["Half of it.", "Selected on nothing."], "command": "python run_ftcm.py -f 27",
            "hardware": "a computer", "torch": "2.0", "seed": 1, "training_minutes": 3.21,
            "evaluation_seconds": 7.6, "commit": "abc"}
    text = blocks.render_evaluation("ftcm_27_gt", data, "")
    assert "walk             3  61.23    45.00    60.00      -      -\n" in text
    for words in ("- Half of it.\n", "- Command: `python run_ftcm.py -f 27`\n",
                  "- Evaluated on a computer; PyTorch 2.0; seed 1; 8 s; commit abc."):
        assert words in text


def test_the_demo_says_that_time_ended_it_only_if_time_did():
    data = json.loads((RESULTS / "demo.json").read_text(encoding="utf-8"))
    stopped, whole = ({**data, "training_epochs": epochs, "planned_epochs": 20} for epochs in (13, 20))
    assert "The time limit ended this run" in blocks.render_demo("demo", stopped, "")
    assert "The time limit" not in blocks.render_demo("demo", whole, "")


def test_limits_show_their_chart_and_thinning():
    data = {"network": "ftcm", "frames": 27, "checkpoint": "ftcm_27.pth", "dataset": "cmu", "seed": 1,
            "thinning": "One in 36.", "command": "python -m experiments.limits", "hardware": "a computer",
            "minutes": 2.345, "commit": "abc",
            **{name: [{"value": 1, "mpjpe": 5.04, "p_mpjpe": 2.0}, {"value": 3, "mpjpe": 4.0, "p_mpjpe": 3.0}]
               for name in conditions.AXES}}
    text = blocks.render_limits("limits_ftcm_27", data, "there/")
    assert "- camera pitch, degrees downwards, 1 to 3: MPJPE 4.0 to 5.0, P-MPJPE 2.0 to 3.0 mm.\n" in text
    assert "](there/limits_ftcm_27.png)" in text and "One in 36." in text
    assert "`python -m experiments.limits`; a computer; seed 1; 2.3 min; commit abc." in text


@pytest.mark.parametrize("name", ["ablation", "augmentation", "comparison"])
def test_a_table_shows_training_costs_only_where_they_are_the_whole_runs(name):
    data, text = json.loads((RESULTS / f"{name}.json").read_text()), blocks.render_block(name, RESULTS, "")
    runs = [run for row in data["rows"] for run in row.get("seeds", [row])]
    whole = all("selected_epoch" in run for run in runs)
    assert ("| training |" in text, "Without training costs" in text) == (whole, not whole)
    assert all(run["training_epochs"] >= run["selected_epoch"] for run in runs) if whole else True
