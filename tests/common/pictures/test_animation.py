"""An animation shows the input and each pose on the floor."""
import numpy as np
import pytest

from common.pictures.animation import PANEL_SIDE, make_animation, put_on_floor
from tests.common.video.test_pose_files import STANDING
from tests.helpers import random_clip


def test_each_pose_has_its_panel_beside_the_input():
    clip, widths = random_clip(3), []
    for titles in (["prediction"], ["prediction", "ground truth"]):
        animation = make_animation(clip.keypoints, dict.fromkeys(titles, clip.pose), clip.skeleton,
                                   headings=["a", "b", "c"])
        widths.append(animation.draw(2).size[0])
    assert widths[1] - widths[0] == PANEL_SIDE + 8


def test_every_pose_touches_the_floor_and_keeps_its_shape():
    poses = STANDING + np.array([[[0, -3, 0]], [[1, 2, 5]]])
    grounded = put_on_floor(poses)
    assert grounded[..., 1].max(1) == pytest.approx([0, 0])
    assert grounded - grounded[:, :1] == pytest.approx(poses - poses[:, :1])
    assert (grounded[..., [0, 2]] == poses[..., [0, 2]]).all()
