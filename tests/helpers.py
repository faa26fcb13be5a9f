"""What several test files share: golden files, stand-in release weights, miniature archives."""
from pathlib import Path

import numpy as np
import torch

import run_ftcm
from common import engine
from common.camera import denormalize_screen, project, rotate, world_to_camera
from common.clips import Clip
from common.lift import Lifting
from common.pictures import curves
from common.reporting import report
from common.skeleton import HUMAN36M
from common.video import own_video
from common.weights import checkpoint, originals
from common.windows import Window
from dataset import human36m
from model.ftcm import FTCM
from tests.golden.reference_weights import reference_tensor

GOLDEN = Path(__file__).parents[0] / "golden"


def release_state(frames, *, layout=1, depth=6, dim=512, num_joints=17):
    """A state dict of the release's network with the golden stand-in weights, never-used tensors included."""
    shapes = {key: value.shape for key, value in
              FTCM(num_joints=num_joints, frames=frames, dim=dim, depth=depth).state_dict().items()}
    source = {ours: key for key, ours in originals.release_names(depth, 1).items()}
    state = {key: torch.from_numpy(reference_tensor(source[ours], shapes[ours]))
             for key, ours in originals.release_names(depth, layout).items()}
    for i in range(depth):
        part = f"fn.fc2_{i}" if layout == 1 else "hrn"
        for width in (256, 128):
            state[f"mlpmixer.gmlp.{i}.{part}.ln_{width}.weight"] = torch.zeros(width // 2, width // 2)
            state[f"mlpmixer.gmlp.{i}.{part}.ln_{width}.bias"] = torch.zeros(width // 2)
    return state


def random_pose(num_frames, *, seed=0, num_joints=17):
    """Poses (N, J, 3), metres, that look like nothing; the root (joint 0) lies at the origin."""
    pose = np.random.default_rng(seed).normal(0, 0.3, (num_frames, num_joints, 3))
    return pose - pose[:, :1]


def random_clip(num_frames, *, seed=0, action="Walking", subject="S9", valid=None):
    """A Human3.6M clip of random motion, 3 m before a simple camera; keypoints are the exact projection."""
    pose = random_pose(num_frames, seed=seed)
    root = np.array([0.1, -0.2, 3.0]) + np.random.default_rng(seed + 1).normal(0, 0.05, (num_frames, 3))
    intrinsics = np.array([2.3, 2.3, 0.02, -0.01])
    return Clip(subject=subject, action=action, name=f"{subject}/{action}/{seed}", fps=50, skeleton=HUMAN36M,
                keypoints=project(pose + root[:, None], intrinsics), pose=pose, root=root,
                intrinsics=intrinsics, valid=valid)


def write_human36m(folder, *, keypoints="gt", lengths=None, extra_2d=3):
    """Miniature Human3.6M archives in VideoPose3D's format.

    Returns {(subject, action): (N, 32, 3)} in world metres.
    The pixels are the exact projection with lens distortion; each 2D sequence is `extra_2d` frames longer.
    """
    lengths = lengths or {("S1", "Walking"): 12, ("S5", "Eating 1"): 9, ("S9", "Walking 1"): 11,
                          ("S9", "WalkDog"): 7, ("S11", "Walking"): 8}
    generator = np.random.default_rng(7)
    positions_3d, positions_2d, worlds = {}, {}, {}
    for (subject, action), length in lengths.items():
        walk = generator.normal(0, 0.02, (length + extra_2d, 32, 3)).cumsum(0)
        world = walk + generator.uniform([-0.5, -0.5, 0.2], [0.5, 0.5, 1.8], (1, 32, 3))
        views = []
        for camera in human36m.read_rig(subject):
            points = world_to_camera(world[:, human36m.JOINTS], camera["orientation"], camera["translation"])
            screen = project(points, camera["intrinsics"], camera["distortion"])
            views.append(denormalize_screen(screen, width=camera["width"],
                                            height=camera["height"]).astype(np.float32))
        positions_3d.setdefault(subject, {})[action] = world[:length].astype(np.float32)
        positions_2d.setdefault(subject, {})[action] = views
        worlds[subject, action] = world[:length]
    metadata = {"layout_name": "h36m", "num_joints": 17,
                "keypoints_symmetry": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=np.array(positions_3d, dtype=object))
    np.savez_compressed(folder / f"data_2d_h36m_{keypoints}.npz",
                        positions_2d=np.array(positions_2d, dtype=object),
                        metadata=np.array(metadata, dtype=object))
    return worlds


def save_network(path, data, **model_args):
    """A checkpoint of an FTCM with random weights; `data` says what it was trained on."""
    checkpoint.save(path, {"format": checkpoint.FORMAT, "model_args": model_args, "fps": 50, "data": data,
                           "model": FTCM(**model_args).state_dict()})


def save_small_network(path):
    """A checkpoint of a small network of 9 frames, with random weights, in `path`, which is returned."""
    torch.manual_seed(0)
    save_network(path, {"dataset": "cmu", "keypoints": "gt", "tds": 1}, frames=9, dim=16, depth=1)
    return path


def run(line, folder, output=None):
    """The exit status of run_ftcm.py on the CPU; {kind} in the line is the file kind.pth of the folder."""
    words = line.format_map(type("Files", (dict,), {"__missing__": lambda _, kind: f"{folder}/{kind}.pth"})())
    try:
        return run_ftcm.main([*words.split(), "--device", "cpu", "--root_path", str(folder),
                              *(["--output", str(output)] if output else [])])
    except SystemExit as stop:
        return stop.code


def predict(model, clips, *, frames, tds=1, target="center", hop=None, refiner=None, **lifting):
    """`engine.predict` with the fields of a window and of how to lift as arguments."""
    window = Window(frames, tds=tds, target=target, hop=hop)
    return engine.predict(model, clips, window, Lifting(**lifting), refiner=refiner)


def camera_to_world(points_camera, orientation, translation):
    """World-space points (.., 3) of camera-space points (.., 3); the inverse of `world_to_camera`."""
    return rotate(points_camera, np.asarray(orientation)) + np.asarray(translation)


def draw_nothing(patch):
    """Pictures take most of a miniature run's time: with `patch`, pytest's monkeypatch, none is drawn."""
    patch.setattr(curves, "save_training_curves", lambda *_, **__: None)
    patch.setattr(report, "save_animation", lambda *_, **__: None)
    patch.setattr(own_video, "write_pictures", lambda *_, **__: ([], []))
