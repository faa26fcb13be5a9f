"""Human3.6M: VideoPose3D's npz files -> clips.

The user brings the files; dataset/README.md says from where.
"""
import json
from pathlib import Path

import numpy as np

from common.camera import inverse, normalize_intrinsics, rotate, world_to_camera
from common.clips import Clip, from_pixels
from common.skeleton import HUMAN36M
from common.terminal import progress
from dataset.archive import read_archive
from dataset.reading import describe_value, look_up, read_numbers, read_text

SUBJECTS = {"train": ["S1", "S5", "S6", "S7", "S8"], "test": ["S9", "S11"]}
ACTIONS = ["Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases",
           "Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether"]
CAMERAS = ["0", "1", "2", "3"]
FPS = 50
SKELETON = HUMAN36M
RECORDED_JOINTS = 32
JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]     # the 17 of the 32 recorded joints
HINT = ("Put VideoPose3D's Human3.6M files into the folder (dataset/README.md says how to make them), "
        "or name another folder with --root_path. To try FTCM without licensed data: --dataset cmu.")


def load(folder: Path, *, keypoints: str, split: str, cameras: list[str] | None = None) -> list[Clip]:
    """All clips of the training or test subjects seen by `cameras` (None: all four).

    Reads data_3d_h36m.npz (world space, metres) and data_2d_h36m_{keypoints}.npz (pixels). A 2D sequence may
    be longer than its 3D one, never shorter. Raises FileNotFoundError or ValueError.
    """
    path_3d, path_2d = folder / "data_3d_h36m.npz", folder / f"data_2d_h36m_{keypoints}.npz"
    if path_3d.is_file() and not path_2d.is_file():
        found = sorted(path.stem.removeprefix("data_2d_h36m_") for path in folder.glob("data_2d_h36m_*.npz"))
        raise FileNotFoundError(f"Missing data file {path_2d}; keypoint sources found in {folder}: "
                                f"{', '.join(found) or 'none'}. Choose one of them with -k. {HINT}")
    positions_3d, = read_archive(path_3d, ["positions_3d"], hint=HINT)
    positions_2d, metadata = read_archive(path_2d, ["positions_2d", "metadata"], hint=HINT)
    check_symmetry(metadata, str(path_2d))
    clips = []
    for subject in SUBJECTS[split]:
        actions_3d, actions_2d = (look_up(table, subject, f"subject {subject}", str(path), hint=HINT)
                                  for table, path in ((positions_3d, path_3d), (positions_2d, path_2d)))
        if not isinstance(actions_3d, dict) or not actions_3d:
            raise ValueError(f"{path_3d}: subject {subject} has no actions. {HINT}")
        names = [read_text(action, f"{path_3d}: {subject}'s action") for action in actions_3d]
        for action in progress(sorted(names, key=action_order), desc=f"load {subject}", unit="action"):
            views = look_up(actions_2d, action, f"{subject}'s action {action!r}", str(path_2d), hint=HINT)
            views = list(views) if isinstance(views, np.ndarray) and views.ndim else views
            if not isinstance(views, (list, tuple)) or len(views) < len(CAMERAS):
                raise ValueError(f"{path_2d}: {subject} {action} must have a list of 4 cameras, got "
                                 f"{describe_value(views)}. {HINT}")
            clips += [make_clip(subject, action, camera, actions_3d[action], views[number])
                      for number, camera in enumerate(read_rig(subject))
                      if cameras is None or str(number) in cameras]
    return clips


def make_clip(subject: str, action: str, camera: dict, world, pixels) -> Clip:
    """One clip of recorded joints `world` (N, 32 or 17, 3), metres, and `pixels` (N or more, 17, 2)."""
    name = f"{subject}/{action}/{camera['id']}"
    world, pixels = read_numbers(world, f"{name}: 3D positions"), read_numbers(pixels, f"{name}: keypoints")
    if world.ndim != 3 or world.shape[1] not in (RECORDED_JOINTS, len(JOINTS)) or world.shape[2] != 3:
        raise ValueError(f"{name}: expected 3D positions of shape (frames, 32, 3), got {world.shape}. {HINT}")
    if pixels.ndim != 3 or pixels.shape[1:] != (len(JOINTS), 2):
        raise ValueError(f"{name}: expected keypoints of shape (frames, 17, 2) in pixels, got "
                         f"{pixels.shape}. {HINT}")
    if len(pixels) < len(world):
        raise ValueError(f"{name}: {len(pixels)} frames of 2D for {len(world)} of 3D; the 2D file may be "
                         f"longer, never shorter. Re-create it from the same recordings.")
    joints_world = world[:, JOINTS] if world.shape[1] == RECORDED_JOINTS else world
    return make_view(joints_world, camera, pixels=pixels[:len(world)],
                subject=subject, action=action.split(" ")[0], name=name, fps=FPS)


def make_view(joints_world: np.ndarray, camera: dict, *, pixels: np.ndarray, **fields) -> Clip:
    """The clip of `joints_world` (N, 17, 3), metres, that `camera` (of `read_rig`) sees as `pixels`."""
    with np.errstate(over="ignore", invalid="ignore"):
        joints = world_to_camera(joints_world, camera["orientation"], camera["translation"])
    return from_pixels(pixels, width=camera["width"], height=camera["height"], joints=joints,
                       intrinsics=camera["intrinsics"], skeleton=HUMAN36M,
                       up=rotate(np.array([0.0, 0, 1]), inverse(camera["orientation"])), **fields)


def read_rig(subject: str) -> list[dict]:
    """The four cameras of a subject's session.

    id; width, height in pixels; orientation (4,) quaternion; translation (3,) in metres; intrinsics (4,) in
    screen units; distortion (5,) k1, k2, k3, p1, p2. From the data set's calibration, as published with
    VideoPose3D.
    """
    calibration = json.loads((Path(__file__).parent / "human36m_cameras.json").read_text())
    cameras = []
    for lens, place in zip(calibration["intrinsics"], calibration["extrinsics"][subject]):
        size = {"width": lens["res_w"], "height": lens["res_h"]}
        cameras.append({
            "id": lens["id"], **size,
            "orientation": np.array(place["orientation"]),
            "translation": np.array(place["translation"]) / 1000,
            "intrinsics": normalize_intrinsics(lens["focal_length"], lens["center"], **size),
            "distortion": np.array(lens["radial_distortion"] + lens["tangential_distortion"])})
    return cameras


def action_order(action: str) -> tuple[int, str]:
    """Sorting key: the published tables' order of actions, then the take."""
    name = action.split(" ")[0]
    return (ACTIONS.index(name) if name in ACTIONS else len(ACTIONS), action)


def check_symmetry(metadata, where: str) -> None:
    """Refuse a 2D file whose left and right joints differ from those of the 17 joints used here."""
    expected = [HUMAN36M.indices("left_"), HUMAN36M.indices("right_")]
    found = look_up(metadata, "keypoints_symmetry", "keypoints_symmetry in its metadata", where, hint=HINT)
    sides = np.sort(np.atleast_2d(read_numbers(found, f"{where}: keypoints_symmetry")))
    if sides.tolist() != expected:
        raise ValueError(f"{where}: expected keypoints_symmetry {expected} (left, right) in the metadata, "
                         f"got {describe_value(found)}. Its joints are in another order; convert them to "
                         f"Human3.6M's 17. {HINT}")
