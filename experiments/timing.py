"""Timing on a CPU: interleaved rounds, numbers of threads, memory, what the machine reaches."""
import ctypes
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import torch
import torch.nn.functional as F

from experiments.processor import describe_processor
from model.products import linear


def clock() -> float:
    """Seconds: with one thread of processor time, which other work on the machine hardly changes."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def time_once(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    started = clock()
    work()
    return clock() - started


def time_rounds(variants: dict[object, Callable[[], object]], count: int) -> dict[object, list[float]]:
    """Seconds of every variant in each of `count` rounds, which take the variants in turn.

    One more round comes first, to warm up.
    """
    for work in variants.values():
        work()
    taken = {name: [] for name in variants}
    for _ in range(count):
        for name, work in variants.items():
            taken[name].append(time_once(work))
    return taken


@contextmanager
def hide_progress():
    """Progress bars go nowhere."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield


@contextmanager
def use_threads(count: int):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def vary_threads(networks: dict[str, torch.nn.Module]) -> Iterator[str]:
    """one_thread, then all_threads where PyTorch has more; both runtimes compute with so many meanwhile."""
    counts = {"one_thread": 1}
    if torch.get_num_threads() > 1:
        counts["all_threads"] = torch.get_num_threads()
    for label, count in counts.items():
        if "onnx" in networks:
            networks["onnx"].use_threads(count)
        with use_threads(count):
            yield label


def measure_once(work: Callable[[], object]) -> tuple[object, float, float | None]:
    """What `work` returns, its seconds, and the process's largest resident memory meanwhile, GiB.

    The memory is None where Linux's /proc is missing.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if reset.exists():
        if platform.libc_ver()[0] == "glibc":
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        reset.write_text("5")
    started = clock()
    result = work()
    taken = clock() - started
    peak = int(status.read_text().split("VmHWM:")[1].split()[0]) / 2 ** 20 if reset.exists() else None
    return result, taken, peak


def load_average() -> float | None:
    """Processes that wanted to compute during the last minute; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def measure_machine() -> dict:
    """The processor and what it reaches.

    GFLOP/s of float32 products (2,048 x 512 x 512) by PyTorch and by model/products.py, GB/s of copies, and
    the load average.
    """
    rows, weight, bias = torch.randn(2048, 512), torch.randn(512, 512), torch.zeros(512)
    large = torch.zeros(2 ** 26)
    operations, moved = 2 * 2048 * 512 * 512, 2 * 4 * len(large)
    load = load_average()
    with torch.inference_mode():
        taken = time_rounds({"pytorch": lambda: [F.linear(rows, weight, bias) for _ in range(20)],
                        "products": lambda: [linear(rows, weight, bias) for _ in range(20)],
                        "copy": large.clone}, 5)
    pytorch, products = (20 * operations / min(taken[name]) / 1e9 for name in ("pytorch", "products"))
    return {**describe_processor(), "pytorch_gflops": pytorch, "products_gflops": products,
            "copy_gb_per_second": moved / min(taken["copy"]) / 1e9, "load_average_before": load}
