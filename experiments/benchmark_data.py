"""Speed of a whole training step, of the data path without a network, of loading data sets."""
import statistics
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from common.clips import Clip
from common.learning import steps
from common.learning.batches import Sampling, TrainingBatches
from common.windows import Window, Windows
from dataset import human36m
from experiments.network_speed import random_walk
from experiments.timing import hide_progress, measure_once, time_rounds, use_threads


def time_published_step(network: torch.nn.Module, frames: int, micro_batch: int) -> dict:
    """Peak memory and seconds of a training step with the published batch of 512."""
    windows = Windows([random_walk(512)], Window(frames))
    batches = TrainingBatches(windows, Sampling(batch_size=512), generator=torch.Generator())
    optimizer = torch.optim.Adam(network.parameters(), amsgrad=True)
    with hide_progress():
        _, taken, memory = measure_once(partial(steps.train_one_epoch, network, batches, optimizer,
                                                steps.Step(micro_batch=micro_batch)))
    return {"batch": 512, "frames": frames, "micro_batch": micro_batch, "peak_gib": memory,
            "seconds": taken}


def time_batches(frames: int) -> float:
    """Windows a second of shuffled, mirrored training batches without a network, on one thread."""
    windows = Windows([random_walk(5000, seed) for seed in range(100)], Window(frames), mirror=True)
    batches = TrainingBatches(windows, Sampling(batch_size=512, stride=50, mirror=True),
                              generator=torch.Generator())
    with use_threads(1):
        taken = time_rounds({"data": lambda: [len(batch) for batch in batches]}, 3)["data"]
    return len(batches.rows) * batches.versions / statistics.median(taken)


def time_loading() -> list[dict]:
    """Seconds and memory of loading synthetic Human3.6M archives of 1,000 to 1,500,000 frames.

    A frame is one camera's view.
    """
    rows = []
    with TemporaryDirectory() as name:
        for total in (1_000, 100_000, 1_500_000):
            write_synthetic_archive(Path(name), total)
            with hide_progress():
                clips, taken, memory = measure_once(partial(load_all, Path(name)))
            rows.append({"frames": sum(map(len, clips)), "clips": len(clips), "seconds": taken,
                         "peak_gib": memory})
    return rows


def load_all(folder: Path) -> list[Clip]:
    """The clips of all Human3.6M subjects."""
    return [clip for split in human36m.SUBJECTS
            for clip in human36m.load(folder, keypoints="gt", split=split)]


def write_synthetic_archive(folder: Path, total: int) -> None:
    """Archives in VideoPose3D's format of about `total` views, 30 recordings a subject, four cameras."""
    subjects = sum(human36m.SUBJECTS.values(), [])
    frames = max(1, total // (len(subjects) * 30 * 4))
    pose = random_walk(frames).pose
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
