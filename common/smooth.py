"""An optional smoother of poses over time. Shapes: N frames, J joints."""
import math

import numpy as np


def smooth(values: np.ndarray, *, seconds: float, fps: float) -> np.ndarray:
    """`values` (N, ..) averaged over time with a Gaussian whose standard deviation is `seconds`.

    Beyond its ends the motion goes on point-symmetrically, so that straight motion and the first and last
    value stay. The Gaussian ends at four standard deviations.
    """
    sigma = seconds * fps                                           # frames
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    ends = ((reach, reach), *[(0, 0)] * (values.ndim - 1))
    if len(values) > 1:
        padded = np.pad(values.astype(np.float64), ends, mode="reflect", reflect_type="odd")
    else:
        padded = np.pad(values.astype(np.float64), ends, mode="edge")
    smoothed = sum(weight * padded[shift:shift + len(values)] for shift, weight in enumerate(kernel))
    return smoothed.astype(values.dtype)
