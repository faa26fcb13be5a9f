"""FTCM for other programs: lift 2D keypoints to 3D poses, as `run_ftcm.py --predict` does, without files.

    import sys
    sys.path.append("the folder that this file lies in")
    from ftcm import lift_keypoints
    poses = lift_keypoints(keypoints, width=1920, height=1080, fps=30, layout="coco17")
"""
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import lru_cache
from io import StringIO
from pathlib import Path

import numpy as np

import run_ftcm
from common.command import choices, options
from common.running.distributed import choose_device
from common.skeleton import HUMAN36M
from common.video.own_video import lift_recording, upright_clip
from common.video.placement import Placement, certainty, place
from dataset.keypoints.array_files import read_people
from dataset.keypoints.reader import to_recording

JOINTS = HUMAN36M.joints        # of the poses, in order


def lift_keypoints(keypoints: np.ndarray, *, width: int, height: int, fps: float, layout: str,
                   checkpoint: str | Path | None = None, placement: Placement = Placement()) -> np.ndarray:
    """One person's poses (N, 17, 3) in every frame: metres, camera space (x right, y down, z forward).

    The joints are JOINTS, their origin the pelvis of each frame.

    keypoints      (N, J, 2) x right, y down, pixels or shares from 0 to 1, or (N, J, 3) with a score from 0
                   to 1; NaN where unseen
    width, height  of the picture, pixels
    fps            frames a second
    layout         coco17, human36m, body25, blazepose33, halpe26, wholebody133, movenet, or a mapping file
    checkpoint     of the network; None: the one that ships
    placement      camera, place and body as the options of --predict state them: Placement(fit=False) gives
                   the network's poses, Placement(height=1.8) the person's height, Placement(root=True) poses
                   from the camera. By default one body of average height is fitted

    Raises ValueError or FileNotFoundError with a sentence. Prints nothing, writes nothing.
    """
    if np.ndim(keypoints) != 3:
        raise ValueError(f"Expected keypoints (frames, joints, 2 or 3) of one person, got shape "
                         f"{np.shape(keypoints)}. Lift one person at a time.")
    file = read_people(np.asarray(keypoints), None, "keypoints")
    recording = to_recording(file, "keypoints", layout=layout,
                             facts={"width": width, "height": height, "fps": fps})
    path = None if checkpoint is None else Path(checkpoint).resolve()
    args, model, trained_fps, device = load(path, path and path.is_file() and path.stat().st_mtime_ns)
    lifting = replace(choices.lifting_of(args, device), smooth=placement.seconds,
                      height=placement.height if args.stature else None)

    def predict(clip):
        return run_ftcm.predict_clips(model, [clip], choices.window_of(args), lifting)["pose"][0]

    with redirect_stderr(StringIO()):                   # the progress bar
        poses, _ = lift_recording(recording, placement, trained_fps, predict)
    placed, _ = place(upright_clip(recording, placement), certainty(recording), poses, placement)
    return placed.poses


@lru_cache(maxsize=4)
def load(path: Path | None, changed: int | None) -> tuple:
    """The options that a checkpoint sets, its network, its frame rate, the device of --device auto.

    None is the checkpoint that ships. A file that `changed` since is read again.
    """
    words = [] if path is None else ["--reload", "1", "--previous_dir", str(path)]
    args = options.parse(["--predict", "keypoints", *words])
    with redirect_stdout(StringIO()):                   # which checkpoint ships
        model, saved = run_ftcm.load_network(args)
    run_ftcm.refuse_layout(saved, HUMAN36M, args.previous_dir)
    device = choose_device(args.device, args.gpu)
    return args, model.to(device), saved.get("fps", 50), device
