"""The stages of a long training, told by their folders."""
import json

import pytest
import torch

from common.weights import checkpoint
from experiments import stages
from experiments.commands import run_study
from model.ftcm import FTCM


def write_run(folder, *, frames, errors):
    folder.mkdir()
    size = {"frames": frames, "dim": 8, "depth": 1}
    history = [{"epoch": epoch, "learning_rate": 0.1, "loss": 1.0, "seconds": 120.0, "cpu_seconds": 60.0,
                **({"p1": error, "p2": error - 10} if error else {})}
               for epoch, error in enumerate(errors, 1)]
    checkpoint.save(folder / "last.pth", {
        "format": checkpoint.FORMAT, "model_args": size, "model": FTCM(**size).state_dict(), "fps": 50,
        "data": {"dataset": "cmu", "keypoints": "gt", "tds": 27 // frames}, "history": history,
        "selection": None, "mean_pose": torch.zeros(17, 3)})
    (folder / "options.json").write_text(json.dumps({
        "command": f"python run_ftcm.py --train 1 --previous_dir /home/a/{folder.name}/x.pth",
        "hardware": "a processor", "commit": "c", "seed": 3}))
    return folder


def test_stages_have_their_minutes_their_best_errors_and_commands_without_places(tmp_path, capsys):
    first = write_run(tmp_path / "first", frames=9, errors=[60.0, 50.0, 55.0])
    second = write_run(tmp_path / "second", frames=27, errors=[None, None])
    assert run_study(stages.execute, [f"fast={first},{second}", "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "| `fast` | 9, 3 apart | 3 | 3 | 50.0 / 40.0 |\n" in said
    assert "| `fast` | 27, 1 apart | 2 | 2 | all people train |\n| `fast` | all | 5 | 5 |  |\n" in said
    assert "--previous_dir first/x.pth" in said and "/home" not in said and "seed 3" in said
    written = json.loads((tmp_path / "out" / "stages.json").read_text())["networks"]["fast"]
    assert [row["p1"] for row in written[0]["history"]] == [60.0, 50.0, 55.0]
    assert (tmp_path / "out" / "stages.md").read_text() in said


@pytest.mark.parametrize("words, sentence", [("fast", "Expected NAME=FOLDER"),
                                             ("fast=none", "No options.json")])
def test_what_is_no_run_is_refused(words, sentence, capsys, tmp_path):
    assert run_study(stages.execute, [words, "--output", str(tmp_path / "out")]) == 2
    assert sentence in capsys.readouterr().err
