"""A recording: the 2D keypoints of one person in a user's own video. Shapes: N frames."""
from dataclasses import dataclass, field

import numpy as np

from common.clips import Clip, from_pixels
from common.skeleton import HUMAN36M


@dataclass(frozen=True)
class Recording:
    """One person in one video, every frame filled.

    keypoints      (N, 17, 2) pixels, Human3.6M's joints
    width, height  pixels
    scores         (N, 17) the detector's scores before filling; 0 where it saw nothing; None when unknown
    filled         (N, 17) bool: made of a joint that was interpolated or held over time; None when unknown
    layout         name of the detector's joint layout
    notes          sentences on what was filled or assumed
    first          number of the film's frame that the first keypoints belong to, counted from 0
    """
    name: str
    keypoints: np.ndarray
    fps: float
    width: int
    height: int
    scores: np.ndarray | None = None
    filled: np.ndarray | None = None
    layout: str = HUMAN36M.name
    notes: list[str] = field(default_factory=list)
    first: int = 0


def to_clip(recording: Recording) -> Clip:
    """The recording as a clip without 3D, in normalised screen coordinates."""
    seen = None if recording.filled is None else ~recording.filled
    return from_pixels(recording.keypoints, width=recording.width, height=recording.height, subject="custom",
                       action=recording.name, name=recording.name, fps=recording.fps, skeleton=HUMAN36M,
                       seen=seen)
