"""An unseen joint keeps its place in the body, however the body moves in the picture."""
import numpy as np
import pytest
import torch

from common.posture import TRUNK, fill_posture
from common.skeleton import HUMAN36M
from dataset.keypoints.layouts import BODY25, COCO17, needed_joints

FRAMES = 30
TIME = np.linspace(0, 1, FRAMES)
HIDDEN = {"a wrist": ["left_wrist"], "an arm": ["left_elbow", "left_wrist"], "a hip": ["left_hip"],
          "the hips": ["left_hip", "right_hip"], "a leg and its hip": ["left_hip", "left_knee", "left_ankle"],
          "the head": ["nose"]}


def moving_body(layout, motion, shift):
    """(N, J) points of one posture that is multiplied by `motion` (N,) and moved by `shift` (N,)."""
    body = np.random.default_rng(1).normal(size=(len(layout.joints), 2)) @ [1, 1j]
    return body * motion[:, None] + shift[:, None]


def interpolate(_, values, known):
    return np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])


def filled(points, known, layout):
    shown = np.where(known, points, 99j)
    return fill_posture(shown, known, layout.joints, needed_joints(layout), interpolate)


@pytest.mark.parametrize("names", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("layout", [HUMAN36M, COCO17, BODY25], ids=lambda layout: layout.name)
def test_a_body_that_walks_grows_and_leans_keeps_its_posture(layout, names):
    motion = (1 + TIME) if names == HIDDEN["the hips"] else (1 + TIME) * np.exp(2j * TIME)
    points = moving_body(layout, motion, 5 * TIME ** 2 + 0j)
    known = np.ones(points.shape, bool)
    known[8:25, [layout.joints.index(name) for name in names]] = False
    rows = needed_joints(layout)
    assert filled(points, known, layout)[:, rows] == pytest.approx(points[:, rows], abs=1e-9)


def test_where_the_whole_trunk_is_unseen_its_place_is_interpolated_from_all_frames_that_show_any_of_it():
    points = moving_body(HUMAN36M, np.ones(FRAMES), 5 * np.maximum(0, TIME - 0.5) + 0j)
    known = np.ones(points.shape, bool)
    known[5:25, HUMAN36M.joints.index("left_hip")] = False
    known[20] = False
    assert filled(points, known, HUMAN36M) == pytest.approx(points, abs=1e-9)


def test_torch_and_numpy_agree():
    points = moving_body(HUMAN36M, 1 + TIME, 3j * TIME)
    known = np.random.default_rng(0).random(points.shape) < 0.7

    def ones(pick):
        return lambda _, values, known: pick(known, values, 1 + 0j * known)
    arrays = fill_posture(points, known, HUMAN36M.joints, range(17), ones(np.where))
    tensors = fill_posture(torch.from_numpy(points), torch.from_numpy(known), HUMAN36M.joints, range(17),
                           ones(torch.where))
    assert tensors.numpy() == pytest.approx(arrays, abs=1e-12)


def test_a_body_without_extent_is_filled_with_finite_numbers():
    points = np.full((FRAMES, 17), 2 + 3j)
    known = np.ones(points.shape, bool)
    known[3:9] = False
    known[20:, HUMAN36M.joints.index(TRUNK[0])] = False
    assert filled(points, known, HUMAN36M) == pytest.approx(points)


@pytest.mark.parametrize("name", TRUNK)
def test_a_corner_of_the_trunk_that_alone_is_unseen_follows_the_turning_body(name):
    turn = np.cos(3 * TIME)                                     # the widths in the picture, seen from ahead
    points = moving_body(HUMAN36M, np.ones(FRAMES), 0j * TIME)
    for corner, place in zip(TRUNK, (1 + 2j, -1 + 2j, 0.5, -0.5)):
        points[:, HUMAN36M.joints.index(corner)] = np.real(place) * turn + 1j * np.imag(place)
    known = np.ones(points.shape, bool)
    known[8:, HUMAN36M.joints.index(name)] = False
    assert filled(points, known, HUMAN36M) == pytest.approx(points, abs=1e-9)
