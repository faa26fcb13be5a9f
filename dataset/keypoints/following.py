"""Who is who from frame to frame, where a file has its people in any order.

Where nobody else is near, people are followed from frame to frame: that gives pieces of tracks. Where people
meet or are hidden, pieces end. All pieces that end and begin around such a place are then joined so that
places, speeds, sizes and, where the detector tells of them, looks fit together best.

Shapes: D people in all frames, J joints, A numbers that tell how somebody looks.
"""
from dataclasses import dataclass, replace

import numpy as np

from dataset.keypoints.assignment import assign
from dataset.keypoints.keypoint_file import KeypointFile

# Distances are shares of the body's size, the diagonal of the box around its joints.
SAME = 0.05             # two people whose joints lie nearer are one, found twice
NEAR, CLEAR = 0.35, 0.06    # the furthest step of a piece; by how much anybody else must be further away
STEADY, SUDDEN = 0.015, 4   # the least usual error of a step; how often the usual one it may be
LOST = 0.5              # seconds after which a piece that finds nobody ends
SHORTEST = 3            # frames of a piece that is joined by its speed
HIDDEN = 2.0            # seconds between two pieces that are joined, at most
RECENT = 0.4            # seconds at a piece's end that tell its speed
UNSURE = 1e-3           # seconds^2: how much a speed from few frames is drawn to 0
TOO_MUCH = 4.0          # cost of a join that is not made
ASSUMED_FPS = 30
SEEN = 0.3              # score


@dataclass(frozen=True)
class People:
    """All people of a file: frame number (D,), joints (D, J, 3), center (D, 2), size (D,), looks (D, A)."""
    frame: np.ndarray
    joints: np.ndarray
    center: np.ndarray
    size: np.ndarray
    looks: np.ndarray | None


@dataclass
class Piece:
    """Rows of People that are one person, in the order of their frames; how far the last steps were `usual`ly
    beside what was expected."""
    rows: list[int]
    usual: float = 0.03


def follow(file: KeypointFile) -> KeypointFile:
    """The file with everybody under one number, from 1: who is seen in the most frames comes first."""
    people = gather(file)
    fps = file.fps or ASSUMED_FPS
    pieces = follow_clear(people, fps)
    tracks = join(people, [piece for piece in pieces if len(piece.rows) >= SHORTEST], fps)
    short = [piece for piece in pieces if len(piece.rows) < SHORTEST]
    taken = take_in(people, tracks, [row for piece in short for row in piece.rows])
    tracks += [Piece(rest) for piece in short if (rest := [row for row in piece.rows if row not in taken])]
    tracks.sort(key=lambda track: -len(track.rows))
    numbered = {str(number): {int(people.frame[row]): people.joints[row] for row in sorted(track.rows)}
                for number, track in enumerate(tracks, start=1)}
    return replace(file, people=numbered, tracked=True, looks=None)


def gather(file: KeypointFile) -> People:
    """The people of a file in the order of their frames; who was found twice in a frame counts once."""
    found = sorted(((frame, name) for name, track in file.people.items() for frame in track),
                   key=lambda pair: pair[0])
    joints = np.stack([file.people[name][frame] for frame, name in found])          # (D, J, 3)
    with np.errstate(invalid="ignore"):
        seen = np.isfinite(joints).all(axis=-1) & (joints[..., 2] >= SEEN)
    seen |= np.isfinite(joints).all(axis=-1) & ~seen.any(axis=1, keepdims=True)
    places = np.where(seen[..., None], joints[..., :2], np.nan)
    some = seen.any(axis=1)                             # the others have no place and are left out
    if not some.any():
        raise ValueError("Nobody has a joint whose place is known in any frame. Run the detector again.")
    joints, places = joints[some], places[some]
    center = np.nanmedian(places, axis=1)
    size = np.maximum(1, np.linalg.norm(np.nanmax(places, axis=1) - np.nanmin(places, axis=1), axis=-1))
    looks = None
    if file.looks is not None:
        looks = np.stack([file.looks[name][frame] for frame, name in found])[some]
    frame = np.array([frame for frame, _ in found])[some]
    joints = np.concatenate([places, joints[..., 2:]], axis=-1)
    return without_doubles(People(frame, joints, center, size, looks))


def without_doubles(people: People) -> People:
    """The people without those who lie on somebody of a higher score in their frame."""
    keep, score = np.ones(len(people.frame), bool), np.nanmean(people.joints[..., 2], axis=1)
    for rows in frames_of(people).values():
        for row in rows if len(rows) > 1 else ():
            others = [other for other in rows if other != row and keep[other] and score[other] >= score[row]]
            keep[row] = not any(apart(people, people.joints[other, :, :2], row) < SAME for other in others)
    return People(*(None if values is None else values[keep] for values in vars(people).values()))


def frames_of(people: People) -> dict[int, list[int]]:
    """Frame number -> the rows of its people, in order."""
    numbers, starts = np.unique(people.frame, return_index=True)
    return {int(number): rows.tolist() for number, rows in
            zip(numbers, np.split(np.arange(len(people.frame)), starts[1:]))}


def apart(people: People, places: np.ndarray, row: int) -> float:
    """How far the joints of `row` lie from `places` (J, 2), in the median and in body sizes."""
    steps = np.linalg.norm(people.joints[row, :, :2] - places, axis=-1)
    known = np.isfinite(steps)
    if not known.any():
        steps, known = np.linalg.norm(people.center[row] - np.nanmedian(places, axis=0)), True
    return float(np.median(steps[known])) / people.size[row]


def expected(people: People, piece: Piece, frame: int, fps: float) -> np.ndarray:
    """Where the joints (J, 2) of a piece will be in a later `frame`, if it goes on as in its last frames."""
    last, recent = piece.rows[-1], piece.rows[-max(2, round(RECENT * fps / 2)):]
    steps = max(1, people.frame[last] - people.frame[recent[0]])
    speed = (people.center[last] - people.center[recent[0]]) / steps
    return people.joints[last, :, :2] + speed * (frame - people.frame[last])


def follow_clear(people: People, fps: float) -> list[Piece]:
    """Pieces of tracks: each step goes to the nearest, whom nobody else is near."""
    done, going = [], []
    for frame, rows in frames_of(people).items():
        oldest = frame - max(1, LOST * fps)
        done += [piece for piece in going if people.frame[piece.rows[-1]] < oldest]
        going = [piece for piece in going if people.frame[piece.rows[-1]] >= oldest]
        cost = np.array([[apart(people, expected(people, piece, frame, fps), row) for row in rows]
                         for piece in going]).reshape(len(going), len(rows))
        steps = {number: column for number, column in clear_steps(cost).items()
                 if cost[number, column] < going[number].usual * SUDDEN}
        unclear = (cost < NEAR).any(axis=1)             # who is who there is told later
        unclear[list(steps)] = False
        for number, column in steps.items():
            going[number].rows.append(rows[column])
            going[number].usual += (max(STEADY, cost[number, column]) - going[number].usual) / 5
        done += [piece for piece, ends in zip(going, unclear) if ends]
        going = [piece for piece, ends in zip(going, unclear) if not ends]
        going += [Piece([row]) for column, row in enumerate(rows) if column not in steps.values()]
    return done + going


def clear_steps(cost: np.ndarray) -> dict[int, int]:
    """Row -> column of `cost` where they are near, and nothing else of either is nearly as near."""
    steps = {}
    for row, column in np.argwhere(cost < NEAR).tolist():
        rivals = np.append(np.delete(cost[:, column], row), np.delete(cost[row], column))
        if (rivals > cost[row, column] + CLEAR).all():
            steps[row] = column
    return steps


def speed_at(people: People, piece: Piece, fps: float, *, end: bool) -> np.ndarray:
    """The speed (2,), pixels a second, at the end or beginning of a piece."""
    times = people.frame[piece.rows] / fps
    near = times > times[-1] - RECENT if end else times < times[0] + RECENT
    times, places = times[near], people.center[piece.rows][near]
    offsets = times - times.mean()
    return (offsets[:, None] * places).sum(axis=0) / ((offsets ** 2).sum() + UNSURE)


def join(people: People, pieces: list[Piece], fps: float) -> list[Piece]:
    """Tracks: the pieces joined in the way that costs the least."""
    first = np.array([people.frame[piece.rows[0]] for piece in pieces])
    speeds = [(speed_at(people, piece, fps, end=False), speed_at(people, piece, fps, end=True))
              for piece in pieces]
    order, links = np.argsort(first, kind="stable"), []
    for a, piece in enumerate(pieces):
        last = people.frame[piece.rows[-1]]
        begin, stop = np.searchsorted(first[order], [last + 1, last + HIDDEN * fps + 1])
        for b in order[begin:stop].tolist():
            cost = join_cost(people, piece, pieces[b], speeds[a][1], speeds[b][0], fps)
            if cost < TOO_MUCH:
                links.append((a, b, cost - TOO_MUCH))
    follower = dict(assign(links))
    tracks, begun = [], set(range(len(pieces))) - set(follower.values())
    for number in sorted(begun):
        rows = list(pieces[number].rows)
        while number in follower:
            number = follower[number]
            rows += pieces[number].rows
        tracks.append(Piece(rows))
    return tracks


def join_cost(people: People, before: Piece, after: Piece, speed: np.ndarray, later_speed: np.ndarray,
              fps: float) -> float:
    """How badly the piece `after` continues `before`, which ends with `speed` (2,), pixels a second."""
    a, b = before.rows[-1], after.rows[0]
    seconds = (people.frame[b] - people.frame[a]) / fps
    sizes = [np.median(people.size[piece.rows]) for piece in (before, after)]
    unit, step = max(sizes), people.center[b] - people.center[a]
    beside = sum(np.linalg.norm(step - seconds * one) for one in (speed, later_speed)) / 2 / unit
    cost = beside / (0.15 + 0.6 * seconds) + np.linalg.norm(speed - later_speed) / unit / 2
    cost += abs(np.log(sizes[0] / sizes[1])) / 0.4
    if people.looks is not None:
        looks = [np.nanmean(people.looks[piece.rows], axis=0) for piece in (before, after)]
        difference = np.abs(looks[0] - looks[1]).sum() / 2                  # 0 to 1 for shares of colours
        cost += 4 * difference if np.isfinite(difference) else 0
    return float(cost)


def take_in(people: People, tracks: list[Piece], rows: list[int]) -> set[int]:
    """Give each of `rows`, people of short pieces, to the track in whose gap it lies; returns those given."""
    frames: dict[int, list[int]] = {}
    for row in rows:
        frames.setdefault(int(people.frame[row]), []).append(row)
    numbers = [people.frame[track.rows] for track in tracks]
    found = []
    for frame, candidates in frames.items():
        links = []
        for number, track in enumerate(tracks):
            place = int(np.searchsorted(numbers[number], frame))
            if not 0 < place < len(track.rows) or numbers[number][place] == frame:
                continue
            a, b = track.rows[place - 1], track.rows[place]
            share = (frame - people.frame[a]) / (people.frame[b] - people.frame[a])
            between = (1 - share) * people.joints[a, :, :2] + share * people.joints[b, :, :2]
            links += [(number, row, cost - NEAR) for row in candidates
                      if (cost := apart(people, between, row)) < NEAR]
        found += assign(links)
    for number, row in found:
        tracks[number].rows.append(row)
    for track in tracks:
        track.rows.sort()
    return {row for _, row in found}
