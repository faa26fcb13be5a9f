"""One pass of windows through a lifter, mirrored test included."""
import torch

from common.skeleton import Skeleton, flip


def trust(frames: int) -> torch.Tensor:
    """Weights (T,) of a window's answers where windows overlap: growing linearly from its ends to its middle.

    An answer near an end has seen one side of its frame only.
    """
    place = torch.arange(frames)
    return torch.minimum(place + 1, frames - place) / (frames // 2 + 1)


def lift(model, keypoints, skeleton: Skeleton, *, flip_test: bool, amp: bool = False):
    """The network's poses of keypoints (B, T, J, 2) in screen coordinates, the root joint as predicted.

    (B, J, 3), or (B, T, J, 3) from a network that answers for every frame; camera space, metres. With
    `flip_test` the mean with the mirrored poses of the mirrored keypoints, both in one pass; `amp` computes
    in bfloat16 where that is safe.
    """
    with torch.autocast(keypoints.device.type, torch.bfloat16, enabled=amp):
        if not flip_test:
            return model(keypoints).float()
        straight, mirrored = model(torch.cat([keypoints, flip(keypoints, skeleton)])).float().chunk(2)
    return (straight + flip(mirrored, skeleton)) / 2


def lift_course(model, course, index, step: int, skeleton: Skeleton, *, flip_test: bool):
    """The same for the overlapping windows that `index` (T, B) picks from `course` (L, J, 2): (B, J, 3).

    A window's frames lie `step` apart. For networks that share what overlapping windows have in common
    (model/folded.py).
    """
    views = torch.stack([course, flip(course, skeleton)] if flip_test else [course], 1)     # (L, V, J, 2)
    poses = model.lift_course(views, index, step)                                           # (B, V, J, 3)
    return (poses[:, 0] + flip(poses[:, 1], skeleton)) / 2 if flip_test else poses[:, 0]
