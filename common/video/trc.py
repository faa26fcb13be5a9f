"""Poses -> the text of a .trc file: markers over time, as OpenSim and other biomechanics programs read them.

Shapes: N frames, J joints.
"""
from collections.abc import Iterator

import numpy as np

from common.camera import camera_to_level
from common.skeleton import Skeleton
from common.video.parts import parts

TO_UP = 1000 * np.array([1, -1, -1])    # metres to millimetres, and half a turn about x


def trc_lines(poses: np.ndarray, skeleton: Skeleton, fps: float, *, name: str,
              up: np.ndarray | None = None) -> Iterator[str]:
    """The lines of a .trc of poses (N, J, 3), metres.

    Their axes have y down, or `up` (3,) is the direction against gravity.
    A marker for every joint, under its name. Millimetres, y up, x as in the poses, z towards the camera; the
    poses' origin stays. The first line repeats the file's `name`.
    """
    frames, count = str(len(poses)), len(skeleton.joints)
    rate, numbers = f"{fps:g}", range(1, count + 1)
    head = [["PathFileType", "4", "(X/Y/Z)", name],
            ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
             "OrigDataStartFrame", "OrigNumFrames"],
            [rate, rate, frames, str(count), "mm", rate, "1", frames],
            ["Frame#", "Time", *(cell for joint in skeleton.joints for cell in (joint, "", ""))],
            ["", "", *(f"{axis}{number}" for number in numbers for axis in "XYZ")],
            []]
    for cells in head:
        yield "\t".join(cells) + "\n"
    for rows in parts(len(poses)):
        markers = camera_to_level(poses[rows].astype(np.float64), up) * TO_UP
        for frame, marker in enumerate(markers.reshape(len(markers), -1).tolist(), start=rows.start):
            cells = (f"{value:.4f}" for value in marker)
            yield "\t".join([str(frame + 1), f"{frame / fps:.6f}", *cells]) + "\n"
