"""One body's motion, found by least squares: near the lifted poses, in the picture, feet on the floor.

Shapes: N frames, J joints, D directions, K kinds of bones (common/video/anatomy.py). Camera space, metres.
"""
import numpy as np

from common.video import anatomy
from common.video.banded import BEND, STEP, VALUE, Banded

TRUST = 1.2             # errors of lifted bones over those of anatomy.BONES: with strangers they are larger
PROPORTIONS = 2         # spread of strangers' bone lengths over that of anatomy.BONES
BONE_SECONDS = 0.25     # over which the error of a lifted bone lasts
ALONG_BONE = 0.5        # error of a lifted bone's length, a share
LEAN, LEAN_SECONDS = np.radians(5), 3           # error of all lifted bones together: a turn, and how it lasts
KEYPOINT = 0.011        # error of a keypoint at the person, metres
KEYPOINT_SECONDS = 2    # over which it lasts: so long, one keypoint is worth one measurement
OUTLIER = 2             # keypoint errors, in KEYPOINT, from which their weight falls
ROOT_ACCELERATION = 20  # m/s2
FOOT_SPEED = 0.2        # m/s of an ankle whose foot stands, in steps of a fiftieth of a second
FOOT_SLIPS = 3          # times FOOT_SPEED: faster ankles count less and less as standing
FOOT_HEIGHT = 0.015     # metres by which an ankle whose foot stands is off its plane
FOOT_SECONDS = 0.2      # over which that error lasts
BEYOND_LIMIT = 0.05     # cosine by which knees and elbows exceed their limits
TILT = np.radians(4)    # error of a vertical that is judged by the motion
UNSEEN = 0.002          # weight of what is lifted from an unseen joint
CERTAIN = 1e-4          # what is stated errs by this share of what is guessed


def lasting(seconds: float, fps: float) -> tuple[float, float]:
    """Weights of an error and of its steps, where neighbouring frames' errors are alike for `seconds`.

    The error is an autoregressive process of order 1 with the correlation exp(-1 / (seconds * fps)).
    """
    alike = np.exp(-1 / (seconds * fps))
    return (1 - alike) / (1 + alike), alike / (1 - alike ** 2)


class Motion:
    """The state of the search, and `improve`, one step of it (Gauss-Newton).

    root      (N, 3) camera-space position of the root joint
    turns     (N, D, 3) unit directions of the bones
    lean      (N, 3) rotation vector by which all lifted bones are taken to be wrong together
    lengths   (K,) of the bones;   up   (3,) against gravity;   level   of standing ankles along `up`
    standing  (N, 2) how surely each foot, right and left, stands (0 to 1)
    """

    def __init__(self, bones: np.ndarray, keypoints: np.ndarray, seen: np.ndarray, fps: float, *,
                 root: np.ndarray, lengths: np.ndarray, up: np.ndarray, level: float = 0.0,
                 known_up: bool, known_body: bool = False):
        """`bones` (N, D, 3) lifted; `keypoints` (N, J, 2) on the plane z = 1; `seen` (N, J) from 0 to 1.

        With `known_body` lengths, vertical and level stay as they are; with `known_up` the vertical does.
        """
        self.bones, self.keypoints, self.seen, self.fps = bones, keypoints, seen, fps
        self.root, self.turns, self.lean = root, anatomy.unit(bones), np.zeros((len(bones), 3))
        self.first_lengths, self.first_up, self.up, self.level = lengths, up, up, level
        self.growth, self.tilt = np.zeros(len(lengths)), np.zeros(2)    # log of lengths' change; radians
        self.standing = np.zeros((len(bones), 2))
        self.tilts = tangents(up)                                       # (3, 2)
        self.known = np.array([known_body] * (len(lengths) + 1) + [known_body or known_up] * 2)
        self.trust = UNSEEN + (1 - UNSEEN) * np.minimum(seen, seen[:, anatomy.PARENTS])[:, anatomy.JOINTS]
        self.whitening = self.whiten()                                  # (N, D, 3, 3)

    @property
    def lengths(self) -> np.ndarray:
        return self.first_lengths * np.exp(self.growth)

    @property
    def pose(self) -> np.ndarray:
        """Root-relative joints (N, J, 3)."""
        return anatomy.reach(self.lengths) @ self.turns

    def whiten(self) -> np.ndarray:
        """Matrices (N, D, 3, 3) that turn a lifted bone's error into three numbers of variance 1.

        The error is small across the line of sight and large along it; the length of a lifted bone counts
        little, because where a direction is in doubt the network shortens it.
        """
        kinds = anatomy.DIRECTION_KIND
        sight = anatomy.unit(self.root)[:, None, :, None] * anatomy.unit(self.root)[:, None, None]
        own = anatomy.unit(self.bones)[..., :, None] * anatomy.unit(self.bones)[..., None, :]
        across, along = ((TRUST * errors[kinds])[:, None, None] ** 2
                         for errors in (anatomy.ACROSS, anatomy.ALONG))
        size = (ALONG_BONE * self.first_lengths[kinds])[:, None, None] ** 2
        covariance = across * (np.eye(3) - sight) + along * sight + size * own
        return np.linalg.cholesky(np.linalg.inv(covariance)).swapaxes(-1, -2)

    def improve(self, *, feet: bool) -> None:
        """One step towards the least sum of squares; `feet`: with the terms of standing feet."""
        frames, kinds = len(self.root), len(self.first_lengths)
        self.basis = tangents(self.turns)                               # (N, D, 3, 2)
        system = Banded(frames, 6 + 2 * len(anatomy.JOINTS), kinds + 3)
        joints, rows, shared = self.joint_rows()
        self.add_lifted(system)
        self.add_smoothness(system)
        self.add_picture(system, joints, rows, shared)
        self.add_limits(system)
        if feet:
            for side, ankle in enumerate(anatomy.ANKLES):
                self.add_foot(system, joints[:, ankle], rows[:, ankle], shared[:, ankle],
                              self.standing[:, side])
        self.add_priors(system)
        change, common = system.solve(damping=1e-3)
        self.root = self.root + change[:, :3]
        self.lean = self.lean + change[:, 3:6]
        turn = self.basis @ change[:, 6:].reshape(frames, -1, 2, 1)
        self.turns = anatomy.unit(self.turns + turn[..., 0])
        self.growth, self.level = self.growth + common[:kinds], self.level + common[kinds]
        self.tilt = self.tilt + common[kinds + 1:]
        self.up = anatomy.unit(self.first_up + self.tilts @ self.tilt)

    def joint_rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Joints (N, J, 3) and their derivatives by a frame's (N, J, 3, n) and the shared (N, J, 3, G)."""
        reach = anatomy.reach(self.lengths)
        frames, joints, count = len(self.root), *reach.shape
        rows = np.zeros((frames, joints, 3, 6 + 2 * count))
        rows[..., :3] = np.eye(3)
        rows[..., 6:] = (reach[:, None, :, None] * self.basis.swapaxes(1, 2)[:, None]).reshape(
            frames, joints, 3, -1)
        shared = np.zeros((frames, joints, 3, len(self.first_lengths) + 3))
        for kind in range(len(self.first_lengths)):
            own = anatomy.DIRECTION_KIND == kind
            shared[..., kind] = reach[:, own] @ self.turns[:, own]
        return self.root[:, None] + reach @ self.turns, rows, shared

    def add_lifted(self, system: Banded) -> None:
        """Bones near the lifted ones, but for a lean that all share and that changes slowly."""
        lengths = self.lengths[anatomy.DIRECTION_KIND]
        frames, count = self.turns.shape[:2]
        rows = np.zeros((frames, count, 3, 6 + 2 * count))
        for number, length in enumerate(lengths):
            rows[:, number, :, own_columns(number)] = length * self.basis[:, number]
        rows[..., 3:6] = cross_matrices(self.bones)
        bones = lengths[:, None] * self.turns
        residual = bones - self.bones - np.cross(self.lean[:, None], self.bones)
        shared = np.zeros((frames, count, 3, len(self.first_lengths) + 3))
        shared[:, np.arange(count), :, anatomy.DIRECTION_KIND] = bones.swapaxes(0, 1)
        rows, shared = ((self.whitening @ values).reshape(frames, 3 * count, -1) for values in (rows, shared))
        residual = (self.whitening @ residual[..., None]).reshape(frames, -1)
        trust = np.repeat(self.trust, 3, axis=1)                        # (N, 3 D)
        value, step = lasting(BONE_SECONDS, self.fps)
        system.add(rows, residual, VALUE, value * trust, shared)
        system.add(rows, residual, STEP, step * np.minimum(trust[1:], trust[:-1]), shared)
        rows = np.broadcast_to(np.eye(3) / LEAN, (frames, 3, 3))
        for kernel, weight in zip((VALUE, STEP), lasting(LEAN_SECONDS, self.fps)):
            system.add(rows, self.lean / LEAN, kernel, weight, columns=slice(3, 6))

    def add_smoothness(self, system: Banded) -> None:
        """Accelerations of root and bones are moderate."""
        kinds, rate = anatomy.DIRECTION_KIND, (self.fps * 50) ** 0.5 * self.fps
        for number, scale in enumerate(rate * self.lengths[kinds] / anatomy.ACCELERATION[kinds]):
            system.add(scale * self.basis[:, number], scale * self.turns[:, number], BEND,
                       columns=own_columns(number))
        scale = rate / ROOT_ACCELERATION
        rows = np.broadcast_to(scale * np.eye(3), (len(self.root), 3, 3))
        system.add(rows, scale * self.root, BEND, columns=slice(0, 3))

    def add_picture(self, system: Banded, joints, rows, shared) -> None:
        """Joints are seen where their keypoints lie; keypoints far off count less (Huber)."""
        frames, depth = len(joints), np.maximum(joints[..., 2:], 0.1)
        scale = np.maximum(self.root[:, 2], 0.1)[:, None] / KEYPOINT    # (N, 1) errors of a keypoint
        residual = scale[..., None] * (joints[..., :2] / depth - self.keypoints)        # (N, J, 2)
        size = np.linalg.norm(residual, axis=-1)
        weight = self.seen / (KEYPOINT_SECONDS * self.fps) * OUTLIER / np.maximum(size, OUTLIER)
        view = np.zeros((*joints.shape[:2], 2, 3))
        view[..., 0, 0] = view[..., 1, 1] = scale / depth[..., 0]
        view[..., 2] = -scale[..., None] * joints[..., :2] / depth ** 2
        rows, shared = ((view @ values).reshape(frames, residual[0].size, -1) for values in (rows, shared))
        system.add(rows, residual.reshape(frames, -1), VALUE, np.repeat(weight, 2, axis=1), shared)

    def add_limits(self, system: Banded) -> None:
        """Knees and elbows bend as hinges do (anatomy.forbidden)."""
        for number, vectors, excess in anatomy.forbidden(self.turns):
            if excess.max() > 0:
                rows = vectors[:, None] @ self.basis[:, number] / BEYOND_LIMIT      # (N, 1, 2)
                system.add(rows, excess[:, None] / BEYOND_LIMIT, VALUE, (excess[:, None] > 0) * 1.0,
                           columns=own_columns(number))

    def add_foot(self, system: Banded, ankle, rows, shared, standing) -> None:
        """The ankle of a foot that stands stays, at its level; fast ankles count less (Geman-McClure)."""
        step = FOOT_SPEED / 50 * (50 / self.fps) ** 0.5
        speed = np.linalg.norm(np.diff(ankle, axis=0), axis=1) * self.fps / FOOT_SPEED
        weight = np.minimum(standing[1:], standing[:-1]) / (1 + (speed / FOOT_SLIPS) ** 2) ** 2
        system.add(rows / step, ankle / step, STEP, weight[:, None], shared / step)
        kinds = len(self.first_lengths)
        shared = (self.up @ shared)[:, None]                            # (N, 1, G)
        shared[:, 0, kinds] = -1
        shared[:, 0, kinds + 1:] = ankle @ self.tilts
        weight = standing[:, None] / (FOOT_SECONDS * self.fps)
        system.add((self.up @ rows)[:, None] / FOOT_HEIGHT, (ankle @ self.up - self.level)[:, None]
                   / FOOT_HEIGHT, VALUE, weight, shared / FOOT_HEIGHT)

    def add_priors(self, system: Banded) -> None:
        """Usual proportions at exactly the first stature, and the first vertical."""
        kinds = len(self.first_lengths)
        spread = np.concatenate([PROPORTIONS * anatomy.SPREAD, [1e3, TILT, TILT]])
        spread = spread * np.where(self.known, CERTAIN, 1)
        value = np.concatenate([self.growth, [0], self.tilt])
        system.add_shared(np.diag(1 / spread), value / spread)
        row = np.zeros((1, kinds + 3))
        row[0, :kinds] = np.where(anatomy.STACKED, self.lengths, 0) / self.lengths[anatomy.STACKED].sum()
        ratio = anatomy.stature(self.lengths) / anatomy.stature(self.first_lengths)
        system.add_shared(row / CERTAIN, np.array([ratio - 1]) / CERTAIN)


def own_columns(number: int) -> slice:
    """The unknowns of one direction among a frame's; root and lean, three each, stand before all."""
    return slice(6 + 2 * number, 8 + 2 * number)


def tangents(directions: np.ndarray) -> np.ndarray:
    """Two unit vectors (.., 3, 2) across each unit vector (.., 3) and each other."""
    helper = np.eye(3)[np.abs(directions).argmin(-1)]
    first = anatomy.unit(np.cross(directions, helper))
    return np.stack([first, np.cross(directions, first)], -1)


def cross_matrices(vectors: np.ndarray) -> np.ndarray:
    """Matrices (.., 3, 3) whose product with w is the cross product of `vectors` (.., 3) with w."""
    return np.cross(vectors[..., None, :], np.eye(3)).swapaxes(-1, -2)
