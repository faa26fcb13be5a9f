"""Train for one epoch; predict whole clips.

Shapes: B batch, T frames, J joints, N frames of a clip.
"""
import math
from contextlib import contextmanager

import numpy as np
import torch
from tqdm import tqdm

from common.clips import Clip
from common.loss import mpjpe_loss
from common.skeleton import flip
from common.windows import TrainingBatches, Windows

BAR_EVERY = 20      # batches between two figures in the bar: reading one waits for the device


def without_root(pose, root):
    """A copy of `pose` (B, J, 3) whose joint `root` lies at the origin; the other joints stay."""
    pose = pose.clone()
    pose[:, root] = 0
    return pose


def train_one_epoch(model, batches: TrainingBatches, optimizer, *, desc: str) -> tuple[float, float]:
    """One pass over `batches`. Returns the loss and the MPJPE with the predicted root at the origin, both in metres.

    Raises FloatingPointError when the loss is not finite.
    """
    model.train()
    root = batches.windows.clips[0].skeleton.root
    totals, count = torch.zeros(2, device=batches.windows.offsets.device), 0
    bar = tqdm(batches, desc=desc, unit="batch", dynamic_ncols=True)
    for step, batch in enumerate(bar):
        predicted = model(batch.keypoints)                          # (B, J, 3)
        loss = mpjpe_loss(predicted, batch.pose)                    # metres
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            error = mpjpe_loss(without_root(predicted, root), batch.pose)
            totals += torch.stack([loss, error]) * len(batch)       # stays on the device: no wait per step
        count += len(batch)
        if step % BAR_EVERY == 0:
            bar.set_postfix_str(f"MPJPE {1000 * totals[1].item() / count:.1f} mm")
    loss, error = (totals / count).tolist()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"The training loss became {loss} in {desc}. Continue from the last checkpoint with a lower --lr, or check "
            f"the keypoints for outliers.")
    return loss, error


@contextmanager
def evaluating(model):
    """The model in evaluation mode without gradients; its mode is restored afterwards."""
    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def predict(model, clips: list[Clip], *, frames: int, tds: int = 1, batch_size: int = 256, flip_test: bool = True,
            every: int = 1, device="cpu", desc: str = "predict") -> list[np.ndarray]:
    """The lifted poses of every clip: a list of (N, J, 3) float32 arrays, metres, camera space, root at the origin.

    `flip_test` averages each prediction with the mirrored prediction of the mirrored window. `every` = n predicts
    every n-th frame of each clip and leaves NaN in the others.
    """
    windows = Windows(clips, frames=frames, tds=tds, device=device)
    skeleton = clips[0].skeleton
    num_joints = len(skeleton.joints)
    poses = torch.full((windows.num_rows, num_joints, 3), math.nan, device=device)
    filled = torch.zeros(windows.num_rows, dtype=torch.int32, device=device)
    total, errors, count = len(windows.centers(every)), 0.0, 0
    with evaluating(model), tqdm(total=total, desc=desc, unit="frame", dynamic_ncols=True) as bar:
        for step, batch in enumerate(windows.batches(batch_size, every=every)):
            predicted = model(batch.keypoints)                                              # (B, J, 3)
            if flip_test:
                mirrored = flip(model(flip(batch.keypoints, skeleton)), skeleton)
                predicted = (predicted + mirrored) / 2
            predicted = without_root(predicted, skeleton.root)
            rows = windows.clip_first[batch.clip] + batch.frame
            poses[rows] = predicted
            filled[rows] += 1
            bar.update(len(batch))
            if batch.pose is not None and step % BAR_EVERY == 0:
                errors, count = errors + mpjpe_loss(predicted, batch.pose).item(), count + 1
                bar.set_postfix_str(f"MPJPE {1000 * errors / count:.1f} mm")
    assert filled.sum() == total and filled.max() == 1, "a frame was predicted twice or not at all"
    return [part.numpy() for part in poses.cpu().split(windows.lengths)]
