import numpy as np
import pytest
import torch

from common.learning.batches import Sampling, TrainingBatches
from common.skeleton import HUMAN36M, flip
from common.windows import Window, Windows
from tests.helpers import random_clip


@pytest.mark.parametrize("mirror, reverse, versions", [(False, False, 1), (True, False, 2), (True, True, 4)])
def test_an_epoch_shows_each_window_once_in_every_version(mirror, reverse, versions):
    clip = random_clip(6)
    windows = Windows([clip], Window(5), mirror=mirror)
    batches = TrainingBatches(windows, Sampling(batch_size=4, mirror=mirror, reverse=reverse),
                              generator=torch.Generator().manual_seed(0))
    shown = [(keypoints.numpy(), pose.numpy(), int(frame)) for batch in batches
             for keypoints, pose, frame in zip(batch.keypoints, batch.pose, batch.frame)]
    assert len(batches) == -(-6 * versions // 4)
    expected = []
    for frame in range(6):
        window = clip.keypoints[np.clip(np.arange(frame - 2, frame + 3), 0, 5)]
        for m in range(1 + mirror):
            for r in range(1 + reverse):
                w, p = window[::-1] if r else window, clip.pose[frame]
                expected.append((flip(w, HUMAN36M), flip(p, HUMAN36M)) if m else (w, p))
    assert len(shown) == len(expected) == 6 * versions
    for window, pose in expected:
        assert sum((window == w).all() and (pose == p).all() for w, p, _ in shown) == 1


def test_the_order_depends_on_the_generator_alone():
    windows = Windows([random_clip(30)], Window(3))

    def order(seed):
        batches = TrainingBatches(windows, Sampling(batch_size=7),
                                  generator=torch.Generator().manual_seed(seed))
        return [batch.frame.tolist() for batch in batches]
    assert order(1) == order(1) != order(2)


def test_processes_share_each_batch_between_them():
    windows = Windows([random_clip(13)], Window(3), mirror=True)

    def frames(share):
        batches = TrainingBatches(windows, Sampling(batch_size=5, mirror=True),
                                  share=share, generator=torch.Generator().manual_seed(0))
        return [batch.frame.tolist() for batch in batches], list(batches.sizes())
    (whole, _), (even, sizes), (odd, _) = frames((0, 1)), frames((0, 2)), frames((1, 2))
    assert [sorted(a + b) for a, b in zip(even[:-1], odd)] == [sorted(batch) for batch in whole[:-1]]
    assert sizes == [(5, 3)] * 5 + [(1, 1)]
    assert even[-1] == odd[-1] == whole[-1]                 # one window left: the other process idles on it
