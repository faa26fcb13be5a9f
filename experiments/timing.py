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

from experiments import processor


def clock() -> float:
    """Seconds: with one thread of processor time, which other work on the machine hardly changes."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def seconds(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    started = clock()
    work()
    return clock() - started


def rounds(variants: dict[object, Callable[[], object]], count: int) -> dict[object, list[float]]:
    """Seconds of every variant in each of `count` rounds, which take the variants in turn.

    One more round comes first, to warm up.
    """
    for work in variants.values():
        work()
    taken = {name: [] for name in variants}
    for _ in range(count):
        for name, work in variants.items():
            taken[name].append(seconds(work))
    return taken


@contextmanager
def quiet():
    """Progress bars go nowhere."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere, redirect_stderr(nowhere):
        yield


@contextmanager
def threads(count: int):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def thread_counts(networks: dict[str, torch.nn.Module]) -> Iterator[str]:
    """one_thread, then all_threads where PyTorch has more; both runtimes compute with so many meanwhile."""
    labels = {1: "one_thread", torch.get_num_threads(): "all_threads"} | {1: "one_thread"}
    for count, label in labels.items():
        if "onnx" in networks:
            networks["onnx"].use_threads(count)
        with threads(count):
            yield label


def run_once(work: Callable[[], object]) -> tuple[object, float, float | None]:
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


def machine(fast_linear: Callable) -> dict:
    """The processor and what it reaches.

    GFLOP/s of float32 products (2,048 x 512 x 512) by PyTorch and by `fast_linear`, GB/s of copies; the load
    average of the last minute (processes that want to compute, None where the system does not say).
    """
    rows, weight, bias = torch.randn(2048, 512), torch.randn(512, 512), torch.zeros(512)
    large = torch.zeros(2 ** 26)
    operations, moved = 2 * 2048 * 512 * 512, 2 * 4 * len(large)
    load = load_average()
    with torch.inference_mode():
        taken = rounds({"pytorch": lambda: [F.linear(rows, weight, bias) for _ in range(20)],
                        "products": lambda: [fast_linear(rows, weight, bias) for _ in range(20)],
                        "copy": large.clone}, 5)
    linear, products = (20 * operations / min(taken[name]) / 1e9 for name in ("pytorch", "products"))
    return {**processor.describe(), "pytorch_gflops": linear, "products_gflops": products,
            "copy_gb_per_second": moved / min(taken["copy"]) / 1e9, "load_average_before": load}
