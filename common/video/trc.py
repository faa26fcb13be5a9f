"""Poses -> the text of a .trc file: markers over time, as OpenSim and other biomechanics programs read them.

Shapes: N frames, J joints.
"""
import numpy as np

from common.camera import camera_to_level
from common.skeleton import Skeleton

TO_UP = 1000 * np.array([1, -1, -1])    # metres to millimetres, and half a turn about x


def trc_text(poses: np.ndarray, skeleton: Skeleton, fps: float, *, name: str,
             up: np.ndarray | None = None) -> str:
    """.trc of poses (N, J, 3), metres in axes with y down, or with `up` (3,) as the one against gravity.

    A marker for every joint, under its name. Millimetres, y up, x as in the poses, z towards the camera; the
    poses' origin stays. The first line repeats the file's `name`.
    """
    markers, count = camera_to_level(poses, up) * TO_UP, len(skeleton.joints)
    rate, numbers = f"{fps:g}", range(1, count + 1)
    head = [["PathFileType", "4", "(X/Y/Z)", name],
            ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
             "OrigDataStartFrame", "OrigNumFrames"],
            [rate, rate, str(len(markers)), str(count), "mm", rate, "1", str(len(markers))],
            ["Frame#", "Time", *(cell for joint in skeleton.joints for cell in (joint, "", ""))],
            ["", "", *(f"{axis}{number}" for number in numbers for axis in "XYZ")],
            []]
    rows = [[str(frame + 1), f"{frame / fps:.6f}", *(f"{value:.4f}" for value in marker.ravel())]
            for frame, marker in enumerate(markers)]
    return "\n".join("\t".join(cells) for cells in [*head, *rows]) + "\n"
