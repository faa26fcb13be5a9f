"""Windows through a network, flip test included, and their poses into the frames of clips.

Shapes: B batch, T frames, J joints, N frames of all clips.
"""
from dataclasses import dataclass

import torch

from common.clips import Clip
from common.skeleton import Skeleton, flip
from common.stature import ADULT_HEIGHT, stature
from common.windows import Batch, Windows

TRUE_HEIGHT = "true"


@dataclass(frozen=True)
class Lifting:
    """How clips are lifted.

    batch_size  windows in one pass
    flip_test   average with the flipped pose of the flipped window
    every       n lifts every n-th frame of each clip
    smooth      seconds, standard deviation of a Gaussian over time; None for none
    amp         compute in bfloat16 where that is safe
    keep_root   leave the root joint where it was predicted, instead of at the origin
    height      of the people whom the network lifts as average adults: metres, or TRUE_HEIGHT, each clip's by
                its true bones; None: as lifted
    device      of PyTorch
    """
    batch_size: int = 256
    flip_test: bool = True
    every: int = 1
    smooth: float | None = None
    amp: bool = False
    keep_root: bool = False
    height: float | str | None = None
    device: str = "cpu"


def size_factor(height: float | str | None, clip: Clip | None = None) -> float:
    """What poses of an average adult are multiplied by for people of `height` (`Lifting.height`).

    `clip` holds the true poses for TRUE_HEIGHT.
    """
    if height == TRUE_HEIGHT:
        height = float(stature(clip.pose, clip.skeleton).mean())
    return 1.0 if height is None else height / ADULT_HEIGHT


def blending_weights(frames: int) -> torch.Tensor:
    """Weights (T,) of a window's poses where windows overlap: they grow linearly from its ends to its middle.

    A pose near an end was predicted from one side of its frame only.
    """
    number = torch.arange(frames)
    return torch.minimum(number + 1, frames - number) / (frames // 2 + 1)


def lift(model, keypoints, skeleton: Skeleton, *, flip_test: bool, amp: bool = False):
    """The network's poses of what it is given of windows (B, T, J, 2 or 3), the root joint as predicted.

    (B, J, 3), or (B, T, J, 3) from a network that predicts every frame; metres. `flip_test`
    averages with the flipped poses of the flipped keypoints, both in one pass. `amp` computes in bfloat16
    where that is safe.
    """
    with torch.autocast(keypoints.device.type, torch.bfloat16, enabled=amp):
        if not flip_test:
            return model(keypoints).float()
        straight, mirrored = model(torch.cat([keypoints, flip(keypoints, skeleton)])).float().chunk(2)
    return (straight + flip(mirrored, skeleton)) / 2


def lift_sequence(model, sequence, index, step: int, skeleton: Skeleton, *, flip_test: bool,
                  amp: bool = False, at_once: int | None = None):
    """The same for the overlapping windows that `index` (T, B) picks of `sequence` (L, J, 2 or 3): (B, J, 3).

    A window's frames lie `step` apart. For networks that share what overlapping windows have in common
    (model/folded.py). Of those that go through windows `in_parts`, each part is `at_once` windows.
    """
    views = torch.stack([sequence, flip(sequence, skeleton)] if flip_test else [sequence], 1)  # (L, V, J, ..)
    parts = {"at_once": at_once} if getattr(model, "in_parts", False) else {}
    with torch.autocast(sequence.device.type, torch.bfloat16, enabled=amp):
        poses = model.lift_sequence(views, index, step, **parts).float()                        # (B, V, J, 3)
    return (poses[:, 0] + flip(poses[:, 1], skeleton)) / 2 if flip_test else poses[:, 0]


def lift_batch(model, windows: Windows, batch: Batch, row: torch.Tensor, lifting: Lifting, *, shared: bool):
    """Poses (B, J, 3), or (B, T, J, 3) with a hop, of the windows whose targets are `row` (B,), metres.

    Without a hop a network that predicts every frame of a window answers for its target alone.
    """
    skeleton, window = windows.clips[0].skeleton, windows.window
    if shared:
        return lift_sequence(model, *windows.sequence(row), window.tds, skeleton,
                             flip_test=lifting.flip_test, amp=lifting.amp, at_once=lifting.batch_size)

    def network(given):
        return lift(model, given, skeleton, flip_test=lifting.flip_test, amp=lifting.amp)

    pose = window.inputs.lift(network, batch.keypoints, batch.seen, batch.intrinsics, window.place)
    return pose if window.hop or pose.ndim == 3 else pose[:, window.place]


def add_poses(sums, weights, windows: Windows, row, pose) -> None:
    """Add poses (B, J, 3) of target rows `row` (B,), or (B, T, J, 3) of their windows, to `sums` (N, J, 3).

    `weights` (N,) grows by the weight that each pose has.
    """
    if windows.window.hop:
        blending = blending_weights(windows.window.frames).to(row.device).repeat(len(row))      # (B T,)
        row, inside = (values.flatten() for values in windows.window_rows(row))                 # (B T,) each
        weight, pose = inside * blending, pose.flatten(0, 1)                                    # (B T, J, 3)
    else:
        weight = torch.ones(len(row), device=row.device)
    sums.index_add_(0, row, pose * weight[:, None, None])
    weights.index_add_(0, row, weight)


def divide(sums, weights, windows: Windows, every: int) -> torch.Tensor:
    """Divide `sums` (N, J, 3) by `weights` (N,) in place; which frames were asked for (N,).

    Raises FloatingPointError where a pose is not finite.
    """
    if not sums.isfinite().all():
        raise FloatingPointError("The network's poses are not finite. Choose a checkpoint whose training "
                                 "converged.")
    kept = torch.zeros(len(weights), dtype=torch.bool)
    kept[windows.centers(every)] = True
    kept = kept.to(weights.device)
    once = windows.window.hop or weights.max() == 1
    assert weights[kept].min() > 0 and once, "a frame was predicted twice or not at all"
    sums[kept] /= weights[kept, None, None]
    return kept
