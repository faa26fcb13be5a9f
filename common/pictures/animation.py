"""A clip as an animation: its 2D keypoints and, beside them, one or more 3D poses.

Shapes: N frames, P people, J joints. Level space: metres, y down along gravity.
"""
from dataclasses import dataclass

import numpy as np
from PIL import Image

from common.pictures.skeletons import FlatPanel, Panel, SolidPanel, compose
from common.skeleton import Skeleton

PANEL_SIDE = 380            # pixels: the width and the height of a panel


@dataclass(frozen=True)
class Animation:
    """Panels side by side, below a heading for each of N frames."""
    panels: list[Panel]
    headings: list[str]

    def draw(self, frame: int) -> Image.Image:
        return compose(self.panels, frame, self.headings[frame])


def make_animation(points: np.ndarray, poses_level: dict[str, np.ndarray], skeleton: Skeleton, *,
                   headings: list[str], size: tuple[int, int] | None = None) -> Animation:
    """The animation of `points` (N, J, 2), x right, y down, and of `poses_level`: title -> (N, J, 3).

    Of several people (N, P, J, ..), NaN where somebody is not there. Every pose is moved onto the floor.
    `size` (width, height), pixels, draws the edge of the image in which the points lie.
    """
    panels: list[Panel] = [FlatPanel(PANEL_SIDE, PANEL_SIDE, "2D input", points=points, skeleton=skeleton,
                                     size=size)]
    panels += [SolidPanel(PANEL_SIDE, PANEL_SIDE, title, poses=put_on_floor(poses), skeleton=skeleton)
               for title, poses in poses_level.items()]
    return Animation(panels, headings)


def put_on_floor(poses_level: np.ndarray) -> np.ndarray:
    """Level poses (.., J, 3), each moved up or down until its lowest joint lies at y = 0.

    A pose does not say how high above the floor a person is. The pictures therefore hide jumps.
    """
    return poses_level - poses_level[..., 1].max(-1)[..., None, None] * np.array([0, 1, 0])
