"""Rotations as matrices (.., 3, 3) that act on column vectors. Shapes: N frames, B bones.

Euler angles are degrees. A file order such as "YZX" names the axes from the first factor to the last:
R = Y Z X.
"""
import numpy as np


def unit(vectors: np.ndarray, otherwise=0) -> np.ndarray:
    """Vectors (.., 3) of length 1; those without a length become `otherwise`."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-9, vectors / np.maximum(length, 1e-9), otherwise)


def shortest_turn(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rotations (N, 3, 3) that take unit vectors `start` (N, 3) to `end` (N, 3) by the smallest angle.

    Two mirrorings: at the plane across start, then at the one across start + end. Opposite vectors turn half
    round.
    """
    helper = np.eye(3)[np.abs(start).argmin(axis=1)]
    across = unit(np.cross(start, helper), helper)
    middle = unit(start + end, across)
    mirror = [np.eye(3) - 2 * normal[:, :, None] * normal[:, None, :] for normal in (start, middle)]
    return mirror[1] @ mirror[0]


def swing(axes: np.ndarray, rest: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) turned the shortest way until their direction `rest` (3,) is `end` (N, 3)."""
    return shortest_turn(axes @ rest, end) @ axes


def twist(axes: np.ndarray, about: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Axes (N, 3, 3) turned by `angles` (N,), radians, about the unit vectors `about` (N, 3): Rodrigues."""
    x, y, z = about.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)
    sine, cosine = np.sin(angles)[:, None, None], np.cos(angles)[:, None, None]
    return (np.eye(3) + sine * cross + (1 - cosine) * cross @ cross) @ axes


def angle_about(about: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Radians (N,) about unit vectors `about` from `start` to `end` (N, 3); 0 where one lies along it."""
    start, end = (vectors - dot(vectors, about)[:, None] * about for vectors in (start, end))
    return np.arctan2(dot(np.cross(start, end), about), dot(start, end))


def dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Scalar products (..) of vectors (.., 3)."""
    return (first * second).sum(-1)


def euler(turns: np.ndarray, order: str) -> np.ndarray:
    """Angles (N, 3), degrees, of rotations (N, 3, 3) in the file order `order`; the second within +-90.

    Where the second is +-90 the third is 0.
    """
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1 if (j - i) % 3 == 1 else -1                    # of the axes as a right-handed triple
    sine = (sign * turns[:, i, k]).clip(-1, 1)
    locked = np.abs(sine) > 1 - 1e-12
    first = np.where(locked, np.arctan2(sign * turns[:, k, j], turns[:, j, j]),
                     np.arctan2(-sign * turns[:, j, k], turns[:, k, k]))
    third = np.where(locked, 0, np.arctan2(-sign * turns[:, i, j], turns[:, i, i]))
    return np.degrees(np.stack([first, np.arcsin(sine), third], axis=1))


def follow_on(angles: np.ndarray, last: np.ndarray | None = None) -> np.ndarray:
    """Euler angles (N, B, 3), degrees, of the same rotations, each frame as near as possible to the last.

    `last` (B, 3) are those before the first frame; None: there are none. A rotation has two triples within a
    full turn: (a, b, c) and (a + 180, 180 - b, c + 180).
    """
    twins = np.stack([angles, angles * [1, -1, 1] + 180])               # (2, N, B, 3)
    result, start = angles.copy(), int(last is None)
    last = angles[0] if last is None else last
    for frame in range(start, len(angles)):
        near = twins[:, frame] + 360 * np.round((last - twins[:, frame]) / 360)
        far = np.abs(near - last).sum(-1)                               # (2, B)
        result[frame] = last = np.where((far[1] < far[0])[:, None], near[1], near[0])
    return result


def unhurried(angles: np.ndarray, most: float) -> np.ndarray:
    """Angles (N,) that change by `most` a frame at most: midway between the tightest bounds of that kind."""
    ramp = most * np.arange(len(angles))
    envelopes = []
    for sign in (1, -1):                                                # from above, from below
        late = np.maximum.accumulate(sign * angles + ramp) - ramp
        early = (np.maximum.accumulate((sign * angles - ramp)[::-1])[::-1]) + ramp
        envelopes.append(sign * np.maximum(late, early))
    return sum(envelopes) / 2
