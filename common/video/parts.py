"""Long motions are worked on part by part, so that what is needed in between takes little memory."""
from collections.abc import Callable, Iterator

import numpy as np

PART = 2000             # frames


def parts(num_frames: int) -> Iterator[slice]:
    """Which frames each part has, in order."""
    for first in range(0, num_frames, PART):
        yield slice(first, min(first + PART, num_frames))


def by_parts(function: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """function(*arrays), which treats every frame by itself, computed part by part.

    The frames are the first axis of each array and of the result.
    """
    result = None
    for rows in parts(len(arrays[0])):
        found = function(*(array[rows] for array in arrays))
        if result is None:
            result = np.empty((len(arrays[0]), *found.shape[1:]), found.dtype)
        result[rows] = found
    return result
