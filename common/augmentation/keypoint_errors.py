"""The errors of a 2D detector: drift and jitter, other joint definitions, unseen joints.

Shapes: B windows, T frames, K key frames, J joints. Keypoints and errors in screen coordinates.
"""
import torch

from common.posture import fill_posture
from common.skeleton import TO_HUMAN36M, Skeleton

STRENGTH = 1.5                  # simulated errors are 0 to this times those of the model
TYPICAL_EXTENT = 0.8            # screen height of the people whose errors the model describes (Human3.6M)
KEY_FRAME_EVERY = 9             # frames between two independent errors (27 key frames in a window of 243)
JITTER = 0.002                  # standard deviation of the white part of the errors, screen units
UNIFORM = 0.03                  # reach of the errors that no Gaussian explains, screen units
CONVERTED = 0.5                 # share of windows whose joints come from another layout
HEAD_SHIFT = 0.12               # standard deviation of its nose and head, a share of the way thorax to head
MISSING = 0.5                   # share of windows in which a joint or limb is unseen for a while
CONVERTED_JOINTS = ("pelvis", "spine", "thorax")        # made of the limbs by another layout's conversion
HIDDEN_LIMBS = [("_shoulder", "_elbow", "_wrist"), ("_elbow", "_wrist"), ("_hip", "_knee", "_ankle"),
                ("_knee", "_ankle")]


def drift(gaussian, uniform, is_gaussian, position):
    """Errors (B, T, J, 2) of a detector that drift linearly between errors drawn at key frames.

    At a key frame a joint has the error of `gaussian` (B, K, J, 2) where `is_gaussian` (B, K, J), and that of
    `uniform` (B, K, J, 2) elsewhere. `position` (B, T) is each frame's position among the key frames.
    """
    drawn = torch.where(is_gaussian[..., None], gaussian, uniform)                  # (B, K, J, 2)
    before = position.long()                                                        # (B, T)
    weight = (position - before)[..., None, None]
    window = torch.arange(len(drawn))[:, None]
    return (1 - weight) * drawn[window, before] + weight * drawn[window, before + 1]


class Draws:
    """Random numbers on the CPU from one generator."""

    def __init__(self, generator: torch.Generator):
        self.generator = generator

    def uniform(self, *size, low=0.0, high=1.0):
        return low + (high - low) * torch.rand(size, generator=self.generator)

    def normal(self, *size, std=1.0):
        return std * torch.randn(size, generator=self.generator)


class KeypointErrors(Draws):
    """Corrupts the exact keypoints of whole windows. `noise` is dataset/detector_noise.json."""

    def __init__(self, skeleton: Skeleton, noise: dict, *, tds: int, generator: torch.Generator):
        super().__init__(generator)
        self.tds, self.names = tds, list(skeleton.joints)
        groups = [[number] for number in range(len(self.names))]
        groups += [[self.names.index(side + part) for part in limb if side + part in self.names]
                   for side in ("left", "right") for limb in HIDDEN_LIMBS]
        self.groups = torch.zeros(len(groups), len(self.names))             # (groups, J)
        for number, group in enumerate(groups):
            self.groups[number, group] = 1
        self.made_of = torch.eye(len(self.names))       # (J, J): of which joints `convert` makes each one
        for name in CONVERTED_JOINTS:
            for source in TO_HUMAN36M[name].keys() & set(self.names):
                self.made_of[self.names.index(name), self.names.index(source)] = 1
        self.mean, self.std = torch.tensor(noise["mean"]), torch.tensor(noise["std"])       # (J, 2) each
        self.weight = torch.tensor(noise["weight"])                                         # (J,)

    def convert(self, keypoints):
        """Some windows (B, T, J, 2) with spine, thorax and head as converted from another joint layout.

        Also (B,), which.
        """
        def joint(name):
            return keypoints[:, :, self.names.index(name)]                          # (B, T, 2)

        up = joint("head") - joint("thorax")                                        # (B, T, 2)
        across = torch.stack([-up[..., 1], up[..., 0]], -1)
        moved = {name: sum(weight * joint(source) for source, weight in TO_HUMAN36M[name].items())
                 for name in CONVERTED_JOINTS}
        for name in ("nose", "head"):
            shift = self.normal(2, len(keypoints), 1, 1, std=HEAD_SHIFT).to(up.device)
            moved[name] = joint(name) + shift[0] * up + shift[1] * across
        converted = keypoints.clone()
        for name, points in moved.items():
            converted[:, :, self.names.index(name)] = points
        chosen = (self.uniform(len(keypoints)) < CONVERTED).to(keypoints.device)
        return torch.where(chosen[:, None, None, None], converted, keypoints), chosen

    def draw_noise(self, keypoints):
        """Simulated detector noise (B, T, J, 2), the model of dataset/cmu_mocap.detector_error.

        It grows with the person's size in the image and with a strength that is drawn for each window.
        """
        windows, frames, joints, _ = keypoints.shape
        position = self.uniform(windows, 1) + torch.arange(frames) * self.tds / KEY_FRAME_EVERY     # (B, T)
        keys = int(position.max()) + 2
        gaussian = self.mean + self.std * self.normal(windows, keys, joints, 2)
        uniform = self.uniform(windows, keys, joints, 2, low=-UNIFORM, high=UNIFORM)
        is_gaussian = self.uniform(windows, keys, joints) < self.weight
        noise = drift(gaussian, uniform, is_gaussian, position)
        noise = noise + self.normal(windows, frames, joints, 2, std=JITTER)
        flat = keypoints[..., 1]                                                    # (B, T, J)
        extent = (flat.amax(2) - flat.amin(2)).amax(1) / TYPICAL_EXTENT             # (B,)
        strength = self.uniform(windows, high=STRENGTH).to(keypoints.device) * extent
        return strength[:, None, None, None] * noise.to(keypoints.device)

    def hide(self, keypoints):
        """In some windows (B, T, J, 2) a joint or limb is hidden for some frames, and filled.

        As in files (common/posture.py) its place relative to the limb it hangs on is interpolated, or held at
        an end of the window. Also (B, T, J) bool, which joints were filled.
        """
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
        window, device = torch.arange(windows, device=keypoints.device), keypoints.device
        before, after, share, hidden = (array.to(device) for array in (before, after, share, hidden))

        def interpolate(_, values, known):
            start, end = values[window, before, None], values[window, after, None]         # (B, 1)
            return torch.where(known, values, start + share * (end - start))

        points = torch.view_as_complex(keypoints.contiguous())                      # (B, T, J)
        filled = fill_posture(points, ~hidden, tuple(self.names), range(len(self.names)), interpolate)
        return torch.where(hidden[..., None], torch.view_as_real(filled), keypoints), hidden

    def find_seen(self, hidden, converted):
        """(B, T, J) 1, or 0 where a joint was `hidden` (B, T, J).

        As in files: where the layout was `converted` (B,), a joint is filled that is made of a filled one.
        """
        through = hidden.float() @ self.made_of.to(hidden.device).T                 # (B, T, J)
        return ~torch.where(converted[:, None, None], through > 0, hidden)
