import numpy as np
import pytest

from common.camera import camera_to_level
from common.skeleton import HUMAN36M
from common.video.level import camera_pitch, up_at_pitch
from tests.common.video.test_pose_files import STANDING


def seen_by_a_camera_that_looks_down(poses_level, degrees):
    """Level poses in the axes of a camera that looks down by `degrees`: turned about x."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return poses_level @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T


@pytest.mark.parametrize("degrees", [-20, 0, 12, 50])
def test_levelling_undoes_the_cameras_pitch(degrees):
    seen = seen_by_a_camera_that_looks_down(STANDING[None], degrees)
    assert camera_to_level(seen, up_at_pitch(degrees)) == pytest.approx(STANDING[None])
    assert camera_to_level(seen, None) is not seen and camera_to_level(seen, None) == pytest.approx(seen)


@pytest.mark.parametrize("degrees", [-20, 12, 50])
def test_the_motion_tells_the_pitch_although_some_frames_lie_or_bend(degrees):
    generator = np.random.default_rng(0)
    standing = STANDING + generator.normal(0, 0.03, (60, 17, 3))
    lying = np.tile(STANDING[:, [0, 2, 1]], (25, 1, 1))                 # feet towards the camera
    seen = seen_by_a_camera_that_looks_down(np.concatenate([standing, lying]), degrees)
    assert camera_pitch(seen, HUMAN36M) == pytest.approx(degrees, abs=1.5)
    mean = (seen[:, 8] - (seen[:, 3] + seen[:, 6]) / 2).mean(0)         # what a plain mean would say
    assert abs(np.degrees(np.arctan2(-mean[2], -mean[1])) - degrees) > 5


def test_a_lean_to_the_side_is_no_roll_of_the_camera():
    leaning = STANDING @ np.array([[0.96, 0.28, 0], [-0.28, 0.96, 0], [0, 0, 1]])
    assert camera_pitch(leaning[None], HUMAN36M) == pytest.approx(0, abs=0.01)


def test_collapsed_poses_have_a_finite_pitch():
    assert np.isfinite(camera_pitch(np.zeros((3, 17, 3)), HUMAN36M))
