import numpy as np
import pytest

from common import metrics
from tests.helpers import GOLDEN, random_pose


def random_rotation(seed):
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def test_metrics_equal_the_release():
    golden = np.load(GOLDEN / "model.npz")
    predicted, pose = golden["metric/predicted"], golden["metric/target"]
    assert np.abs(metrics.mpjpe(predicted, pose) - golden["metric/mpjpe"]).max() < 1e-6
    assert np.abs(metrics.p_mpjpe(predicted, pose) - golden["metric/p_mpjpe"]).max() < 1e-6


def test_mpjpe_of_a_3_4_5_triangle():
    pose = np.zeros((1, 2, 3))
    predicted = np.array([[[0, 0, 0], [3, 0, 4]]])
    assert metrics.mpjpe(predicted, pose) == pytest.approx([2.5])


def test_p_mpjpe_ignores_rotation_scale_and_translation():
    pose = random_pose(5)
    moved = 1.7 * pose @ random_rotation(seed=0) + np.array([0.3, -2.0, 5.0])
    assert metrics.p_mpjpe(moved, pose).max() < 1e-9


def test_p_mpjpe_does_not_forgive_a_mirror_image():
    pose = random_pose(5)
    assert metrics.p_mpjpe(pose * [-1, 1, 1], pose).min() > 0.05


def horn_alignment(predicted, pose):
    """The best similarity alignment of one pose (J, 3) by Horn's quaternion method (1987): no SVD."""
    a, b = predicted - predicted.mean(0), pose - pose.mean(0)
    m = a.T @ b
    xyz = np.array([m[1, 2] - m[2, 1], m[2, 0] - m[0, 2], m[0, 1] - m[1, 0]])
    n = np.block([[np.trace(m), xyz], [xyz[:, None], m + m.T - np.trace(m) * np.eye(3)]])       # (4, 4)
    w, *v = np.linalg.eigh(n)[1][:, -1]                     # the quaternion of the largest eigenvalue
    v = np.array(v)
    cross = np.array([[0, -v[2], v[1]], [v[2], 0, -v[0]], [-v[1], v[0], 0]])
    turned = a @ ((w * w - v @ v) * np.eye(3) + 2 * np.outer(v, v) + 2 * w * cross).T
    return (turned * b).sum() / (a * a).sum() * turned + pose.mean(0)


@pytest.mark.parametrize("mirrored", [False, True])         # a mirror image has a negative determinant
def test_p_mpjpe_equals_that_of_another_closed_form(mirrored):
    predicted, pose = random_pose(20, seed=1), random_pose(20, seed=2)
    if mirrored:
        predicted = pose * [-1, 1, 1] + 0.1 * predicted
    expected = [np.linalg.norm(horn_alignment(one, other) - other, axis=-1).mean()
                for one, other in zip(predicted, pose)]
    assert metrics.p_mpjpe(predicted, pose) == pytest.approx(expected, abs=1e-9)


def test_p_mpjpe_of_a_collapsed_prediction_is_the_distance_to_the_centroid():
    pose = random_pose(3)
    expected = np.linalg.norm(pose - pose.mean(1, keepdims=True), axis=-1).mean(1)
    assert metrics.p_mpjpe(np.zeros_like(pose), pose) == pytest.approx(expected)


def test_n_mpjpe_ignores_scale_only():
    pose = random_pose(4)
    assert metrics.n_mpjpe(0.4 * pose, pose).max() < 1e-12
    assert metrics.n_mpjpe(pose + [0.1, 0, 0], pose).min() > 0.01


def test_velocity_and_acceleration_of_a_constant_offset_are_zero_and_of_a_drift_constant():
    pose = random_pose(6)
    assert metrics.velocity_error(pose + 1, pose).max() < 1e-12
    drift = pose + np.arange(6)[:, None, None] * np.array([0.03, 0, 0.04])
    assert metrics.velocity_error(drift, pose) == pytest.approx(np.full(5, 0.05))
    assert metrics.acceleration_error(drift, pose).max() < 1e-12
