import numpy as np
import pytest

from common import clips
from common.skeleton import HUMAN36M
from tests.helpers import random_clip


def test_nan_keypoints_are_refused_with_the_frame():
    clip = random_clip(5)
    keypoints = clip.keypoints.copy()
    keypoints[3, 2, 0] = np.nan
    with pytest.raises(ValueError,
                       match="S9/Walking/0: keypoints hold NaN or infinity in 1 of 5 frames "
                             ".first: frame 3."):
        clips.replace(clip, keypoints=keypoints)


@pytest.mark.parametrize("field, array", [("keypoints", np.zeros((0, 17, 2))), ("pose", np.zeros((4, 17, 3))),
                                          ("root", np.zeros((5, 2))), ("valid", np.ones(4, bool))])
def test_arrays_that_do_not_match_are_refused(field, array):
    with pytest.raises(ValueError, match="S9/Walking/0"):
        clips.replace(random_clip(5), **{field: array})


def test_select_takes_whole_names_and_lists_the_known_ones():
    many = [random_clip(2, action=action, seed=i)
            for i, action in enumerate(["Walking", "WalkDog", "Sitting", "SittingDown"])]
    assert [clip.action for clip in clips.select(many, actions=["Sitting"])] == ["Sitting"]
    with pytest.raises(ValueError,
                       match="No clip has the action Walk. Choose from: Sitting, SittingDown, "
                             "WalkDog, Walking."):
        clips.select(many, actions=["Walk"])
    with pytest.raises(ValueError, match="subject S8"):
        clips.select(many, subjects=["S8"])


def test_downsample_keeps_every_nth_frame_and_lowers_the_rate():
    clip = random_clip(7)
    shorter, = clips.downsample([clip], 3)
    assert shorter.pose.tolist() == clip.pose[[0, 3, 6]].tolist()
    assert shorter.fps == pytest.approx(50 / 3)


def test_subset_is_one_run_of_frames_and_the_same_every_time():
    clip = random_clip(40)
    part, = clips.subset([clip], 0.25)
    again, = clips.subset([clip], 0.25)
    first = [i for i in range(40) if (clip.pose[i] == part.pose[0]).all()][0]
    assert len(part) == 10
    assert part.pose.tolist() == clip.pose[first:first + 10].tolist() == again.pose.tolist()


# About 1.7 m high; its place in the picture.
BODY = np.random.default_rng(3).uniform(-0.5, 0.5, (4, 17, 3)) * [0.5, 1.7, 0.5]
PIXELS = np.random.default_rng(4).uniform(200, 800, (4, 17, 2))
FIELDS = {"subject": "S9", "action": "Walking", "name": "S9/Walking/0", "fps": 50, "skeleton": HUMAN36M}


def recorded(**changes):
    return clips.from_pixels(**{"pixels": PIXELS, "width": 1000, "height": 1002, "joints": BODY + [0, 0, 4],
                                **FIELDS, **changes})


def test_a_clip_of_pixels_is_in_screen_coordinates_and_relative_to_its_root():
    clip = recorded()
    assert clip.keypoints == pytest.approx(PIXELS / 500 - [1, 1.002], abs=1e-6)
    assert clip.root == pytest.approx(BODY[:, 0] + [0, 0, 4], abs=1e-6)
    assert clip.pose == pytest.approx(BODY - BODY[:, :1], abs=1e-6)


@pytest.mark.parametrize("changes", [
    {"joints": 0.5 / 1.7 * BODY + [0, 0, 4]}, {"joints": BODY + [0, 0, 0.3]}, {"joints": BODY + [0, 0, 100]},
    {"joints": BODY * [1, 1, 1] - [0, 3, -6]}, {"width": 4000, "height": 4000}, {"pixels": PIXELS - 700},
    {"pixels": PIXELS / 40}, {"fps": 1}, {"fps": 1000}, {"valid": np.array([False, True, False, False])}],
    ids=["child", "30 cm away", "100 m away", "jump", "large camera", "half outside", "far away", "1 fps",
         "1000 fps", "one valid frame"])
def test_what_people_and_cameras_can_be_is_accepted(changes):
    assert len(recorded(**changes)) == 4


@pytest.mark.parametrize("changes, words", [
    ({"joints": 1000 * BODY + [0, 0, 4000]}, "joints from the root joint in metres .*must hold metres"),
    ({"joints": BODY / 1000 + [0, 0, 0.004], "unit": "millimetres"}, "must hold millimetres"),
    ({"joints": BODY + [0, 0, 4000]}, "root joint from the camera in metres must lie between 0.2 and 200"),
    ({"joints": np.zeros((4, 17, 3))}, "joints from the root joint"),
    ({"pixels": PIXELS / 500 - 1}, "within 2 pixels of 0; expected pixels of an image of 1000 x 1002"),
    ({"pixels": 50 * PIXELS}, "100% of the keypoints lie far outside"),
    ({"fps": 0}, "frames per second must lie between 1 and 1000, got 0"), ({"fps": np.nan}, "got nan"),
    ({"valid": np.zeros(4, bool)}, "no frame is valid"),
    ({"pixels": np.full((4, 17, 2), 1e300)}, "keypoints hold NaN or infinity in 4 of 4 frames"),
    ({"pixels": PIXELS[:0], "joints": BODY[:0]}, "at least one frame")])
def test_what_no_video_of_a_person_can_hold_is_refused_with_the_clips_name(changes, words):
    with pytest.raises(ValueError, match=f"S9/Walking/0: .*{words}"):
        recorded(**changes)


def test_a_clip_is_not_stretched_beyond_all_bounds():
    slow = clips.replace(random_clip(50_000), pose=None, root=None, fps=1)
    with pytest.raises(ValueError, match="2,499,951 at 50; expected at most 2,000,000"):
        clips.resample(slow, 50)
