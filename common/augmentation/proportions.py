"""Bodies of people who are not in the data: children to tall adults, with proportions of their own.

Shapes: B windows, T frames, J joints, K kinds of bones (common.stature.ADULT).
"""
import torch

from common.augmentation.keypoint_errors import Draws
from common.skeleton import Skeleton
from common.stature import ADULT, CROWN_AND_SOLE, STACKED, kind

ADULTS = (1.72, 0.10, 1.40, 2.05)       # metres: mean, standard deviation and limits of an adult's height
CHILDREN = (1.00, 1.60)                 # metres: a child's height, from about four years on
SHARE = 0.25                            # share of windows with a child
# What a child of 1 m has of an average adult's bones, relative to the height; with the height it goes
# linearly to 1. Rounded: sitting height falls from 0.56 of the height at four years to 0.52 (Fredriks et al.
# 2005), the head from 0.175 to 0.13; arms and shoulders gain a little (Snyder et al. 1977).
CHILD = {"hip": 1.00, "knee": 0.92, "ankle": 0.92, "spine": 0.98, "thorax": 0.98, "nose": 1.35, "head": 1.35,
         "shoulder": 0.97, "elbow": 0.95, "wrist": 0.95}
BONE = 0.06                             # standard deviation of each bone's share of the height, a factor


class Proportions(Draws):
    """Draws people, for the poses of others. All draws come from `generator`, on the CPU."""

    def __init__(self, skeleton: Skeleton, generator: torch.Generator):
        super().__init__(generator)
        kinds, joints = list(ADULT), [kind(name) for name in skeleton.joints]
        self.adult = torch.tensor([ADULT[name] for name in kinds])                  # (K,) metres
        self.child = torch.tensor([CHILD[name] for name in kinds])                  # (K,)
        self.stacked = torch.tensor([name in STACKED for name in kinds])            # (K,)
        self.bones = [(joint, kinds.index(name)) for joint, name in enumerate(joints) if name in kinds]
        self.legs = [joint for joint, name in enumerate(joints) if name in ("knee", "ankle")]

    def people(self, num_windows: int) -> torch.Tensor:
        """Lengths (B, K) in metres of the bones of a person a window, left and right alike."""
        mean, std, low, high = ADULTS
        adult = (mean + self.normal(num_windows, std=std)).clamp(low, high)
        child = self.uniform(num_windows, low=CHILDREN[0], high=CHILDREN[1])
        is_child = self.uniform(num_windows) < SHARE
        height = torch.where(is_child, child, adult)                                # (B,)
        young = (CHILDREN[1] - child) / (CHILDREN[1] - CHILDREN[0]) * is_child      # (B,) 1 at 1 m of height
        lengths = self.adult * (1 + young[:, None] * (self.child - 1))              # (B, K)
        lengths = lengths * (1 + self.normal(*lengths.shape, std=BONE)).clamp(0.8, 1.2)
        own = CROWN_AND_SOLE * lengths[:, self.stacked].sum(1)
        return lengths * (height / own)[:, None]

    def factors(self, bones: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What makes bones (B, T, J, 3) those of drawn people: factors on each joint's bone (B, J).

        Also (B, 1, 1) the factor on how far the body travels: that of the legs, so that feet keep their
        steps and their floor.
        """
        own = bones.norm(dim=-1).mean(1)                                            # (B, J) metres
        drawn, people = own.clone(), self.people(len(own)).to(own.device)
        for joint, number in self.bones:
            drawn[:, joint] = people[:, number]
        travel = drawn[:, self.legs].sum(1) / own[:, self.legs].sum(1)
        return torch.where(own > 1e-6, drawn / own, 1.0), travel[:, None, None]
