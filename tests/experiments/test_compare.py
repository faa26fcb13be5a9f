"""The paired difference of two evaluations, by hand, and what cannot be compared."""
import json

import pytest

from experiments import compare
from experiments.commands import run_study

# Two walks of 10 and 30 frames, one jump of 5.
FRAMES = {"w1/a": ("walk", 10), "w2/a": ("walk", 30), "j1/a": ("jump", 5)}
FIRST, SECOND = {"w1/a": 50.0, "w2/a": 90.0, "j1/a": 100.0}, {"w1/a": 54.0, "w2/a": 86.0, "j1/a": 110.0}


def scores(errors, **fields):
    return {"dataset": "cmu", "downsample": 1, "shared_joints": None, "command": "python run_ftcm.py",
            "by_clip": [{"clip": name, "action": FRAMES[name][0], "frames": FRAMES[name][1], "mpjpe": error,
                         "p_mpjpe": error / 2, "n_mpjpe": error} for name, error in errors.items()], **fields}


@pytest.fixture()
def files(tmp_path):
    """Writes two reports and returns the command that compares them."""
    def write(first, second):
        paths = [tmp_path / "a.json", tmp_path / "b.json"]
        for path, content in zip(paths, (first, second)):
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return list(map(str, paths))
    return write


def test_the_difference_is_that_of_the_action_wise_averages_with_a_paired_interval(files, tmp_path, capsys):
    turned = dict(reversed(SECOND.items()))                         # clips are paired by name, not by place
    line = files(scores(FIRST), scores(turned))
    assert run_study(compare.execute, [*line, "--output", str(tmp_path / "out")]) == 0
    result = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert result["mpjpe"]["first"] == (80 + 100) / 2               # (10 * 50 + 30 * 90) / 40 = 80
    assert result["mpjpe"]["second"] == (78 + 110) / 2
    assert result["mpjpe"]["difference"] == pytest.approx((-2 + 10) / 2)
    assert result["p_mpjpe"]["difference"] == pytest.approx((-1 + 5) / 2)
    # Drawn walks: w1 twice +4, w2 twice -4, both -2; the jump always +10.
    assert result["mpjpe"]["interval"] == pytest.approx([(-4 + 10) / 2, (4 + 10) / 2])
    assert (result["clips"], result["frames"]) == (3, 45)
    assert "+4.00   +3.00 to +7.00" in capsys.readouterr().out


def test_without_an_output_folder_nothing_is_written(files, tmp_path):
    assert run_study(compare.execute, files(scores(FIRST), scores(SECOND))) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_an_evaluation_does_not_differ_from_itself():
    assert compare.paired_difference(scores(FIRST), scores(FIRST)) == {"difference": 0, "interval": [0, 0]}


def changed(**fields):
    return scores(FIRST) | {"by_clip": [scores(FIRST)["by_clip"][0] | fields]}


@pytest.mark.parametrize("second, words", [
    (scores({"w1/a": 1.0, "w2/a": 1.0}), "j1/a has 5 and 0"),
    (scores(FIRST, dataset="h36m"), "differ in dataset: cmu and h36m"),
    (scores(FIRST, shared_joints=["head"]), "differ in shared_joints"),
    (changed(frames=11), "has 5 and 0"),
    (changed(frames=0), "lists no scored clips"),
    (changed(frames=True), "lists no scored clips"),
    (changed(mpjpe=None), "lists no scored clips"),
    (changed(mpjpe=float("nan")), "lists no scored clips"),
    (changed(clip=["w1/a"]), "lists no scored clips"),
    ({"by_clip": 2 * changed()["by_clip"]}, "lists a clip twice"),
    ({"rows": []}, "lists no scored clips"),
    ([], "lists no scored clips"),
    ("{", "not readable JSON"),
    ("[" * 100_000, "not readable JSON")])
def test_what_is_not_comparable_is_refused_with_a_sentence(second, words, files, tmp_path, capsys):
    line = files(scores(FIRST), second)
    assert run_study(compare.execute, [*line, "--output", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert words in error and "Traceback" not in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_named(tmp_path, capsys):
    assert run_study(compare.execute, [str(tmp_path / "none.json"), str(tmp_path)]) == 2
    assert "none.json" in capsys.readouterr().err
