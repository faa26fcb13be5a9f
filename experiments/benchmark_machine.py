"""What more threads gain, and what busy processes beside the work cost."""
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial

import torch

from common import engine
from common.batch_sizes import inference_windows
from common.lift import Lifting
from common.windows import Window
from experiments.network_speed import evaluated_clip, random_walk
from experiments.timing import hide_progress, repeat, time_rounds, use_threads

BUSY = 2                # processes that compute without end
ROUNDS = 3
LITERAL_FRAMES = 2048   # in a batch of the literal network


def counts_of_threads() -> list[int]:
    """1, 2, 4, .. and as many threads as PyTorch uses."""
    most = torch.get_num_threads()
    return [*(2 ** power for power in range(most.bit_length()) if 2 ** power < most), most]


def time_scaling(networks: dict[str, torch.nn.Module], frames: int) -> dict:
    """Poses a second of whole clips with flip test, by network and number of threads, by the clock."""
    result = {"frames": frames, "per_second": {name: {} for name in networks}}
    for count in counts_of_threads():
        with use_threads(count), hide_progress():
            taken = time_rounds({name: evaluation_of(networks[name], name, frames) for name in networks},
                                ROUNDS, clock=time.perf_counter)
        for name, times in taken.items():
            result["per_second"][name][str(count)] = clip_length(name, frames) / min(times)
    return result


def time_beside_busy(networks: dict[str, torch.nn.Module], frames: int) -> dict:
    """How many times as long work takes with BUSY processes beside it, by the clock.

    "evaluation" of whole clips with flip test by all threads; "window", one at a time, by one thread.
    """
    window = torch.randn(1, frames, 17, 2)
    taken = {}
    for label in ("alone", "busy"):
        with busy_processes(BUSY if label == "busy" else 0), hide_progress(), torch.inference_mode():
            whole = time_rounds({name: evaluation_of(networks[name], name, frames) for name in networks},
                                ROUNDS, clock=time.perf_counter)
            with use_threads(1):
                one = time_rounds({name: partial(repeat, partial(networks[name], window), 20)
                                   for name in networks}, ROUNDS, clock=time.perf_counter)
        taken[label] = {"evaluation": whole, "window": one}
    return {"frames": frames, "processes": BUSY, **{
        kind: {name: sum(taken["busy"][kind][name]) / sum(taken["alone"][kind][name]) for name in networks}
        for kind in ("evaluation", "window")}}


def clip_length(name: str, frames: int) -> int:
    """Frames of the clip that a network is timed on."""
    return max(1, LITERAL_FRAMES // frames) if name == "literal" else len(evaluated_clip(frames))


def evaluation_of(network: torch.nn.Module, name: str, frames: int):
    """Whole-clip prediction, the literal network in batches that suit it, others in the program's."""
    length = clip_length(name, frames)
    batch = length if name == "literal" else inference_windows(frames, "cpu")
    return partial(engine.predict, network, [random_walk(length)], Window(frames), Lifting(batch_size=batch))


@contextmanager
def busy_processes(count: int):
    """So many processes compute beside what happens meanwhile."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
