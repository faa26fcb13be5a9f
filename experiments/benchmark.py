"""Speed and memory of the networks on this machine's processor.

`python -m experiments.benchmark` writes a JSON file that is named by the processor.
"""
import copy
import sys
import time

import torch

from common.batch_sizes import training_windows
from common.command import options
from common.files import check_writable, near
from common.reporting.provenance import provenance
from common.running import export_network
from experiments.benchmark_data import time_batches, time_loading, time_published_step
from experiments.benchmark_machine import time_beside_busy, time_scaling
from experiments.benchmark_report import benchmark_table, write_benchmark
from experiments.commands import make_parser, run_study
from experiments.network_speed import measure_networks
from experiments.timing import load_average, measure_machine, measure_products, vary_threads
from model.folded import fold
from model.ftcm import FTCM

SIZES = (27, 81, 243, 351)                      # frames of the networks
STUDIED = 81                                    # frames, for what is measured with one of them


def make_networks(frames: int) -> dict[str, torch.nn.Module]:
    """FTCM of this window length in every form that runs here."""
    model, every = FTCM(frames=frames).eval(), FTCM(frames=frames, every_frame=True).eval()
    networks = {"literal": model, "fast": copy.deepcopy(model).use_fast(True), "folded": fold(model),
                "sequence": fold(every)}
    if export_network.onnx_is_here():
        networks["onnx"] = export_network.OnnxNetwork(fold(model))
    return networks


def measure_speed(argv: list[str]) -> dict:
    """All results of this machine, as plain values."""
    started = time.time()
    report = {"machine": measure_machine(), "rows": [], "products": {}, **provenance(argv, "cpu",
                                                                      program="-m experiments.benchmark")}
    for frames in SIZES:
        print(f"{frames} frames ..", flush=True)
        products = report["products"][str(frames)] = {label: measure_products(frames)
                                                      for label in vary_threads({})}
        report["rows"] += measure_networks(make_networks(frames), frames,
                                           {label: found["peak"] for label, found in products.items()})
    print("threads, busy processes, training step, data ..", flush=True)
    networks = {name: network for name, network in make_networks(STUDIED).items()
                if name in ("literal", "folded")}
    report["scaling"] = time_scaling(networks, STUDIED)
    report["busy"] = time_beside_busy(networks, STUDIED)
    report["published_step"] = time_published_step(FTCM(frames=243).use_fast(True), 243,
                                                   training_windows(243))
    report["data_windows_per_second"] = time_batches(243)
    report["loading"] = time_loading()
    report["minutes"] = (time.time() - started) / 60
    report["machine"]["load_average_after"] = load_average()
    return report


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    parser = make_parser("benchmark", "Measure speed and memory of networks of several window lengths on "
                         "this machine's processor.")
    args = parser.parse_args(argv)
    folder = check_writable(args.output or near(options.PROJECT / "checkpoint" / "benchmark"))
    torch.manual_seed(1)
    report = measure_speed(argv)
    path = write_benchmark(folder, report)
    print(f"{benchmark_table([report])}\nWritten: {path}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
