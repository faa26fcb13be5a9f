"""The results of the weights that ship: what is measured; the published figures are the program's."""
import json
from pathlib import Path

import pytest

import run_ftcm
from common import scores
from common.weights import checkpoint
from experiments import limits, publish, results
from experiments.commands import run_study
from tests.helpers import draw_nothing

PROJECT = Path(__file__).parents[2]
RESULTS = PROJECT / publish.FOLDER


def test_shipped_checkpoints_are_evaluated_on_both_keypoints_and_what_failed_is_said(study, tmp_path,
                                                                                     monkeypatch):
    asked, published = [], []

    def execute(words):
        asked.append(" ".join(words[:-2]))
        if "detected" in words:
            raise ValueError("no room")

    monkeypatch.setattr(run_ftcm, "execute", execute)
    monkeypatch.setattr(limits, "execute", execute)
    monkeypatch.setattr(results, "copy_results", lambda name, files, _: published.append((name, *files)))
    (tmp_path / "ftcm_fast.pth").write_text("")
    said = results.measure_shipped({"fast": tmp_path / "ftcm_fast.pth", "live": tmp_path / "x.pth"}, study)
    assert asked == ["--train 0 -f 27 --dataset cmu -k gt", "--train 0 -f 27 --dataset cmu -k detected",
                     "-f 27"]
    out = study.output
    assert published == [("ftcm_fast_gt", out / "ftcm_fast_gt" / "scores.json"),
                         ("limits_ftcm_fast", out / "limits_ftcm_fast" / "limits.json",
                          out / "limits_ftcm_fast" / "limits.png")]
    assert said == ["ftcm_fast_detected: no room", "x.pth is not there: not evaluated."]


def test_the_mean_of_the_shipped_checkpoints_with_a_delay_is_evaluated(study, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(run_ftcm, "execute", lambda words: asked.append(" ".join(words[:-2])))
    monkeypatch.setattr(limits, "execute", run_ftcm.execute)
    monkeypatch.setattr(results, "copy_results", lambda *_: None)
    first, second = tmp_path / "a.pth", tmp_path / "b.pth"
    first.write_text(""), second.write_text("")
    assert results.measure_shipped({"best": first, "fast": second, "live": first}, study) == []
    assert not any("limits" in line or line == "--target last" for line in asked)
    assert asked[-1] == f"--train 0 --dataset cmu -k detected --previous_dir {first},{second}"


def test_smoothing_becomes_a_row_for_each_strength(study, project, monkeypatch):
    def execute(words):
        output = Path(words[-1])
        output.mkdir(parents=True)
        strength = float(words[words.index("--smooth") + 1]) if "--smooth" in words else 0
        (output / "scores.json").write_text(json.dumps({
            "average": dict.fromkeys(scores.COLUMNS, 50 + strength), "command": "c", "hardware": "h",
            "commit": "x", "seed": 1}))

    monkeypatch.setattr(run_ftcm, "execute", execute)
    assert results.measure_smoothing("-f 81", study) == []
    rows = json.loads((project / publish.FOLDER / "smoothing.json").read_text())["rows"]
    assert [row["MPJPE"] for row in rows] == [50 + seconds for seconds in results.SMOOTHING]
    monkeypatch.setattr(study.__class__, "attempt", lambda *_: "no room")
    assert results.measure_smoothing("-f 81", study) == ["smoothing: no room"]


def test_pages_stay_as_they_are_without_shipped_files(project, monkeypatch, capsys):
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    (project / "README.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(results.options, "SHIPPED", {name: project / f"ftcm_{name}.pth"
                                                     for name in results.options.SHIPPED})
    assert run_study(results.execute, ["--device", "cpu"]) == 0
    assert "ftcm_fast.pth is not there: not evaluated.\n" in capsys.readouterr().out
    assert (project / "README.md").read_text(encoding="utf-8") == text


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
    notes = " ".join(data["notes"])
    for run in data.get("networks") or [data | {"checkpoint": data["checkpoint"][0]}]:
        assert (run["selected_epoch"] or 0) <= run["training_epochs"] <= run["planned_epochs"]
        assert f"Trained for {run['training_epochs']} of {run['planned_epochs']} epochs" in notes
        name = Path(run["checkpoint"]).name
        if name.startswith("ftcm_"):
            history = checkpoint.load(PROJECT / "checkpoint" / name)["history"]
            assert run["training_epochs"] == len(history)
            assert run["training_minutes"] == pytest.approx(sum(row["seconds"] for row in history) / 60)
            assert run["training_cpu_minutes"] == pytest.approx(
                sum(row["cpu_seconds"] for row in history) / 60)
    assert "interval" in data and len(data["by_joint"]) == 17 and len(data["by_camera"]) == 4


def test_the_weights_that_ship_and_the_demo_were_scored_by_this_version():
    shipped = [f"ftcm_{name}_{keypoints}" for name in ("best", "fast", "live")
               for keypoints in ("gt", "detected")]
    assert {path.stem for path in SCORED} >= {"demo", "ftcm_mean_detected", *shipped}


def test_a_published_figure_is_what_the_program_computes(tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    line = "--train 0 --dataset cmu -k detected -a run --device cpu --output"
    assert run_ftcm.main([*line.split(), str(tmp_path)]) == 0
    computed = json.loads((tmp_path / "scores.json").read_text())["rows"][0]
    published, = [row for row in json.loads((RESULTS / "ftcm_best_detected.json").read_text())["rows"]
                  if row["action"] == "run"]
    assert computed == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize("path", SCORED, ids=lambda path: path.stem)
def test_a_published_interval_is_that_of_its_own_clips(path):
    data = json.loads(path.read_text(encoding="utf-8"))
    clips = [(clip["action"], clip["clip"], clip["mpjpe"] * clip["frames"], clip["frames"])
             for clip in data["by_clip"]]
    assert scores.bootstrap(clips) == pytest.approx(data["interval"], abs=1e-6)
