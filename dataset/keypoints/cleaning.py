"""What a detector saw, what it missed and how that is filled; implausible tracks are refused.

Shapes: N frames, J joints of the detector's layout. A track (N, J, 3) holds x, y in pixels and a score, NaN
where missing.
"""
from pathlib import Path

import numpy as np

from common.layouts import needed, stand_in
from common.skeleton import Skeleton

MIN_SCORE = 0.3         # a joint with a lower score counts as unseen
MAX_OUTSIDE = 0.1       # share of the keypoints that may lie outside twice the image
BODIES_PER_SECOND = 25  # more than a person's centre can move, in sizes of the body's box


def visible(track: np.ndarray, layout: Skeleton, path: Path, *, width: int, height: int) -> np.ndarray:
    """(N, J) bool: where `track` has a joint, with a score of at least 0.3, not far outside the image.

    A joint that never reaches 0.3 is taken wherever its score is above 0. Raises ValueError where no
    joint is seen and for positions that do not fit an image of `width` x `height` pixels.
    """
    x, y, score = np.moveaxis(track, -1, 0)                                     # (N, J) each
    present = np.isfinite(track).all(axis=-1) & (score > 0)
    seen = present & (score >= MIN_SCORE)
    seen |= present & ~seen.any(axis=0)
    rows = needed(layout)
    if not seen[:, rows].any():
        raise ValueError(f"{path}: no joint is seen in any of {len(track)} frames. Run the detector again.")
    outside = seen & ((x < -width) | (x > 2 * width) | (y < -height) | (y > 2 * height))
    sure = seen[:, rows] & (score[:, rows] >= MIN_SCORE)
    share = (outside[:, rows] & sure).sum() / max(1, sure.sum())
    if share > MAX_OUTSIDE:
        raise ValueError(f"{path}: {share:.0%} of the keypoints lie far outside an image of {width} x "
                         f"{height} pixels. Correct --width and --height.")
    if np.abs(track[seen][:, :2]).max() <= 2 and min(width, height) > 16:
        raise ValueError(f"{path}: all coordinates lie within 2 pixels of 0; expected pixels of an image of "
                         f"{width} x {height}. Multiply normalised coordinates by the width and the height.")
    return seen & ~outside


def fill(track: np.ndarray, seen: np.ndarray, layout: Skeleton, path: Path) -> tuple[np.ndarray, list[str]]:
    """Positions (N, J, 2), pixels, of the joints that the conversion needs, and sentences on what was filled.

    An unseen ear or nose takes its place from the rest of the head, any other joint by linear interpolation
    over time; before the first and after the last sight it rests. A joint that is never seen is an error.
    """
    positions, known = stand_in(track[..., :2], seen, layout)
    rows = needed(layout)
    never = [layout.joints[joint] for joint in rows if not known[:, joint].any()]
    if never:
        raise ValueError(f"{path}: {', '.join(never)} never seen in {len(track)} frames; all of a person's "
                         f"joints must show at some time. Use a part of the video where they do.")
    frames = np.arange(len(track))
    for joint in rows:
        at = known[:, joint]
        for axis in range(2):
            positions[:, joint, axis] = np.interp(frames, frames[at], positions[at, joint, axis])
    present = seen.any(axis=1)
    return positions, [*missing(present),
                       *count("took their place from the rest of the head", (known & ~seen)[present], layout),
                       *count("were interpolated over time", ~known[present], layout)]


def missing(present: np.ndarray) -> list[str]:
    """A sentence on the frames in which nobody is seen, where `present` (N,) is false; none without any."""
    absent, frames = int((~present).sum()), np.flatnonzero(present)
    if not absent:
        return []
    longest = max(frames[0], len(present) - 1 - frames[-1], *np.diff(frames) - 1, 0)
    return [f"The person is missing in {absent} of {len(present)} frames, at most {longest} in a row: "
            "interpolated."]


def unsure(track: np.ndarray, seen: np.ndarray, layout: Skeleton) -> list[str]:
    """A sentence that names the joints which the detector only ever guessed, if there are any."""
    best = np.where(seen, track[..., 2], 0).max(axis=0)                         # (J,)
    listed = ", ".join(layout.joints[joint] for joint in needed(layout) if 0 < best[joint] < MIN_SCORE)
    sentence = f"Never scored {MIN_SCORE} or more, and taken as the detector guessed them: {listed}."
    return [sentence] if listed else []


def count(what: str, places: np.ndarray, layout: Skeleton) -> list[str]:
    """A sentence that counts the frames of each joint in `places` (N, J), or none if there is nothing."""
    frames = {layout.joints[joint]: int(places[:, joint].sum()) for joint in needed(layout)}
    listed = ", ".join(f"{name} {number}" for name, number in frames.items() if number)
    sentence = f"Joints unseen or scored below {MIN_SCORE} {what}; frames of {len(places)}: {listed}."
    return [sentence] if listed else []


def check_continuity(keypoints: np.ndarray, present: np.ndarray, path: Path, *, fps: float) -> None:
    """Refuse joints (N, 17, 2), pixels, that jump to another person between frames `present` (N,)."""
    frames = np.flatnonzero(present)
    size = max(1, np.median(np.linalg.norm(np.ptp(keypoints[frames], axis=1), axis=-1)))
    steps = np.linalg.norm(np.diff(keypoints[frames].mean(axis=1), axis=0), axis=-1)
    jumps = np.flatnonzero(steps > size * max(1, BODIES_PER_SECOND / fps) * np.diff(frames))
    if len(jumps):
        first = jumps[0]
        raise ValueError(f"{path}: between pose {frames[first]} and {frames[first + 1]} the person jumps by "
                         f"{steps[first] / size:.1f} times its size, {len(jumps)} such jumps in all: another "
                         f"person or a cut. Keep one person of one shot, or give wrong frames the score 0.")
