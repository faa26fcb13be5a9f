import numpy as np
import pytest
import torch

from common.skeleton import HUMAN36M
from common.video.stream import Lifter, SequenceLifter
from model.ftcm import FTCM
from tests.helpers import predict, random_clip


@pytest.mark.parametrize("num_frames", [1, 3, 20])
@pytest.mark.parametrize("frames, tds, flip_test", [(1, 1, True), (5, 1, True), (5, 3, False)])
def test_streaming_equals_lifting_the_whole_clip(num_frames, frames, tds, flip_test):
    torch.manual_seed(0)
    model, clip = FTCM(frames=frames, dim=16, depth=1), random_clip(num_frames)
    expected, = predict(model, [clip], frames=frames, tds=tds, flip_test=flip_test)["pose"]
    lifter = Lifter(model, frames=frames, tds=tds, skeleton=HUMAN36M, flip_test=flip_test)
    for _ in range(2):                                              # a second stream starts afresh
        poses = [lifter.push(keypoints) for keypoints in clip.keypoints]
        assert [pose is None for pose in poses] == [number < lifter.delay for number in range(num_frames)]
        poses = [pose for pose in poses if pose is not None] + lifter.flush()
        assert np.stack(poses) == pytest.approx(expected, abs=1e-6)


def test_memory_is_one_window_and_its_delay_is_stated():
    lifter = Lifter(FTCM(frames=5, dim=16, depth=1), frames=5, tds=3, skeleton=HUMAN36M)
    for keypoints in random_clip(40).keypoints:
        lifter.push(keypoints)
    assert len(lifter.recent) == 13 and lifter.delay == 6


def test_a_frame_of_another_shape_or_with_nan_is_refused():
    lifter = Lifter(FTCM(frames=5, dim=16, depth=1), frames=5, skeleton=HUMAN36M)
    for wrong in (np.zeros((16, 2)), np.full((17, 2), np.nan)):
        with pytest.raises(ValueError, match="Expected finite keypoints of shape"):
            lifter.push(wrong)


@pytest.mark.parametrize("tds", [1, 2])
def test_a_causal_stream_has_no_delay_and_equals_the_whole_clip(tds):
    torch.manual_seed(0)
    model, clip = FTCM(frames=5, dim=16, depth=1), random_clip(9)
    expected, = predict(model, [clip], frames=5, tds=tds, target="last")["pose"]
    lifter = Lifter(model, frames=5, tds=tds, skeleton=HUMAN36M, target="last")
    assert lifter.delay == 0
    assert np.stack([lifter.push(keypoints) for keypoints in clip.keypoints]) == pytest.approx(expected,
                                                                                             abs=1e-6)
    assert lifter.flush() == []


@pytest.mark.parametrize("num_frames", [1, 4, 5, 6, 23])
@pytest.mark.parametrize("hop", [1, 2, 5])
def test_streaming_sequences_equals_the_whole_clip_with_the_same_hop(num_frames, hop):
    torch.manual_seed(0)
    model, clip = FTCM(frames=5, dim=16, depth=1, every_frame=True), random_clip(num_frames)
    expected, = predict(model, [clip], frames=5, hop=hop)["pose"]
    lifter = SequenceLifter(model, frames=5, skeleton=HUMAN36M, hop=hop)
    for _ in range(2):                                              # a second stream starts afresh
        poses = [lifter.push(keypoints) for keypoints in clip.keypoints]
        assert [pose is None for pose in poses] == [number < lifter.delay for number in range(num_frames)]
        poses = [pose for pose in poses if pose is not None] + lifter.flush()
        assert np.stack(poses) == pytest.approx(expected, abs=1e-6)


def test_a_stream_of_sequences_remembers_one_window_and_one_hop():
    lifter = SequenceLifter(FTCM(frames=5, dim=16, depth=1, every_frame=True), frames=5, hop=3,
                            skeleton=HUMAN36M)
    for keypoints in random_clip(60).keypoints:
        lifter.push(keypoints)
        assert len(lifter.keypoints) <= 8 and len(lifter.sums) <= 5 + 3 + lifter.delay
