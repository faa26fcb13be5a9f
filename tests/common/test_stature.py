import numpy as np
import pytest
import torch

from common.camera import project
from common.learning.batches import Sampling, TrainingBatches
from common.lift import TRUE_HEIGHT, size_factor
from common.skeleton import HUMAN36M
from common.stature import ADULT, ADULT_HEIGHT, stature
from common.video import anatomy
from common.windows import Window, Windows
from tests.helpers import random_clip


def test_an_average_adult_is_as_tall_however_the_body_bends():
    pose = np.random.default_rng(0).normal(size=(20, 17, 3))
    pose = anatomy.with_bones(pose, np.array(list(ADULT.values())))
    assert stature(pose, HUMAN36M) == pytest.approx(np.full(20, ADULT_HEIGHT))
    assert ADULT_HEIGHT == pytest.approx(1.07 * (0.408 + 0.440 + 0.222 + 0.333 + 0.106 + 0.129))


def test_the_height_is_that_of_the_fitted_body_in_numpy_and_torch():
    pose = np.random.default_rng(1).normal(size=(1, 17, 3))
    assert stature(pose, HUMAN36M)[0] == pytest.approx(anatomy.stature(anatomy.measured(pose)))
    assert stature(torch.from_numpy(2 * pose), HUMAN36M).numpy() == pytest.approx(2 * stature(pose, HUMAN36M))


def test_poses_of_adults_get_the_stated_or_the_true_height():
    clip = random_clip(5)
    assert size_factor(None) == 1 and size_factor(ADULT_HEIGHT / 2) == pytest.approx(0.5)
    assert size_factor(TRUE_HEIGHT, clip) * ADULT_HEIGHT == pytest.approx(stature(clip.pose, HUMAN36M).mean())


@pytest.mark.parametrize("whole", [False, True])
def test_training_windows_of_adults_show_the_same_picture_of_people_of_one_height(whole):
    clips = [random_clip(9), random_clip(7, seed=5)]

    def batch(adult):
        sampling = Sampling(batch_size=99, mirror=True, whole=whole, adult=adult)
        one, = TrainingBatches(Windows(clips, Window(5), mirror=True), sampling,
                               generator=torch.Generator().manual_seed(0))
        return one
    before, after = batch(False), batch(True)
    assert torch.equal(before.keypoints, after.keypoints)
    heights = stature(after.pose, HUMAN36M).reshape(len(after), -1).mean(1)
    assert torch.allclose(heights, torch.full_like(heights, ADULT_HEIGHT))
    assert stature(before.pose, HUMAN36M).std() > 0.1
    shape = (-1, *[1] * (before.pose.ndim - 2), 4)

    def seen(batch):
        return project(batch.pose + batch.root[..., None, :], batch.intrinsics.reshape(shape)[..., None, :]
                       if whole else batch.intrinsics[:, None])
    assert torch.allclose(seen(before), seen(after), atol=1e-5)
