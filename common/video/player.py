"""poses.html: one file that plays the 3D pose beside the 2D input in any browser, without network or library.

Shapes: N frames, J joints. The page itself is player.html.
"""
import html
import json
from pathlib import Path

import numpy as np

from common.files import write_whole
from common.recording import Recording
from common.skeleton import HUMAN36M


def save_html(path: Path, recording: Recording, poses: np.ndarray) -> None:
    """Write the player of a recording and its `poses` (N, 17, 3), metres.

    The page keeps whole millimetres and tenths of a pixel. It draws the floor across the y axis, so pass
    levelled poses where the camera looked up or down. Raises ValueError for input that does not fit together.
    """
    keypoints, fps, num_joints = recording.keypoints, recording.fps, len(HUMAN36M.joints)
    shape = (len(poses), num_joints)
    if len(poses) == 0 or poses.shape != (*shape, 3) or keypoints.shape != (*shape, 2):
        raise ValueError(f"Expected keypoints (frames, {num_joints}, 2) and poses (frames, {num_joints}, 3) "
                         f"of at least one frame, got {keypoints.shape} and {poses.shape}. "
                         "Pass both of one clip.")
    if not (np.isfinite(poses).all() and np.isfinite(keypoints).all() and np.isfinite(fps) and fps > 0):
        raise ValueError(f"Expected finite keypoints and poses and a rate above 0, got NaN, infinity or "
                         f"{fps} frames per second. Check the input file.")
    data = {"title": recording.name, "fps": float(fps), "frames": len(poses),
            "width": recording.width, "height": recording.height,
            "joints": HUMAN36M.joints, "parents": HUMAN36M.parents, "root": HUMAN36M.root,
            "poses": round_to_list(poses, 1000), "keypoints": round_to_list(keypoints, 10)}
    # No "<" in the data: a title with "</script>" must not end the script element.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = Path(__file__).with_name("player.html").read_text(encoding="utf-8")
    before, after = page.split("@DATA@")
    before = before.replace("@TITLE@", html.escape(recording.name))
    write_whole(path, before + text + after)


def round_to_list(array: np.ndarray, factor: int) -> list[int]:
    """All values times `factor`, rounded to whole numbers, row after row."""
    return np.rint(array.astype(np.float64) * factor).astype(int).ravel().tolist()
