import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from common.augmentation.augmenter import BONE, LIMBS, NEAREST, PARTS, Augmenter
from common.augmentation.keypoint_errors import JITTER, UNIFORM, KeypointErrors
from common.camera import project
from common.skeleton import HUMAN36M, Skeleton, flip
from common.windows import Window, Windows
from dataset.cmu_mocap import read_noise
from tests.helpers import random_clip

NOISE = read_noise()


def windows(frames=9, up=(0.0, -1.0, 0.0)):
    clip = replace(random_clip(40), up=np.array(up, np.float32))
    return Windows([clip], Window(frames)).gather(torch.arange(40), whole=True)


def augmented(*parts, seed=0, **options):
    augmenter = Augmenter(parts, skeleton=HUMAN36M, noise=NOISE, tds=1,
                          generator=torch.Generator().manual_seed(seed))
    return augmenter(windows(**options))


def bone_lengths(pose):
    return torch.stack([(pose[..., child, :] - pose[..., parent, :]).norm(dim=-1)
                        for parent, child in HUMAN36M.bones], -1)


def test_without_parts_nothing_changes():
    before, after = windows(), augmented()
    for field in ("keypoints", "pose", "root", "intrinsics"):
        assert torch.equal(getattr(before, field), getattr(after, field))


def test_the_same_generator_gives_the_same_windows():
    one, same, other = augmented(*PARTS), augmented(*PARTS), augmented(*PARTS, seed=1)
    assert torch.equal(one.keypoints, same.keypoints) and torch.equal(one.pose, same.pose)
    assert not torch.allclose(one.keypoints, other.keypoints)
    assert all(getattr(one, field).isfinite().all() for field in ("keypoints", "pose", "root", "intrinsics"))


@pytest.mark.parametrize("parts", [("camera",), ("body",), ("placement",), ("posture",),
                                   ("camera", "body", "placement", "posture")])
def test_keypoints_are_the_projection_of_the_returned_poses(parts):
    batch = augmented(*parts)
    points = batch.pose + batch.root[:, :, None]
    assert points[..., 2].min() > NEAREST - 1e-4
    assert torch.allclose(batch.keypoints, project(points, batch.intrinsics[:, None, None]), atol=1e-5)


def test_another_camera_turns_the_motion_rigidly_and_keeps_gravity_plausible():
    up = np.array([0.1, -0.9, 0.2]) / np.linalg.norm([0.1, -0.9, 0.2])
    before, after = windows(up=up), augmented("camera", up=up)
    assert torch.allclose(bone_lengths(before.pose), bone_lengths(after.pose), atol=1e-5)
    a, b = before.pose[:, 0], after.pose[:, 0]                  # (B, J, 3) rotations found by least squares
    u, _, vt = torch.linalg.svd(a.transpose(1, 2) @ b)
    new_up = torch.einsum("bi,bij->bj", torch.tensor(up, dtype=torch.float32).expand(len(a), 3), u @ vt)
    assert torch.allclose(after.up, new_up, atol=1e-4)
    assert (new_up[:, 1] < 0).all() and (torch.linalg.det(u @ vt) > 0).all()
    pitch = torch.rad2deg(torch.asin(-new_up[:, 2]))                # looking down: what is up comes nearer
    assert -30 < pitch.min() < 5 < pitch.max() < 65 and 0 < pitch.mean() < 18


def test_another_body_keeps_bone_directions_and_both_sides_equal():
    before, after = windows(), augmented("body")
    ratio = bone_lengths(after.pose) / bone_lengths(before.pose)                        # (B, T, bones)
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), atol=1e-3)          # the same in all frames
    names = [HUMAN36M.joints[child] for _, child in HUMAN36M.bones]
    for number, name in enumerate(names):
        if name.startswith("left_"):
            twin = names.index(name.replace("left_", "right_"))
            assert torch.allclose(ratio[..., number], ratio[..., twin], atol=1e-3)
    assert ratio.std(dim=0).mean() > BONE
    assert (after.pose[:, :, 0] == 0).all()


def torso_space(batch):
    """The poses (B, T, J, 3) as the person's own torso sees them."""
    augmenter = Augmenter([], skeleton=HUMAN36M, noise=NOISE, tds=1, generator=torch.Generator())
    return batch.pose @ augmenter.torso_axes(batch.pose).transpose(2, 3)


def test_joints_lie_elsewhere_in_the_body_alike_in_all_frames_and_mirrored_on_both_sides():
    before, after = windows(), augmented("placement")
    places = HUMAN36M.joints.index
    axes = Augmenter([], skeleton=HUMAN36M, noise=NOISE, tds=1,
                     generator=torch.Generator()).torso_axes(before.pose)
    shift = (after.pose - before.pose) @ axes.transpose(2, 3)                           # (B, T, J, 3)
    assert torch.allclose(shift, shift[:, :1].expand_as(shift), atol=1e-5)
    for left in ("left_hip", "left_shoulder"):
        mirrored = shift[..., places(left.replace("left", "right")), :] * torch.tensor([-1, 1, 1])
        assert torch.allclose(shift[..., places(left), :], mirrored, atol=1e-5)
    assert (shift[..., places("pelvis"), :] == 0).all() and (shift[..., places("left_knee"), :] == 0).all()
    assert (shift[..., places("head"), 0].abs() < 1e-5).all()
    assert 0.005 < shift[..., places("head"), 1:].std() < 0.05


def test_another_posture_turns_limbs_alike_in_all_frames_as_the_torso_sees_it():
    before, after = windows(), augmented("posture")
    assert torch.allclose(bone_lengths(before.pose), bone_lengths(after.pose), atol=1e-4)
    trunk = [HUMAN36M.joints.index(name) for name in ("left_hip", "right_hip", "spine", "thorax")]
    seen, was = torso_space(after), torso_space(before)
    assert torch.allclose(seen[:, :, trunk], was[:, :, trunk], atol=1e-4)
    arm = HUMAN36M.joints.index("left_elbow")
    shoulder = HUMAN36M.joints.index("left_shoulder")
    new, old = (pose[:, :, arm] - pose[:, :, shoulder] for pose in (seen, was))         # (B, T, 3)
    assert (new - old).norm(dim=-1).mean() > 0.02
    assert torch.allclose(new @ new.transpose(1, 2), old @ old.transpose(1, 2), atol=1e-4)  # one turn for all


@pytest.mark.parametrize("order", [range(17), range(16, -1, -1)], ids=["parents first", "parents last"])
def test_a_turn_carries_along_all_that_hangs_on_its_joint_in_any_order_of_joints(order):
    order = list(order)
    skeleton = Skeleton("reordered", tuple(HUMAN36M.joints[joint] for joint in order), tuple(
        order.index(parent) if (parent := HUMAN36M.parents[joint]) >= 0 else -1 for joint in order),
        order.index(0))
    augmenter = Augmenter(["posture"], skeleton=skeleton, noise=NOISE, tds=1,
                          generator=torch.Generator().manual_seed(0))
    thorax = skeleton.joints.index("thorax")
    augmenter.turns = torch.zeros(17)
    augmenter.turns[thorax] = 30
    before = windows().pose[:, :, order]
    after = augmenter.turn_limbs(before)
    hanging = [skeleton.joints.index(name) for name in ("thorax", "head", "left_wrist", "right_wrist")]
    lying = [skeleton.joints.index(name) for name in ("pelvis", "spine", "thorax", "left_ankle")]
    assert torch.allclose(after[:, :, lying], before[:, :, lying], atol=1e-5)
    assert torch.allclose(torch.cdist(after[:, :, hanging], after[:, :, hanging]),
                          torch.cdist(before[:, :, hanging], before[:, :, hanging]), atol=1e-4)
    assert (after - before)[:, :, hanging[1:]].norm(dim=-1).mean() > 0.05


def test_most_bodies_lean_a_little_and_some_topple():
    augmenter = Augmenter(["posture"], skeleton=HUMAN36M, noise=NOISE, tds=1,
                          generator=torch.Generator().manual_seed(0))
    leaning = torch.rad2deg(torch.acos(augmenter.lean(2000)[:, 1, 1].clamp(-1, 1)))     # of the vertical
    assert 2 < leaning.median() < 10 and 0.05 < (leaning > 45).float().mean() < 0.15


def test_a_converted_window_has_the_spine_midway_and_its_limbs_untouched():
    exact, batch = windows().keypoints, augmented("layout").keypoints
    changed = (exact != batch).any(-1).flatten(1, 2).any(1)                             # (B,)
    assert 0.25 < changed.float().mean() < 0.75
    joint = {name: batch[changed][:, :, number] for number, name in enumerate(HUMAN36M.joints)}
    corners = joint["left_hip"] + joint["right_hip"] + joint["left_shoulder"] + joint["right_shoulder"]
    assert torch.allclose(joint["spine"], corners / 4, atol=1e-6)
    limbs = [number for number, name in enumerate(HUMAN36M.joints) if "_" in name]
    assert torch.equal(batch[:, :, limbs], exact[:, :, limbs])
    head = HUMAN36M.joints.index("head")
    assert 0.01 < (batch - exact)[changed][:, :, head].norm(dim=-1).mean() < 1


def test_detector_errors_have_the_models_size_and_drift():
    batch, exact = augmented("detector"), windows()
    error = batch.keypoints - exact.keypoints
    assert torch.equal(batch.pose, exact.pose)
    assert JITTER < error.std() < 3 * UNIFORM
    steps = (error[:, 1:] - error[:, :-1]).std()
    assert steps < 0.7 * error.std()                                # neighbours are alike


def test_hidden_joints_keep_their_place_in_a_body_that_moves_turns_and_grows():
    exact, batch = windows(frames=27), augmented("missing", frames=27)
    changed = (exact.keypoints != batch.keypoints).any(-1)                              # (B, T, J)
    assert 0.2 < changed.any(1).any(1).float().mean() < 0.9 and changed.float().mean() < 0.2
    assert changed.sum(1).max() > 5 and (changed.any(1).sum(1) > 1).any()     # long runs, whole limbs
    time = torch.linspace(0, 1, 27)
    motion = (1 + time) * torch.exp(0.8j * time)                                        # (T,)
    points = torch.view_as_complex(exact.keypoints[:, :1].contiguous()) * motion[:, None] + time[:, None]
    moving = torch.view_as_real(points)
    errors = KeypointErrors(HUMAN36M, NOISE, tds=1, generator=torch.Generator().manual_seed(0))
    once, _ = errors.hide(moving)
    assert torch.allclose(errors.hide(once)[0], moving, atol=1e-4)


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="--augment hats does not exist"):
        augmented("hats")


def test_the_mirror_image_of_a_body_change_is_a_body_change():
    batch = augmented("body")
    assert torch.allclose(bone_lengths(flip(batch.pose, HUMAN36M)).sum(-1), bone_lengths(batch.pose).sum(-1),
                          atol=1e-4)


def test_half_of_the_cameras_are_stated_as_the_one_that_is_assumed():
    before, after = augmented("camera"), augmented("camera", "lens")
    assumed = torch.tensor([1 / math.tan(math.radians(55) / 2)])
    changed = (after.intrinsics != before.intrinsics).any(1)
    assert 0.2 < changed.float().mean() < 0.8
    assert torch.allclose(after.intrinsics[changed][:, :2], assumed) and not after.intrinsics[:, 2:].any()
    assert torch.equal(after.keypoints, before.keypoints)           # the picture is that of the true camera


def test_recombined_windows_move_the_arms_or_legs_of_the_next_one_on_their_own_bones():
    before, after = windows(), augmented("recombination")
    assert torch.allclose(bone_lengths(after.pose), bone_lengths(before.pose), atol=1e-4)
    augmenter = Augmenter(["recombination"], skeleton=HUMAN36M, noise=NOISE, tds=1,
                          generator=torch.Generator())

    def directions(pose):
        local = augmenter.bone_vectors(pose) @ augmenter.torso_axes(pose).transpose(2, 3)
        return normalize(local, dim=-1)                                                     # (B, T, J, 3)
    own, found = directions(before.pose), directions(after.pose)
    kept = torch.isclose(found, own, atol=1e-3).all(-1).all(1)                              # (B, J)
    taken = torch.isclose(found, own.roll(-1, 0), atol=1e-3).all(-1).all(1)
    for limb in LIMBS:
        joints = [number for number, name in enumerate(HUMAN36M.joints)
                  if name.removeprefix("left_").removeprefix("right_") in limb]
        assert (kept[:, joints].all(1) | taken[:, joints].all(1)).all()
        assert 0.1 < taken[:, joints].all(1).float().mean() < 0.4
    assert kept[:, [HUMAN36M.joints.index(name) for name in ("spine", "thorax", "nose", "head")]].all()
