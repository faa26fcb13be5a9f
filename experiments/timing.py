"""Timing on a CPU: interleaved rounds, numbers of threads, memory, what the machine reaches."""
import ctypes
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from pathlib import Path

import torch

from experiments.processor import describe_processor
from model.products import product, suits


def clock() -> float:
    """Seconds: with one thread of processor time, which other work on the machine hardly changes."""
    return time.process_time() if torch.get_num_threads() == 1 else time.perf_counter()


def time_once(work: Callable[[], object], clock: Callable[[], float] = clock) -> float:
    """Seconds that `work` takes."""
    started = clock()
    work()
    return clock() - started


def time_rounds(variants: dict[object, Callable[[], object]], count: int, *,
                clock: Callable[[], float] = clock) -> dict[object, list[float]]:
    """Seconds of every variant in each of `count` rounds, which take the variants in turn.

    One more round comes first, to warm up.
    """
    for work in variants.values():
        work()
    taken = {name: [] for name in variants}
    for _ in range(count):
        for name, work in variants.items():
            taken[name].append(time_once(work, clock))
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
    """The processor, GB/s of memory copies, and the load average."""
    large, load = torch.zeros(2 ** 26), load_average()
    with torch.inference_mode():
        taken = time_rounds({"copy": large.clone}, 5)["copy"]
    return {**describe_processor(), "copy_gb_per_second": 2 * 4 * len(large) / min(taken) / 1e9,
            "load_average_before": load}


def product_sizes(frames: int, channels: int = 512) -> dict[str, tuple[float, tuple[int, int, int]]]:
    """The products of a block by name: multiply-accumulates a frame, and (rows, inputs, outputs) of one."""
    rows, half, quarter = frames * max(1, 2048 // frames), channels // 2, channels // 4
    return {"expand, merge": (2 * channels ** 2, (rows, channels, channels)),
            "temporal": (half ** 2, (rows, half, half)),
            "FPM": (frames * half, (frames, frames, half)),
            "convolutions": (3 * half * quarter, (rows, quarter, quarter // 2))}


def measure_products(frames: int) -> dict:
    """GFLOP/s of a block's products by PyTorch and by oneDNN, and "peak": of all with the faster one each."""
    found, work, seconds = {}, 0.0, 0.0
    with torch.inference_mode():
        for name, (macs, (rows, inputs, outputs)) in product_sizes(frames).items():
            x, weight = torch.randn(rows, inputs), torch.randn(outputs, inputs)
            transposed, out = weight.t().contiguous(), torch.empty(rows, outputs)
            forms = {"pytorch": partial(torch.mm, x, transposed, out=out)}
            if suits(x):
                forms["onednn"] = partial(product, x, torch.ops.mkldnn._reorder_linear_weight(weight))
            flops = 2 * rows * inputs * outputs
            count = max(1, round(5e8 / flops))
            taken = time_rounds({key: partial(repeat, form, count) for key, form in forms.items()}, 5)
            found[name] = {key: count * flops / min(times) / 1e9 for key, times in taken.items()}
            work, seconds = work + macs, seconds + macs / max(found[name].values())
    return {**found, "peak": work / seconds}


def repeat(work, count: int) -> None:
    for _ in range(count):
        work()
