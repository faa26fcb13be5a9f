"""Swapped sides and other people are found in hand-made tracks; real quick motion is left alone."""
from pathlib import Path

import numpy as np
import pytest

from common.skeleton import HUMAN36M
from dataset.keypoints.layouts import COCO17
from dataset.keypoints.reader import read_recording
from dataset.keypoints.tracks import LIMBS, check_continuity, find_swapped, mend_swaps
from tests.keypoint_samples import SIZE, write_npz

SAMPLE = Path(__file__).parents[3] / "dataset" / "baseball_coco17.npz"
FPS = 25
ARM, LEG = LIMBS.values()


def walker(num_frames=100):
    """(N, 17, 3): COCO's joints of a person 200 pixels tall who walks and swings arms and legs."""
    place = {"nose": (12, 15), "eye": (10, 10), "ear": (0, 12), "shoulder": (0, 35), "elbow": (0, 65),
             "wrist": (0, 95), "hip": (0, 95), "knee": (0, 145), "ankle": (0, 195)}
    swing = {"elbow": -14, "wrist": -28, "knee": 18, "ankle": 36}
    phase = np.sin(2 * np.pi * np.arange(num_frames) / FPS)                             # one stride a second
    points = np.empty((num_frames, 17, 3))
    for number, name in enumerate(COCO17.joints):
        side, _, part = name.rpartition("_")
        sign = {"left": 1, "right": -1, "": 0}[side]
        width = sign * (5 if part in ("eye", "ear") else 12)
        points[:, number] = np.stack([300 + 4 * np.arange(num_frames) + place[part][0] + width
                                      + sign * swing.get(part, 0) * phase,
                                      np.full(num_frames, 400 + place[part][1]),
                                      np.full(num_frames, 0.9)], axis=-1)
    return points


def swap(points, frames, parts=None):
    order = [twin if parts is None or COCO17.joints[twin].rpartition("_")[2] in parts else number
             for number, twin in enumerate(COCO17.mirror_order)]
    swapped = points.copy()
    swapped[frames] = points[frames][:, order]
    return swapped


def mend(points):
    return mend_swaps(points, np.isfinite(points).all(-1), COCO17, fps=FPS)


def read(folder, points):
    return read_recording(write_npz(folder, keypoints=points, layout="coco17", fps=FPS), **SIZE)


@pytest.mark.parametrize("parts", [None, LEG, ARM], ids=["all", "legs", "arms"])
@pytest.mark.parametrize("frames", [np.random.default_rng(0).random(100) < 0.33, np.arange(100) // 33 == 1,
                                    np.arange(100) == 50, np.arange(100) >= 70],
                         ids=["a random third", "a run", "one frame", "the end"])
def test_swapped_sides_are_exchanged_and_said(frames, parts):
    points = walker()
    mended, seen, notes = mend(swap(points, frames, parts))
    limbs = [number for number, name in enumerate(COCO17.joints) if name.rpartition("_")[2] in ARM + LEG]
    wrong = (mended != points).any(-1)[:, limbs]
    assert wrong.any(1).mean() <= 0.02 and seen.all()                       # in frames where the sides cross
    assert len(notes) == 1 and notes[0].endswith("exchanged.")


def test_a_swap_of_half_the_frames_is_said_and_left():
    points = swap(walker(), np.arange(100) >= 50)
    mended, _, notes = mend(points)
    assert (mended == points).all()
    assert "cannot be told" in notes[0] and "at 2.00 s" in notes[0] and "--from" in notes[0]


def test_unseen_joints_change_sides_with_the_others():
    points = walker()
    points[40:60, COCO17.joints.index("left_ear")] = np.nan
    mended, seen, _ = mend(swap(points, np.arange(100) // 10 == 4))
    assert np.array_equal(mended, points, equal_nan=True) and (seen == np.isfinite(points).all(-1)).all()


@pytest.mark.parametrize("step", [1, 2, 3])
def test_quick_real_motion_is_left_alone(step):
    with np.load(SAMPLE) as archive:
        points = archive["keypoints"][::step, :, :2]
    seen = np.ones(points.shape[:2], bool)
    assert not find_swapped(points, seen, COCO17).any()
    assert check_continuity(points, seen.any(1), "here", fps=30 / step) == []


def test_a_jump_of_a_person_is_no_switch():
    points = walker()
    flight = np.clip(np.arange(100) / FPS - 1, 0, 0.6)                                  # seconds, from 1 s on
    points[..., 1] -= (1121 / 2 * flight * (0.6 - flight))[:, None]     # gravity, 1.75 m are 200 pixels
    assert mend(points)[2] == [] and check_continuity(points[..., :2], np.ones(100, bool), "", fps=FPS) == []


@pytest.mark.parametrize("frames", [np.arange(100) >= 60, np.arange(100) // 20 == 2, np.arange(100) == 60],
                         ids=["one switch", "two switches", "one frame"])
@pytest.mark.parametrize("gap", [0, 1, 5])
def test_a_switch_to_another_person_is_refused_with_its_time_and_the_advice(frames, gap, tmp_path):
    points = walker()
    points[frames, :, 0] += 250
    first = int(np.flatnonzero(frames)[0])
    points[first - gap:first] = np.nan
    with pytest.raises(ValueError, match=rf"{first / FPS:.2f} s.*--from SECONDS --to SECONDS") as caught:
        read(tmp_path, points)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shift, scale", [((70, 0), 1), ((0, 0), 1.6)], ids=["beside", "of another size"])
def test_a_switch_to_a_near_person_is_said(shift, scale, tmp_path):
    points = walker()
    points[60:, :, :2] = (points[60:, :, :2] - [540, 500]) * scale + [540, 500] + shift
    notes = read(tmp_path, points).notes
    assert [note for note in notes if "at 2.40 s" in note and "--from SECONDS" in note]


def test_a_person_who_stands_at_one_place_and_never_moves_has_no_jump():
    points = np.repeat(walker(1)[..., :2], 3, axis=0)
    assert check_continuity(points, np.ones(3, bool), "", fps=FPS) == []
    assert check_continuity(points[:1], np.ones(1, bool), "", fps=FPS) == []
    assert not find_swapped(points[:1], np.ones((1, 17), bool), HUMAN36M).any()
