"""The refine step: a lifted pose blended with the keypoints that were back-projected at its depth.

Shapes: B batch, J joints.
"""
from copy import copy

import torch

from common.camera import back_project_pose, estimate_root
from common.clips import Clip
from common.windows import Batch


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
