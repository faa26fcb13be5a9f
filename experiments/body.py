"""What the fit of one body changes: the shipped network's poses before and after, on the bundled people.

`python -m experiments.body` lifts keypoints with simulated detector errors by the shipped 27-frame network
with mirrored test, fits a body to the poses and writes body.json. `--split train` is for choosing: the
network has seen those people, so its errors there are too small.

Shapes: N frames, J joints.
"""
import json
import sys
import time

import numpy as np
import torch

import run_ftcm
from common import scores
from common.camera import estimate_root, make_intrinsics, project
from common.clips import Clip
from common.command import choices, options
from common.reporting.provenance import provenance
from common.reporting.score_table import write_json
from common.video import anatomy
from common.video.body import Body, fit
from experiments.commands import add_clip_options, make_parser, run_study
from experiments.table_text import markdown_table

CONTACT_SPEED, CONTACT_RISE = 0.2, 0.05     # m/s and metres above the lowest: below both an ankle stands
ASSUMED_FOV = 60                            # degrees; the cameras have 47
UNITS = ("mm; velocity, acceleration and sliding per frame step of a fiftieth of a second; percent; "
         "reprojection (from the keypoints, which err) and off in the picture (from the true joints) in "
         "thousandths of half the image's width; frames a second of processor time on one thread")
FITS = {"fit: height, camera and vertical stated": (True, True, None),
        "fit: height and camera stated": (True, False, None),
        "fit: camera stated": (False, False, None),
        "fit: nothing stated": (False, False, ASSUMED_FOV)}
# Title -> key of a row and digits after the point.
COLUMNS = {"MPJPE, mean of actions": ("mpjpe_actions", 1), "MPJPE": ("mpjpe", 1), "N-MPJPE": ("n_mpjpe", 1),
           "P-MPJPE": ("p_mpjpe", 1), "velocity": ("mpjve", 2), "acceleration": ("acceleration", 2),
           "bones vary": ("bone_variation_percent", 1), "left to right": ("left_right_percent", 1),
           "sliding": ("sliding", 1), "feet off their floor": ("off_floor", 1),
           "reprojection": ("reprojection", 1), "off in the picture": ("picture", 1), "root": ("root", 0),
           "bone lengths": ("length_error_percent", 1), "frames/s": ("frames_per_second", 0)}


def execute(argv: list[str]) -> None:
    """Do what the arguments say, on one thread of the processor."""
    started = time.time()
    parser = make_parser("body", "Measure what the fit of one body changes.",
                         output="the JSON file; default: checkpoint/results/body.json")
    add_clip_options(parser)
    chosen = parser.parse_args(argv)
    torch.set_num_threads(1)
    evaluation = options.parse("--train 0 --dataset cmu -k detected -f 27".split())
    clips = run_ftcm.load_clips(evaluation, chosen.split)[::chosen.every]
    report = {**provenance(argv, "cpu", program="-m experiments.body"), "seed": evaluation.seed,
              "split": chosen.split, "clips": len(clips), "frames": sum(map(len, clips)),
              "keypoints": "detected", "units": UNITS, "rows": measure_fits(clips, evaluation)}
    report |= {"checkpoint": evaluation.previous_dir.name, "minutes": (time.time() - started) / 60}
    write_json(chosen.output or options.PROJECT / "checkpoint" / "results" / "body.json", report)


def measure_fits(clips: list[Clip], evaluation) -> dict[str, dict]:
    """The figures of what the network lifts, of some simple changes to it, and of the fits, by name."""
    model, _ = run_ftcm.load_network(evaluation)
    lifted = run_ftcm.predict_clips(model, clips, choices.window_of(evaluation),
                              choices.lifting_of(evaluation, "cpu"))["pose"]
    rows = measure_unfitted(clips, lifted)
    for name, stated in FITS.items():
        spent = time.process_time()
        bodies = [fit_clip(clip, poses, *stated) for clip, poses in zip(clips, lifted)]
        spent = time.process_time() - spent
        rows[name] = measure(clips, [body.pose for body in bodies], [body.root for body in bodies],
                             fov=stated[2])
        rows[name]["length_error_percent"] = length_error(clips, bodies)
        rows[name]["frames_per_second"] = sum(map(len, clips)) / spent
        print(name, json.dumps({key: round(value, 2) for key, value in rows[name].items()}), flush=True)
    return rows


def fit_clip(clip: Clip, lifted: np.ndarray, stated_height: bool, stated_up: bool, fov: float | None) -> Body:
    """The fit of a clip's lifted poses (N, J, 3) with what is stated of height, vertical and camera."""
    return fit(lifted, clip.keypoints, np.ones(lifted.shape[:2]), view(clip, fov), clip.fps,
               height=height(clip.pose) if stated_height else None, up=clip.up if stated_up else None)


def height(poses: np.ndarray) -> float:
    """The stature in metres of the median bones of poses (N, J, 3)."""
    return anatomy.stature(anatomy.measured(poses))


def view(clip: Clip, fov: float | None) -> np.ndarray:
    """The clip's own intrinsics (4,), or those of an assumed field of view in degrees."""
    return clip.intrinsics if fov is None else make_intrinsics(fov)


def measure_unfitted(clips: list[Clip], lifted: list[np.ndarray]) -> dict[str, dict]:
    """The truth's own figures and those of the network's poses: as they are, scaled, with an adult's bones.

    Their roots are estimated frame by frame.
    """
    scaled = [poses * (height(clip.pose) / height(poses)) for clip, poses in zip(clips, lifted)]
    adult = [anatomy.with_bones(poses, anatomy.adult(height(clip.pose)))
             for clip, poses in zip(clips, lifted)]
    rows = {"truth": measure(clips, [clip.pose for clip in clips], [clip.root for clip in clips])}
    for name, poses in (("network", lifted), ("network, scaled to the stated height", scaled),
                        ("network's directions, an adult's bones of the stated height", adult)):
        rows[name] = measure(clips, poses, [placed(clip, pose) for clip, pose in zip(clips, poses)])
        print(name, json.dumps({key: round(value, 2) for key, value in rows[name].items()}), flush=True)
    return rows


def placed(clip: Clip, poses: np.ndarray) -> np.ndarray:
    """Estimated roots (N, 3) of poses (N, J, 3); frames without one are interpolated."""
    root = estimate_root(clip.keypoints, poses, clip.intrinsics)
    frames, known = np.arange(len(root)), np.flatnonzero(np.isfinite(root).all(1))
    return np.stack([np.interp(frames, known, axis[known]) for axis in root.T], 1)


def measure(clips: list[Clip], poses: list[np.ndarray], roots: list[np.ndarray], *,
            fov: float | None = None) -> dict[str, float]:
    """The figures of poses (N, J, 3) at roots (N, 3), metres: means over frames, MPJPE also over actions."""
    found = scores.score(clips, [pose.astype(np.float32) for pose in poses])
    names = ("mpjpe", "n_mpjpe", "p_mpjpe", "mpjve", "acceleration")
    row = {"mpjpe_actions": found["average"]["mpjpe"], **{name: found["all_frames"][name] for name in names}}
    parts = [physical(clip, pose.astype(float), root, view(clip, fov))
             for clip, pose, root in zip(clips, poses, roots)]
    for name in parts[0]:
        row[name] = float(np.concatenate([part[name] for part in parts]).mean())
    return row


def physical(clip: Clip, pose: np.ndarray, root: np.ndarray, camera: np.ndarray) -> dict[str, np.ndarray]:
    """What of one clip is averaged over all clips, by name: arrays of one axis."""
    joints, stands = pose + root[:, None], standing(clip)
    ankles = joints[:, anatomy.ANKLES]                                              # (N, 2, 3)
    steps, height = np.diff(ankles, axis=0), ankles @ clip.up
    level_steps = steps - (steps @ clip.up)[..., None] * clip.up
    both = stands[1:] & stands[:-1]
    lengths = np.linalg.norm(anatomy.bone_vectors(pose)[:, 1:], axis=-1)            # (N, J - 1)
    mirrored = np.array(clip.skeleton.mirror_order)[1:] - 1
    middle = lengths.mean(0)
    off_floor = height[stands] - height[stands].mean() if stands.any() else np.zeros(0)
    picture, truth = project(joints, camera), project(clip.pose + clip.root[:, None], clip.intrinsics)
    return {"bone_variation_percent": np.tile(100 * lengths.std(0) / middle, len(pose)),
            "left_right_percent": np.tile(100 * np.abs(middle / middle[mirrored] - 1), len(pose)),
            "sliding": 1000 * np.linalg.norm(level_steps, axis=-1)[both],
            "off_floor": 1000 * np.abs(off_floor),
            "reprojection": 1000 * np.linalg.norm(picture - clip.keypoints, axis=-1).ravel(),
            "picture": 1000 * np.linalg.norm(picture - truth, axis=-1).ravel(),
            "root": 1000 * np.linalg.norm(root - clip.root, axis=1)}


def standing(clip: Clip) -> np.ndarray:
    """(N, 2) which ankles stand, by the true motion."""
    ankles = (clip.pose + clip.root[:, None])[:, anatomy.ANKLES].astype(np.float64)
    height, speed = ankles @ clip.up, np.linalg.norm(np.gradient(ankles, axis=0), axis=-1) * clip.fps
    return (speed < CONTACT_SPEED) & (height < np.percentile(height, 5) + CONTACT_RISE)


def length_error(clips: list[Clip], bodies: list[Body]) -> float:
    """Mean error of the bones' lengths in percent of the true ones."""
    errors = [np.abs(body.lengths[1:] / anatomy.measured(clip.pose)[anatomy.KIND[1:]] - 1)
              for clip, body in zip(clips, bodies)]
    return float(100 * np.mean(errors))


def render_body(name: str, data: dict, link: str) -> str:
    """The table of body.json with its source."""
    rows = [[label, *(f"{row[key]:.{digits}f}" if key in row else "" for key, digits in COLUMNS.values())]
            for label, row in data["rows"].items()]
    return (f"{markdown_table(['poses', *COLUMNS], rows)}\n"
            f"Means over {data['frames']:,} frames of {data['clips']} clips, {data['keypoints']} keypoints, "
            f"{data['checkpoint']} with mirrored test, the {data['split']} people. Units: {data['units']}. "
            "Roots of poses without a fit are estimated frame by frame; feet stand where they do in the true "
            "motion.\n"
            f"- Command: `{data['command']}`; {data['hardware']}; seed {data['seed']}; "
            f"{data['minutes']:.1f} min; commit {data['commit']}.\n")


if __name__ == "__main__":
    sys.exit(run_study(execute))
