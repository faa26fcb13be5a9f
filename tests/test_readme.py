"""The README's figures are those of the JSON files that the program wrote."""
import json
import re
from pathlib import Path

import pytest

from common import scores, tables
from common.options import build_parser

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
RESULTS = PROJECT / "checkpoint" / "results"


def section(name):
    return re.search(f"<!-- results:{name} -->(.*?)<!-- /results:{name} -->", README, re.S)[1]


def test_demo_table_is_the_one_in_its_json():
    report = json.loads((RESULTS / "demo.json").read_text(encoding="utf-8"))
    for part in (report, report["mean_pose"]):
        for row in (*part["rows"], part["average"], part["all_frames"]):
            row |= {key: float("nan") for key in scores.COLUMNS if row[key] is None}
    text = section("demo")
    assert scores.table(report, {"Mean pose": report["mean_pose"]}) in text
    for fact in (*report["notes"], report["command"], report["hardware"], f"seed {report['seed']}",
                 f"{report['training_minutes']:.1f} min"):
        assert fact in text, fact


def test_ablation_table_is_the_one_in_its_json():
    if not (RESULTS / "ablation.json").exists():
        assert section("ablation").strip() == ""
        pytest.skip("no ablation has been recorded")
    recorded = json.loads((RESULTS / "ablation.json").read_text(encoding="utf-8"))
    assert tables.markdown(recorded["rows"], recorded["missing"]).strip() in section("ablation")
    assert recorded["rows"][0]["hardware"] in section("ablation")


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#:]+)\)", README))
def test_linked_files_exist(link):
    assert (PROJECT / link).exists()


@pytest.mark.parametrize("option", sorted(set(re.findall(r"(?<![\w-])--[a-z_A-Z]+(?![\w-])", README))))
def test_options_named_in_the_readme_exist(option):
    known = {name for action in build_parser()._actions for name in action.option_strings}
    assert option in known
