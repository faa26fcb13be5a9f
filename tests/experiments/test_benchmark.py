import pytest
import torch

from experiments import benchmark
from experiments.benchmark_report import markdown
from dataset import human36m
from model.folded import fold
from model.ftcm import FTCM
from model.products import linear


@pytest.mark.parametrize("frames, published", [(9, 0.037e9), (27, 0.113e9), (81, 0.346e9), (243, 1.10e9),
                                               (351, 1.65e9)])
def test_macs_of_a_window_are_those_of_the_paper(frames, published):
    assert benchmark.macs(FTCM(frames=frames), frames) == pytest.approx(published, rel=0.015)


def test_a_synthetic_archive_is_read_by_the_loader(tmp_path):
    subjects = human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]
    benchmark.write_archive(tmp_path, 2000, subjects)
    clips = human36m.load(tmp_path, keypoints="gt", split="test")
    assert len(clips) == 2 * 30 * 4 and sum(map(len, clips)) == 2 * 30 * 4 * (2000 // (7 * 30 * 4))


def test_the_report_names_every_network_and_ratio(monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "SIZES", (9,))
    monkeypatch.setattr(benchmark, "BATCH", 36)
    monkeypatch.setattr(benchmark, "ROUNDS", 1)
    monkeypatch.setattr(benchmark, "machine", lambda _: {
        "pytorch_gflops": 50.0, "products_gflops": 100.0, "peak_gflops": 100.0, "copy_gb_per_second": 10.0})

    def networks(frames):
        model = FTCM(frames=frames, dim=16, depth=1)
        return {"literal": model, "fast": FTCM(frames=frames, dim=16, depth=1).use_fast(True),
                "folded": fold(model), "sequence": fold(FTCM(frames=frames, dim=16, depth=1, every_frame=True))}
    report = {"machine": benchmark.machine(linear), "rows": benchmark.rows(networks, 100.0),
              "data_windows_per_second": 1.0, "loading": [],
              "published_step": {"batch": 512, "frames": 9, "micro_batch": 4, "seconds": 1.0, "peak_gib": None},
              "command": "c", "hardware": "h", "torch": torch.__version__, "minutes": 1.0, "commit": "x"}
    literal, folded, sequence = report["rows"]
    assert literal["ratio"] == 1 and literal["training_ratio"] == 1
    assert sequence["macs_per_pose"] == pytest.approx(literal["macs_per_pose"] / 3)
    assert folded["share_of_peak"] == pytest.approx(
        4 * folded["macs_per_pose"] * folded["poses_per_second"] / 1e9 / 100, rel=1e-6)
    text = markdown(report)
    assert all(f"| 9 | {name} |" in text for name in ("literal", "folded", "sequence"))
