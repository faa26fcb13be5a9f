"""Angles of hand-made poses have the values that a protractor gives, left as right."""
import csv
import io

import numpy as np
import pytest

from common.skeleton import HUMAN36M, flip
from common.video.angles import angle_lines, angles
from tests.common.video.test_pose_files import STANDING, rotation

COS, SIN = np.cos(np.radians(30)), np.sin(np.radians(30))


def measured(pose, **options):
    return {name: values[0] for name, values in angles(pose[None], HUMAN36M, **options).items()}


def moved(**joints):
    """The standing T pose with joints at offsets from those that carry them: x left, y down, z back."""
    pose = STANDING.copy()
    for name, parent in zip(HUMAN36M.joints, HUMAN36M.parents):         # parents come first
        if parent >= 0:
            bone = joints.get(name, STANDING[HUMAN36M.joints.index(name)] - STANDING[parent])
            pose[HUMAN36M.joints.index(name)] = pose[parent] + bone
    return pose


def both(**joints):
    """`moved` for the left side's joints and, mirrored, for the right side's."""
    right = {f"right_{name}": np.array(bone) * [-1, 1, 1] for name, bone in joints.items()}
    return moved(**{f"left_{name}": bone for name, bone in joints.items()}, **right)


def expect(pose, **wanted):
    """Both sides' angles; every angle that is not named is 0, or not told where `wanted` says None."""
    default = {"trunk_flexion": 0, "trunk_side_bend": 0, "trunk_rotation": 0, "hip_flexion": 0,
               "hip_abduction": 0, "hip_rotation": None, "knee_flexion": 0, "shoulder_elevation": 90,
               "shoulder_plane": 0, "shoulder_rotation": None, "elbow_flexion": 0} | wanted
    for name, value in measured(pose).items():
        told = default[name.removeprefix("left_").removeprefix("right_")]
        assert value == pytest.approx(np.nan if told is None else told, abs=1e-6, nan_ok=True), name


def test_t_pose():
    expect(STANDING)


def test_squat_with_90_degrees_at_hips_and_knees():
    expect(both(knee=(0, 0, -.44)), hip_flexion=90, knee_flexion=90, hip_rotation=0)


def test_leg_to_the_back_and_to_the_side():
    expect(both(knee=(0, .44 * COS, .44 * SIN), ankle=(0, .45 * COS, .45 * SIN)), hip_flexion=-30)
    expect(both(knee=(.44 * SIN, .44 * COS, 0), ankle=(.45 * SIN, .45 * COS, 0)), hip_abduction=30)


def test_thigh_turned_inwards_while_sitting():
    expect(both(knee=(0, 0, -.44), ankle=(.45 * SIN, .45 * COS, 0)), hip_flexion=90, knee_flexion=90,
           hip_rotation=30)


@pytest.mark.parametrize("elbow, elevation, plane", [
    ((0, .28, 0), 0, None), ((0, 0, -.28), 90, 90), ((0, -.28, 0), 180, None),
    ((0, .28 * COS, .28 * SIN), 30, -90), ((.28 * SIN, .28 * COS, 0), 30, 0),
    ((.28 * COS, 0, -.28 * SIN), 90, 30)])
def test_raised_arms(elbow, elevation, plane):
    expect(both(elbow=elbow, wrist=elbow), shoulder_elevation=elevation, shoulder_plane=plane)


@pytest.mark.parametrize("elbow, wrist, elevation, plane, rotation", [
    ((0, .28, 0), (0, 0, -.25), 0, None, 0),            # hanging, forearm to the front
    ((0, .28, 0), (-.25, 0, 0), 0, None, 90),           # hanging, forearm across the belly
    ((.28, 0, 0), (0, 0, -.25), 90, 0, 0),              # to the side, forearm to the front
    ((.28, 0, 0), (0, -.25, 0), 90, 0, -90),            # hands up
    ((.28, 0, 0), (0, .25 * COS, -.25 * SIN), 90, 0, 60)])
def test_upper_arms_turned_about_themselves(elbow, wrist, elevation, plane, rotation):
    expect(both(elbow=elbow, wrist=wrist), shoulder_elevation=elevation, shoulder_plane=plane,
           shoulder_rotation=rotation, elbow_flexion=90)


def test_trunk_bent_to_the_front_to_the_right_and_turned_to_the_left():
    upper = [HUMAN36M.joints.index(name) for name in HUMAN36M.joints
             if not name.endswith(("hip", "knee", "ankle", "pelvis"))]
    for axis, name in [((1, 0, 0), "trunk_flexion"), ((0, 0, -1), "trunk_side_bend"),
                       ((0, -1, 0), "trunk_rotation")]:
        pose = STANDING.copy()
        pose[upper] = pose[upper] @ rotation(np.array(axis), np.radians(30)).T
        found = measured(pose)
        assert found[name] == pytest.approx(30)
        assert [found[other] for other in ("trunk_flexion", "trunk_side_bend", "trunk_rotation")
                if other != name] == pytest.approx([0, 0], abs=1e-6)
    assert measured(pose)["left_hip_flexion"] == pytest.approx(0, abs=1e-6)


def test_angles_of_the_body_do_not_depend_on_heading_and_mirrored_bodies_swap_sides():
    pose = STANDING + np.random.default_rng(0).normal(0, 0.1, STANDING.shape)
    found, mirrored = measured(pose), measured(flip(pose, HUMAN36M))
    turned = measured(pose @ rotation(np.array([0, 1, 0]), 2.0).T)
    for name, value in found.items():
        assert turned[name] == pytest.approx(value, nan_ok=True)
        if name.startswith("trunk"):
            assert mirrored[name] == pytest.approx(value if name == "trunk_flexion" else -value)
        else:
            twin = name.replace("left", "?").replace("right", "left").replace("?", "right")
            assert mirrored[twin] == pytest.approx(value, nan_ok=True)


def test_a_tilted_cameras_lean_is_taken_out_where_up_is_stated():
    turn = rotation(np.array([1, 0, 0]), np.radians(25))
    assert measured(STANDING @ turn.T)["trunk_flexion"] == pytest.approx(25)
    assert measured(STANDING @ turn.T, up=turn @ [0, -1, 0])["trunk_flexion"] == pytest.approx(0, abs=1e-9)


def test_somebody_who_lies_on_a_side_or_is_one_point_has_no_lean():
    lying = measured(STANDING @ rotation(np.array([0, 0, 1]), np.pi / 2).T)
    assert np.isnan(lying["trunk_flexion"]) and lying["left_hip_flexion"] == pytest.approx(0, abs=1e-6)
    assert all(np.isnan(value) for value in measured(0 * STANDING).values())


def test_the_table_has_a_row_a_frame_and_empty_cells_for_what_is_not_told():
    poses = np.stack([STANDING, both(knee=(0, 0, -.44))])
    rows = list(csv.DictReader(io.StringIO("".join(angle_lines(poses, HUMAN36M, 50)))))
    assert [row["frame"] for row in rows] == ["0", "1"] and rows[1]["time_s"] == "0.02000"
    assert [row["left_hip_rotation_deg"] for row in rows] == ["", "0.00"]
    assert [float(row["left_knee_flexion_deg"]) for row in rows] == [0, 90]
    assert len(rows[0]) == 2 + 3 + 2 * 8
