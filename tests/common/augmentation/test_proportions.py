import pytest
import torch

from common.augmentation.proportions import ADULTS, CHILDREN, SHARE, Proportions
from common.skeleton import HUMAN36M
from common.stature import ADULT, ADULT_HEIGHT, STACKED, stature
from tests.common.augmentation.test_augmenter import augmented, bone_lengths, windows

KINDS = list(ADULT)


def people(number=4000):
    lengths = Proportions(HUMAN36M, torch.Generator().manual_seed(0)).people(number)
    return lengths, 1.07 * lengths[:, [KINDS.index(name) for name in STACKED]].sum(1)


def test_people_are_children_and_adults_between_1_and_2_05_metres():
    _, height = people()
    assert CHILDREN[0] - 1e-5 < height.min() < 1.02 and 1.98 < height.max() < ADULTS[3] + 1e-5
    assert (height < ADULTS[2]).float().mean() == pytest.approx(SHARE * 2 / 3, abs=0.03)
    assert height[height > CHILDREN[1]].mean() == pytest.approx(1.75, abs=0.03)


def test_children_have_larger_heads_and_shorter_legs_for_their_height():
    lengths, height = people()
    shares = lengths / height[:, None] / (torch.tensor(list(ADULT.values())) / ADULT_HEIGHT)
    child, adult = shares[height < 1.1].mean(0), shares[height > 1.7].mean(0)
    assert torch.allclose(adult, torch.ones(len(KINDS)), atol=0.02)
    found = dict(zip(KINDS, child.tolist()))
    assert found["head"] > 1.25 and 0.9 < found["knee"] < 0.96 and 0.9 < found["wrist"] < 0.98
    assert 0.03 < shares[height > 1.7].std(0).min() and shares[height > 1.7].std(0).max() < 0.08


def test_the_motion_of_a_drawn_body_keeps_directions_sides_and_steps():
    before, after = windows(), augmented("proportions")
    names = [HUMAN36M.joints[child] for _, child in HUMAN36M.bones]
    lengths = bone_lengths(after.pose).mean(1)                                          # (B, bones)
    ratio = bone_lengths(after.pose) / bone_lengths(before.pose)                        # (B, T, bones)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), atol=1e-3)          # the same in all frames
    for number, name in enumerate(names):
        if name.startswith("left_"):
            twin = names.index(name.replace("left_", "right_"))
            assert torch.allclose(lengths[:, number], lengths[:, twin], rtol=1e-4)
    heights = stature(after.pose, HUMAN36M).mean(1)
    assert heights.min() > 0.999 and heights.max() < 2.051 and heights.std() > 0.1
    legs = [number for number, name in enumerate(names) if name.endswith(("knee", "ankle"))]
    shrunk = lengths[:, legs].sum(1) / bone_lengths(before.pose).mean(1)[:, legs].sum(1)
    steps = after.root.diff(dim=1).norm(dim=-1) / before.root.diff(dim=1).norm(dim=-1)  # (B, T - 1)
    moved = before.root.diff(dim=1).norm(dim=-1) > 1e-3
    assert torch.allclose(steps[moved], shrunk[:, None].expand_as(steps)[moved], rtol=1e-2)


def test_landmarks_lie_as_far_beside_as_between_two_collections():
    torch.manual_seed(0)
    before, after = windows(frames=1), [augmented("landmarks", seed=seed, frames=1) for seed in range(40)]
    for name, metres in (("thorax", 0.048), ("left_shoulder", 0.040)):
        joint = HUMAN36M.joints.index(name)
        beside = torch.cat([(batch.pose - before.pose)[:, 0, joint].norm(dim=-1) for batch in after])
        assert beside.mean() == pytest.approx(metres, rel=0.05)
