"""Finds what a detector saw, fills what it missed.

Shapes: N frames, J joints of the detector's layout. A track (N, J, 3) holds x, y in pixels and a score, NaN
where missing.
"""
import numpy as np

from common.bounds import MAX_OUTSIDE, NORMALISED, far_outside, refuse_normalised, refuse_outside
from common.posture import TRUNK, fill_posture
from common.skeleton import Skeleton
from dataset.keypoints.layouts import complete_head, needed_joints

MIN_SCORE = 0.3         # a joint with a lower score counts as unseen
NEGATIVE = -0.05        # heat maps give scores a little below 0
LONGEST_GAP = 1.0       # seconds for which a joint's filled place can be believed


def to_pixels(track: np.ndarray, notes: list[str], where: str, *, width: int, height: int) -> np.ndarray:
    """The track in pixels, where it holds shares of the picture's width and height; adds to `notes`.

    Coordinates are shares where most of them lie so near 0 that they are no pixels. Raises ValueError where
    they lie on both sides of 0: these are screen coordinates or metres; and where the scores do: these are
    depths.
    """
    scores = track[..., 2][np.isfinite(track[..., 2])]
    if (scores < NEGATIVE).mean() > MAX_OUTSIDE if len(scores) else False:
        raise ValueError(f"{where}: {(scores < NEGATIVE).mean():.0%} of the scores lie below 0, as a depth z "
                         f"does. Save x, y and the score (MediaPipe calls it visibility).")
    known = np.isfinite(track).all(axis=-1) & (track[..., 2] >= MIN_SCORE)
    points = np.abs(track[known][:, :2])                                        # (K, 2)
    if not len(points) or np.median(points) > NORMALISED:
        return track
    negative = (track[known][:, :2] < 0).mean()
    if negative > MAX_OUTSIDE:
        raise ValueError(f"{where}: most coordinates lie within {NORMALISED} of 0, and {negative:.0%} of "
                         f"them below it, as screen coordinates or metres do; expected pixels of an image of "
                         f"{width} x {height}, or shares from 0 to 1 of its width and height. Convert them.")
    notes.append(f"The coordinates are shares of the picture's width and height: they were multiplied by "
                 f"{width} and {height}.")
    with np.errstate(over="ignore"):
        return track * [width, height, 1]


def find_seen(track: np.ndarray, layout: Skeleton, where: str, *, width: int, height: int) -> np.ndarray:
    """(N, J) bool: where the detector saw a joint.

    A joint is seen if its score is at least MIN_SCORE and it does not lie far outside the image. A joint that
    never reaches MIN_SCORE is seen wherever its score is above 0. Raises ValueError where no joint is seen
    and for positions that do not fit an image of `width` x `height` pixels.
    """
    score = track[..., 2]                                                       # (N, J)
    present = np.isfinite(track).all(axis=-1) & (score > 0)
    seen = present & (score >= MIN_SCORE)
    seen |= present & ~seen.any(axis=0)
    rows = needed_joints(layout)
    if not seen[:, rows].any():
        raise ValueError(f"{where}: no joint is seen in any of {len(track)} frames. Run the detector again.")
    sure = seen[:, rows] & (track[:, rows, 2] >= MIN_SCORE)
    judged = track[:, rows][sure if sure.any() else seen[:, rows]][:, :2]       # (K, 2)
    refuse_outside(judged, where, width=width, height=height, most=MAX_OUTSIDE)
    refuse_normalised(judged, where, width=width, height=height)
    return seen & ~far_outside(track[..., :2], width=width, height=height)


def fill(track: np.ndarray, seen: np.ndarray, layout: Skeleton, where: str, *,
         fps: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Positions (N, J, 2), pixels, of the joints that the conversion needs; (N, J) bool, which of them were
    filled over time; notes.

    An unseen ear or nose is placed by the rest of the head. The place of any other unseen joint relative to
    the limb it hangs on is interpolated linearly over time (common/posture.py); before it is first seen and
    after it is last seen it is held. Raises ValueError for a joint that is never seen.
    """
    positions, known = complete_head(track[..., :2], seen, layout)
    rows = needed_joints(layout)
    never = [layout.joints[joint] for joint in rows if not known[:, joint].any()]
    if never:
        raise ValueError(f"{where}: {', '.join(never)} never seen in {len(track)} frames; all of a person's "
                         f"joints must show at some time. Use a part of the video where they do.")
    positions = fill_over_time(positions, known, layout)
    present = seen.any(axis=1)
    by_head, by_time = (known & ~seen)[present], ~known[present]
    return positions, ~known, [
        *describe_gaps(present),
        *describe_filled("took their place from the rest of the head", by_head, layout),
        *describe_filled("were interpolated over time", by_time, layout),
        *describe_guessed(known, layout, fps=fps)]


def fill_over_time(positions: np.ndarray, known: np.ndarray, layout: Skeleton) -> np.ndarray:
    """New `positions` (N, J, 2) in which the unknown ones of the needed joints are filled along the body.

    Where the trunk's four corners are never known together, each of them is interpolated by itself first.
    """
    frames, known = np.arange(len(positions)), known.copy()                         # (N, J)
    positions = np.where(known[..., None], positions, 0)
    points = positions[..., 0] + 1j * positions[..., 1]                             # (N, J)

    def interpolate(_, values, at):
        return np.interp(frames, frames[at], values[at])

    trunk = [layout.joints.index(name) for name in TRUNK]
    if not known[:, trunk].all(axis=1).any():
        for joint in trunk:
            points[:, joint] = interpolate(None, points[:, joint], known[:, joint])
        known[:, trunk] = True
    filled = fill_posture(points, known, layout.joints, needed_joints(layout), interpolate)
    return np.stack([filled.real, filled.imag], axis=-1)


def describe_gaps(present: np.ndarray) -> list[str]:
    """A note on the frames without the person, where `present` (N,) is false, if there are any."""
    absent, frames = int((~present).sum()), np.flatnonzero(present)
    if not absent:
        return []
    longest = max(frames[0], len(present) - 1 - frames[-1], *(np.diff(frames) - 1), 0)
    return [f"The person is missing in {absent} of {len(present)} frames, at most {longest} in a row: "
            "interpolated."]


def describe_guesses(track: np.ndarray, seen: np.ndarray, layout: Skeleton) -> list[str]:
    """A note that names the joints which never reached MIN_SCORE, if there are any."""
    best = np.where(seen, track[..., 2], 0).max(axis=0)                         # (J,)
    listed = ", ".join(layout.joints[joint] for joint in needed_joints(layout) if 0 < best[joint] < MIN_SCORE)
    note = f"Never scored {MIN_SCORE} or more, and taken as the detector guessed them: {listed}."
    return [note] if listed else []


def describe_filled(what: str, places: np.ndarray, layout: Skeleton) -> list[str]:
    """A note with the number of frames of each joint in `places` (N, J), if there are any."""
    frames = {layout.joints[joint]: int(places[:, joint].sum()) for joint in needed_joints(layout)}
    listed = ", ".join(f"{name} {number}" for name, number in frames.items() if number)
    note = f"Joints unseen or scored below {MIN_SCORE} {what}; frames of {len(places)}: {listed}."
    return [note] if listed else []


def describe_guessed(known: np.ndarray, layout: Skeleton, *, fps: float) -> list[str]:
    """A note on the joints that are not `known` (N, J) for longer than LONGEST_GAP, if there are any."""
    gaps = {}
    for joint in needed_joints(layout):
        edges = np.flatnonzero(np.diff(~known[:, joint], prepend=False, append=False)).reshape(-1, 2)
        first, end = max(edges, key=lambda edge: edge[1] - edge[0], default=(0, 0))
        if (end - first) / fps > LONGEST_GAP:
            gaps[layout.joints[joint]] = f"{(end - first) / fps:.1f} s from {first / fps:.1f} s on"
    listed = ", ".join(f"{name} {gap}" for name, gap in gaps.items())
    note = (f"Unseen for longer than {LONGEST_GAP:g} s, so that their place there is a guess "
            f"(the longest gap of each): {listed}.")
    return [note] if listed else []
