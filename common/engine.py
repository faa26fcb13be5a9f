"""Train for one epoch; predict whole clips.

Shapes: B batch, T frames, J joints, N frames of a clip.
"""
import math
from contextlib import ExitStack, contextmanager
from copy import copy

import numpy as np
import torch

from common.camera import back_project_pose, estimate_root
from common.clips import Clip
from common.distributed import Processes
from common.lift import lift, lift_course, trust
from common.loss import mpjpe_loss, velocity_loss
from common.terminal import progress
from common.windows import Batch, TrainingBatches, Windows

ALONE = Processes()
BAR_EVERY = 20      # batches between two figures in the bar: reading one waits for the device


def without_root(pose, root):
    """A copy of `pose` (.., J, 3) whose joint `root` lies at the origin; the other joints stay."""
    pose = pose.clone()
    pose[..., root, :] = 0
    return pose


class Refiner:
    """The refine step: back-projects the target frame's keypoints at the lifted depth and blends the poses
    (model/refine.py).

    `root_source` says where the root's camera-space position comes from: "gt" is the ground truth, as in the
    original release, at test time too; "estimate" is the position that best explains the keypoints
    (camera.estimate_root).
    """

    def __init__(self, network, *, root_source: str, clips: list[Clip]):
        for field in ("intrinsics", "root") if root_source == "gt" else ("intrinsics",):
            lacking = next((clip.name for clip in clips if getattr(clip, field) is None), None)
            if lacking:
                raise ValueError(f"Refine back-projects keypoints and so needs each clip's {field}, "
                                 f"which {lacking} lacks. Evaluate without --refine.")
        self.network, self.root_source, self.joint = network, root_source, clips[0].skeleton.root

    def around(self, network) -> "Refiner":
        """The same step with another network."""
        other = copy(self)
        other.network = network
        return other

    def __call__(self, lifted: torch.Tensor, batch: Batch, target: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The refined pose (B, J, 3) of `lifted` and the root (B, 3) it was given, metres, camera space.

        `target` is the place in the window of the frame that was lifted. A frame without a root estimate
        (NaN) keeps its lifted pose.
        """
        keypoints = batch.keypoints[:, target]                                              # (B, J, 2)
        relative = without_root(lifted, self.joint)
        if self.root_source == "gt":
            root = batch.root
        else:
            root = estimate_root(keypoints, relative.detach(), batch.intrinsics)
        known = root.isfinite().all(-1)                                                     # (B,)
        depth = torch.where(known, root[:, 2], 1.0)[:, None, None]                          # (B, 1, 1)
        back_projected = back_project_pose(keypoints, relative[..., 2:], depth, batch.intrinsics[:, None],
                                           self.joint)
        refined = self.network(lifted, back_projected)                                      # (B, J, 3)
        return torch.where(known[:, None, None], refined, lifted), root


def train_one_epoch(model, batches: TrainingBatches, optimizer, *, desc: str, micro_batch: int | None = None,
                    refiner: Refiner | None = None, amp: bool = False, velocity: float = 0,
                    processes: Processes = ALONE) -> tuple[float, float]:
    """One pass over `batches`.

    Returns the loss and the MPJPE with the predicted root at the origin, both in metres. A batch goes through
    the network in parts of `micro_batch` windows (None: whole), whose gradients add up to the batch's: less
    memory, the same step but for dropout's masks. With `refiner` the loss is that of the refined pose and
    reaches both networks. `velocity` weighs the loss of the steps between a window's frames, for networks
    that answer for all of them. `amp` computes in bfloat16 where that is safe. With several `processes` the
    networks are wrapped by them, `batches` are dealt among them, and the step is that of the whole batch but
    for dropout's masks.
    Raises FloatingPointError when the loss is not finite.
    """
    networks = [model, refiner.network] if refiner else [model]
    for network in networks:
        network.train()
    root = batches.windows.clips[0].skeleton.root
    device = batches.windows.offsets.device
    totals = torch.zeros(3, device=device)      # sums of loss, MPJPE, windows; on the device: no waiting
    bar = progress(zip(batches, batches.sizes(), strict=True), total=len(batches), desc=desc, unit="batch")
    for step, (batch, (size, own)) in enumerate(bar):
        optimizer.zero_grad()
        parts = list(batch.split(micro_batch or len(batch)))
        for number, part in enumerate(parts):
            with postponed(networks, processes, number < len(parts) - 1):
                with torch.autocast(device.type, torch.bfloat16, enabled=amp):
                    predicted = model(part.keypoints)               # (B, J, 3), or (B, T, J, 3)
                predicted = predicted.float()
                if refiner:
                    predicted, _ = refiner(predicted, part, batches.windows.target)
                loss = mpjpe_loss(predicted, part.pose)             # metres
                if velocity:
                    loss = loss + velocity * velocity_loss(predicted, part.pose)
                weight = len(part) / size if own else 0.0           # processes average: times their count
                (loss * (weight * processes.count)).backward()
            with torch.no_grad():
                error = mpjpe_loss(without_root(predicted, root), part.pose)
                totals += torch.stack([loss, error, torch.ones_like(loss)]) * (weight * size)
        optimizer.step()
        if step % BAR_EVERY == 0:
            bar.set_postfix_str(f"MPJPE {1000 * totals[1].item() / max(1, totals[2].item()):.1f} mm")
    loss, error, count = processes.add(totals).tolist()
    loss, error = loss / count, error / count
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"The training loss became {loss} in {desc}. Start a new run with a lower --lr, from last.pth "
            f"with --reload 1 where it exists, or check the keypoints for outliers.")
    return loss, error


@contextmanager
def postponed(networks, processes: Processes, more: bool):
    """Gradients stay with this process while `more` parts of the batch are to come."""
    with ExitStack() as stack:
        for network in networks if more and processes.count > 1 else []:
            stack.enter_context(network.no_sync())
        yield


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
            refiner: Refiner | None = None, target: str = "center", hop: int | None = None,
            amp: bool = False) -> dict[str, list[np.ndarray]]:
    """What the networks say of every clip, each a list of float32 arrays, one a clip, metres, camera space.

    "pose" (N, J, 3) root at the origin: refined with `refiner`, else lifted; "lifted" (N, J, 3) before
    refining; with a refiner also "root" (N, 3), the root that it was given. `flip_test` averages each lifted
    pose with the mirrored one of the mirrored window, before refining. `every` = n predicts every n-th frame
    of each clip and leaves NaN in the others.

    `target` is the place of the answer in a window. With `hop` the network answers for every frame of a
    window: windows begin `hop` of their frames apart and a frame's pose is the mean of all that hold it,
    weighted by `lift.trust`.
    """
    windows = Windows(clips, frames=frames, tds=tds, device=device, target=target)
    skeleton = clips[0].skeleton
    rows, joints = windows.num_rows, len(skeleton.joints)
    sizes = {"pose": (rows, joints, 3), "lifted": (rows, joints, 3), "root": (rows, 3)}
    found = {key: torch.zeros(size, device=device) for key, size in sizes.items() if refiner or key == "pose"}
    filled = torch.zeros(rows, device=device)           # the weight of the answers that each frame got
    targets = windows.covering(hop) if hop else windows.centers(every)
    # Sharing pays where windows overlap by half or more and most clips fill half a batch.
    shares = (hasattr(model, "lift_course") and not hop and 2 * every <= frames
              and 2 * len(targets) >= len(clips) * batch_size)
    parts = windows.runs(targets, batch_size) if shares else targets.split(batch_size)
    errors, count = 0.0, 0
    networks = [model, refiner.network] if refiner else [model]
    with evaluating(*networks), progress(total=len(targets), desc=desc, unit="window") as bar:
        for step, row in enumerate(parts):
            row = row.to(device)
            batch = windows.gather(row, whole=bool(hop))
            if shares:
                pose = lift_course(model, *windows.course(row), tds, skeleton, flip_test=flip_test)
            else:
                pose = lift(model, batch.keypoints, skeleton, flip_test=flip_test, amp=amp)
            if refiner:
                found["lifted"][row] = without_root(pose, skeleton.root)
                pose, found["root"][row] = refiner(pose, batch, windows.target)
            pose = without_root(pose, skeleton.root)
            if hop:
                row, inside = (values.flatten() for values in windows.window_rows(row))     # (B T,) each
                inside = inside * trust(frames).to(device).repeat(len(batch))               # (B T,)
                pose = pose.flatten(0, 1)                                                   # (B T, J, 3)
                found["pose"].index_add_(0, row, pose * inside[:, None, None])
                filled.index_add_(0, row, inside)
            else:
                found["pose"][row] = pose
                filled[row] += 1
            bar.update(len(batch))
            if batch.pose is not None and step % BAR_EVERY == 0:
                errors, count = errors + mpjpe_loss(pose, batch.pose.flatten(0, -3)).item(), count + 1
                bar.set_postfix_str(f"MPJPE {1000 * errors / count:.1f} mm")
    if not found["pose"].isfinite().all():
        raise FloatingPointError("The network's poses are not finite. Choose a checkpoint whose training "
                                 "converged.")
    kept = torch.zeros(rows, dtype=torch.bool)
    kept[windows.centers(every)] = True
    kept = kept.to(device)
    assert filled[kept].min() > 0 and (hop or filled.max() == 1), "a frame was predicted twice or not at all"
    found["pose"][kept] /= filled[kept, None, None]
    for values in found.values():
        values[~kept] = math.nan
    return {key: [part.numpy() for part in values.cpu().split(windows.lengths)]
            for key, values in found.items()}
