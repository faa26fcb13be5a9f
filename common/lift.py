"""One pass of a batch of windows through a lifter, mirrored test included."""
import torch

from common.skeleton import Skeleton, flip


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
