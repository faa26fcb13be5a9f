"""What a network is given of each joint, made of the keypoints; its poses, turned back into camera space.

Shapes: B windows, T frames, J joints.
"""
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.functional import normalize

from common.camera import back_project

SPACES = ("screen", "rays", "virtual")
NEAREST = 0.1       # depth from which the virtual camera draws what lies nearer: 84 degrees off its axis


@dataclass(frozen=True)
class Inputs:
    """What a network is given of each joint.

    space  "screen": screen coordinates; "rays": lines of sight, x / z and y / z in camera space, which asks
           for the camera's intrinsics; "virtual": the same in a camera at the same place that looks at the
           person, so that it does not matter where in the picture somebody stands
    mask   beside them whether the joint was seen (1) or filled (0)
    """
    space: str = "screen"
    mask: bool = False

    @property
    def needs_camera(self) -> bool:
        return self.space != "screen"

    def of_frames(self, keypoints, seen, intrinsics):
        """Keypoints (.., J, 2), screen coordinates, as they are or as rays; (.., J, 3) with the mask.

        `seen` (.., J) is 1 or 0, None where all joints were seen; `intrinsics` (.., 4) must broadcast. The
        lens's distortion stays in the rays.
        """
        points = self.rays(keypoints, intrinsics)[..., :2] if self.needs_camera else keypoints
        return self.with_mask(points, seen)

    def rays(self, keypoints, intrinsics):
        """The points (.., J, 3) of camera space at depth 1 that are seen at keypoints (.., J, 2)."""
        return back_project(keypoints, keypoints.new_ones(1), intrinsics)

    def with_mask(self, points, seen):
        """Points (.., J, 2) and, with the mask, whether they were seen: (.., J, 3)."""
        if not self.mask:
            return points
        seen = torch.ones_like(points[..., 0]) if seen is None else seen.to(points.dtype)
        return torch.cat([points, seen[..., None]], -1)

    def lift(self, network: Callable, keypoints, seen, intrinsics, place: int):
        """Poses (B, J, 3), or (B, T, J, 3), in camera space of keypoints (B, T, J, 2), screen coordinates.

        `network` maps what a network is given to its poses. `seen` (B, T, J) and `intrinsics` (B or 1, 4) as
        for `of_frames`. The virtual camera looks at the person in frame `place` of each window, its target
        frame: that one is never a repeated frame of a clip's end, and its pose is the one that counts.
        """
        intrinsics = intrinsics[:, None, None] if self.needs_camera else None
        if self.space != "virtual":
            return network(self.of_frames(keypoints, seen, intrinsics))
        rays = self.rays(keypoints, intrinsics)                                     # (B, T, J, 3)
        axes = look_at(rays[:, place])                                              # (B, 3, 3)
        turned = (rays.flatten(1, 2) @ axes.transpose(1, 2)).view_as(rays)
        points = turned[..., :2] / turned[..., 2:].clamp(min=NEAREST)
        pose = network(self.with_mask(points, seen))
        return (pose.flatten(1, -2) @ axes).view_as(pose)

    def describe(self) -> str:
        """A sentence on what a network is given and, where that is not camera space, what it gives."""
        points = {"screen": "screen coordinates", "rays": "rays, (u - cx) / fx and (v - cy) / fy",
                  "virtual": "rays of a virtual camera that looks at the person"}[self.space]
        mask = ", and 1 for a joint that was seen, 0 for one that was filled" if self.mask else ""
        axes = "; it answers in that camera's axes" if self.space == "virtual" else ""
        return f"The network is given {points}{mask}{axes}."


def look_at(rays):
    """The axes (B, 3, 3), one a row, in camera space of a virtual camera that looks along rays (B, J, 3).

    Its z axis is the mean of the rays' directions, so it follows the person around the camera's centre; its
    x axis is level with the picture's rows, as if the camera were panned and tilted.
    """
    z = normalize(normalize(rays, dim=-1).mean(1), dim=-1)                          # (B, 3)
    x = normalize(torch.stack([z[:, 2], torch.zeros_like(z[:, 2]), -z[:, 0]], -1), dim=-1)
    return torch.stack([x, torch.linalg.cross(z, x), z], 1)


def give_mask(saved: dict) -> dict:
    """The checkpoint `saved` with a mask: where its network has none, that input's weights are zeros.

    The network then computes the same poses. The layers that take the keypoints are called `embed`; their
    weights are (outputs, 2 J, ..) or, for one joint at a time, (outputs, 2, ..).
    """
    if saved["model_args"].get("mask"):
        return saved
    widths = (2, 2 * saved["model_args"]["num_joints"])

    def widen(weight):
        pairs = weight.unflatten(1, (-1, 2))                                        # (outputs, J, 2, ..)
        return torch.cat([pairs, torch.zeros_like(pairs[:, :, :1])], 2).flatten(1, 2)

    model = {key: widen(weight) if key.startswith("embed.") and weight.ndim > 1 and weight.shape[1] in widths
             else weight for key, weight in saved["model"].items()}
    return {**saved, "model": model, "model_args": saved["model_args"] | {"mask": True}}
