import numpy as np
import pytest
import torch

from common.skeleton import HUMAN36M, flip
from common.windows import Window, Windows
from tests.helpers import random_clip


@pytest.mark.parametrize("frames, tds", [(1, 1), (5, 1), (5, 3), (27, 2)])
def test_a_window_repeats_the_first_and_last_frame_outside_its_own_clip(frames, tds):
    clips = [random_clip(4, seed=1), random_clip(9, seed=2), random_clip(1, seed=3)]
    windows = Windows(clips, Window(frames, tds=tds))
    pad = frames // 2
    for batch in map(windows.gather, windows.centers().split(4)):
        for window, clip, frame in zip(batch.keypoints, batch.clip, batch.frame):
            rows = [min(max(int(frame) + tds * k, 0), len(clips[clip]) - 1) for k in range(-pad, pad + 1)]
            assert window.tolist() == clips[clip].keypoints[rows].tolist()


def test_batches_hold_every_frame_once_with_its_own_truth():
    clips = [random_clip(5, seed=1), random_clip(8, seed=2)]
    seen = []
    windows = Windows(clips, Window(3))
    for batch in map(windows.gather, windows.centers().split(4)):
        seen += list(zip(batch.clip.tolist(), batch.frame.tolist()))
        for i, (clip, frame) in enumerate(zip(batch.clip, batch.frame)):
            assert batch.pose[i].tolist() == clips[clip].pose[frame].tolist()
            assert batch.root[i].tolist() == clips[clip].root[frame].tolist()
    assert seen == [(0, i) for i in range(5)] + [(1, i) for i in range(8)]


def test_every_nth_frame_is_counted_from_each_clips_first():
    windows = Windows([random_clip(5, seed=1), random_clip(4, seed=2)], Window(3))
    assert windows.centers(3).tolist() == [0, 3, 5, 8]


def test_invalid_frames_are_context_but_never_training_centres():
    valid = np.array([True, False, True, True])
    windows = Windows([random_clip(4, valid=valid)], Window(3))
    assert windows.centers(valid_only=True).tolist() == [0, 2, 3]
    assert windows.centers().tolist() == [0, 1, 2, 3]


def test_mirrored_windows_carry_mirrored_root_and_principal_point():
    clip = random_clip(3)
    batch = Windows([clip], Window(1), mirror=True).gather(torch.tensor([1]), mirrored=torch.tensor([1]))
    assert batch.root[0].tolist() == (clip.root[1] * [-1, 1, 1]).tolist()
    assert batch.intrinsics[0].tolist() == (clip.intrinsics * np.float32([1, 1, -1, 1])).tolist()


@pytest.mark.parametrize("hop", [1, 2, 5])
@pytest.mark.parametrize("tds", [1, 2])
def test_covering_windows_hold_every_frame_and_leave_a_clip_only_when_it_is_short(hop, tds):
    lengths = [1, 2, 5, 9, 12]
    windows = Windows([random_clip(length, seed=length) for length in lengths], Window(5, tds=tds, hop=hop))
    rows, inside = windows.window_rows(windows.covering())
    assert set(rows[inside].tolist()) == set(range(sum(lengths)))
    long = windows.row_clip[rows[:, 0]] == 4                # 12 frames: longer than a window, tds 1 or 2
    assert inside[long].all() and (~inside).any()
    if tds == 1:
        steps = torch.diff(rows[long][:, 0])
        assert (steps[:-1] == hop).all() and 0 < steps[-1] <= hop


def test_a_causal_window_ends_with_its_target():
    clip = random_clip(6)
    windows = Windows([clip], Window(3, tds=2, target="last"))
    batch = windows.gather(windows.centers()[:6])
    assert batch.keypoints[5].tolist() == clip.keypoints[[1, 3, 5]].tolist()
    assert batch.keypoints[1].tolist() == clip.keypoints[[0, 0, 1]].tolist()
    assert batch.pose[5].tolist() == clip.pose[5].tolist()


def test_whole_windows_carry_the_truth_of_each_of_their_frames():
    clip = random_clip(6)
    windows = Windows([clip], Window(3), mirror=True)
    batch = windows.gather(torch.tensor([0, 4]), mirrored=torch.tensor([0, 1]), whole=True)
    assert batch.pose[0].tolist() == clip.pose[[0, 0, 1]].tolist()
    assert batch.pose[1].tolist() == flip(clip.pose[[3, 4, 5]], HUMAN36M).tolist()
    assert batch.root[0].tolist() == clip.root[[0, 0, 1]].tolist()
    assert batch.at(1).pose.tolist() == windows.gather(torch.tensor([0, 4]),
                                                       mirrored=torch.tensor([0, 1])).pose.tolist()
