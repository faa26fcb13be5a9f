"""--benchmark: what networks cost on this machine, each against the literal network in the same run.

Every variant is timed in turn, round after round, so that a change of the machine's speed meets all of them;
a ratio is the median over rounds. Shapes: B windows, T frames, J joints, N frames of a clip.
"""
import copy
import ctypes
import os
import platform
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from common import engine
from common.clips import Clip
from common.skeleton import HUMAN36M
from common.windows import TrainingBatches, Windows

ROUNDS = 5
SIZES = (27, 81, 243, 351, 729)     # frames of the networks
BATCH = 16384                       # frames in a batch of the literal network, as one would choose on a GPU
CACHED = 2048                       # frames in a batch of the folded network: small enough for caches
NOT_COUNTED = "what is done once for any batch, GELU, LayerNorm, sigmoid"


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def rounds(variants: dict[str, Callable[[], object]], count: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of every variant in each of `count` rounds, after one to warm up."""
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


def peak_memory(work: Callable[[], object]) -> float | None:
    """The process's largest resident memory while `work` runs, GiB; None where Linux's /proc is missing."""
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        return None
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    reset.write_text("5")
    work()
    return int(status.read_text().split("VmHWM:")[1].split()[0]) / 2 ** 20


def macs(model: torch.nn.Module, frames: int) -> float:
    """Multiply-accumulates of one window: all products and convolutions, without NOT_COUNTED.

    In double precision, because then all products are PyTorch's own, which the counter knows.
    """
    double = copy.deepcopy(model).eval().use_fast(True).double()
    counts = []
    for windows in (1, 2):
        keypoints = torch.zeros(windows, frames, model.num_joints, 2, dtype=torch.float64)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            double(keypoints)
        counts.append(counter.get_total_flops())
    return (counts[1] - counts[0]) / 2


def walk(num_frames: int, seed: int = 0) -> Clip:
    """A clip of smooth random motion, for speed alone."""
    generator = np.random.default_rng(seed)
    steps = 0.01 * generator.standard_normal((num_frames, 17, 3)).astype(np.float32)
    pose = np.cumsum(steps, 0, dtype=np.float32)
    pose -= pose[:, :1]
    return Clip(subject="S", action="walk", name=f"S/walk {seed}", fps=50, skeleton=HUMAN36M, pose=pose,
                keypoints=pose[..., :2] + np.float32(0.1), root=np.float32([[0, 0, 4]] * num_frames),
                intrinsics=np.float32([2, 2, 0, 0]))


def machine(fast_linear: Callable) -> dict:
    """What the machine reaches: GFLOP/s of float32 products (2,048 x 512 x 512), GB/s of copies."""
    rows, weight, bias = torch.randn(2048, 512), torch.randn(512, 512), torch.zeros(512)
    large = torch.zeros(2 ** 26)
    operations, moved = 2 * 2048 * 512 * 512, 2 * 4 * len(large)
    with torch.inference_mode():
        taken = rounds({"pytorch": lambda: [F.linear(rows, weight, bias) for _ in range(20)],
                        "products": lambda: [fast_linear(rows, weight, bias) for _ in range(20)],
                        "copy": large.clone})
    linear, products = (20 * operations / min(taken[name]) / 1e9 for name in ("pytorch", "products"))
    return {"pytorch_gflops": linear, "products_gflops": products, "peak_gflops": max(linear, products),
            "copy_gb_per_second": moved / min(taken["copy"]) / 1e9}


def evaluation(networks: dict[str, torch.nn.Module], frames: int, work_per_pose: float) -> dict:
    """Poses a second of whole-clip prediction, mirrored test, by variant, with memory and ratios.

    `networks`: literal, folded, sequence, onnx; `work_per_pose`: MACs of the literal network's window.
    """
    batch = max(1, BATCH // frames)
    settings = {"literal": (batch, batch, None), "folded": (batch, max(1, CACHED // frames), None),
                "sequence": (20 * frames, max(1, CACHED // frames), -(-frames // 3)),
                "onnx": (batch, max(1, CACHED // frames), None)}
    variants, poses = {}, {}
    for name, network in networks.items():
        length, size, hop = settings[name]
        poses[name] = length
        variants[name] = (lambda network=network, clip=walk(length), size=size, hop=hop: engine.predict(
            network, [clip], frames=frames, batch_size=size, hop=hop))
    with quiet():
        taken = rounds(variants, 3)
        memory = {name: peak_memory(work) for name, work in variants.items()}
    results = {}
    for name, times in taken.items():
        rate = [poses[name] / value for value in times]
        ratios = [(poses[name] / a) / (poses["literal"] / b) for a, b in zip(times, taken["literal"])]
        results[name] = {"poses_per_second": statistics.median(rate), "ratio": statistics.median(ratios),
                         "peak_gib": memory[name]}
        if name in ("literal", "folded", "onnx"):           # two passes of a window for each pose
            results[name]["gflops"] = 2 * 2 * work_per_pose * results[name]["poses_per_second"] / 1e9
    return results


def latency(networks: dict[str, torch.nn.Module], frames: int) -> dict:
    """Milliseconds of one window without mirrored test, one thread and all: median, 95th percentile."""
    keypoints = torch.randn(1, frames, 17, 2)
    results = {name: {} for name in networks}
    with torch.inference_mode():
        for label, count in (("one_thread", 1), ("all_threads", torch.get_num_threads())):
            if "onnx" in networks:
                networks["onnx"].use_threads(count)
            with threads(count):
                taken = rounds({name: (lambda network=network: network(keypoints))
                                for name, network in networks.items()}, 40)
            for name, times in taken.items():
                ratios = [b / a for a, b in zip(times, taken["literal"])]
                results[name][label] = {"median_ms": 1000 * statistics.median(times),
                                        "p95_ms": 1000 * float(np.percentile(times, 95)),
                                        "ratio": statistics.median(ratios)}
    return results


def training(networks: dict[str, torch.nn.Module], frames: int) -> dict:
    """Windows a second of training steps (data, forward, backward, Adam), by variant, with ratios."""
    size = max(16, BATCH // 2 // frames)
    windows = Windows([walk(size)], frames=frames)
    batches = TrainingBatches(windows, batch_size=size, generator=torch.Generator())
    variants = {}
    for name, network in networks.items():
        optimizer = torch.optim.Adam(network.parameters(), amsgrad=True)
        variants[name] = (lambda network=network, optimizer=optimizer: engine.train_one_epoch(
            network, batches, optimizer, desc=""))
    with quiet():
        taken = rounds(variants, 3)
    return {name: {"windows_per_second": statistics.median(size / value for value in times),
                   "ratio": statistics.median(b / a for a, b in zip(times, taken["literal"]))}
            for name, times in taken.items()}


def published_step(network: torch.nn.Module, frames: int, micro_batch: int) -> dict:
    """Peak memory and seconds of a training step with the published batch of 512."""
    windows = Windows([walk(512)], frames=frames)
    batches = TrainingBatches(windows, batch_size=512, generator=torch.Generator())
    optimizer = torch.optim.Adam(network.parameters(), amsgrad=True)
    taken = []
    with quiet():
        memory = peak_memory(lambda: taken.append(seconds(lambda: engine.train_one_epoch(
            network, batches, optimizer, desc="", micro_batch=micro_batch))))
    return {"batch": 512, "frames": frames, "micro_batch": micro_batch, "peak_gib": memory,
            "seconds": taken[0]}


def data_path(frames: int) -> float:
    """Windows a second of shuffled, mirrored training batches without a network, on one thread."""
    windows = Windows([walk(5000, seed) for seed in range(100)], frames=frames, mirror=True)
    batches = TrainingBatches(windows, batch_size=512, stride=50, mirror=True, generator=torch.Generator())
    with threads(1):
        taken = rounds({"data": lambda: [len(batch) for batch in batches]}, 3)["data"]
    return len(batches.rows) * batches.versions / statistics.median(taken)


def loading(folder: Path, load: Callable[[Path], list[Clip]], subjects: list[str]) -> list[dict]:
    """Seconds and memory of loading synthetic Human3.6M archives of 1,000 to 1,500,000 frames.

    A frame is one camera's view. The archives are written to `folder`; `load` loads all subjects.
    """
    rows = []
    for total in (1_000, 100_000, 1_500_000):
        write_archive(folder, total, subjects)
        taken, found = [], []

        def work():
            taken.append(seconds(lambda: found.extend(load(folder))))
        with quiet():
            memory = peak_memory(work)
        rows.append({"frames": sum(map(len, found)), "clips": len(found), "seconds": taken[0],
                     "peak_gib": memory})
    return rows


def write_archive(folder: Path, total: int, subjects: list[str]) -> None:
    """Archives in VideoPose3D's format of about `total` views, 30 recordings a subject, four cameras."""
    frames = max(1, total // (len(subjects) * 30 * 4))
    pose = walk(frames).pose
    joints = pose[:, np.arange(32) % 17] + np.float32([0, 0, 1])                         # (N, 32, 3)
    pixels = np.full((frames, 17, 2), 500, np.float32)
    actions = [f"Walking {number}" for number in range(30)]
    truth = {subject: {action: joints.copy() for action in actions} for subject in subjects}
    seen = {subject: {action: [pixels.copy() for _ in range(4)] for action in actions}
            for subject in subjects}
    symmetry = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
    np.savez(folder / "data_3d_h36m.npz", positions_3d=np.array(truth, object))
    np.savez(folder / "data_2d_h36m_gt.npz", positions_2d=np.array(seen, object),
             metadata=np.array({"keypoints_symmetry": symmetry}, object))


def rows(networks: Callable[[int], dict], peak_gflops: float) -> list[dict]:
    """The table: a row for each size and variant of `networks(frames)` (literal, fast, folded, ..)."""
    lines = []
    for frames in SIZES:
        print(f"{frames} frames ..", flush=True)
        made = networks(frames)
        work = macs(made["literal"], frames)
        hop = -(-frames // 3)
        found = evaluation({name: net for name, net in made.items() if name != "fast"}, frames, work)
        late = latency({name: made[name] for name in ("literal", "folded", "onnx") if name in made}, frames)
        learned = training({name: made[name] for name in ("literal", "fast")}, frames)
        for name, result in found.items():
            share = result["gflops"] / peak_gflops if "gflops" in result else None
            trained = learned.get({"folded": "fast"}.get(name, name), {})
            line = {"frames": frames, "network": name,
                    "parameters": sum(parameter.numel() for parameter in made["literal"].parameters()),
                    "macs_per_pose": work / (hop if name == "sequence" else 1),
                    "poses_per_second": result["poses_per_second"], "ratio": result["ratio"],
                    "share_of_peak": share, "evaluation_peak_gib": result["peak_gib"],
                    "training_windows_per_second": trained.get("windows_per_second"),
                    "training_ratio": trained.get("ratio"), "latency": late.get(name)}
            lines.append(line)
    return lines
