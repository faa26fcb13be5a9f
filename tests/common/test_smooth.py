import numpy as np
import pytest

from common.smooth import smooth


def test_a_sine_shrinks_as_the_gaussians_transform_says():
    frames = np.arange(400)
    wave = np.sin(2 * np.pi * frames / 40)[:, None]
    smoothed = smooth(wave, seconds=0.1, fps=50)                        # 5 frames
    factor = np.exp(-0.5 * (2 * np.pi * 5 / 40) ** 2)
    assert smoothed[50:350] == pytest.approx(factor * wave[50:350], abs=1e-4)


def test_the_same_seconds_at_twice_the_rate_are_the_same_smoothing():
    frames = np.arange(200)
    slow, fast = np.sin(frames / 10), np.sin(np.arange(400) / 20)
    assert smooth(fast, seconds=0.2, fps=50)[60:340:2] == pytest.approx(
        smooth(slow, seconds=0.2, fps=25)[30:170], abs=1e-4)


def test_straight_motion_and_the_ends_stay():
    line = np.arange(12)[:, None, None] * np.ones((1, 17, 3)) * 0.1
    assert smooth(line, seconds=0.5, fps=50) == pytest.approx(line)
    noise = np.random.default_rng(0).normal(size=(30, 17, 3))
    smoothed = smooth(noise, seconds=0.06, fps=50)
    assert smoothed[[0, -1]] == pytest.approx(noise[[0, -1]])
    assert smoothed[8:22].std() < 0.4 * noise[8:22].std()


@pytest.mark.parametrize("num_frames", [1, 2])
def test_the_shortest_clips_stay(num_frames):
    values = np.arange(num_frames, dtype=np.float32)[:, None]
    smoothed = smooth(values, seconds=0.3, fps=30)
    assert smoothed.dtype == np.float32 and smoothed == pytest.approx(values, abs=1e-6)
