"""Least squares in a band: the answer of dense least squares."""
import numpy as np
import pytest

from common.video.banded import BEND, STEP, VALUE, Banded


@pytest.mark.parametrize("frames", [1, 2, 3, 6, 7])
def test_banded_equals_dense_least_squares(frames):
    generator = np.random.default_rng(frames)
    rows, residual = generator.normal(size=(frames, 5, 4)), generator.normal(size=(frames, 5))
    shared, system = generator.normal(size=(frames, 5, 2)), Banded(frames, 4, 2)
    dense = np.zeros((frames, 5, frames * 4 + 2))
    for frame in range(frames):
        dense[frame, :, 4 * frame:4 * frame + 4] = rows[frame]
    dense[..., -2:] = shared
    matrix, right = [np.eye(frames * 4 + 2)[-2:]], [np.zeros(2)]
    system.add_shared(np.eye(2), np.zeros(2))
    for kernel in (VALUE, STEP, BEND):
        count = max(0, frames - len(kernel) + 1)
        weight = generator.uniform(1, 2, (count, 5))
        system.add(rows, residual, kernel, weight, shared)
        for frame in range(count):
            part = [factor * dense[frame + shift] for shift, factor in enumerate(kernel)]
            known = [factor * residual[frame + shift] for shift, factor in enumerate(kernel)]
            matrix.append(weight[frame, :, None] ** 0.5 * sum(part))
            right.append(weight[frame] ** 0.5 * sum(known))
    matrix, right = np.concatenate(matrix), np.concatenate(right)
    expected = np.linalg.lstsq(matrix, -right, rcond=None)[0]
    change, common = system.solve(damping=1e-12)
    assert np.concatenate([change.ravel(), common]) == pytest.approx(expected, abs=1e-6)
