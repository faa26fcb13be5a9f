"""Networks beside FTCM: the order of work, what a network costs, what is said of the numbers."""
import json
from dataclasses import replace

import pytest

import run_ftcm
from common.command import choices, options
from experiments import budget, comparison, comparison_table
from experiments.charts import save_cost_chart
from experiments.commands import run_study
from experiments.comparison import COMPARISON, REFERENCE, Network, Setting, make_hop_rows
from experiments.inference_cost import count_macs_of_a_pose, measure_cost
from model.baselines import SingleFrame
from model.ftcm import FTCM
from model.networks import MODELS
from model.videopose3d import VideoPose3D

SETTING = Setting(6, (1, 2), "detector", tuple(COMPARISON))
OTHER_SIZES = {"stcformer_64"}          # that are meant to be smaller


@pytest.mark.parametrize("key", COMPARISON)
def test_every_training_is_a_command_the_program_accepts(key, tmp_path):
    network = COMPARISON[key]
    args = options.parse([*SETTING.words(network), "-c", f"{SETTING.name_run(key)}_seed2"])
    assert (args.frames, args.dataset, args.augment) == (network.frames, "cmu", ["detector"])
    rows = make_hop_rows(key, 2, SETTING, tmp_path)
    assert {row.folder for _, row in rows} == {tmp_path / f"{args.checkpoint}_{args.frames}_no_refine"}
    assert len({row.name for _, row in rows}) == len(network.hops)
    for hop, row in rows:
        assert options.parse([*row.evaluate.split(), "--previous_dir", "x.pth"]).hop == hop


def test_the_networks_have_about_equal_parameters():
    counts = {}
    for key, network in COMPARISON.items():
        args = options.parse(SETTING.words(network))
        model = MODELS[args.network](**choices.network_arguments(args, num_joints=17))
        counts[key] = sum(weight.numel() for weight in model.parameters())
    reference = counts[REFERENCE[0]]
    assert all(abs(count / reference - 1) < 0.1 for key, count in counts.items() if key not in OTHER_SIZES)


def test_the_rates_are_the_published_ones():
    assert {key for key, network in COMPARISON.items() if "--lr" in network.train} == {"pstmo"}
    rates = {key: options.parse(SETTING.words(network)).lr for key, network in COMPARISON.items()}
    assert rates.pop("pstmo") == 7e-4 and set(rates.values()) == {1e-3}


def test_the_work_goes_seed_by_seed_and_a_failure_leaves_the_rest(study, monkeypatch):
    asked = []

    def train_network(key, seed, setting, study):
        asked.append((seed, key))
        raise ValueError("no room")

    monkeypatch.setattr(comparison, "train_network", train_network)
    setting = replace(SETTING, networks=("ftcm_27_every", "pstmo"))
    results = comparison.measure_comparison(setting, study)
    assert asked == [(1, "ftcm_27_every"), (1, "pstmo"), (2, "ftcm_27_every"), (2, "pstmo")]
    assert [entry["reason"] for entry in results["missing"]] == ["no room"] * len(asked)
    assert (study.output / "comparison.png").read_bytes().startswith(b"\x89PNG")


def test_macs_are_those_counted_by_hand():
    linear = 34 * 16 + 2 * 16 ** 2 + 16 * 51
    assert count_macs_of_a_pose(SingleFrame(dim=16, depth=1), None) == linear
    a_frame = 34 * 16 + 2 * 16 ** 2 + 8 ** 2 + 9 * 8 + 3 * (4 * 4 + 8 * 2)     # 9 * 8: a row of the FPM
    assert count_macs_of_a_pose(FTCM(frames=9, dim=16, depth=1), None) == 9 * a_frame + 16 * 51


def test_a_frame_of_a_long_clip_costs_each_convolution_once():
    once = 3 * 34 * 16 + 2 * (3 + 1) * 16 ** 2 + 16 * 51
    assert count_macs_of_a_pose(VideoPose3D(frames=27, dim=16), None) == once


def test_answering_for_every_frame_divides_the_cost_by_the_hop():
    whole, every = (count_macs_of_a_pose(FTCM(frames=9, dim=16, depth=1, every_frame=flag), hop)
                    for flag, hop in ((False, None), (True, 3)))
    assert 3 * every == whole + 8 * 16 * 51


def test_the_speed_is_that_of_the_lifted_clip():
    seen = []
    cost = measure_cost(SingleFrame(dim=16, depth=1), None, lambda clips: seen.append(len(clips[0])),
                        frames=30, repeats=2)
    assert seen == [30, 30] and cost["poses_per_second"] > 0


def make_results(cpu_minutes, difference=None):
    """The content of comparison.json with one line of one seed."""
    run = {"label": "P-STMO, seed 1", "training_seed": 1, "training_cpu_minutes": cpu_minutes,
           "selected_epoch": None, "windows_seen": 150_400,
           "outside_budget": budget.is_outside(cpu_minutes, 6)}
    line = {"label": "P-STMO", "network": "pstmo", "curve": "P-STMO", "hop": None, "frames": 27,
            "mpjpe": 61.0, "p_mpjpe": 40.0, "n_mpjpe": 50.0, "mpjve": None,
            "deviation": dict.fromkeys(("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")), "parameters": 5e6,
            "macs_per_frame": 2e6, "poses_per_second": 1234.0, "training_cpu_minutes": cpu_minutes,
            "seeds": [run], "difference": difference}
    return {"rows": [line], "missing": [], "reference": "FTCM",
            "budget": {"minutes": 6, "tolerance": budget.TOLERANCE}}


@pytest.mark.parametrize("cpu_minutes, outside", [(5.41, False), (6.59, False), (5.39, True), (6.61, True)])
def test_a_training_outside_of_the_budget_is_named(cpu_minutes, outside):
    text = comparison_table.format_comparison(make_results(cpu_minutes))
    assert ("P-STMO, seed 1 took" in text) == ("min, outside the budget |" in text) == outside
    assert "6 processor minutes on one thread each, within 10 %" in text and "| 150 k |" in text


def test_the_text_says_what_the_intervals_support():
    found = {metric: {"difference": 2.0, "interval": [1.0, 3.0]} for metric in ("mpjpe", "p_mpjpe")}
    text = comparison_table.format_comparison(make_results(6, found))
    assert "P-STMO, in place of FTCM, costs 2.00 mm of MPJPE (+1.00 to +3.00)." in text
    assert "| P-STMO | +2.00 (+1.00 to +3.00) | +2.00 (+1.00 to +3.00) |  |  |\n" in text
    assert comparison_table.LIMITS in text


def test_the_figure_has_a_curve_for_each_network_on_a_logarithmic_axis(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("experiments.charts.save_picture", lambda figure, path: drawn.append(figure))
    line, = make_results(6)["rows"]
    every = [{**line, "curve": "FTCM", "hop": hop, "macs_per_frame": 9e6 / hop} for hop in (1, 3, 9)]
    save_cost_chart([*every, line], tmp_path / "x.png")
    axes, = drawn[0].axes
    assert axes.get_xscale() == "log" and "millions" in axes.get_xlabel() and "mm" in axes.get_ylabel()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["FTCM", "P-STMO"]
    assert sorted(text.get_text() for text in axes.texts) == ["hop 1", "hop 3", "hop 9"]
    assert list(axes.lines[0].get_xdata()) == [1, 3, 9]


def test_the_comparison_trains_what_is_missing_and_repeats_nothing(project, monkeypatch):
    monkeypatch.setattr(comparison, "TRAINING", "-k gt --train 1 --test 0 -b 16 --d_hid 16")
    monkeypatch.setattr(comparison, "EVALUATION", "-k gt --train 0 --reload 1")
    monkeypatch.setattr(comparison, "REFERENCE", ("every", 2))
    monkeypatch.setattr(budget, "MEASURED", 0.0)
    tiny = {"every": Network("FTCM", "FTCM", 5, "-f 5 --layers 1 --every_frame 1", hops=(2, 5)),
            "single": Network("single frame", "single frame", 1, "--network single_frame")}
    monkeypatch.setattr(comparison, "COMPARISON", tiny)
    line = f"--device cpu --root_path {project} --minutes 0.0001 --augment none --seeds 1,2".split()
    assert run_study(comparison.execute, line) == 0
    folder = project / "checkpoint" / "comparison"
    first = json.loads((folder / "comparison.json").read_text())
    assert not first["missing"]
    assert [row["label"] for row in first["rows"]] == ["FTCM, hop 2", "FTCM, hop 5", "single frame"]
    assert [[run["training_seed"] for run in row["seeds"]] for row in first["rows"]] == [[1, 2]] * 3
    assert first["rows"][2]["difference"]["seeds"] == [1, 2] and "difference" not in first["rows"][0]
    difference = first["rows"][2]["difference"]["mpjpe"]["difference"]
    assert difference == pytest.approx(first["rows"][2]["mpjpe"] - first["rows"][0]["mpjpe"])
    assert (folder / "comparison.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(run_ftcm, "execute", None)                  # whoever trains or evaluates again, fails
    assert run_study(comparison.execute, line) == 0
    again = json.loads((folder / "comparison.json").read_text())
    assert [row["mpjpe"] for row in again["rows"]] == [row["mpjpe"] for row in first["rows"]]
