import numpy as np
import pytest
import torch

from common import camera
from common.skeleton import HUMAN36M, flip
from dataset import human36m
from tests.helpers import GOLDEN


def test_normalised_screen_keeps_the_aspect_ratio():
    corners = camera.normalize_screen(np.array([[0, 0], [1920, 1080], [960, 540]]), width=1920, height=1080)
    assert corners.tolist() == [[-1, -0.5625], [1, 0.5625], [0, 0]]
    assert camera.denormalize_screen(corners, width=1920, height=1080).tolist() == [[0, 0], [1920, 1080], [960, 540]]


def test_world_to_camera_of_a_hand_made_camera():
    # A camera at (0, -5, 1) that looks along world y; its x is world x, its y points down.
    orientation = np.array([np.sqrt(0.5), -np.sqrt(0.5), 0, 0])
    seen = camera.world_to_camera(np.array([1.0, 2.0, 3.0]), orientation, np.array([0, -5.0, 1.0]))
    assert seen == pytest.approx([1, -2, 7])
    assert camera.camera_to_world(seen, orientation, np.array([0, -5.0, 1.0])) == pytest.approx([1, 2, 3])


def test_rig_cameras_stand_upright_and_look_at_their_middle():
    for view in human36m.rig("S1"):
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
    pose = camera.back_project_pose(uvd[..., :2], relative_depth, root_depth, golden["uvd/cam"][:, None, None, :4], 0)
    assert np.abs(pose - golden["uvd/output"]).max() < 1e-5


def test_a_mirrored_pose_projects_to_mirrored_keypoints_when_cx_and_p1_change_sign():
    points = np.random.default_rng(1).uniform([-1, -1, 3], [1, 1, 5], (2, 17, 3))
    intrinsics, distortion = np.array([2.3, 2.2, 0.05, 0.03]), np.array([-0.2, 0.25, -0.003, 0.02, 0.03])
    mirrored = camera.project(flip(points, HUMAN36M), intrinsics * [1, 1, -1, 1], distortion * [1, 1, 1, -1, 1])
    assert mirrored == pytest.approx(flip(camera.project(points, intrinsics, distortion), HUMAN36M))


def test_distortion_of_a_point_by_hand():
    # On the plane z = 1 at (0.3, 0.4): r2 = 0.25, radial 1 + 0.1 * 0.25 = 1.025, tangential 0.01 * 0.3 along both axes.
    seen = camera.project(np.array([0.6, 0.8, 2.0]), np.array([2.0, 2, 0, 0]), np.array([0.1, 0, 0, 0.01, 0]))
    assert seen == pytest.approx([2 * (0.3 * 1.028 + 0.0025), 2 * (0.4 * 1.028)])


def test_distortion_far_outside_the_image_stays_bounded():
    seen = camera.project(np.array([6.0, 0, 1.0]), np.array([2.0, 2, 0, 0]), np.array([-0.2, 0.25, -0.003, 0, 0]))
    assert seen[0] == pytest.approx(2 * 6 * 1.047)
