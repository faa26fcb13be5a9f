"""Human3.6M: VideoPose3D's npz files -> clips.

The user brings the files; dataset/README.md says from where.
"""
import json
from pathlib import Path

import numpy as np

from common.camera import inverse, normalize_intrinsics, normalize_screen, rotate, world_to_camera
from common.clips import Clip
from common.skeleton import HUMAN36M
from common.terminal import progress
from dataset.archive import read_archive

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
    check_symmetry(metadata, path_2d)
    clips = []
    for subject in SUBJECTS[split]:
        actions_3d = lookup(positions_3d, subject, f"subject {subject}", path_3d)
        actions_2d = lookup(positions_2d, subject, f"subject {subject}", path_2d)
        for action in progress(sorted(actions_3d, key=action_order), desc=f"load {subject}", unit="action"):
            views = lookup(actions_2d, action, f"{subject}'s action {action!r}", path_2d)
            if not isinstance(views, (list, tuple, np.ndarray)):
                raise ValueError(f"{path_2d}: {subject} {action} is a {type(views).__name__}; "
                                 f"expected a list of 4 cameras. {HINT}")
            for number, camera in enumerate(rig(subject)):
                if cameras is not None and str(number) not in cameras:
                    continue
                if number >= len(views):
                    raise ValueError(f"{path_2d}: {subject} {action} has {len(views)} cameras; "
                                     f"expected 4. {HINT}")
                clips.append(make_clip(subject, action, camera, np.asarray(actions_3d[action]),
                                       np.asarray(views[number])))
    return clips


def make_clip(subject: str, action: str, camera: dict, world: np.ndarray, pixels: np.ndarray) -> Clip:
    """One clip of recorded joints `world` (N, 32 or 17, 3), metres, and `pixels` (N or more, 17, 2)."""
    name = f"{subject}/{action}/{camera['id']}"
    if (world.ndim != 3 or world.shape[1] not in (RECORDED_JOINTS, len(JOINTS)) or world.shape[2] != 3
            or world.dtype.kind not in "fiu"):
        raise ValueError(f"{name}: expected 3D positions of shape (frames, 32, 3), got {world.shape}. {HINT}")
    if pixels.ndim != 3 or pixels.shape[1:] != (len(JOINTS), 2) or pixels.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected keypoints of shape (frames, 17, 2) in pixels, got {pixels.shape} "
                         f"of type {pixels.dtype}. {HINT}")
    if len(pixels) < len(world):
        raise ValueError(f"{name}: {len(pixels)} frames of 2D for {len(world)} of 3D; the 2D file may be "
                         f"longer, never shorter. Re-create it from the same recordings.")
    joints_world = world[:, JOINTS] if world.shape[1] == RECORDED_JOINTS else world
    return view(joints_world, camera, pixels=pixels[:len(world)],
                subject=subject, action=action.split(" ")[0], name=name, fps=FPS)


def view(joints_world: np.ndarray, camera: dict, *, pixels: np.ndarray, **fields) -> Clip:
    """The clip that `camera` (of `rig`) sees of `joints_world` (N, 17, 3), metres, as `pixels` (N, 17, 2)."""
    joints = world_to_camera(joints_world, camera["orientation"],    # camera space, metres
                             camera["translation"])
    root = joints[:, HUMAN36M.root]
    return Clip(keypoints=normalize_screen(pixels, width=camera["width"], height=camera["height"]),
                pose=joints - root[:, None], root=root, intrinsics=camera["intrinsics"],
                up=rotate(np.array([0.0, 0, 1]), inverse(camera["orientation"])), skeleton=HUMAN36M, **fields)


def rig(subject: str) -> list[dict]:
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


def lookup(table: dict, key: str, what: str, path: Path):
    """table[key], or a sentence that says what the file lacks."""
    if not isinstance(table, dict) or key not in table:
        found = ", ".join(map(str, table)) if isinstance(table, dict) else type(table).__name__
        raise ValueError(f"{path} lacks {what}; found: {found}. {HINT}")
    return table[key]


def action_order(action: str) -> tuple[int, str]:
    """Sorting key: the order of the published tables, then the take."""
    name = action.split(" ")[0]
    return (ACTIONS.index(name) if name in ACTIONS else len(ACTIONS), action)


def check_symmetry(metadata, path: Path) -> None:
    """Refuse a 2D file whose left and right joints are not those of the 17 joints used here."""
    expected = [HUMAN36M.indices("left_"), HUMAN36M.indices("right_")]
    found = metadata.get("keypoints_symmetry") if isinstance(metadata, dict) else None
    if np.shape(found) != (2, 6) or [sorted(side) for side in found] != expected:
        raise ValueError(f"{path}: expected keypoints_symmetry {expected} (left, right) in the metadata, "
                         f"got {found}. Its joints are in another order; convert them to Human3.6M's "
                         f"17. {HINT}")
