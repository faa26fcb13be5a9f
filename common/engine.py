"""Predict whole clips.

Shapes: B batch, T frames, J joints, N frames of a clip.
"""
import math
from contextlib import contextmanager

import numpy as np
import torch

from common.clips import Clip
from common.lift import Lifting, add_poses, divide, lift_batch, size_factor
from common.loss import mpjpe_loss
from common.refining import Refiner, without_root
from common.smooth import smooth
from common.terminal import progress
from common.windows import Window, Windows

SHARED_FRAMES = 32768   # of the windows that share what they have in common; parts for many threads
BAR_EVERY = 20      # batches between two figures in the bar: reading one waits for the device


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


def predict(model, clips: list[Clip], window: Window, lifting: Lifting = Lifting(), *,
            refiner: Refiner | None = None, desc: str = "predict") -> dict[str, list[np.ndarray]]:
    """What the networks predict for every clip: lists of float32 arrays, one a clip, metres, camera space.

    "pose" (N, J, 3) has the root at the origin, but with `lifting.keep_root`: refined with `refiner`, else
    lifted. With a refiner there are
    also "lifted" (N, J, 3), the poses before refining, and "root" (N, 3), the root that it was given. Frames
    that `lifting.every` leaves out are NaN. Every other frame is predicted exactly once, or, with
    `window.hop`, is the mean of all windows that hold it, weighted by `lift.blending_weights`.
    """
    windows = Windows(clips, window, device=lifting.device)
    rows, joints, root = windows.num_rows, len(clips[0].skeleton.joints), clips[0].skeleton.root
    shapes = {"pose": (rows, joints, 3), "lifted": (rows, joints, 3), "root": (rows, 3)}
    found = {key: torch.zeros(shape, device=lifting.device)
             for key, shape in shapes.items() if refiner or key == "pose"}
    weights = torch.zeros(rows, device=lifting.device)      # of the poses that were added up in each frame
    targets, shared = plan(model, windows, lifting)
    bar = progress(total=sum(map(len, targets)), desc=desc, unit="window")
    with evaluating(model, *([refiner.network] if refiner else [])), bar:
        for number, row in enumerate(targets):
            row = row.to(lifting.device)
            batch = windows.gather(row, whole=bool(window.hop))
            pose = lift_batch(model, windows, batch, row, lifting, shared=shared)
            if refiner:
                found["lifted"][row] = without_root(pose, root)
                pose, found["root"][row] = refiner(pose, batch, window.place)
            pose = pose if lifting.keep_root else without_root(pose, root)
            add_poses(found["pose"], weights, windows, row, pose)
            bar.update(len(batch))
            if batch.pose is not None and number % BAR_EVERY == 0:
                bar.set_postfix_str(f"MPJPE {1000 * mpjpe_loss(pose, batch.pose).item():.1f} mm")
    kept = divide(found["pose"], weights, windows, lifting.every)
    for values in found.values():
        values[~kept] = math.nan
    split = {key: [part.numpy() for part in values.cpu().split(windows.lengths)]
             for key, values in found.items()}
    if lifting.smooth:
        split["pose"] = [smooth(poses, seconds=lifting.smooth, fps=clip.fps)
                         for poses, clip in zip(split["pose"], clips)]
    if lifting.height:
        split["pose"] = [size_factor(lifting.height, clip) * poses
                         for poses, clip in zip(split["pose"], clips)]
    return split


def plan(model, windows: Windows, lifting: Lifting) -> tuple[list[torch.Tensor], bool]:
    """Target rows (B,) of each pass, and whether overlapping windows share what they have in common.

    Sharing pays where windows overlap by half or more and most clips fill half a batch. A virtual camera
    looks another way in each window, so nothing is shared. A network that shares all its work takes as many
    frames at once as a batch of windows has.
    """
    window, size = windows.window, lifting.batch_size
    if window.hop:
        return windows.covering().split(size), False
    targets = windows.centers(lifting.every)
    if getattr(model, "every_frame", False):
        return targets.split(size), False
    gain = getattr(model, "sharing_gain", None)
    if gain is not None and window.inputs.space != "virtual":
        pays = len(targets) * lifting.every + len(windows.clips) * window.frames < gain * len(targets)
        return windows.runs(targets, size * window.frames) if pays else targets.split(size), pays
    shared = (hasattr(model, "lift_sequence") and window.inputs.space != "virtual"
              and 2 * lifting.every <= window.frames and 2 * len(targets) >= len(windows.clips) * size)
    run = max(size, SHARED_FRAMES // window.frames) if getattr(model, "in_parts", False) else size
    return (windows.runs(targets, run) if shared else targets.split(size)), shared
