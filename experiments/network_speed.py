"""What networks cost on this machine, each against the literal network in the same run.

Every variant is timed in turn, round after round, so that a change of the machine's speed meets all of them.
The literal network (model/ftcm.py) is timed with several batch sizes, and every ratio is to the best of them.
"""
import copy
import statistics
from functools import partial

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from common import engine
from common.batch_sizes import default_hop, inference_windows
from common.clips import Clip
from common.learning import steps
from common.learning.batches import Sampling, TrainingBatches
from common.lift import Lifting
from common.skeleton import HUMAN36M
from common.windows import Window, Windows
from experiments.timing import hide_progress, measure_once, time_rounds, vary_threads
from model.ftcm import FrequencyPoseMixing

TIMED_ROUNDS = 3
BATCHES = (128, 512, 2048, 8192)                # frames in a batch of the literal network
EVALUATED_FRAMES = 32768                        # of the windows of a clip that other networks lift
TRAINING_BATCHES = (512, 2048, 8192)            # frames in a batch of both networks in training
NOT_COUNTED = "what is done once for any batch, GELU, LayerNorm, sigmoid"


def count_macs(model: torch.nn.Module, frames: int) -> float:
    """Multiply-accumulates of one window: all products and convolutions, without NOT_COUNTED.

    The FPM counts as one product with its real matrix. In double precision and by plain attention, because
    then all products are PyTorch's own, which the counter knows.
    """
    double = copy.deepcopy(model).eval().double()
    for module in double.modules():
        if isinstance(module, FrequencyPoseMixing):
            module.fast = True
    counts = []
    for windows in (1, 2):
        keypoints = torch.zeros(windows, frames, model.num_joints, 2, dtype=torch.float64)
        with (torch.no_grad(), sdpa_kernel(SDPBackend.MATH),
              FlopCounterMode(display=False) as counter):
            double(keypoints)
        counts.append(counter.get_total_flops())
    return (counts[1] - counts[0]) / 2


def random_walk(num_frames: int, seed: int = 0) -> Clip:
    """A clip of smooth random motion, for speed alone."""
    generator = np.random.default_rng(seed)
    steps = 0.01 * generator.standard_normal((num_frames, 17, 3)).astype(np.float32)
    pose = np.cumsum(steps, 0, dtype=np.float32)
    pose -= pose[:, :1]
    return Clip(subject="S", action="walk", name=f"S/walk {seed}", fps=50, skeleton=HUMAN36M, pose=pose,
                keypoints=pose[..., :2] + np.float32(0.1), root=np.float32([[0, 0, 4]] * num_frames),
                intrinsics=np.float32([2, 2, 0, 0]))


def best_rates(taken: dict[tuple[str, int], list[float]],
               counts: dict[tuple[str, int], int]) -> dict[str, dict]:
    """What each network reaches at its best batch size, against the literal network at its own best.

    `taken`: seconds in each round by (network, windows in a batch); `counts`: poses or windows of one round.
    A rate is the median over rounds, the best batch the one with the highest rate, a ratio the median over
    rounds of that round's quotient. The network "literal" has no ratio.
    """
    rates = {key: [counts[key] / value for value in times] for key, times in taken.items()}
    medians = {key: statistics.median(values) for key, values in rates.items()}
    best, results = {}, {}
    for name, batch in sorted(medians, key=medians.get):
        best[name] = batch                                  # the highest rate comes last and stays
    for name, batch in best.items():
        results[name] = {"per_second": medians[name, batch], "batch": batch,
                         "per_second_by_batch": {str(size): medians[key, size]
                                                 for key, size in medians if key == name}}
        if name != "literal":
            ratios = [a / b for a, b in zip(rates[name, batch], rates["literal", best["literal"]])]
            results[name] |= {"ratio": statistics.median(ratios), "ratios": ratios}
    return results


def evaluated_clip(frames: int) -> Clip:
    """A clip that overlapping windows share as in a long video."""
    return random_walk(max(1, EVALUATED_FRAMES // frames))


def time_evaluation(networks: dict[str, torch.nn.Module], frames: int) -> dict[str, dict]:
    """Poses a second of whole-clip prediction with flip test, one thread and all, by network; memory.

    `networks`: literal, folded, sequence, onnx. All but the literal one get the program's default batch.
    """
    default = inference_windows(frames, "cpu")
    batches = {name: [default] for name in networks}
    batches["literal"] = [max(1, size // frames) for size in BATCHES]
    variants, counts = {}, {}
    for name, network in networks.items():
        hop = default_hop(frames) if name == "sequence" else None
        for batch in batches[name]:
            clip = (random_walk(8 * frames) if hop else evaluated_clip(frames) if name == "folded"
                    else random_walk(max(8, batch)))
            counts[name, batch] = len(clip)
            variants[name, batch] = partial(engine.predict, network, [clip], Window(frames, hop=hop),
                                            Lifting(batch_size=batch))
    results = {name: {} for name in networks}
    with hide_progress():
        for label in vary_threads(networks):
            for name, result in best_rates(time_rounds(variants, TIMED_ROUNDS), counts).items():
                results[name][label] = result
        for name, result in results.items():
            _, _, result["peak_gib"] = measure_once(variants[name, result[label]["batch"]])
    return results


def time_windows(networks: dict[str, torch.nn.Module], frames: int) -> dict[str, dict]:
    """Milliseconds of one window without flip test, one thread and all: median, 95th percentile, ratio."""
    keypoints = torch.randn(1, frames, 17, 2)
    results = {name: {} for name in networks}
    with torch.inference_mode():
        for label in vary_threads(networks):
            taken = time_rounds({(name, 1): partial(network, keypoints)
                                 for name, network in networks.items()}, 30)
            for name, result in best_rates(taken, dict.fromkeys(taken, 1)).items():
                results[name][label] = {"median_ms": 1000 * statistics.median(taken[name, 1]),
                                        "p95_ms": 1000 * float(np.percentile(taken[name, 1], 95)),
                                        "ratio": result.get("ratio")}
    return results


def time_training(networks: dict[str, torch.nn.Module], frames: int) -> dict[str, dict]:
    """Windows a second of training steps (data, forward, backward, Adam), each network at its best batch."""
    variants, counts = {}, {}
    for name, network in networks.items():
        optimizer = torch.optim.Adam(network.parameters(), amsgrad=True, fused=name == "fast")
        for size in (max(1, size // frames) for size in TRAINING_BATCHES):
            batches = TrainingBatches(Windows([random_walk(size)], Window(frames)), Sampling(batch_size=size),
                                      generator=torch.Generator())
            counts[name, size] = size
            variants[name, size] = partial(steps.train_one_epoch, network, batches, optimizer)
    with hide_progress():
        return best_rates(time_rounds(variants, TIMED_ROUNDS), counts)


def measure_networks(networks: dict[str, torch.nn.Module], frames: int,
                     peaks: dict[str, float]) -> list[dict]:
    """The results of networks of one window length (literal, fast, folded, ..), a row for each.

    The network "fast" is the literal one with fast layers, for training; its figures stand with "folded".
    `peaks`: GFLOP/s of the network's products alone, with one_thread and all_threads.
    """
    macs = count_macs(networks["literal"], frames)
    parameters = sum(parameter.numel() for parameter in networks["literal"].parameters())
    predicting = {name: network for name, network in networks.items() if name != "fast"}
    evaluations = time_evaluation(predicting, frames)
    latencies = time_windows({name: network for name, network in predicting.items() if name != "sequence"},
                             frames)
    trainings = time_training({name: networks[name] for name in ("literal", "fast")}, frames)
    rows = [{"frames": frames, "network": name, "parameters": parameters,
             "macs_per_pose": macs / (default_hop(frames) if name == "sequence" else 1),
             "evaluation": evaluations[name], "latency": latencies.get(name),
             "training": trainings.get("fast" if name == "folded" else name),
             "form": getattr(network, "form", None)}
            for name, network in predicting.items()]
    for row in rows:
        for label, peak in peaks.items():
            result = row["evaluation"][label]               # two views a pose, two operations a MAC
            result["share_of_peak"] = 4 * result["per_second"] * row["macs_per_pose"] / (1e9 * peak)
    return rows
