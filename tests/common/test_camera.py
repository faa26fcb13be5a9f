import numpy as np
import pytest
import torch

from common import camera
from common.skeleton import HUMAN36M, flip
from dataset import human36m
from tests.helpers import GOLDEN, camera_to_world, random_pose


def test_normalised_screen_keeps_the_aspect_ratio():
    corners = camera.normalize_screen(np.array([[0, 0], [1920, 1080], [960, 540]]), width=1920, height=1080)
    assert corners.tolist() == [[-1, -0.5625], [1, 0.5625], [0, 0]]
    assert (camera.denormalize_screen(corners, width=1920, height=1080).tolist()
            == [[0, 0], [1920, 1080], [960, 540]])


def test_world_to_camera_of_a_hand_made_camera():
    # A camera at (0, -5, 1) that looks along world y; its x is world x, its y points down.
    orientation = np.array([np.sqrt(0.5), -np.sqrt(0.5), 0, 0])
    seen = camera.world_to_camera(np.array([1.0, 2.0, 3.0]), orientation, np.array([0, -5.0, 1.0]))
    assert seen == pytest.approx([1, -2, 7])
    assert camera_to_world(seen, orientation, np.array([0, -5.0, 1.0])) == pytest.approx([1, 2, 3])


def test_rig_cameras_stand_upright_and_look_at_their_middle():
    for view in human36m.read_rig("S1"):
        down = camera.rotate(np.array([0.0, 1, 0]), view["orientation"])
        assert down[2] < -0.9
        middle = camera.world_to_camera(np.array([0, 0.3, 1.0]), view["orientation"], view["translation"])
        assert np.abs(camera.project(middle, view["intrinsics"])).max() < 0.35


def test_back_projection_inverts_projection_in_numpy_and_torch():
    points = np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 6], (4, 17, 3))
    intrinsics = np.array([2.29, 2.28, 0.02, 0.03])
    screen = camera.project(points, intrinsics)
    assert camera.back_project(screen, points[..., 2:], intrinsics) == pytest.approx(points)
    again = camera.back_project(torch.tensor(screen), torch.tensor(points[..., 2:]), torch.tensor(intrinsics))
    assert again.numpy() == pytest.approx(points)


def test_back_projection_equals_the_release():
    golden = np.load(GOLDEN / "model.npz")
    uvd, root_depth = golden["uvd/uvd"], golden["uvd/gt"][:, :, :1, 2:]
    relative_depth = uvd[..., 2:].copy()
    relative_depth[:, :, 0] = 0
    pose = camera.back_project_pose(uvd[..., :2], relative_depth, root_depth,
                                    golden["uvd/cam"][:, None, None, :4], 0)
    assert np.abs(pose - golden["uvd/output"]).max() < 1e-5


def test_a_mirrored_pose_projects_to_mirrored_keypoints_when_cx_and_p1_change_sign():
    points = np.random.default_rng(1).uniform([-1, -1, 3], [1, 1, 5], (2, 17, 3))
    intrinsics, distortion = np.array([2.3, 2.2, 0.05, 0.03]), np.array([-0.2, 0.25, -0.003, 0.02, 0.03])
    mirrored = camera.project(flip(points, HUMAN36M), intrinsics * [1, 1, -1, 1],
                              distortion * [1, 1, 1, -1, 1])
    assert mirrored == pytest.approx(flip(camera.project(points, intrinsics, distortion), HUMAN36M))


def test_distortion_of_a_point_by_hand():
    # On the plane z = 1 at (0.3, 0.4): r2 = 0.25, radial 1 + 0.1 * 0.25 = 1.025, tangential 0.01 * 0.3 along
    # both axes.
    seen = camera.project(np.array([0.6, 0.8, 2.0]), np.array([2.0, 2, 0, 0]), np.array([0.1, 0, 0, 0.01, 0]))
    assert seen == pytest.approx([2 * (0.3 * 1.028 + 0.0025), 2 * (0.4 * 1.028)])


def test_distortion_far_outside_the_image_stays_bounded():
    seen = camera.project(np.array([6.0, 0, 1.0]), np.array([2.0, 2, 0, 0]),
                          np.array([-0.2, 0.25, -0.003, 0, 0]))
    assert seen[0] == pytest.approx(2 * 6 * 1.047)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_root_is_found_exactly_from_exact_keypoints(kind):
    pose, root = random_pose(20), np.random.default_rng(2).uniform([-1, -1, 3], [1, 1, 7], (20, 3))
    intrinsics = np.array([2.29, 2.28, 0.02, 0.03])
    screen = camera.project(pose + root[:, None], intrinsics)
    found = camera.estimate_root(kind(screen), kind(pose), kind(intrinsics))
    assert np.asarray(found) == pytest.approx(root, abs=1e-9)


def test_root_estimate_is_the_least_squares_solution_and_degrades_with_noise():
    generator = np.random.default_rng(3)
    pose, root, intrinsics = random_pose(200), np.array([0.2, 0.1, 5.0]), np.array([2.3, 2.3, 0, 0])
    exact = camera.project(pose + root, intrinsics)
    screen = exact + generator.normal(0, 0.01, exact.shape)
    found = camera.estimate_root(screen, pose, intrinsics)
    plane = screen[0] / 2.3
    zero, one = np.zeros(17), np.ones(17)
    matrix = np.concatenate([np.stack([one, zero, -plane[:, 0]], 1), np.stack([zero, one, -plane[:, 1]], 1)])
    values = np.concatenate([plane[:, 0] * pose[0, :, 2] - pose[0, :, 0],
                             plane[:, 1] * pose[0, :, 2] - pose[0, :, 1]])
    assert found[0] == pytest.approx(np.linalg.lstsq(matrix, values, rcond=None)[0])
    error = np.linalg.norm(found - root, axis=-1)
    assert 0.02 < np.median(error) < 0.25


def test_root_of_coinciding_keypoints_or_behind_the_camera_is_not_a_number():
    pose, intrinsics = random_pose(1), np.array([2.3, 2.3, 0, 0])
    assert np.isnan(camera.estimate_root(np.full((1, 17, 2), 0.1), pose, intrinsics)).all()
    behind = camera.project(-pose + [0, 0, 5.0], intrinsics)
    assert np.isnan(camera.estimate_root(behind, pose, intrinsics)).all()


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor])
def test_level_space_has_up_at_minus_y_and_keeps_forward_ahead_in_numpy_and_torch(kind):
    ups = np.array([[0, -1, 0], [0.1, -0.9, 0.3], [-0.3, -0.5, -0.7]])
    ups = kind(ups / np.linalg.norm(ups, axis=1, keepdims=True))
    rotations = camera.level_rotation(ups)
    for rotation, up in zip(rotations, ups):
        assert np.asarray(rotation @ up) == pytest.approx([0, -1, 0], abs=1e-12)
        assert np.asarray(rotation @ rotation.T) == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        assert (camera.level_rotation(up) == rotation).all()
        assert rotation[0, 2] == pytest.approx(0) and rotation[2, 2] > 0        # forward stays ahead
    assert (camera.level_rotation(None) == np.eye(3)).all()


def test_turning_adds_to_the_heading():
    pose, angles = random_pose(1), np.linspace(-3, 3, 9)
    turned = camera.turn(pose, angles)
    difference = camera.heading(turned, HUMAN36M) - camera.heading(pose, HUMAN36M)
    assert np.exp(1j * difference) == pytest.approx(np.exp(1j * angles))
    assert camera.turn(turned, -angles) == pytest.approx(np.broadcast_to(pose, turned.shape))
