"""Training windows as other cameras, bodies and detectors would have given them.

Motion capture seen by a few fixed cameras teaches a lifter those cameras. Here each window gets, anew in
every epoch, a camera, a body and a detector's errors of its own, drawn from the ranges below.

Shapes: B windows, T frames, J joints. Level space: camera axes turned so that y points down along gravity.
"""
import math
from dataclasses import replace

import torch

from common.camera import project
from common.layouts import TO_HUMAN36M
from common.skeleton import Skeleton
from common.windows import Batch

PARTS = ("camera", "body", "layout", "detector", "missing")

FIELD_OF_VIEW = (35, 85)        # degrees across the image: from a telephoto setting to a phone's wide lens
EXTENT = (0.25, 1.6)            # screen height of a person of 1.7 m; the image is 2 wide
DISTANCE = (1.8, 14)            # metres to the person; wins over EXTENT
PITCH = (8, 14, -25, 60)        # degrees downwards: mean, standard deviation, limits
ROLL = 3                        # degrees, standard deviation: a hand-held camera
OFFSET = (0.3, 0.15)            # standard deviation of the person's place in the image, across and down
NEAREST = 0.4                   # metres: no joint comes closer to the camera
SIZE = 0.13                     # standard deviation of the body's size, a factor: children to tall adults
BONE = 0.07                     # standard deviation of each bone's length, a factor, equal on both sides
STRENGTH = 1.5                  # a detector's errors are 0 to this times those of the model
TYPICAL_EXTENT = 0.8            # screen height of the people whose errors the model describes (Human3.6M)
KEY_FRAME_EVERY = 9             # frames between two independent errors, as in dataset/cmu_mocap.py
JITTER = 0.002                  # standard deviation of the white part of the errors, screen units
UNIFORM = 0.03                  # reach of the errors that no Gaussian explains, screen units
CONVERTED = 0.5                 # share of windows whose joints come from another layout
HEAD_SHIFT = 0.12               # standard deviation of its nose and head, a share of the way thorax to head
MISSING = 0.5                   # share of windows in which a joint or limb is unseen for a while
LIMBS = [("_shoulder", "_elbow", "_wrist"), ("_elbow", "_wrist"), ("_hip", "_knee", "_ankle"),
         ("_knee", "_ankle")]


class Augmenter:
    """Changes batches of whole windows. `parts` are names of PARTS, done in that order.

    "camera" places each window before a random camera; "body" changes its size and bone lengths; "layout"
    takes spine and thorax from the limbs, as for a detector that has no such joints (common/layouts.py), and
    moves nose and head; "detector" adds the errors of a 2D detector (`noise`: dataset/detector_noise.json);
    "missing" hides joints for a run of frames, which are then interpolated as in a user's keypoint file. All
    draws come from `generator`, on the CPU. With camera or body the exact keypoints are the
    pinhole projection of the new poses.
    """

    def __init__(self, parts: list[str], *, skeleton: Skeleton, noise: dict, tds: int,
                 generator: torch.Generator):
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise ValueError(f"--augment {', '.join(unknown)} does not exist; "
                             f"choose from {', '.join(PARTS)}.")
        self.parts, self.tds, self.generator, self.root = set(parts), tds, generator, skeleton.root
        names = [name.removeprefix("left_").removeprefix("right_") for name in skeleton.joints]
        kinds = sorted(set(names))
        self.names = list(skeleton.joints)
        self.kind = torch.tensor([kinds.index(name) for name in names])             # (J,) equal for twins
        self.parents = torch.tensor([max(parent, 0) for parent in skeleton.parents])    # (J,)
        self.ancestors = torch.eye(len(names))                      # (J, J): bones between root and joint
        for joint in range(len(names)):
            above = skeleton.parents[joint]
            while above >= 0:
                self.ancestors[joint, above] = 1
                above = skeleton.parents[above]
        groups = [[number] for number in range(len(names))]
        groups += [[skeleton.joints.index(side + part) for part in limb if side + part in skeleton.joints]
                   for side in ("left", "right") for limb in LIMBS]
        self.groups = torch.zeros(len(groups), len(names))                  # (groups, J)
        for number, group in enumerate(groups):
            self.groups[number, group] = 1
        self.mean, self.std = torch.tensor(noise["mean"]), torch.tensor(noise["std"])       # (J, 2) each
        self.weight = torch.tensor(noise["weight"])                                         # (J,)

    def __call__(self, batch: Batch) -> Batch:
        """The changed batch; `batch` holds the truth of whole windows, with root, intrinsics and up."""
        device = batch.keypoints.device
        keypoints, pose, root, intrinsics = batch.keypoints, batch.pose, batch.root, batch.intrinsics
        middle = root.mean(1, keepdim=True)                                         # (B, 1, 3)
        travel = root - middle                                                      # (B, T, 3)
        if "body" in self.parts:
            size, bones = (factor.to(device) for factor in self.body(len(pose)))
            pose = size[:, None] * self.stretch(pose, bones)
            travel = size * travel
            root = middle + travel
        if "camera" in self.parts:
            turn = self.turn(batch.up)                                              # (B, 3, 3)
            middle, intrinsics = (values.to(device) for values in self.place(len(pose)))
            pose = pose @ turn.transpose(1, 2)[:, None]
            root = middle + travel @ turn.transpose(1, 2)
        if self.parts & {"camera", "body"}:
            points = pose + root[:, :, None]                                        # (B, T, J, 3)
            nearest = points[..., 2].flatten(1).min(1).values                       # (B,) metres
            away = (NEAREST - nearest).clamp(min=0)[:, None]                        # (B, 1)
            root = torch.cat([root[..., :2], root[..., 2:] + away[..., None]], -1)
            keypoints = project(pose + root[:, :, None], intrinsics[:, None, None])
        if "layout" in self.parts:
            keypoints = self.convert(keypoints)
        if "detector" in self.parts:
            keypoints = keypoints + self.errors(keypoints)
        if "missing" in self.parts:
            keypoints = self.hide(self.hide(keypoints))
        return replace(batch, keypoints=keypoints, pose=pose, root=root, intrinsics=intrinsics)

    def uniform(self, *size, low=0.0, high=1.0):
        return low + (high - low) * torch.rand(size, generator=self.generator)

    def normal(self, *size, std=1.0):
        return std * torch.randn(size, generator=self.generator)

    def body(self, num_windows: int):
        """Factors on the size (B, 1, 1) and on each joint's bone (B, J)."""
        size = (1 + self.normal(num_windows, 1, 1, std=SIZE)).clamp(0.6, 1.4)
        bones = (1 + self.normal(num_windows, int(self.kind.max()) + 1, std=BONE)).clamp(0.75, 1.25)
        return size, bones[:, self.kind]

    def stretch(self, pose, bones):
        """Poses (B, T, J, 3) with every bone's length times `bones` (B, J), directions kept."""
        vectors = pose - pose[:, :, self.parents.to(pose.device)]           # (B, T, J, 3); 0 at the root
        return self.ancestors.to(pose.device) @ (bones[:, None, :, None] * vectors)

    def turn(self, up):
        """Rotations (B, 3, 3) from the camera space in which `up` (B, 3) holds to that of a random camera."""
        down = -up
        forward = torch.zeros_like(up)
        forward[:, 2] = 1
        ahead = torch.nn.functional.normalize(forward - down[:, 2:] * down, dim=1)
        level = torch.stack([torch.linalg.cross(down, ahead), down, ahead], 1)      # (B, 3, 3)
        mean, std, low, high = PITCH
        pitch = torch.deg2rad((mean + self.normal(len(up), std=std)).clamp(low, high))
        roll = torch.deg2rad(self.normal(len(up), std=ROLL))
        heading = self.uniform(len(up), high=2 * math.pi)
        one, zero = torch.ones(len(up)), torch.zeros(len(up))
        about_y = [heading.cos(), zero, heading.sin(), zero, one, zero, -heading.sin(), zero, heading.cos()]
        about_x = [one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos()]
        about_z = [roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one]
        y, x, z = (torch.stack(values, 1).unflatten(1, (3, 3)) for values in (about_y, about_x, about_z))
        return (z @ x @ y).to(up.device) @ level

    def place(self, num_windows: int):
        """Camera-space positions (B, 1, 3) of the person and intrinsics (B, 4) of random cameras."""
        half = torch.deg2rad(self.uniform(num_windows, low=FIELD_OF_VIEW[0], high=FIELD_OF_VIEW[1])) / 2
        focal = 1 / half.tan()                                                      # (B,) screen units
        extent = self.uniform(num_windows, low=math.log(EXTENT[0]), high=math.log(EXTENT[1])).exp()
        depth = (1.7 * focal / extent).clamp(*DISTANCE)
        across, down = (self.normal(num_windows, std=std).clamp(-0.7, 0.7) for std in OFFSET)
        position = torch.stack([across / focal * depth, down / focal * depth, depth], 1)
        zero = torch.zeros(num_windows)
        return position[:, None], torch.stack([focal, focal, zero, zero], 1)

    def convert(self, keypoints):
        """Some of the windows (B, T, J, 2) as converted from a detector without spine, thorax and head."""
        def joint(name):
            return keypoints[:, :, self.names.index(name)]                          # (B, T, 2)

        up = joint("head") - joint("thorax")                                        # (B, T, 2)
        across = torch.stack([-up[..., 1], up[..., 0]], -1)
        moved = {name: sum(weight * joint(source) for source, weight in TO_HUMAN36M[name].items())
                 for name in ("pelvis", "spine", "thorax")}
        for name in ("nose", "head"):
            shift = self.normal(2, len(keypoints), 1, 1, std=HEAD_SHIFT).to(up.device)
            moved[name] = joint(name) + shift[0] * up + shift[1] * across
        converted = keypoints.clone()
        for name, points in moved.items():
            converted[:, :, self.names.index(name)] = points
        chosen = (self.uniform(len(keypoints)) < CONVERTED).to(keypoints.device)
        return torch.where(chosen[:, None, None, None], converted, keypoints)

    def errors(self, keypoints):
        """A detector's errors (B, T, J, 2), screen units: the model of dataset/cmu_mocap.detector_error.

        They grow with the person in the image and with a strength drawn for each window.
        """
        windows, frames, joints, _ = keypoints.shape
        position = self.uniform(windows, 1) + torch.arange(frames) * self.tds / KEY_FRAME_EVERY     # (B, T)
        keys = int(position.max()) + 2
        gaussian = self.mean + self.std * self.normal(windows, keys, joints, 2)
        other = self.uniform(windows, keys, joints, 2, low=-UNIFORM, high=UNIFORM)
        drawn = torch.where((self.uniform(windows, keys, joints) < self.weight)[..., None], gaussian, other)
        before = position.long()                                                    # (B, T)
        share = (position - before)[..., None, None]
        window = torch.arange(windows)[:, None]
        drift = (1 - share) * drawn[window, before] + share * drawn[window, before + 1]
        drift = drift + self.normal(windows, frames, joints, 2, std=JITTER)
        flat = keypoints[..., 1]                                                    # (B, T, J)
        extent = (flat.amax(2) - flat.amin(2)).amax(1) / TYPICAL_EXTENT             # (B,)
        strength = self.uniform(windows, high=STRENGTH).to(keypoints.device) * extent
        return strength[:, None, None, None] * drift.to(keypoints.device)

    def hide(self, keypoints):
        """In some windows a joint or limb follows a straight line over a run of frames, or stands still."""
        windows, frames = keypoints.shape[:2]
        first = (self.uniform(windows) * frames).long()                             # (B,) hidden frames:
        last = first + (self.uniform(windows) ** 2 * frames).long()                 # first .. last
        last = last.clamp(max=frames - 1)
        chosen = (self.uniform(windows) < MISSING) & ~((first == 0) & (last == frames - 1))
        group = (self.uniform(windows) * len(self.groups)).long()
        before = torch.where(first > 0, first - 1, (last + 1).clamp(max=frames - 1))
        after = torch.where(last < frames - 1, last + 1, before)
        time = torch.arange(frames)                                                 # (T,)
        run = (time >= first[:, None]) & (time <= last[:, None]) & chosen[:, None]  # (B, T)
        hidden = run[..., None] & (self.groups[group] > 0)[:, None]                 # (B, T, J)
        share = ((time - before[:, None]) / (after - before).clamp(min=1)[:, None]).clamp(0, 1)     # (B, T)
        window = torch.arange(windows)
        device = keypoints.device
        start, end = (keypoints[window.to(device), at.to(device)][:, None] for at in (before, after))
        line = start + share[..., None, None].to(device) * (end - start)            # (B, T, J, 2)
        return torch.where(hidden[..., None].to(device), line, keypoints)
