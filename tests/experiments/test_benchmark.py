import json
import subprocess

import pytest
import torch

from dataset import human36m
from experiments import (
    benchmark,
    benchmark_data,
    benchmark_machine,
    benchmark_report,
    blocks,
    network_speed,
    timing,
)
from model.folded import fold
from model.ftcm import FTCM

TAKEN = {("literal", 8): [1.0, 2.0, 1.0], ("literal", 64): [2.0, 4.0, 8.0],
         ("folded", 8): [0.5, 0.5, 0.25], ("onnx", 8): [2.0, 2.0, 2.0]}     # seconds of three rounds


@pytest.mark.parametrize("frames, published", [(9, 0.037e9), (27, 0.113e9), (81, 0.346e9), (243, 1.10e9),
                                               (351, 1.65e9)])
def test_macs_of_a_window_are_those_of_the_paper(frames, published):
    assert network_speed.count_macs(FTCM(frames=frames), frames) == pytest.approx(published, rel=0.015)


def test_a_synthetic_archive_is_read_by_the_loader(tmp_path):
    benchmark_data.write_synthetic_archive(tmp_path, 2000)
    clips = human36m.load(tmp_path, keypoints="gt", split="test")
    assert len(clips) == 2 * 30 * 4 and sum(map(len, clips)) == 2 * 30 * 4 * (2000 // (7 * 30 * 4))


def test_ratios_are_to_the_literal_network_at_its_best_batch():
    counts = {("literal", 8): 10, ("literal", 64): 100, ("folded", 8): 20, ("onnx", 8): 10}
    # The literal network's rates: 10, 5, 10 a second with 8 windows; 50, 25, 12.5 with 64.
    found = network_speed.best_rates(TAKEN, counts)
    assert found["literal"]["batch"] == 64 and found["literal"]["per_second"] == 25
    assert found["folded"]["ratios"] == pytest.approx([40 / 50, 40 / 25, 80 / 12.5])
    assert found["folded"]["ratio"] == pytest.approx(1.6) and "ratio" not in found["literal"]


def test_a_ratio_is_the_median_of_those_of_the_rounds():
    found = network_speed.best_rates(TAKEN, dict.fromkeys(TAKEN, 10))
    assert found["folded"]["ratios"] == [2, 4, 4] and found["onnx"]["ratios"] == [0.5, 1, 0.5]
    assert found["folded"]["ratio"] == 4 and found["onnx"]["ratio"] == 0.5
    assert found["literal"]["per_second_by_batch"] == {"8": 10, "64": 2.5}


@pytest.fixture(scope="module")
def report():
    """The report of a benchmark of small networks, without what does not depend on them."""
    size = {"frames": 9, "dim": 16, "depth": 1}
    model = FTCM(**size)
    networks = {"literal": model, "fast": FTCM(**size).use_fast(True), "folded": fold(model),
                "sequence": fold(FTCM(**size, every_frame=True))}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network_speed, "BATCHES", (9, 36))
        patch.setattr(network_speed, "EVALUATED_FRAMES", 90)
        patch.setattr(benchmark_machine, "LITERAL_FRAMES", 36)
        patch.setattr(network_speed, "TRAINING_BATCHES", (36, 72))
        chosen = {name: networks[name] for name in ("literal", "folded")}
        return {"machine": {"maker": "Intel", "model": "m", "vector_units": ["AVX-512"], "cores": 2,
                            "threads": 2, "copy_gb_per_second": 10.0},
                "rows": network_speed.measure_networks(networks, 9, {"one_thread": 10.0}),
                "products": {"9": {"one_thread": timing.measure_products(9)}},
                "scaling": benchmark_machine.time_scaling(chosen, 9),
                "busy": benchmark_machine.time_beside_busy(chosen, 9),
                "data_windows_per_second": 1.0, "loading": [],
                "published_step": {"batch": 512, "frames": 9, "micro_batch": 4, "seconds": 1.0,
                                   "peak_gib": None},
                "command": "c", "torch": torch.__version__, "minutes": 1.0, "commit": "x"}


def test_the_benchmarks_networks_are_one_function(monkeypatch):
    monkeypatch.setattr(benchmark.export_network, "onnx_is_here", lambda: False)
    torch.manual_seed(0)
    networks = benchmark.make_networks(9)
    keypoints = torch.randn(2, 9, 17, 2)
    with torch.inference_mode():
        answers = [networks[name](keypoints) for name in ("literal", "fast", "folded")]
        assert networks["sequence"](keypoints).shape == (2, 9, 17, 3)
    assert all(torch.allclose(answer, answers[0], atol=1e-5) for answer in answers)


def test_every_batch_size_of_the_literal_network_is_measured_and_the_best_one_named(report):
    literal, folded, sequence = report["rows"]
    for label in literal["latency"]:
        result = literal["evaluation"][label]
        assert set(result["per_second_by_batch"]) == {"1", "4"}
        assert result["per_second"] == max(result["per_second_by_batch"].values())
        assert folded["evaluation"][label]["ratio"] > 0 and folded["latency"][label]["ratio"] > 0
    assert set(literal["training"]["per_second_by_batch"]) == {"4", "8"} and folded["training"]["ratio"] > 0
    assert sequence["macs_per_pose"] == pytest.approx(literal["macs_per_pose"] / 3)


def test_shares_of_the_peak_and_what_was_chosen_are_told(report):
    folded = report["rows"][1]
    result = folded["evaluation"]["one_thread"]
    assert result["share_of_peak"] == pytest.approx(
        2 * 2 * folded["macs_per_pose"] * result["per_second"] / 10e9)      # views, operations, 10 GFLOP/s
    assert folded["form"] == "pytorch" and report["rows"][0]["form"] is None
    text = benchmark_report.benchmark_table([report])
    assert "form chosen: pytorch" in text and "beside 2 busy processes" in text and " %" in text


def test_the_peak_is_that_of_all_products_by_the_faster_library(monkeypatch):
    monkeypatch.setattr(timing, "time_rounds", lambda forms, _: {name: [1.0, 2.0] for name in forms})
    found = timing.measure_products(27)
    parts = timing.product_sizes(27)
    assert found.keys() == parts.keys() | {"peak"}
    seconds = sum(macs / max(found[name].values()) for name, (macs, _) in parts.items())
    assert found["peak"] == pytest.approx(sum(macs for macs, _ in parts.values()) / seconds)
    # Six blocks of these products, embedding and head: the network's MACs.
    assert 6 * 27 * sum(macs for macs, _ in parts.values()) == pytest.approx(
        network_speed.count_macs(FTCM(frames=27), 27), rel=0.01)


def test_busy_processes_end_with_what_they_stand_beside(monkeypatch):
    started, start = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *line: started.append(start(*line)) or started[-1])
    with benchmark_machine.busy_processes(2):
        assert [process.poll() for process in started] == [None, None]
    assert all(process.poll() is not None for process in started) and len(started) == 2


def test_threads_double_up_to_all(monkeypatch):
    for most, counts in ((1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])):
        monkeypatch.setattr(torch, "get_num_threads", lambda most=most: most)
        assert benchmark_machine.counts_of_threads() == counts


def test_processors_stand_side_by_side_under_the_names_of_their_files(report, tmp_path):
    other = json.loads(json.dumps(report))
    other["machine"] |= {"maker": "AMD", "vector_units": [], "threads": 1}
    other["note"] = "Other yardstick."
    other["rows"] = other["rows"][:1]
    paths = [benchmark_report.write_benchmark(tmp_path / "benchmark", data) for data in (report, other)]
    assert [path.name for path in paths] == ["intel_avx512.json", "amd.json"]
    text = blocks.render_block("benchmark", tmp_path, "x/")
    assert "Other yardstick." in text
    assert "[amd.json](x/benchmark/amd.json), [intel_avx512.json](x/benchmark/intel_avx512.json)" in text
    table = [line.split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert {len(line) for line in table} == {3 + 3 + 4} and table[0][3].startswith("AMD: ")
    assert [line[1] for line in table[2:]] == ["literal", "folded", "sequence"]
    assert [cell == "" for cell in table[3][3:6]] == [True] * 3     # folded: not measured on the other one
    assert "(" in table[3][6] and " at " in table[2][6]


def test_without_files_there_is_no_table(tmp_path):
    with pytest.raises(FileNotFoundError, match="benchmark"):
        blocks.render_block("benchmark", tmp_path, "")
