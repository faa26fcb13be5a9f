"""poses.html: one file that plays the 3D pose beside the 2D input in any browser, without network or library.

Shapes: N frames, J joints. The page itself is player.html.
"""
import html
import json
from pathlib import Path

import numpy as np

from common.files import write_whole
from common.skeleton import Skeleton


def save_html(path: Path, *, keypoints: np.ndarray, poses: np.ndarray, skeleton: Skeleton, fps: float,
              width: int | None = None, height: int | None = None, title: str = "FTCM") -> None:
    """Write the player of `keypoints` (N, J, 2), pixels, and `poses` (N, J, 3), metres in camera axes.

    `width` and `height`, pixels, draw the frame of the image. Kept are millimetres and tenths of a pixel. The
    floor is drawn across the y axis: pass levelled poses where the camera looked up or down.
    """
    shape = (len(poses), len(skeleton.joints))
    if len(poses) == 0 or poses.shape != (*shape, 3) or keypoints.shape != (*shape, 2):
        raise ValueError(f"Expected keypoints (frames, {shape[1]}, 2) and poses (frames, {shape[1]}, 3) of "
                         f"at least one frame, got {keypoints.shape} and {poses.shape}. "
                         "Pass both of one clip.")
    if not (np.isfinite(poses).all() and np.isfinite(keypoints).all() and np.isfinite(fps) and fps > 0):
        raise ValueError(f"Expected finite keypoints and poses and a rate above 0, got NaN, infinity or "
                         f"{fps} frames per second. Check the input file.")
    data = {"title": title, "fps": float(fps), "frames": shape[0], "width": width, "height": height,
            "joints": skeleton.joints, "parents": skeleton.parents, "root": skeleton.root,
            "poses": whole(poses, 1000), "keypoints": whole(keypoints, 10)}
    # No "<" in the data: a title with "</script>" must not end the script element.
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    page = Path(__file__).with_name("player.html").read_text(encoding="utf-8")
    before, after = page.split("@DATA@")
    before = before.replace("@TITLE@", html.escape(title))
    write_whole(path, before + text + after)


def whole(array: np.ndarray, factor: int) -> list[int]:
    """All values times `factor`, as whole numbers, row after row."""
    return np.rint(np.asarray(array, np.float64) * factor).astype(int).ravel().tolist()
