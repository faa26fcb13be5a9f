"""Rotations agree with Rodrigues' formula and with their own definitions."""
from itertools import permutations

import numpy as np
import pytest

from common.video.rotations import euler, follow_on, shortest_turn, twist, unhurried
from tests.common.video.test_pose_files import rotation

AXES = dict(zip("XYZ", np.eye(3)))


def built(angles, order):
    first, second, third = (rotation(AXES[axis], np.radians(angle)) for axis, angle in zip(order, angles))
    return first @ second @ third


def test_opposite_directions_turn_half_round():
    start = np.array([[0, 1., 0], [1, 0, 0], [.6, 0, .8]])
    turns = shortest_turn(start, -start)
    assert np.einsum("nij,nj->ni", turns, start) == pytest.approx(-start)
    assert np.linalg.det(turns) == pytest.approx(1)


def test_a_twist_is_rodrigues_formula():
    about = np.array([[.6, 0, .8], [0, 1, 0]])
    turns = twist(np.broadcast_to(np.eye(3), (2, 3, 3)), about, np.array([0.7, -2]))
    assert turns == pytest.approx(np.stack([rotation(about[0], 0.7), rotation(about[1], -2)]))


@pytest.mark.parametrize("order", ["".join(axes) for axes in permutations("XYZ")])
def test_euler_angles_multiply_back_to_the_rotation_at_the_poles_too(order):
    generator = np.random.default_rng(2)
    angles = np.concatenate([generator.uniform(-180, 180, (20, 3)), [(30, 90, 20), (30, -90, 20), (0, 0, 0)]])
    turns = np.stack([built(angle, order) for angle in angles])
    again = euler(turns, order)
    assert np.stack([built(angle, order) for angle in again]) == pytest.approx(turns, abs=1e-7)
    assert np.abs(again[:, 1]).max() <= 90


def test_angles_that_go_through_90_and_180_degrees_go_on():
    smooth = np.linspace([0, 0, 10], [400, 175, -300], 101)
    turns = np.stack([built(angles, "YZX") for angles in smooth])
    found = follow_on(euler(turns, "YZX")[:, None])[:, 0]
    assert np.delete(found, 0, 0) == pytest.approx(np.delete(smooth, 0, 0), abs=1e-6)


def test_unhurried_angles_keep_the_limit_and_slow_angles_stay():
    slow = np.cumsum(np.random.default_rng(1).uniform(-.1, .1, 50))
    assert unhurried(slow, 0.1) == pytest.approx(slow)
    step = np.repeat([0., 3], 50)
    limited = unhurried(step, 0.1)
    assert np.abs(np.diff(limited)).max() == pytest.approx(0.1)
    assert limited[[0, -1]] == pytest.approx([0, 3]) and np.diff(limited).min() >= 0
    assert limited[49] + limited[50] == pytest.approx(3)            # midway
