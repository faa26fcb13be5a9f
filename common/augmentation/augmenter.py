"""Training windows as other cameras, bodies, postures and detectors would have given them.

Motion capture seen by a few fixed cameras teaches a lifter those cameras, and a few people's bodies and
habits. Here each window gets, anew in every epoch, a camera, a body, a posture and a detector's errors of its
own, drawn from the ranges below.

Shapes: B windows, T frames, J joints. Level space: camera axes turned so that y points down along gravity.
Torso space: axes of the person's own, x to the left, y from pelvis to thorax, z = x cross y.
"""
import math
from dataclasses import replace

import torch
from torch.nn.functional import normalize

from common.augmentation.keypoint_errors import Draws, KeypointErrors
from common.augmentation.proportions import Proportions
from common.camera import ASSUMED_FOV, level_rotation, make_intrinsics, project
from common.clips import Clip
from common.skeleton import Skeleton
from common.windows import Batch

PARTS = ("camera", "body", "placement", "posture", "layout", "detector", "missing")
IN_PLACE_OF = {"proportions": "body", "landmarks": "placement"}     # parts that draw the same more widely
NAMES = (*PARTS, *IN_PLACE_OF, "recombination", "lens")

FIELD_OF_VIEW = (35, 85)        # degrees across the image: from a telephoto setting to a phone's wide lens
EXTENT = (0.25, 1.6)            # screen height of a person of 1.7 m; the image is 2 wide
DISTANCE = (1.8, 14)            # metres to the person; wins over EXTENT
PITCH = (8, 14, -25, 60)        # degrees downwards: mean, standard deviation, limits
ROLL = 3                        # degrees, standard deviation: a hand-held camera
UNSTATED = 0.5                  # share of windows whose camera's field of view nobody states
OFFSET = (0.3, 0.15)            # standard deviation of the person's place in the image, across and down
NEAREST = 0.4                   # metres: no joint comes closer to the camera
SIZE = 0.13                     # standard deviation of the body's size, a factor: children to tall adults
BONE = 0.08                     # standard deviation of each bone's length, a factor, equal on both sides
# Where within the body a data set puts a joint; standard deviation in metres along each axis of torso space.
PLACE = {"hip": 0.015, "spine": 0.02, "thorax": 0.02, "nose": 0.025, "head": 0.025, "shoulder": 0.015}
# The same so far that thorax and shoulders lie 48 and 40 mm beside their place on average, as they do between
# two collections.
LANDMARKS = PLACE | {"thorax": 0.038, "shoulder": 0.025}
# Turns of what hangs on a joint; standard deviation in degrees about each axis of torso space.
TURNS = {"hip": 12, "knee": 12, "shoulder": 20, "elbow": 20, "thorax": 8}
LEAN = 6                        # degrees, standard deviation: the whole body out of the vertical
TOPPLED = 0.12                  # share of windows whose body leans by any angle: lying, handstands
SWAPPED = 0.25                  # share of windows with the arms of another window, and of those with its legs
LIMBS = ({"shoulder", "elbow", "wrist"}, {"knee", "ankle"})     # arms, legs: the kinds of joints that move


def make_augmenter(parts: list[str], clips: list[Clip], *, noise: dict, tds: int) -> "Augmenter | None":
    """What changes the windows of `clips` as the NAMES in `parts` say; None without a name.

    Raises ValueError where a clip lacks root, intrinsics or vertical.
    """
    if not parts:
        return None
    for clip in clips:
        if clip.root is None or clip.up is None or clip.intrinsics is None:
            raise ValueError("--augment moves the camera and so needs root, intrinsics and vertical of every "
                             f"clip, which {clip.name} lacks. Drop it.")
    return Augmenter(parts, skeleton=clips[0].skeleton, noise=noise, tds=tds, generator=torch.Generator())


class Augmenter(Draws):
    """Changes batches of whole windows. `parts` are of NAMES, done in this order:

    "body" changes size and bone lengths, "proportions" replaces them by those of children and adults
    (common/augmentation/proportions.py); "placement" changes where in the body the joints lie, "landmarks" by
    more; "recombination" gives some windows the movements of another window's arms or legs; "posture" turns
    limbs, chest and head for the whole window and leans the body; "camera" places the window before a random
    camera; "layout" takes spine and thorax from the limbs, as for a detector that has no such joints
    (skeleton.TO_HUMAN36M), and moves nose and head; "detector" adds the errors of a 2D detector (`noise`:
    dataset/detector_noise.json); "missing" hides joints for a run of frames, which are then interpolated as
    in a user's keypoint file; "lens" states some windows' camera as the one that is assumed where nobody
    states it, for networks of rays. All draws come from `generator`, on the CPU. With one of those up to
    "camera" the exact keypoints are the pinhole projection of the new poses.
    """

    def __init__(self, parts: list[str], *, skeleton: Skeleton, noise: dict, tds: int,
                 generator: torch.Generator):
        unknown = sorted(set(parts) - set(NAMES))
        if unknown:
            raise ValueError(f"--augment {', '.join(unknown)} does not exist; "
                             f"choose from {', '.join(NAMES)}.")
        super().__init__(generator)
        self.parts, self.skeleton = set(parts), skeleton
        self.proportions = Proportions(skeleton, generator)
        self.detector = KeypointErrors(skeleton, noise, tds=tds, generator=generator)
        names = [name.removeprefix("left_").removeprefix("right_") for name in skeleton.joints]
        kinds = sorted(set(names))
        self.kind = torch.tensor([kinds.index(name) for name in names])             # (J,) equal for twins
        sides = {name: 1.0 if name.startswith("left_") else -1.0 if name.startswith("right_") else 0.0
                 for name in skeleton.joints}
        self.side = torch.tensor(list(sides.values()))                              # (J,) 0 in the middle
        places = LANDMARKS if "landmarks" in self.parts else PLACE
        self.places = torch.tensor([places.get(kind, 0.0) for kind in kinds])       # (kinds,) metres
        self.limb = torch.tensor([[name in limb for name in names] for limb in LIMBS])      # (2, J)
        self.turns = torch.tensor([TURNS.get(name, 0.0) for name in names])         # (J,) degrees
        self.parents = torch.tensor([parent if parent >= 0 else joint               # (J,) the root its own
                                     for joint, parent in enumerate(skeleton.parents)])
        self.ancestors = torch.eye(len(names))                      # (J, J): bones between root and joint
        for joint in range(len(names)):
            above = skeleton.parents[joint]
            while above >= 0:
                self.ancestors[joint, above] = 1
                above = skeleton.parents[above]
        self.from_root = self.ancestors.sum(1).argsort().tolist()   # the joints, parents before children

    def __call__(self, batch: Batch) -> Batch:
        """The changed batch; `batch` holds the truth of whole windows, with root, intrinsics and up."""
        device = batch.keypoints.device
        keypoints, pose, root = batch.keypoints, batch.pose, batch.root
        intrinsics, up, seen = batch.intrinsics, batch.up, batch.seen
        converted = torch.zeros(len(pose), dtype=torch.bool, device=device)
        middle = root.mean(1, keepdim=True)                                         # (B, 1, 3)
        travel = root - middle                                                      # (B, T, 3)
        if "body" in self.parts:
            size, bones = (values.to(device) for values in self.body(len(pose)))
            pose = size[:, None] * self.stretch(pose, bones)
            travel = size * travel
        if "proportions" in self.parts:
            bones, size = self.proportions.factors(self.bone_vectors(pose))
            pose, travel = self.stretch(pose, bones), size * travel
        if self.parts & {"placement", "landmarks"}:
            pose = self.displace(pose, self.placement(len(pose)).to(device))
        if "recombination" in self.parts:
            pose = self.swap_limbs(pose)
        if "posture" in self.parts:
            pose = self.turn_limbs(pose)
            level = level_rotation(batch.up)                                        # (B, 3, 3)
            lean = level.transpose(1, 2) @ self.lean(len(pose)).to(device) @ level
            pose, travel = rotate_windows(lean, pose), rotate_windows(lean, travel)
        if "camera" in self.parts:
            turn = self.turn(len(pose)).to(device) @ level_rotation(batch.up)       # (B, 3, 3)
            middle, intrinsics = (values.to(device) for values in self.place(len(pose)))
            pose, travel = rotate_windows(turn, pose), rotate_windows(turn, travel)
            up = rotate_windows(turn, up[:, None])[:, 0]
        if self.parts & {"camera", "body", "placement", "posture", "recombination", *IN_PLACE_OF}:
            root = middle + travel
            nearest = (pose[..., 2] + root[..., None, 2]).flatten(1).min(1).values      # (B,) metres
            away = (NEAREST - nearest).clamp(min=0)[:, None]                        # (B, 1)
            root = torch.cat([root[..., :2], root[..., 2:] + away[..., None]], -1)
            keypoints = project(pose + root[:, :, None], intrinsics[:, None, None])
        if "lens" in self.parts:
            assumed = intrinsics.new_tensor(make_intrinsics(ASSUMED_FOV))                   # (4,)
            unstated = self.uniform(len(pose), 1).to(device) < UNSTATED
            intrinsics = torch.where(unstated, assumed, intrinsics)
        if "layout" in self.parts:
            keypoints, converted = self.detector.convert(keypoints)
        if "detector" in self.parts:
            keypoints = keypoints + self.detector.draw_noise(keypoints)
        if "missing" in self.parts:
            keypoints, once = self.detector.hide(keypoints)
            keypoints, again = self.detector.hide(keypoints)
            seen = self.detector.find_seen(once | again, converted)
        return replace(batch, keypoints=keypoints, pose=pose, root=root, intrinsics=intrinsics, up=up,
                       seen=seen)

    def body(self, num_windows: int):
        """Factors on the size (B, 1, 1) and on each joint's bone (B, J), twins alike."""
        size = (1 + self.normal(num_windows, 1, 1, std=SIZE)).clamp(0.6, 1.4)
        bones = (1 + self.normal(num_windows, len(self.places), std=BONE)).clamp(0.75, 1.25)
        return size, bones[:, self.kind]

    def placement(self, num_windows: int):
        """Shifts of the joints (B, J, 3) in torso space, metres; mirrored for twins."""
        shifts = (self.places[:, None] * self.normal(num_windows, len(self.places), 3))[:, self.kind]
        shifts[:, :, 0] *= self.side
        return shifts

    def stretch(self, pose, bones):
        """Poses (B, T, J, 3) with every bone's length times `bones` (B, J), directions kept."""
        return self.ancestors.to(pose.device) @ (bones[:, None, :, None] * self.bone_vectors(pose))

    def displace(self, pose, places):
        """Poses (B, T, J, 3) with each joint shifted by `places` (B, J, 3) of torso space, metres."""
        return pose + torch.einsum("bjk,btkl->btjl", places, self.torso_axes(pose))

    def bone_vectors(self, pose):
        """From each joint's parent to the joint, (B, T, J, 3); 0 at the root."""
        return pose - pose[:, :, self.parents.to(pose.device)]

    def torso_axes(self, pose):
        """Unit vectors (B, T, 3, 3) of torso space, one a row, in the space of `pose` (B, T, J, 3)."""
        left, right, top = (pose[:, :, self.skeleton.joints.index(name)]
                            for name in ("left_hip", "right_hip", "thorax"))        # (B, T, 3) each
        up = normalize(top - (left + right) / 2, dim=-1)
        across = left - right
        across = normalize(across - (across * up).sum(-1, keepdim=True) * up, dim=-1)
        return torch.stack([across, up, torch.linalg.cross(across, up)], -2)

    def swap_limbs(self, pose):
        """Poses (B, T, J, 3) whose arms, or legs, in some windows move as the next window's in the batch.

        As seen by the torso; bones keep their lengths. After Li et al. 2020 (evolutionary training data).
        """
        swapped = self.uniform(len(pose), len(LIMBS), 1) < SWAPPED                  # (B, 2, 1)
        swapped = (swapped & self.limb).any(1)[:, None, :, None].to(pose.device)    # (B, 1, J, 1)
        axes, bones = self.torso_axes(pose), self.bone_vectors(pose)
        local = bones @ axes.transpose(2, 3)                                        # (B, T, J, 3) torso space
        others = normalize(local.roll(-1, 0), dim=-1) * local.norm(dim=-1, keepdim=True)
        return self.ancestors.to(pose.device) @ torch.where(swapped, others @ axes, bones)

    def turn_limbs(self, pose):
        """Poses (B, T, J, 3) with limbs, chest and head turned, in all frames alike as the torso sees it.

        Windows differ in how far: 0 to twice TURNS. A turn carries along all that hangs on its joint.
        """
        windows, joints = len(pose), len(self.turns)
        strength = self.uniform(windows, 1, 1, high=2.0)
        own = to_matrix(torch.deg2rad(strength * self.turns[:, None] * self.normal(windows, joints, 3)))
        whole = [torch.eye(3).expand(windows, 3, 3)] * joints       # of each joint with those above it
        for joint in self.from_root:
            parent = self.skeleton.parents[joint]
            whole[joint] = whole[parent] @ own[:, joint] if parent >= 0 else own[:, joint]
        bones = torch.stack([whole[parent] for parent in self.parents.tolist()], 1).to(pose.device)
        axes = self.torso_axes(pose)                                                # (B, T, 3, 3)
        local = self.bone_vectors(pose) @ axes.transpose(2, 3)                      # (B, T, J, 3) torso space
        local = torch.einsum("bjkl,btjl->btjk", bones, local)
        return self.ancestors.to(pose.device) @ (local @ axes)

    def lean(self, num_windows: int):
        """Rotations (B, 3, 3) in level space about a horizontal axis."""
        angle = torch.deg2rad(self.normal(num_windows, std=LEAN))
        topple = self.uniform(num_windows, low=-math.pi, high=math.pi)
        angle = torch.where(self.uniform(num_windows) < TOPPLED, topple, angle)
        heading = self.uniform(num_windows, high=2 * math.pi)
        axis = torch.stack([heading.cos(), torch.zeros(num_windows), heading.sin()], 1)
        return to_matrix(angle[:, None] * axis)

    def turn(self, num_windows: int):
        """Rotations (B, 3, 3) from level space to the space of a random camera."""
        mean, std, low, high = PITCH
        pitch = torch.deg2rad((mean + self.normal(num_windows, std=std)).clamp(low, high))
        roll = torch.deg2rad(self.normal(num_windows, std=ROLL))
        heading = self.uniform(num_windows, high=2 * math.pi)
        zero = torch.zeros(num_windows)
        about_x = to_matrix(torch.stack([pitch, zero, zero], 1))
        about_y = to_matrix(torch.stack([zero, heading, zero], 1))
        about_z = to_matrix(torch.stack([zero, zero, roll], 1))
        return about_z @ about_x @ about_y

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


def rotate_windows(rotation, points):
    """Points (B, .., 3) of each window rotated by its matrix (B, 3, 3)."""
    return (points.flatten(1, -2) @ rotation.transpose(1, 2)).view_as(points)


def to_matrix(vectors):
    """Rotation matrices (.., 3, 3) of rotation vectors (.., 3): axis times angle in radians."""
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    return torch.linalg.matrix_exp(cross)
