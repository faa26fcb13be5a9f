"""Exported files give back the poses; the BVH does so through readers that others wrote."""
import csv
import json
import os

import numpy as np
import pytest

from common import files
from common.video import bvh
from common.video.pose_files import LEVEL_AXES, ROOT_RELATIVE, save_bvh, save_csv, save_json, save_npz
from common.skeleton import HUMAN36M, MPI_INF_3DHP

FPS = 25
JOINTS = len(HUMAN36M.joints)
STATED_ERROR = 0.001        # centimetres, between the fixed-length skeleton and the re-read file
# A standing person, metres in camera axes, facing the camera: y down, the person's left at positive x.
STANDING = np.array([(0, 0, 0), (-.13, 0, 0), (-.13, .44, 0), (-.13, .89, 0), (.13, 0, 0), (.13, .44, 0),
                     (.13, .89, 0), (0, -.23, 0), (0, -.48, 0), (0, -.58, -.07), (0, -.69, 0), (.15, -.45, 0),
                     (.43, -.45, 0), (.68, -.45, 0), (-.15, -.45, 0), (-.43, -.45, 0), (-.68, -.45, 0)])


def rotation(axis, angle):
    """Rodrigues' formula: (3, 3)."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def articulated(num_frames=40):
    """(N, J, 3): rigid bones; every joint turns about its own axis by up to 1.5 radians, the root walks."""
    generator = np.random.default_rng(5)
    axes, phases = generator.normal(size=(JOINTS, 3)), generator.uniform(0, 6, JOINTS)
    poses = np.zeros((num_frames, JOINTS, 3))
    for frame in range(num_frames):
        turns = {}
        for joint, parent in enumerate(HUMAN36M.parents):           # in Human3.6M's order parents come first
            own = rotation(axes[joint], 1.5 * np.sin(0.3 * frame + phases[joint]))
            turns[joint] = own if parent < 0 else turns[parent] @ own
            poses[frame, joint] = (0.02 * frame, 0, 4)
            if parent >= 0:
                bone = STANDING[joint] - STANDING[parent]
                poses[frame, joint] = poses[frame, parent] + turns[parent] @ bone
    return poses


def in_bvh_space(poses):
    return 100 * poses * [1, -1, -1]


def fixed_length(poses):
    """(N, J, 3), BVH space: forward kinematics of the angles that are written."""
    root, offsets, turns = bvh.joint_angles(in_bvh_space(poses), HUMAN36M)
    points, whole = np.zeros(poses.shape), turns.copy()
    points[:, 0] = root
    for joint, parent in list(enumerate(HUMAN36M.parents))[1:]:
        points[:, joint] = points[:, parent] + whole[:, parent] @ offsets[joint]
        whole[:, joint] = whole[:, parent] @ turns[:, joint]
    return points


def reread_with_bvh(path):
    """fps and (N, J, 3) by forward kinematics of what the PyPI package bvh reads."""
    package = pytest.importorskip("bvh", reason="needs the PyPI package bvh")
    file = package.Bvh(path.read_text())
    about = {"X": np.array([1., 0, 0]), "Y": np.array([0, 1., 0]), "Z": np.array([0, 0, 1.])}
    points = np.zeros((file.nframes, JOINTS, 3))
    for frame in range(file.nframes):
        turns = {}
        for name in file.get_joints_names():
            parent, own = file.joint_parent(name), np.eye(3)
            channels = file.joint_channels(name)
            values = dict(zip(channels, file.frame_joint_channels(frame, name, channels)))
            for channel in channels[-3:]:
                own = own @ rotation(about[channel[0]], np.radians(values[channel]))
            here = np.array(file.joint_offset(name))
            if parent is None:
                here = here + [values[f"{axis}position"] for axis in "XYZ"]
            else:
                here = points[frame, HUMAN36M.joints.index(parent.name)] + turns[parent.name] @ here
                own = turns[parent.name] @ own
            turns[name], points[frame, HUMAN36M.joints.index(name)] = own, here
    return 1 / file.frame_time, points


def reread_with_bvhio(path):
    """fps and (N, J, 3) by the PyPI package bvhio's own forward kinematics."""
    package = pytest.importorskip("bvhio", reason="needs the PyPI package bvhio")
    header = package.readAsBvh(str(path))
    root, points = package.readAsHierarchy(str(path)), np.zeros((header.FrameCount, JOINTS, 3))
    for frame in range(header.FrameCount):
        root.loadPose(frame)
        for joint, _, _ in root.layout():
            points[frame, HUMAN36M.joints.index(joint.Name)] = joint.PositionWorld
    return 1 / header.FrameTime, points


@pytest.mark.parametrize("reread", [reread_with_bvh, reread_with_bvhio])
def test_bvh_read_by_another_program_gives_back_the_joints(reread, tmp_path):
    poses = articulated(6) + np.random.default_rng(0).normal(0, 0.01, (6, JOINTS, 3))
    save_bvh(tmp_path / "motion.bvh", poses, HUMAN36M, FPS)
    fps, points = reread(tmp_path / "motion.bvh")
    assert fps == pytest.approx(FPS) and len(points) == 6
    assert np.abs(points - fixed_length(poses)).max() < STATED_ERROR


def test_on_the_floor_the_lowest_joint_of_every_frame_lies_at_0_and_nothing_else_changes(tmp_path):
    poses = articulated(6) + np.random.default_rng(0).normal(0, 0.01, (6, JOINTS, 3))
    save_bvh(tmp_path / "motion.bvh", poses, HUMAN36M, FPS, on_floor=True)
    _, points = reread_with_bvh(tmp_path / "motion.bvh")
    assert points[..., 1].min(1) == pytest.approx(np.zeros(6), abs=STATED_ERROR)
    moved = points - fixed_length(poses)
    assert np.abs(moved - moved[:, :1]).max() < STATED_ERROR
    assert np.abs(moved[..., [0, 2]]).max() < STATED_ERROR


def test_the_fixed_length_skeleton_is_a_rigid_motion_itself():
    poses = articulated()
    assert np.abs(fixed_length(poses) - in_bvh_space(poses)).max() < 1e-6


def test_bones_have_the_median_length_left_as_right():
    poses = articulated()
    poses[:19] = poses[:19] * 1.2                                   # the median ignores the smaller part
    points = fixed_length(poses)
    for parent, child in HUMAN36M.bones:
        length = 100 * np.linalg.norm(STANDING[child] - STANDING[parent])
        assert np.linalg.norm(points[:, child] - points[:, parent], axis=-1) == pytest.approx(length)


def test_noise_of_a_centimetre_moves_the_fixed_length_skeleton_by_little():
    poses = articulated()
    noisy = poses + np.random.default_rng(1).normal(0, 0.01, poses.shape)
    assert np.linalg.norm(fixed_length(noisy) - in_bvh_space(poses), axis=-1).mean() < 4


@pytest.mark.parametrize("poses", [np.zeros((3, JOINTS, 3)), STANDING[None], STANDING[None] * [1, -1, 1]])
def test_collapsed_single_and_upside_down_poses_give_finite_angles(poses, tmp_path):
    save_bvh(tmp_path / "motion.bvh", poses, HUMAN36M, FPS)
    text = (tmp_path / "motion.bvh").read_text()
    assert f"Frames: {len(poses)}" in text and "nan" not in text


def test_the_standing_pose_needs_almost_no_rotation():
    _, offsets, turns = bvh.joint_angles(in_bvh_space(STANDING[None]), HUMAN36M)
    arms = [HUMAN36M.joints.index(f"left_{joint}") for joint in ("hip", "knee", "shoulder", "elbow")]
    assert np.abs(bvh.euler_zxy(turns[:, 0])).max() < 1e-6
    for joint in arms:
        assert np.abs(bvh.euler_zxy(turns[:, joint])).max() < 1e-6
    assert offsets[HUMAN36M.joints.index("left_elbow")] == pytest.approx([28, 0, 0])


def test_opposite_directions_turn_half_round():
    start = np.array([[0, 1., 0], [1, 0, 0], [.6, 0, .8]])
    turns = bvh.shortest_turn(start, -start)
    assert np.einsum("nij,nj->ni", turns, start) == pytest.approx(-start)
    assert np.linalg.det(turns) == pytest.approx(1)


def test_zxy_angles_multiply_back_to_the_rotation_at_the_poles_too():
    generator = np.random.default_rng(2)
    angles = np.concatenate([generator.uniform(-180, 180, (20, 3)), [(30, 90, 20), (30, -90, 20), (0, 0, 0)]])
    axes = np.eye(3)
    build = lambda z, x, y: rotation(axes[2], z) @ rotation(axes[0], x) @ rotation(axes[1], y)  # noqa: E731
    turns = np.stack([build(*np.radians(angle)) for angle in angles])
    again = np.stack([build(*np.radians(angle)) for angle in bvh.euler_zxy(turns)])
    assert again == pytest.approx(turns, abs=1e-7)


def test_another_skeleton_is_written_with_its_own_tree(tmp_path):
    save_bvh(tmp_path / "motion.bvh", np.random.default_rng(3).normal(size=(4, 17, 3)), MPI_INF_3DHP, FPS)
    text = (tmp_path / "motion.bvh").read_text()
    assert text.startswith("HIERARCHY\nROOT pelvis") and text.count("JOINT") == 16 and "nan" not in text


def test_npz_json_and_csv_give_back_the_poses_and_say_joints_rate_and_space(tmp_path):
    poses = articulated(5)
    save_npz(tmp_path / "poses.npz", poses, HUMAN36M, FPS, space=LEVEL_AXES)
    save_json(tmp_path / "poses.json", poses, HUMAN36M, FPS)
    save_csv(tmp_path / "poses.csv", poses, HUMAN36M, FPS)
    archive = np.load(tmp_path / "poses.npz", allow_pickle=False)
    assert archive["poses"] == pytest.approx(poses, abs=1e-6) and archive["fps"] == FPS
    assert tuple(archive["joints"]) == HUMAN36M.joints and tuple(archive["parents"]) == HUMAN36M.parents
    assert archive["space"] == LEVEL_AXES and archive["unit"] == "m"
    data = json.loads((tmp_path / "poses.json").read_text())
    assert np.array(data["poses"]) == pytest.approx(poses, abs=1e-5) and data["space"] == ROOT_RELATIVE
    assert (data["fps"], data["unit"], data["frames"]) == (FPS, "m", 5)
    assert tuple(data["joints"]) == HUMAN36M.joints and tuple(data["parents"]) == HUMAN36M.parents
    with open(tmp_path / "poses.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 and rows[3]["time_s"] == "0.12000"
    wrist = HUMAN36M.joints.index("left_wrist")
    assert float(rows[3]["left_wrist_y_m"]) == pytest.approx(poses[3, wrist, 1], abs=1e-5)


@pytest.mark.parametrize("save", [save_npz, save_json, save_csv, save_bvh])
@pytest.mark.parametrize("poses, fps, sentence", [
    (np.zeros((0, JOINTS, 3)), FPS, "at least one frame"), (np.zeros((2, 16, 3)), FPS, r"got \(2, 16, 3\)"),
    (np.full((2, JOINTS, 3), np.nan), FPS, "NaN"), (np.zeros((2, JOINTS, 3)), 0, "above 0, got 0")])
def test_bad_poses_are_refused_and_leave_no_file(save, poses, fps, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        save(tmp_path / "poses", poses, HUMAN36M, fps)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_replaced_whole_or_stays(tmp_path, monkeypatch):
    path = tmp_path / "poses.csv"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        files.write_whole(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
