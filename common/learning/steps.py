"""The steps of one epoch: the loss of a batch, its gradients, the optimiser's move.

Shapes: B batch, T frames, J joints.
"""
import math
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

from common.engine import BAR_EVERY
from common.learning.batches import TrainingBatches
from common.loss import bone_loss, mpjpe_loss, reprojection_loss, velocity_loss
from common.refining import Refiner, without_root
from common.running.distributed import Processes
from common.skeleton import Skeleton
from common.terminal import progress
from common.windows import Batch, Window

ALONE = Processes()


@dataclass(frozen=True)
class Step:
    """How a training step is computed.

    micro_batch  windows that go through the network at once; their gradients add up to the batch's, which
                 takes less memory for the same step but for dropout's masks; None: the whole batch
    velocity     weight of the loss on the steps between a window's frames, for networks that predict all
    bones        weight of the loss on the directions of the bones
    teacher      weight of the distance to the pose that teachers give, where the batches hold one
    reprojection weight of the loss on where the joints lie in the image
    amp          compute in bfloat16 where that is safe
    both         the network has two answers, the target frame's pose and every frame's; their losses add up
    masks        for a network that learns to fill in keypoints: draws what it does not see of a batch
    """
    micro_batch: int | None = None
    velocity: float = 0
    bones: float = 0
    teacher: float = 0
    reprojection: float = 0
    amp: bool = False
    both: bool = False
    masks: Callable[[], tuple[torch.Tensor, ...]] | None = None


def train_one_epoch(model, batches: TrainingBatches, optimizer, step: Step = Step(), *,
                    refiner: Refiner | None = None, processes: Processes = ALONE,
                    desc: str = "train") -> tuple[float, float]:
    """One pass over `batches`: the loss, and the MPJPE with the predicted root at the origin, both in metres.

    With `refiner` the loss is that of the refined pose and reaches both networks. With several `processes`
    the networks are wrapped by them, `batches` are dealt among them, and the step is that of the whole batch.
    With `step.masks` both are the error of the keypoints that the network fills in, in screen coordinates.
    Raises FloatingPointError when the loss is not finite.
    """
    networks = [model, refiner.network] if refiner else [model]
    for network in networks:
        network.train()
    windows = batches.windows
    totals = torch.zeros(3, device=windows.offsets.device)  # loss, MPJPE, windows, summed on the device
    bar = progress(zip(batches, batches.sizes(), strict=True), total=len(batches), desc=desc, unit="batch")
    for number, (batch, (size, own)) in enumerate(bar):
        optimizer.zero_grad()
        parts = list(batch.split(step.micro_batch or len(batch)))
        masks = [mask.to(windows.offsets.device) for mask in step.masks()] if step.masks else []
        for part in parts:
            with gradients_kept(networks, processes, unless=part is parts[-1]):
                loss, error = (masked_loss(model, part, step, masks) if masks else
                               pose_loss(model, part, step, refiner, batches))
                weight = len(part) / size if own else 0.0           # processes average: times their count
                (loss * (weight * processes.count)).backward()
            with torch.no_grad():
                totals += torch.stack([loss, error, torch.ones_like(loss)]) * (weight * size)
        optimizer.step()
        if number % BAR_EVERY == 0:
            mean = totals[1].item() / max(1, totals[2].item())
            bar.set_postfix_str(f"2D error {mean:.4f}" if step.masks else f"MPJPE {1000 * mean:.1f} mm")
    loss, error, count = processes.add(totals).tolist()
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"The training loss became {loss / count} in {desc}. Start a new run with a lower --lr, from "
            "last.pth with --reload 1 where it exists, or check the keypoints for outliers.")
    return loss / count, error / count


def pose_loss(model, batch: Batch, step: Step, refiner: Refiner | None, batches: TrainingBatches):
    """The loss of a batch of `batches`, refined with `refiner`, and its MPJPE, scalars in metres.

    The predicted root counts in the loss and lies at the origin in the MPJPE, which has no gradient. A
    network that learns every frame and will answer for its target alone (--target last) learns that frame
    twice over.
    """
    window, skeleton, pose, root = batches.window, batches.windows.clips[0].skeleton, batch.pose, batch.root
    loss = 0.0
    if step.both:
        predicted, every = forward(model, batch, step, window)                  # (B, J, 3), (B, T, J, 3)
        loss = distance(every, pose, root, step, skeleton)
        pose, root = pose[:, window.place], None if root is None else root[:, window.place]
    else:
        predicted = forward(model, batch, step, window)                         # (B, J, 3) or (B, T, J, 3)
    if refiner:
        predicted = refiner(predicted, batch, window.place)[0]
    loss = loss + distance(predicted, pose, root, step, skeleton)
    if predicted.ndim == 4 and window.target == "last":     # it will answer for that frame alone
        loss = loss + mpjpe_loss(predicted[:, window.place], pose[:, window.place])
    if batch.taught is not None:
        loss = loss + step.teacher * mpjpe_loss(predicted, batch.taught)
    with torch.no_grad():
        error = mpjpe_loss(without_root(predicted, skeleton.root), pose)
    return loss, error


def forward(model, batch: Batch, step: Step, window: Window):
    """The network's poses of a training batch, (B, J, 3) or (B, T, J, 3), metres; with `step.both` both."""
    def network(given):
        with torch.autocast(given.device.type, torch.bfloat16, enabled=step.amp):
            if not step.both:
                return model(given).float()
            pose, every = model(given, both=True)
        return torch.cat([pose[:, None], every], 1).float()                     # (B, 1 + T, J, 3)

    found = window.inputs.lift(network, batch.keypoints, batch.seen, batch.intrinsics, window.place)
    return (found[:, 0], found[:, 1:]) if step.both else found


def distance(predicted, pose, root, step: Step, skeleton: Skeleton):
    """How far poses (.., J, 3) are from the truth, with the weights of `step`: a scalar in metres."""
    loss = mpjpe_loss(predicted, pose)
    if step.velocity:
        loss = loss + step.velocity * velocity_loss(predicted, pose)
    if step.bones:
        loss = loss + step.bones * bone_loss(predicted, pose, skeleton)
    if step.reprojection:
        loss = loss + step.reprojection * reprojection_loss(predicted, pose, root)
    return loss


def masked_loss(model, batch: Batch, step: Step, masks: list):
    """The mean distance of all keypoints of a batch from what the network makes of those that `masks` leave.

    Twice, as the loss and as the error; screen coordinates.
    """
    with torch.autocast(batch.keypoints.device.type, torch.bfloat16, enabled=step.amp):
        guessed = model(batch.keypoints, *masks)                                # (B, T, J, 2)
    loss = mpjpe_loss(guessed.float(), batch.keypoints)
    return loss, loss.detach()


@contextmanager
def gradients_kept(networks, processes: Processes, *, unless: bool):
    """Gradients stay with this process until the last part of a batch."""
    with ExitStack() as stack:
        if processes.count > 1 and not unless:
            for network in networks:
                stack.enter_context(network.no_sync())
        yield
