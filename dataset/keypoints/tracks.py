"""Finds by geometry where a track swaps left and right, and where it jumps to another person.

Shapes: N frames, J joints of the detector's layout. A track (N, J, 3) holds x, y in pixels and a score.
"""
import numpy as np

from common.skeleton import Skeleton

# How far, in sizes of the body's box, a person's center can leave its straight path from one frame to the
# next: more is said (a detector errs, or another person), or refused.
SAID, REFUSED = 0.2, 0.5
ACCELERATION, SPEED = 10, 3     # sizes a second^2 and a second: what a person may add to both of them
GROWTH, GROWTH_RATE = 0.2, 1.5  # logarithm of the body's size: its largest change at once, and a second
ADVICE = "Keep one person of one shot with --from SECONDS --to SECONDS"

# What is exchanged together: the joints' names without their side.
LIMBS = {"the arms": ("shoulder", "elbow", "wrist"), "the legs": ("hip", "knee", "ankle")}
STEADIER = 0.8          # trunk lengths of sudden moves, over all joints, that each exchange must save
SUDDEN = 0.6            # trunk lengths: one joint's sudden move counts no further
CLEAR_SHARE = 0.45      # of the frames; with more of them exchanged the two sides cannot be told apart
CHANGES = ((0, 0), (0, 1), (1, 0), (1, 1))      # of arms and legs, from one frame to the next


def mend_swaps(track: np.ndarray, seen: np.ndarray, layout: Skeleton, *,
               fps: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """New `track` (N, J, 3) and `seen` (N, J) with left and right exchanged where they are swapped; notes.

    Limbs that are swapped in more than CLEAR_SHARE of the frames are left alone, and a note says so. The face
    changes sides with the whole body.
    """
    track, seen, notes = track.copy(), seen.copy(), []
    swapped = find_swapped(track[..., :2], seen, layout)                                # (N, 2)
    unclear = swapped.mean(axis=0) > CLEAR_SHARE
    both = swapped.all(axis=1)
    for name, frames in [("the whole body", both), *zip(LIMBS, (swapped & ~both[:, None]).T)]:
        if not frames.any():
            continue
        what = (f"Left and right of {name} are swapped in {frames.sum()} of {len(track)} frames, the first "
                f"at {np.argmax(frames) / fps:.2f} s")
        if unclear.any():
            notes.append(f"{what}: which side is which cannot be told, so nothing was changed. {ADVICE}.")
            continue
        order = [twin if part_of(layout.joints[joint]) in LIMBS.get(name, [part_of(layout.joints[joint])])
                 else joint for joint, twin in enumerate(layout.mirror_order)]
        track[frames], seen[frames] = track[frames][:, order], seen[frames][:, order]
        notes.append(f"{what}: exchanged.")
    return track, seen, notes


def part_of(joint: str) -> str:
    """`knee` of `left_knee`."""
    return joint.removeprefix("left_").removeprefix("right_")


def find_swapped(points: np.ndarray, seen: np.ndarray, layout: Skeleton) -> np.ndarray:
    """(N, 2) bool: where left and right of the arms, and of the legs, are swapped in `points` (N, J, 2).

    Of all ways to exchange them, this one has the least sudden changes of speed; each change between swapped
    and not must save STEADIER. The sides of most frames count as right. `seen` (N, J) bool.
    """
    length, costs = trunk_length(points, seen, layout), []
    for parts in LIMBS.values():
        left, right = ([layout.joints.index(f"{side}_{part}") for part in parts]
                       for side in ("left", "right"))
        pairs = np.stack([points[:, left], points[:, right]], axis=1) / length          # (N, 2, parts, 2)
        costs.append(sudden_moves(pairs, seen[:, left] & seen[:, right]))               # (N, 2, 2)
    arms, legs = np.array(CHANGES).T
    cost = costs[0][:, arms[:, None], arms] + costs[1][:, legs[:, None], legs]          # (N, 4, 4)
    changed = np.array(CHANGES, bool)[cheapest_changes(cost)]                           # (N, 2)
    swapped = np.logical_xor.accumulate(changed, axis=0)
    return swapped ^ (swapped.mean(axis=0) > 0.5)


def trunk_length(points: np.ndarray, seen: np.ndarray, layout: Skeleton) -> float:
    """The median length in pixels of the trunk's seen sides, from shoulder to hip; 1 where none is seen."""
    lengths = []
    for side in ("left", "right"):
        ends = [layout.joints.index(f"{side}_{part}") for part in ("shoulder", "hip")]
        both = seen[:, ends].all(axis=1)
        lengths.append(np.linalg.norm(points[both, ends[0]] - points[both, ends[1]], axis=-1))
    lengths = np.concatenate(lengths)
    return max(1.0, float(np.median(lengths))) if len(lengths) else 1.0


def sudden_moves(pairs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(N, 2, 2) the change of speed at frame n where sides change before n (axis 1) and after n (axis 2).

    `pairs` (N, 2, parts, 2): left and right joints in trunk lengths; `seen` (N, parts) bool. Zero at both
    ends; a part counts where it is seen in the frame before, in this and in the next.
    """
    pairs = np.where(seen[:, None, :, None], pairs, 0)
    cost = np.zeros((len(pairs), 2, 2))
    known = (seen[:-2] & seen[1:-1] & seen[2:])[:, None]                                # (N - 2, 1, parts)
    for before in (0, 1):
        for after in (0, 1):
            first, last = pairs[:-2, ::1 - 2 * before], pairs[2:, ::1 - 2 * after]
            turn = np.linalg.norm(first - 2 * pairs[1:-1] + last, axis=-1)              # (N - 2, 2, parts)
            cost[1:-1, before, after] = (np.minimum(turn, SUDDEN) * known).sum(axis=(1, 2))
    return cost


def cheapest_changes(cost: np.ndarray) -> np.ndarray:
    """(N,) which of CHANGES comes before each frame: those of the least sum of `cost` (N, 4, 4).

    cost[n, i, j] is that of change i before frame n and j after it. Each change also costs STEADIER.
    """
    price = [STEADIER * any(change) for change in CHANGES]
    totals, choices = price, []                     # of the ways that end with each change
    for rows in cost[1:-1].tolist():
        ways = [[total + row[change] for total, row in zip(totals, rows)] for change in range(len(CHANGES))]
        choices.append([way.index(min(way)) for way in ways])
        totals = [min(way) + paid for way, paid in zip(ways, price)]
    changes = np.zeros(len(cost), int)
    change = totals.index(min(totals))
    for frame in range(len(choices), 0, -1):
        changes[frame + 1] = change
        change = choices[frame - 1][change]
    changes[1:2] = change
    return changes


def check_continuity(keypoints: np.ndarray, present: np.ndarray, where: str, *, fps: float) -> list[str]:
    """Notes on the jumps of joints (N, 17, 2), pixels, between the frames `present` (N,).

    A jump by more than REFUSED sizes of the body raises ValueError.
    """
    frames = np.flatnonzero(present)
    off_path, reach, growth = measure_steps(keypoints[frames], frames / fps)            # (K - 1,) each
    refused = np.flatnonzero(off_path > REFUSED + reach)
    said = np.flatnonzero((off_path > SAID + reach) | growth)
    if len(refused):
        first, count = refused[0], len(refused)
        raise ValueError(f"{where}: between pose {frames[first]} and {frames[first + 1]} the person jumps by "
                         f"{off_path[first]:.1f} times its size, at {frames[first + 1] / fps:.2f} s, {count} "
                         f"such jumps in all: another person or a cut. {ADVICE}, or give wrong frames the "
                         "score 0.")
    if not len(said):
        return []
    times = ", ".join(f"{frames[step + 1] / fps:.2f}" for step in said[:10])
    return [f"The person jumps or changes its size suddenly at {times} s, {len(said)} times in all: the "
            f"detector erred there, or it is another person. {ADVICE} if so."]


def measure_steps(keypoints: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How the body moves between `keypoints` (K, 17, 2), pixels, at `times` (K,), seconds; each (K - 1,).

    Returns by how many body sizes its center leaves the straight path of the step before or after, whichever
    is nearer; how many of those a person may leave it by in the time; and whether its size changes suddenly.
    """
    center = keypoints.mean(axis=1)                                                     # (K, 2)
    size = np.linalg.norm(np.ptp(keypoints, axis=1), axis=-1)
    spread = np.maximum(1, np.linalg.norm(keypoints - center[:, None], axis=-1).mean(axis=1))
    unit = np.maximum(1, np.maximum(np.maximum(size[1:], size[:-1]), np.median(size) / 2))
    step, seconds = np.diff(center, axis=0), np.diff(times)
    off_path = np.linalg.norm(step, axis=-1)
    if len(step) > 1:
        speed = step / seconds[:, None]
        before = np.linalg.norm(step[1:] - speed[:-1] * seconds[1:, None], axis=-1)
        after = np.linalg.norm(step[:-1] - speed[1:] * seconds[:-1, None], axis=-1)
        off_path = np.concatenate([after[:1], np.minimum(before[:-1], after[1:]), before[-1:]])
    reach = np.minimum(ACCELERATION * seconds ** 2, SPEED * seconds)
    growth = abs(np.diff(np.log(spread))) > GROWTH + GROWTH_RATE * seconds
    return off_path / unit, reach, growth
