import numpy as np
import pytest

from common.pictures.skeletons import COLORS, FlatPanel, SolidPanel, bone_color, compose, parse_color
from common.skeleton import HUMAN36M
from tests.common.video.test_pose_files import STANDING

ON_FLOOR = STANDING - [0, 0.89, 0]


def solid(poses):
    return SolidPanel(200, 220, "3D", poses=np.asarray(poses, float), skeleton=HUMAN36M)


def test_limbs_have_the_colour_of_their_side():
    for joint, side in ((6, "left"), (14, "right"), (9, "middle")):
        assert bone_color(HUMAN36M, joint) == parse_color(COLORS[side])


def test_up_is_up_and_what_is_near_is_larger():
    panel = solid([ON_FLOOR])
    (head, feet), _ = panel.place_in_panel(np.array([[0, -1.7, 0], [0, 0, 0]]))
    assert head[1] < feet[1] - 100
    _, (near, far) = panel.place_in_panel(np.array([[0, 0, -0.5], [0, 0, 0.5]]))
    assert far - near == pytest.approx(np.cos(np.radians(35)) * np.cos(np.radians(12)))


@pytest.mark.parametrize("poses", [[ON_FLOOR], ON_FLOOR + np.linspace(0, 8, 5)[:, None, None] * [1, 0, 1],
                                   np.zeros((2, 17, 3))])
def test_the_whole_motion_lies_inside_its_panel(poses):
    panel = solid(poses)
    placed, depth = panel.place_in_panel(panel.poses)
    assert placed.min() > 0 and (placed < [panel.width, panel.height]).all() and depth.min() > 0.5


def test_a_shadow_darkens_the_floor_below_the_feet_only():
    panel = solid([ON_FLOOR - [0, 1, 0], ON_FLOOR])                     # first in the air
    drawn, empty = np.asarray(panel.draw(0), int), np.asarray(panel.background, int)
    (x, y), _ = panel.place_in_panel(np.zeros(3))
    below = np.s_[int(y) - 3:int(y) + 3, int(x) - 3:int(x) + 3]
    assert drawn[below].mean() < empty[below].mean() - 20
    assert (drawn[:30] == empty[:30]).all()


def test_far_limbs_are_paler_than_near_ones():
    panel = solid([ON_FLOOR - [0, 0, 1.5], ON_FLOOR + [0, 0, 1.5]])
    strongest = [np.ptp(np.asarray(panel.draw(frame), int), axis=-1).max() for frame in range(2)]
    assert strongest[0] > strongest[1] + 40


def test_the_input_is_drawn_at_its_pixels_in_the_colours_of_the_sides():
    points = np.random.default_rng(0).uniform(200, 400, (2, 17, 2))
    panel = FlatPanel(200, 220, "2D", points=points, skeleton=HUMAN36M, size=(640, 480))
    wrist = points[1, HUMAN36M.joints.index("left_wrist")] * panel.factor + panel.shift
    picture = np.asarray(panel.draw(1))
    assert tuple(picture[round(wrist[1]), round(wrist[0])]) == parse_color("#e4572e")


def test_panels_stand_side_by_side():
    panel = solid([ON_FLOOR])
    assert compose([panel, panel], 0, "one").size[0] == 2 * 200 + 3 * 8


def test_everybody_is_drawn_while_there_and_the_near_ones_before_the_far_ones():
    near, far = ON_FLOOR - [0, 0, 1], ON_FLOOR + [0, 0, 1]
    there = np.stack([np.stack([near, far]), np.stack([near, near * np.nan])])
    for poses in (there, there[:, ::-1]):
        panel, alone = solid(poses), solid([near, far])
        both, one = (np.asarray(panel.draw(frame), int) for frame in (0, 1))
        background = np.asarray(panel.background, int)
        assert panel.factor == alone.factor and (one == np.asarray(alone.draw(0), int)).all()
        coloured = np.ptp(one, axis=-1) > 60
        assert (both[coloured] == one[coloured]).all()              # the near one hides the far one
        assert (both != background).any(-1).sum() > 1.3 * (one != background).any(-1).sum()
