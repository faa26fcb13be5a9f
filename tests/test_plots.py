import numpy as np
from PIL import Image

from common import plots
from common.skeleton import HUMAN36M
from tests.helpers import random_clip


def test_the_animation_has_the_asked_frames_at_the_clips_speed(tmp_path):
    clip = random_clip(9)
    plots.clip_animation(clip, clip.pose, tmp_path / "a.gif", every=2, most=4)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 4 and picture.info["duration"] == 40
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_pictures_show_up_as_up_and_the_left_side_of_the_image_left():
    points = plots.from_beside(np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]]))
    assert points[0][1] > 0.9 and points[1][0] > 0.5 and points[2][1] > 0


def test_limbs_have_the_colour_of_their_side():
    assert plots.side(HUMAN36M, 6) == "left" and plots.side(HUMAN36M, 14) == "right"
    assert plots.side(HUMAN36M, 9) not in ("left", "right")


def test_curves_are_a_picture(tmp_path):
    history = [{"epoch": i, "train_mpjpe": 90 - i, "p1": 80 - i, "p2": 60.0} for i in range(3)]
    plots.training_curves(history, tmp_path / "curves.png", selection="test subjects")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] > 500 and len(picture.convert("RGB").getcolors(1 << 24)) > 3
