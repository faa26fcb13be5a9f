from dataclasses import replace

from PIL import Image

from common.pictures import curves
from tests.helpers import random_clip


def test_the_animation_has_the_asked_frames_at_the_clips_speed(tmp_path):
    clip = random_clip(9)
    curves.clip_animation(clip, clip.pose, tmp_path / "a.gif", every=2, most=4)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.n_frames == 4 and picture.info["duration"] == 40
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]


def test_without_truth_the_animation_has_two_panels_with_it_three(tmp_path):
    clip = random_clip(3)
    widths = []
    for part in (clip, replace(clip, pose=None)):
        curves.clip_animation(part, clip.pose, tmp_path / "a.gif")
        with Image.open(tmp_path / "a.gif") as picture:
            widths.append(picture.size[0])
    assert widths[0] - widths[1] == curves.PANEL_WIDTH + 8


def test_curves_are_a_picture(tmp_path):
    history = [{"epoch": i, "train_mpjpe": 90 - i, "p1": 80 - i, "p2": 60.0} for i in range(3)]
    curves.training_curves(history, tmp_path / "curves.png", selection="test subjects")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size[0] > 500 and len(picture.convert("RGB").getcolors(1 << 24)) > 3
