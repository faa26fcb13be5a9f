"""What one pose of a network costs in use: multiply-accumulates and processor time, without flip test."""
import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import run_ftcm
from common.command import choices, options
from experiments.network_speed import count_macs, random_walk
from model.folded import fold

TIMED_FRAMES = 1024         # of the clip that is lifted when speed is measured
COUNTED_WINDOWS = 64        # of the sequence in which multiply-accumulates are counted, and twice as many


def measure_checkpoint_cost(path: Path, hop: int | None) -> dict:
    """As `measure_cost` of the network in a checkpoint, lifting as --predict does."""
    words = ["--reload", "1", "--previous_dir", str(path)]
    args = options.parse([*words, *(["--hop", str(hop)] if hop else [])])
    model, _ = run_ftcm.load_network(args)
    lifting = replace(choices.lifting_of(args, "cpu"), flip_test=False)
    return measure_cost(model, hop, partial(run_ftcm.predict_clips, fold(model), desc="time",
                                            window=choices.window_of(args), lifting=lifting))


def measure_cost(model: torch.nn.Module, hop: int | None, lift: Callable, *, frames: int = TIMED_FRAMES,
                 repeats: int = 3) -> dict:
    """Multiply-accumulates for each pose, and poses in a second of processor time.

    `hop`: new frames for each window of a network that predicts every frame; None for one pose a window.
    `lift(clips=[clip])` is timed on a clip of `frames` frames, the fastest of `repeats` counts.
    """
    clip, seconds = random_walk(frames), []
    for _ in range(repeats):
        started = time.process_time()
        lift(clips=[clip])
        seconds.append(time.process_time() - started)
    return {"macs_per_frame": count_macs_of_a_pose(model, hop), "poses_per_second": frames / min(seconds)}


def count_macs_of_a_pose(model: torch.nn.Module, hop: int | None) -> float:
    """Multiply-accumulates for each pose: those of a window divided by its new frames.

    Where a network has a way to share work among overlapping windows, those of one more frame of a long clip.
    """
    if not hasattr(model, "lift_sequence"):
        return count_macs(model, model.frames) / (hop or 1)
    double, counts = copy.deepcopy(model).eval().double(), []
    for windows in (COUNTED_WINDOWS, 2 * COUNTED_WINDOWS):
        length = windows + model.frames - 1
        sequence = torch.zeros(length, 1, model.num_joints, 2, dtype=torch.float64)
        index = torch.arange(model.frames)[:, None] + torch.arange(windows)             # (T, B)
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            double.lift_sequence(sequence, index, 1)
        counts.append(counter.get_total_flops())
    return (counts[1] - counts[0]) / 2 / COUNTED_WINDOWS


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the block PyTorch computes in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
