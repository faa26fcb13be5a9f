import numpy as np
import pytest

from common import clips
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
