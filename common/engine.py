"""Train for one epoch; predict whole clips.

Shapes: B batch, T frames, J joints, N frames of a clip.
"""
import math
from contextlib import contextmanager

import numpy as np
import torch
from tqdm import tqdm

from common.camera import back_project_pose, estimate_root
from common.clips import Clip
from common.loss import mpjpe_loss
from common.skeleton import flip
from common.windows import Batch, TrainingBatches, Windows

BAR_EVERY = 20      # batches between two figures in the bar: reading one waits for the device


def without_root(pose, root):
    """A copy of `pose` (B, J, 3) whose joint `root` lies at the origin; the other joints stay."""
    pose = pose.clone()
    pose[:, root] = 0
    return pose


class Refiner:
    """The refine step: back-projects the centre keypoints at the lifted depth and blends (model/refine.py).

    `root_source` says where the root's camera-space position comes from: "gt" is the ground truth, as in the
    original release, at test time too; "estimate" is the position that best explains the keypoints
    (camera.estimate_root).
    """

    def __init__(self, network, *, root_source: str, clips: list[Clip]):
        missing = "intrinsics" if clips[0].intrinsics is None else "root" if clips[0].root is None else None
        if missing == "intrinsics" or (missing == "root" and root_source == "gt"):
            raise ValueError(f"Refine back-projects keypoints and so needs each clip's {missing}, "
                             f"which {clips[0].name} lacks. Evaluate without --refine.")
        self.network, self.root_source, self.joint = network, root_source, clips[0].skeleton.root

    def __call__(self, lifted: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The refined pose (B, J, 3) of `lifted` and the root (B, 3) it was given, metres, camera space.

        A frame without a root estimate (NaN) keeps its lifted pose.
        """
        center = batch.keypoints[:, batch.keypoints.shape[1] // 2]                          # (B, J, 2)
        relative = without_root(lifted, self.joint)
        if self.root_source == "gt":
            root = batch.root
        else:
            root = estimate_root(center, relative.detach(), batch.intrinsics)
        known = root.isfinite().all(-1)                                                     # (B,)
        depth = torch.where(known, root[:, 2], 1.0)[:, None, None]                          # (B, 1, 1)
        back_projected = back_project_pose(center, relative[..., 2:], depth, batch.intrinsics[:, None],
                                           self.joint)
        refined = self.network(lifted, back_projected)                                      # (B, J, 3)
        return torch.where(known[:, None, None], refined, lifted), root


def train_one_epoch(model, batches: TrainingBatches, optimizer, *, desc: str, micro_batch: int | None = None,
                    refiner: Refiner | None = None) -> tuple[float, float]:
    """One pass over `batches`.

    Returns the loss and the MPJPE with the predicted root at the origin, both in metres. A batch goes through
    the network in parts of `micro_batch` windows (None: whole), whose gradients add up to the batch's: less
    memory, the same step. With `refiner` the loss is that of the refined pose and reaches both networks.
    Raises FloatingPointError when the loss is not finite.
    """
    model.train()
    if refiner:
        refiner.network.train()
    root = batches.windows.clips[0].skeleton.root
    totals, count = torch.zeros(2, device=batches.windows.offsets.device), 0
    bar = tqdm(batches, desc=desc, unit="batch", dynamic_ncols=True)
    for step, batch in enumerate(bar):
        optimizer.zero_grad()
        for part in batch.split(micro_batch or len(batch)):
            predicted = model(part.keypoints)                       # (B, J, 3)
            if refiner:
                predicted, _ = refiner(predicted, part)
            loss = mpjpe_loss(predicted, part.pose)                 # metres
            (loss * (len(part) / len(batch))).backward()
            with torch.no_grad():
                error = mpjpe_loss(without_root(predicted, root), part.pose)
                totals += torch.stack([loss, error]) * len(part)    # stays on the device: no wait per step
        optimizer.step()
        count += len(batch)
        if step % BAR_EVERY == 0:
            bar.set_postfix_str(f"MPJPE {1000 * totals[1].item() / count:.1f} mm")
    loss, error = (totals / count).tolist()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"The training loss became {loss} in {desc}. Start a new run with a lower --lr, from last.pth "
            f"with --reload 1 where it exists, or check the keypoints for outliers.")
    return loss, error


@contextmanager
def evaluating(*networks):
    """The networks in evaluation mode without gradients; each one's mode is restored afterwards."""
    modes = [network.training for network in networks]
    for network in networks:
        network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for network, training in zip(networks, modes):
            network.train(training)


def predict(model, clips: list[Clip], *, frames: int, tds: int = 1, batch_size: int = 256,
            flip_test: bool = True, every: int = 1, device="cpu", desc: str = "predict",
            refiner: Refiner | None = None) -> dict[str, list[np.ndarray]]:
    """What the networks say of every clip, each a list of float32 arrays, one a clip, metres, camera space.

    "pose" (N, J, 3) root at the origin: refined with `refiner`, else lifted; "lifted" (N, J, 3) before
    refining; with a refiner also "root" (N, 3), the root that it was given. `flip_test` averages each lifted
    pose with the mirrored one of the mirrored window, before refining. `every` = n predicts every n-th frame
    of each clip and leaves NaN in the others.
    """
    windows = Windows(clips, frames=frames, tds=tds, device=device)
    skeleton = clips[0].skeleton
    rows, joints = windows.num_rows, len(skeleton.joints)
    sizes = {"pose": (rows, joints, 3), "lifted": (rows, joints, 3), "root": (rows, 3)}
    found = {key: torch.full(size, math.nan, device=device)
             for key, size in sizes.items() if refiner or key == "pose"}
    filled = torch.zeros(rows, dtype=torch.int32, device=device)
    total, errors, count = len(windows.centers(every)), 0.0, 0
    networks = [model, refiner.network] if refiner else [model]
    with evaluating(*networks), tqdm(total=total, desc=desc, unit="frame", dynamic_ncols=True) as bar:
        for step, batch in enumerate(windows.batches(batch_size, every=every)):
            row = windows.clip_first[batch.clip] + batch.frame
            pose = model(batch.keypoints)                                                   # (B, J, 3)
            if flip_test:
                pose = (pose + flip(model(flip(batch.keypoints, skeleton)), skeleton)) / 2
            if refiner:
                found["lifted"][row] = without_root(pose, skeleton.root)
                pose, found["root"][row] = refiner(pose, batch)
            pose = without_root(pose, skeleton.root)
            found["pose"][row] = pose
            filled[row] += 1
            bar.update(len(batch))
            if batch.pose is not None and step % BAR_EVERY == 0:
                errors, count = errors + mpjpe_loss(pose, batch.pose).item(), count + 1
                bar.set_postfix_str(f"MPJPE {1000 * errors / count:.1f} mm")
    if not found["pose"][filled.bool()].isfinite().all():
        raise FloatingPointError("The network's poses are not finite. Choose a checkpoint whose training "
                                 "converged.")
    assert filled.sum() == total and filled.max() == 1, "a frame was predicted twice or not at all"
    return {key: [part.numpy() for part in values.cpu().split(windows.lengths)]
            for key, values in found.items()}
