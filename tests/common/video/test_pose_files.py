"""Exported files give back the poses."""
import csv
import json
import os
import tracemalloc

import numpy as np
import pytest

from common import files
from common.skeleton import HUMAN36M
from common.video import parts, pose_files
from common.video.placement import LEVEL_AXES
from common.video.pose_files import ROOT_RELATIVE, save_bvh, save_csv, save_json, save_npz

FPS = 25
JOINTS = len(HUMAN36M.joints)
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


@pytest.mark.parametrize("save", [save_npz, save_json, save_csv, save_bvh,
                                  pose_files.save_trc, pose_files.save_angles])
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


@pytest.mark.parametrize("save", [save_json, save_csv, pose_files.save_trc, pose_files.save_angles])
def test_a_text_takes_less_memory_than_it_is_long(save, tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "PART", 50)
    poses = np.tile(articulated(40), (50, 1, 1))
    tracemalloc.start()
    save(tmp_path / "poses", poses, HUMAN36M, FPS)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < (tmp_path / "poses").stat().st_size


def test_the_trc_has_the_lines_of_its_rule(tmp_path):
    poses = articulated(5)
    pose_files.save_trc(tmp_path / "poses.trc", poses, HUMAN36M, FPS)
    markers = poses.reshape(5, -1) * np.tile([1000, -1000, -1000], JOINTS)
    rows = ["\t".join([f"{frame + 1}", f"{frame / FPS:.6f}", *(f"{value:.4f}" for value in marker)])
            for frame, marker in enumerate(markers)]
    assert (tmp_path / "poses.trc").read_text().split("\n")[6:] == [*rows, ""]
