"""The bundled motion capture (CMU) seen by virtual cameras -> clips.

Format, source and terms: dataset/cmu_mocap.md.

Each motion stands in the middle of a Human3.6M camera rig: the rigs of S1, S5, S6, S7, S8 in turn for the
training subjects, of S9, S11 for the test subjects. Its heading is drawn from its name, so it is the same in
every run.
"""
import json
import zlib
from pathlib import Path

import numpy as np
import torch

from common.augmentation.keypoint_errors import JITTER, KEY_FRAME_EVERY, UNIFORM, drift
from common.camera import denormalize_screen, project, world_to_camera
from common.clips import Clip
from common.skeleton import HUMAN36M
from common.terminal import progress
from dataset import human36m
from dataset.archive import read_archive
from dataset.reading import read_number, read_numbers, read_rows, read_text, read_texts

KEYPOINTS = ["gt", "detected"]
CAMERAS = human36m.CAMERAS
SKELETON = HUMAN36M
HINT = "It ships with the project: restore it with git, or drop --root_path."


def load(folder: Path, *, keypoints: str, split: str, cameras: list[str] | None = None) -> list[Clip]:
    """All clips of the split's subjects seen by `cameras` (None: all four).

    `keypoints`: "gt" is the exact projection with lens distortion; "detected" adds simulated detector noise
    (`detector_error`). Raises FileNotFoundError or ValueError.
    """
    if keypoints not in KEYPOINTS:
        raise ValueError(f"The bundled data set has the keypoints {' and '.join(KEYPOINTS)}, "
                         f"not {keypoints!r}. Choose one with -k.")
    groups = read_groups(folder / "cmu_mocap.csv")
    motions = [motion for motion in read_motions(folder / "cmu_mocap.npz") if motion["split"] == split]
    unlisted = [motion["name"] for motion in motions if motion["name"] not in groups]
    if not motions:
        raise ValueError(f"{folder / 'cmu_mocap.npz'} has no motion of the {split} split. {HINT}")
    if unlisted:
        raise ValueError(f"{folder / 'cmu_mocap.csv'} lacks the motions {', '.join(unlisted[:5])}. {HINT}")
    subjects = sorted({motion["subject"] for motion in motions})
    noise = read_noise()
    clips = []
    for motion in progress(motions, desc=f"load cmu {split}", unit="motion"):
        name = motion["name"]
        rigs = human36m.SUBJECTS[split]
        rig = human36m.read_rig(rigs[subjects.index(motion["subject"]) % len(rigs)])
        joints_world = place_in_rig(motion["joints_world"], rig, name)
        for index, camera in enumerate(rig):
            if cameras is not None and str(index) not in cameras:
                continue
            clip_name = f"{name}/{camera['id']}"
            screen = project(world_to_camera(joints_world, camera["orientation"], camera["translation"]),
                             camera["intrinsics"], camera["distortion"])
            if keypoints == "detected":
                screen = screen + detector_error(len(screen), noise, seed=zlib.crc32(clip_name.encode()))
            pixels = denormalize_screen(screen, width=camera["width"], height=camera["height"])
            clips.append(human36m.make_view(joints_world, camera, pixels=pixels, subject=motion["subject"],
                                            action=groups[name], name=clip_name, fps=motion["fps"]))
    return clips


def read_motions(path: Path) -> list[dict]:
    """Every motion: name, subject, split, fps and joints_world (N, 17, 3), metres, z up, floor near z = 0.

    Stored are second differences over time of whole millimetres, all motions one after another.
    """
    keys = ["d2", "frames", "name", "subject", "split", "fps"]
    values = dict(zip(keys, read_archive(path, keys, hint=HINT)))
    differences, lengths = (read_numbers(values[key], f"{path}: {key}") for key in ("d2", "frames"))
    fps = read_number(values["fps"], f"{path}: fps")
    lists = [read_texts(values[key], f"{path}: {key}") for key in ("name", "subject", "split")]
    num_joints = len(HUMAN36M.joints)
    whole = differences.dtype.kind in "iu" and lengths.dtype.kind in "iu"
    if (not whole or lengths.ndim != 1 or lengths.min(initial=1) < 1
            or differences.shape != (3 * num_joints, lengths.sum())
            or any(len(entries) != len(lengths) for entries in lists)):
        raise ValueError(f"{path}: expected whole d2 ({3 * num_joints}, frames of all motions) and frames, "
                         f"name, subject, split of each motion, got d2 {differences.shape} and "
                         f"{len(lists[0])} names. {HINT}")
    motions, first = [], 0
    for length, name, subject, split in zip(lengths.tolist(), *lists):
        part = differences[:, first:first + length].astype(np.int32)
        millimetres = part.cumsum(axis=1).cumsum(axis=1).T.reshape(length, num_joints, 3)
        motions.append({"name": name, "subject": subject, "split": split, "fps": fps,
                        "joints_world": millimetres / 1000})
        first += length
    return motions


def read_groups(path: Path) -> dict[str, str]:
    """Motion name -> its group, the `action` of its clips, from the manifest."""
    if not path.exists():
        raise FileNotFoundError(f"Missing data file {path}. {HINT}")
    rows = [row for _, row in read_rows(path)]
    header = rows[0] if rows else []
    if not {"subject", "trial", "group"} <= set(header) or any(len(row) != len(header) for row in rows):
        raise ValueError(f"{path}: expected the columns subject, trial and group in every row. {HINT}")
    subject, trial, group = (header.index(name) for name in ("subject", "trial", "group"))
    return {f"{row[subject]}_{row[trial]}": read_text(row[group], f"{path}: group") for row in rows[1:]}


def place_in_rig(joints_world: np.ndarray, rig: list[dict], name: str) -> np.ndarray:
    """The motion (N, 17, 3) turned about the vertical and moved to the rig's centre.

    The angle is drawn from `name`; the median root comes to the centre. Heights stay. The centre is where the
    four viewing directions, seen from above, come closest together.
    """
    angle = 2 * np.pi * zlib.crc32(name.encode()) / 2 ** 32
    cos, sin = np.cos(angle), np.sin(angle)
    turned = joints_world @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    median = np.median(turned[:, HUMAN36M.root, :2], axis=0)
    return turned - np.append(median - find_rig_center(rig), 0)


def find_rig_center(rig: list[dict]) -> np.ndarray:
    """The floor point (2,), world space, metres, of least squared distance to the viewing directions."""
    normal, moment = np.zeros((2, 2)), np.zeros(2)
    for camera in rig:
        ahead = world_to_camera(np.eye(3), camera["orientation"],    # the z axis, seen from above
                                np.zeros(3))[:2, 2]
        ahead = ahead / np.linalg.norm(ahead)
        across = np.eye(2) - np.outer(ahead, ahead)
        normal, moment = normal + across, moment + across @ camera["translation"][:2]
    return np.linalg.solve(normal, moment)


def read_noise() -> dict:
    """The parameters of the simulated detector noise, dataset/detector_noise.json."""
    return json.loads((Path(__file__).parent / "detector_noise.json").read_text(encoding="utf-8"))


def detector_error(num_frames: int, noise: dict, *, seed: int) -> np.ndarray:
    """Simulated detector noise (num_frames, 17, 2), screen units.

    The parameters `noise` come from `read_noise`; MotionBERT's authors fitted them to a 2D detector. Each
    joint's error is drawn at every KEY_FRAME_EVERY-th frame: with probability `weight` from its Gaussian,
    else uniformly within +-UNIFORM. Between these frames it drifts linearly. White jitter of standard
    deviation JITTER is added.
    """
    generator = np.random.default_rng(seed)
    num_keys = (num_frames - 1) // KEY_FRAME_EVERY + 2
    shape = (num_keys, len(HUMAN36M.joints), 2)
    gaussian = generator.normal(noise["mean"], noise["std"], shape)
    uniform = generator.uniform(-UNIFORM, UNIFORM, shape)
    is_gaussian = generator.random(shape[:2]) < np.array(noise["weight"])
    position = np.arange(num_frames) / KEY_FRAME_EVERY
    draws = (torch.from_numpy(array)[None] for array in (gaussian, uniform, is_gaussian, position))
    error = drift(*draws)[0].numpy()
    return error + generator.normal(0, JITTER, error.shape)
