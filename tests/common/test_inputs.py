"""What a network is given: rays, a virtual camera that looks at the person, the mask of unseen joints."""
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from common import engine
from common.augmentation.augmenter import Augmenter
from common.camera import project
from common.clips import relayout, resample
from common.inputs import SPACES, Inputs, give_mask, look_at
from common.learning import steps
from common.learning.batches import Sampling, TrainingBatches
from common.lift import Lifting
from common.loss import mpjpe_loss, reprojection_loss
from common.skeleton import HUMAN36M, MPI_INF_3DHP, flip
from common.weights.building import with_defaults
from common.windows import Window, Windows
from dataset.cmu_mocap import read_noise
from model.baselines import SingleFrame
from model.folded import fold
from model.ftcm import FTCM
from tests.helpers import random_clip

LENS = torch.tensor([[2.3, 2.2, 0.03, -0.02]])
CHOICES = [Inputs(space, mask) for space in SPACES for mask in (False, True)]


def network(mask=False, **options):
    torch.manual_seed(0)
    return FTCM(**{"frames": 5, "dim": 16, "depth": 2, "mask": mask, **options}).eval()


def person(seed=0):
    """Points (1, T, J, 3) of a window, camera space, metres, in front of the camera and beside its axis."""
    return torch.from_numpy(np.random.default_rng(seed).normal([0.8, 0.5, 4], 0.4, (1, 5, 17, 3))).float()


def lift(inputs, model, points, intrinsics=LENS):
    with torch.no_grad():
        return inputs.lift(model, project(points, intrinsics[:, None, None]), None, intrinsics, 2)[0]


def predicted(model, clip, inputs, **window):
    found = engine.predict(model, [clip], Window(5, inputs=inputs, **window), Lifting(batch_size=8))
    return found["pose"][0]


def holed(num_frames=40):
    """A clip in which a wrist was filled in some frames, and a knee in one."""
    seen = np.ones((num_frames, 17), np.float32)
    seen[3:9, HUMAN36M.joints.index("left_wrist")] = seen[7, HUMAN36M.joints.index("right_knee")] = 0
    return replace(random_clip(num_frames), seen=seen)


def test_screen_coordinates_are_passed_on_as_they_are():
    keypoints = torch.rand(2, 5, 17, 2)
    given = []
    Inputs().lift(lambda x: given.append(x) or x, keypoints, torch.ones(2, 5, 17), None, 2)
    assert given[0] is keypoints


@pytest.mark.parametrize("space", SPACES)
def test_a_person_moved_around_the_camera_has_the_same_pose_relative_to_the_line_of_sight(space):
    axes = look_at(person()[:, 2])
    points = person() @ axes.transpose(1, 2)                        # as the virtual camera sees them
    poses = []
    for aim in ([0, 0, 1], [0.7, 0.1, 1], [-0.5, 0.6, 1], [0.9, -0.9, 1]):
        turned = look_at(torch.tensor([[aim]], dtype=torch.float32))                    # (1, 3, 3)
        poses.append(lift(Inputs(space), network(), points @ turned) @ turned[0].T)
    spread = (torch.stack(poses) - poses[0]).abs().max()
    assert spread < 2e-6 if space == "virtual" else spread > 1e-2


def test_the_virtual_camera_looks_at_the_person_with_its_rows_level():
    rays = person()[:, 0] / person()[:, 0, :, 2:]
    axes = look_at(rays)[0]
    assert torch.allclose(axes @ axes.T, torch.eye(3), atol=1e-6) and torch.linalg.det(axes) > 0
    middle = torch.nn.functional.normalize(rays, dim=-1).mean(1)[0]
    assert (axes @ middle)[:2].abs().max() < 1e-6 and (axes @ middle)[2] > 0
    assert axes[0, 1] == 0                                          # its x axis lies in the old one's x, z
    assert torch.allclose(look_at(torch.tensor([[[0.0, 0, 1]]]))[0], torch.eye(3))
    mirror = torch.diag(torch.tensor([-1.0, 1, 1]))
    assert torch.allclose(look_at(rays @ mirror)[0], mirror @ axes @ mirror, atol=1e-6)


def test_a_network_that_knows_the_truth_gets_it_back_in_camera_space():
    points, given = person(), []

    def answer(x):                                                  # at the root's true distance
        given.append(x)
        return points @ look_at((points / points[..., 2:])[:, 2]).transpose(1, 2)

    assert torch.allclose(lift(Inputs("virtual"), answer, points), points[0], atol=1e-5)
    truth = answer(None)
    assert torch.allclose(given[0], truth[..., :2] / truth[..., 2:], atol=1e-5)
    assert given[0][:, 2].mean().abs() < 0.05 < project(points, LENS)[:, 2].mean().abs()


@pytest.mark.parametrize("space", ["rays", "virtual"])
def test_two_cameras_with_other_lenses_give_one_pose_of_one_body(space):
    other = torch.tensor([[1.1, 1.3, -0.2, 0.1]])
    one, two = (lift(Inputs(space), network(), person(), lens) for lens in (LENS, other))
    assert torch.allclose(one, two, atol=2e-6)
    a, b = (lift(Inputs(), network(), person(), lens) for lens in (LENS, other))
    assert (a - b).abs().max() > 1e-2


def test_a_joint_far_beside_the_virtual_cameras_axis_stays_finite():
    points = person()
    points[0, 0] = torch.tensor([-60.0, 0, 0.5])                    # in another frame, behind the new image
    assert lift(Inputs("virtual"), network(), points).isfinite().all()


@pytest.mark.parametrize("inputs", CHOICES, ids=str)
@pytest.mark.parametrize("window", [{}, {"target": "last"}, {"hop": 2}, {"tds": 2}], ids=str)
def test_the_mirror_image_of_a_clip_is_lifted_to_the_mirror_image_of_its_poses(window, inputs):
    clip, model = holed(), network(inputs.mask, every_frame="hop" in window)
    mirrored = replace(clip, keypoints=flip(clip.keypoints, HUMAN36M), pose=None, root=None,
                       intrinsics=clip.intrinsics * [1, 1, -1, 1], seen=clip.seen[:, HUMAN36M.mirror_order])
    poses = predicted(model, clip, inputs, **window)
    assert flip(predicted(model, mirrored, inputs, **window), HUMAN36M) == pytest.approx(poses, abs=2e-6)


@pytest.mark.parametrize("inputs", CHOICES, ids=str)
def test_windows_that_share_their_work_give_what_each_gives_alone(inputs):
    model, clip = network(inputs.mask), holed()
    _, shared = engine.plan(fold(model), Windows([clip], Window(5, inputs=inputs)), Lifting(batch_size=8))
    assert shared == (inputs.space != "virtual")
    assert predicted(fold(model), clip, inputs) == pytest.approx(predicted(model, clip, inputs), abs=2e-6)


@pytest.mark.parametrize("inputs", [Inputs("rays"), Inputs("virtual")], ids=str)
def test_clips_without_intrinsics_are_refused_where_rays_are_wanted(inputs):
    with pytest.raises(ValueError, match=f"--input {inputs.space} needs the intrinsics of every clip"):
        predicted(network(), replace(random_clip(9), intrinsics=None), inputs)


def test_the_mask_says_which_joints_were_filled():
    given = []

    class Spy(torch.nn.Module):
        def forward(self, x):
            given.append(x)
            return torch.zeros(len(x), 17, 3)

    clip = holed(9)
    engine.predict(Spy(), [clip], Window(5, inputs=Inputs(mask=True)), Lifting(batch_size=9, flip_test=False))
    rows = np.clip(np.arange(9)[:, None] + np.arange(-2, 3), 0, 8)
    assert np.array_equal(given[0][..., :2], clip.keypoints[rows])
    assert np.array_equal(given[0][..., 2], clip.seen[rows])
    engine.predict(Spy(), [replace(clip, seen=None)], Window(5, inputs=Inputs(mask=True)), Lifting())
    assert (given[1][..., 2] == 1).all()


@pytest.mark.parametrize("kind, options", [
    (FTCM, {"frames": 5, "dim": 16, "depth": 2}), (FTCM, {"frames": 5, "dim": 16, "every_frame": True}),
    (SingleFrame, {"dim": 16})])
def test_a_network_that_is_given_a_mask_computes_the_same_poses_whatever_was_seen(kind, options):
    torch.manual_seed(0)
    plain = kind(**options).eval()
    saved = {"model": plain.state_dict(), "model_args": with_defaults(options, kind)}
    masked = give_mask(saved)
    model = kind(**masked["model_args"]).eval()
    model.load_state_dict(masked["model"])
    keypoints = torch.randn(4, plain.frames, 17, 2)
    both = torch.cat([keypoints, (torch.rand(4, plain.frames, 17, 1) < 0.7).float()], -1)
    assert model.mask and not saved["model_args"]["mask"]
    with torch.no_grad():
        assert torch.allclose(model(both), plain(keypoints), atol=1e-6)
    assert give_mask(masked) is masked


def test_what_was_seen_is_cut_reordered_and_resampled_with_the_keypoints():
    clip, wrist = replace(holed(), pose=None, root=None), HUMAN36M.joints.index("left_wrist")
    assert np.array_equal(clip.cut(slice(2, 12, 3)).seen, clip.seen[2:12:3])
    other, = relayout([replace(clip, pose=random_clip(40).pose)], MPI_INF_3DHP)
    assert np.array_equal(other.seen[:, MPI_INF_3DHP.joints.index("left_wrist")], clip.seen[:, wrist])
    twice = resample(clip, 100).seen[:, wrist]
    assert (twice == 0).nonzero()[0].tolist() == list(range(5, 18))     # between 2 and 9, both ends seen


def augmented(*parts):
    clip = replace(random_clip(40), up=np.array([0, -1, 0], np.float32))
    augmenter = Augmenter(parts, skeleton=HUMAN36M, noise=read_noise(), tds=1,
                          generator=torch.Generator().manual_seed(0))
    batch = Windows([clip], Window(27)).gather(torch.arange(40).repeat(10), whole=True)
    return batch, augmenter(batch)


def test_hidden_joints_and_no_others_are_marked_in_training():
    exact, batch = augmented("missing")
    changed = (exact.keypoints - batch.keypoints).abs().amax(-1) > 0
    assert exact.seen is None and 0.02 < changed.float().mean() < 0.2
    assert not (changed & batch.seen).any() and (~batch.seen & ~changed).float().mean() < 0.002
    assert augmented("detector")[1].seen is None


def test_a_joint_that_a_layout_makes_of_a_hidden_one_is_marked_as_in_files():
    seen = augmented("layout", "missing")[1].seen                                       # (B, T, J)
    hip, pelvis, spine, head = (seen[..., HUMAN36M.joints.index(name)]
                                for name in ("left_hip", "pelvis", "spine", "head"))
    assert 0.3 < pelvis[~hip].float().mean() < 0.7 and (spine[~hip] <= pelvis[~hip]).float().mean() > 0.9
    assert head[~hip].float().mean() > 0.8                          # a head is made of no hip


@pytest.mark.parametrize("inputs", CHOICES, ids=str)
@pytest.mark.parametrize("every_frame", [False, True])
def test_a_training_is_given_what_prediction_gives(inputs, every_frame):
    """Without learning an epoch's error is that of the predicted poses, mirrored windows included."""
    clips = [holed(12), replace(holed(9), name="b", intrinsics=np.array([1.5, 1.5, 0.1, 0], np.float32))]
    model = network(inputs.mask, every_frame=every_frame, dropout=0)
    windows = Windows(clips, Window(5, inputs=inputs), mirror=True)
    batches = TrainingBatches(windows, Sampling(7, mirror=True, whole=every_frame),
                              generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0)
    _, error = steps.train_one_epoch(model, batches, optimizer)
    pairs = []
    for clip in clips:
        other = replace(clip, keypoints=flip(clip.keypoints, HUMAN36M), pose=flip(clip.pose, HUMAN36M),
                        intrinsics=clip.intrinsics * [1, 1, -1, 1], seen=clip.seen[:, HUMAN36M.mirror_order])
        for view in (clip, other):
            rows = np.clip(np.arange(len(view))[:, None] + np.arange(-2, 3), 0, len(view) - 1)
            with torch.no_grad():
                pose = inputs.lift(model.eval(), *map(torch.from_numpy, (
                    view.keypoints[rows], view.seen[rows], view.intrinsics[None])), 2)
            pose[..., 0, :] = 0
            truth = view.pose[rows] if every_frame else view.pose
            pairs.append((pose.numpy() - truth).reshape(-1, 3))
    assert error == pytest.approx(np.linalg.norm(np.concatenate(pairs), axis=1).mean(), abs=1e-5)


def test_the_loss_in_the_image_is_that_of_a_right_triangle():
    root, pose = torch.tensor([[0.0, 0, 4]]), torch.zeros(1, 2, 3)
    moved = torch.tensor([[[0.3, 0.4, 0], [0, 0, 0]]])
    assert reprojection_loss(moved, pose, root) == pytest.approx(0.25)      # 0.5 m and 0 m, 4 m away
    assert reprojection_loss(moved, pose, 2 * root) == pytest.approx(0.25)
    nearer = torch.tensor([[[0.3, 0.4, -2], [0, 0, 0]]])                    # at half the depth twice as large
    assert reprojection_loss(nearer, pose, root) == pytest.approx(0.5)


def test_the_loss_in_the_image_ignores_what_no_camera_sees():
    points, root = person()[:, 0], torch.tensor([[0.8, 0.5, 4]])
    along = (points * torch.linspace(0.5, 2, 17)[:, None]).requires_grad_()
    loss = reprojection_loss(along - root, points - root, root)
    assert loss < 1e-6 < mpjpe_loss(along, points)
    behind = points.clone().requires_grad_()
    reprojection_loss(behind - 5 * root, points - root, root).backward()
    assert 0 < 17 * behind.grad.abs().max() < 4         # one joint's step stays a few times its error's


@pytest.mark.parametrize("every_frame", [False, True])
def test_a_training_step_adds_the_loss_in_the_image(every_frame):
    def loss_of(weight):
        model = network(every_frame=every_frame, dropout=0)
        batches = TrainingBatches(Windows([random_clip(12)], Window(5)), Sampling(12, whole=every_frame),
                                  generator=torch.Generator().manual_seed(0))
        step = steps.Step(reprojection=weight)
        return steps.train_one_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0), step)

    (plain, error), (one, same), (three, _) = map(loss_of, (0, 1, 3))
    assert same == error and one > plain + 0.01
    assert math.isclose(three - plain, 3 * (one - plain), rel_tol=1e-4)
