"""Several networks and seeds in one table, and what a network costs."""
import json

import pytest

import run_ftcm
from common.command import options
from experiments import comparison
from experiments.commands import run_study
from experiments.comparison import COMPARISON, Network, make_seed_rows, measure_cost
from model.baselines import SingleFrame
from model.ftcm import FTCM
from model.videopose3d import VideoPose3D


def figures(seed, mpjpe):
    return {"label": f"seed {seed}", "seed": seed, "mpjpe": mpjpe, "p_mpjpe": mpjpe / 2, "mpjve": None,
            "selected_epoch": 1, "parameters": 5, "training_minutes": 3.0 * seed,
            "training_cpu_minutes": 2.0 * seed, "hardware": "a computer", "commit": "abc"}


def test_every_row_of_the_comparison_is_a_command_the_program_accepts(tmp_path):
    folders = set()
    for network in COMPARISON:
        for row in make_seed_rows(network, tmp_path):
            args = options.parse(row.train.split())
            assert args.frames == network.frames and args.dataset == "cmu"
            assert options.parse([*row.evaluate.split(), "--previous_dir", "x.pth"]).hop == network.hop
            name = f"{args.checkpoint}_{args.frames}_no_refine"         # the folder that training makes
            assert row.folder == tmp_path / name
            folders.add(name)
    trained = {(network.label, network.frames): len(network.seeds) for network in COMPARISON}
    assert len(folders) == sum(trained.values())        # lines that differ in the hop share their training
    assert all(count == (3 if frames <= 27 else 1) for (_, frames), count in trained.items())


def test_macs_are_those_counted_by_hand():
    linear = 34 * 16 + 2 * 16 ** 2 + 16 * 51
    assert measure_cost(SingleFrame(dim=16, depth=1), None, windows=2, repeats=1)["macs_per_frame"] == linear
    convolutions = (9 * 3 * 34 + 3 * (3 + 1) * 16 + (3 + 1) * 16) * 16 + 16 * 51
    model = VideoPose3D(frames=27, dim=16)
    assert measure_cost(model, None, windows=2, repeats=1)["macs_per_frame"] == convolutions
    a_frame = 34 * 16 + 2 * 16 ** 2 + 8 ** 2 + 9 * 8 + 3 * (4 * 4 + 8 * 2)     # 9 * 8: a row of the FPM
    model = FTCM(frames=9, dim=16, depth=1)
    assert measure_cost(model, None, windows=2, repeats=1)["macs_per_frame"] == 9 * a_frame + 16 * 51


def test_answering_for_every_frame_divides_the_cost_by_the_hop():
    whole, every = (measure_cost(FTCM(frames=9, dim=16, depth=1, every_frame=flag), hop, windows=2, repeats=1)
                    for flag, hop in ((False, None), (True, 3)))
    head = 16 * 51
    assert 3 * every["macs_per_frame"] == whole["macs_per_frame"] + 8 * head
    assert every["poses_per_second"] == pytest.approx(3 * every["windows_per_second"])


def test_seeds_become_one_line_of_means_and_deviations():
    network = Network("FTCM", 9, "", seeds=(1, 2, 3))
    line = comparison.join_seeds(network, [figures(1, 60), figures(2, 62), figures(3, 64)],
                             {"macs_per_frame": 1.5e6, "windows_per_second": 10.0, "poses_per_second": 30.0})
    assert (line["mpjpe"], line["deviation"]["mpjpe"], line["training_cpu_minutes"]) == (62, 2, 4)
    assert [run["seed"] for run in line["seeds"]] == [1, 2, 3]
    text = comparison.comparison_table([line], [{"label": "FTCM, 27 frames, seed 1", "reason": "no room"}])
    assert ("| FTCM, 9 frames (3 seeds) | 62.00 ± 2.00 | 31.00 ± 1.00 | - | 0.00 M | 1.50 M | 10 | 30 "
            "| 4.0 min |\n") in text
    assert "- FTCM, 27 frames, seed 1: no room" in text


def test_one_seed_has_no_deviation():
    line = comparison.join_seeds(Network("FTCM", 9, ""), [figures(1, 60)], {})
    assert comparison.error_cell(line, "mpjpe") == "60.00"


def test_the_comparison_trains_what_is_missing_and_repeats_nothing(project, monkeypatch):
    monkeypatch.setattr(comparison, "TRAINING", "-k gt --train 1 -b 16 --nepoch 1 --d_hid 16")
    monkeypatch.setattr(comparison, "EVALUATION", "-k gt --train 0 --reload 1")
    tiny = [Network("single frame", 1, "--network single_frame", seeds=(1, 2)),
            Network("FTCM, every frame", 5, "-f 5 --layers 1 --every_frame 1", hop=2)]
    monkeypatch.setattr(comparison, "COMPARISON", tiny)
    line = ["--device", "cpu", "--root_path", str(project)]
    assert run_study(comparison.execute, line) == 0
    path = project / "checkpoint" / "comparison" / "comparison.json"
    first = json.loads(path.read_text())
    assert [row["label"] for row in first["rows"]] == [
        "mean pose at the true heading, no training", "single frame, 1 frame",
        "FTCM, every frame, 5 frames, hop 2"]
    assert [len(row["seeds"]) for row in first["rows"]] == [0, 2, 1]
    assert first["rows"][1]["deviation"]["mpjpe"] > 0
    assert first["command"].startswith("python -m experiments.comparison --device cpu")
    assert all(str(project) not in run["command"].replace(f"--root_path {project}", "")
               for row in first["rows"] for run in row["seeds"])
    monkeypatch.setattr(run_ftcm, "execute", None)                  # whoever trains or evaluates again, fails
    assert run_study(comparison.execute, line) == 0
    again = json.loads(path.read_text())
    assert [row["mpjpe"] for row in again["rows"]] == [row["mpjpe"] for row in first["rows"]]
