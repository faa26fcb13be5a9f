"""The checkpoint that ships lifts a walker whose joint is hidden for three seconds, in a file and live."""
import json
from pathlib import Path

import numpy as np
import pytest

import run_ftcm
from common.batch_sizes import default_hop
from common.camera import denormalize_screen, project, world_to_camera
from common.command.options import PROJECT, SHIPPED
from common.lift import Lifting
from common.recording import to_clip
from common.skeleton import HUMAN36M
from common.video.stream import make_lifter
from common.weights import building, checkpoint
from common.windows import Window
from dataset import cmu_mocap, human36m
from dataset.keypoints.json_lines import KeypointStream
from dataset.keypoints.reader import read_recording
from model.folded import fold
from model.ftcm import FTCM
from tests.keypoint_samples import write_npz

SIZE, FPS = {"width": 1000, "height": 1000}, 50
HIDDEN = slice(60, 210)                             # three seconds
WINDOW, LIFTING = Window(27, hop=default_hop(27)), Lifting(batch_size=64)


@pytest.fixture(scope="module")
def network():
    saved = checkpoint.load(SHIPPED["fast"])
    saved["model_args"] = building.with_defaults(saved["model_args"], FTCM)
    return building.build(FTCM, saved, "")


@pytest.fixture(scope="module")
def walker():
    """(260, 17, 3): exact keypoints of a training motion, x, y in pixels and a score."""
    motions = cmu_mocap.read_motions(PROJECT / "dataset" / "cmu_mocap.npz")
    motion = next(motion for motion in motions if motion["name"] == "03_03")
    assert motion["split"] == "train" and motion["fps"] == FPS
    rig = human36m.read_rig("S1")
    joints = cmu_mocap.place_in_rig(motion["joints_world"][:260], rig, "03_03")
    camera = rig[0]
    screen = project(world_to_camera(joints, camera["orientation"], camera["translation"]),
                     camera["intrinsics"])
    pixels = denormalize_screen(screen, **SIZE)
    return np.concatenate([pixels, np.full((260, 17, 1), 0.9)], axis=-1)


def lift_file(network, track, folder: Path):
    recording = read_recording(write_npz(folder, keypoints=track, layout="human36m", fps=FPS, **SIZE))
    return run_ftcm.predict_clips(network, [to_clip(recording)], WINDOW, LIFTING)["pose"][0]


def lift_live(network, track, _):
    lines = [{"layout": "human36m", "fps": FPS, **SIZE}]
    lines += [[joint.tolist() if np.isfinite(joint).all() else None for joint in pose] for pose in track]
    lifter = make_lifter(fold(network), WINDOW, LIFTING, HUMAN36M)
    stream = KeypointStream([json.dumps(line).encode() for line in lines])
    poses = [lifter.push(keypoints) for keypoints, _ in stream]
    return np.stack([pose for pose in poses if pose is not None] + list(lifter.flush()))


@pytest.mark.parametrize("joints", [["right_wrist"], ["left_elbow", "left_wrist"]], ids=" and ".join)
@pytest.mark.parametrize("lift", [lift_file, lift_live])
def test_a_hidden_arm_moves_no_other_joint_far_and_stretches_no_bone(lift, joints, network, walker, tmp_path):
    rows = [HUMAN36M.joints.index(joint) for joint in joints]
    hidden = walker.copy()
    hidden[HIDDEN, rows] = np.nan
    seen, filled = lift(network, walker, tmp_path), lift(network, hidden, tmp_path)
    moved = np.delete(np.linalg.norm(filled - seen, axis=-1), rows, axis=1)[HIDDEN]     # (150, others)
    assert moved.mean() < 0.015 and moved.max() < 0.080
    assert moved.mean(axis=0).max() < 0.040                                             # the worst joint
    length = np.stack([np.linalg.norm(filled[:, child] - filled[:, parent], axis=-1)
                       for parent, child in HUMAN36M.bones], axis=1)
    assert (length / np.median(length, axis=0)).max() < 1.2
