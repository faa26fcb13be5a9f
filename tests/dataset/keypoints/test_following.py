"""Two people of the training motions cross before a camera: each track keeps its person."""
import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataset import cmu_mocap
from dataset.keypoints.assignment import assign, cheapest_columns
from dataset.keypoints.following import follow
from dataset.keypoints.keypoint_file import collect_people
from dataset.keypoints.reader import EVERYBODY, read_people
from tests.keypoint_samples import SIZE, write_npz

FOLDER = Path(cmu_mocap.__file__).parent
SECONDS, STRAIGHT = 4, 1.3


@pytest.fixture(scope="module")
def walks():
    """Motions (N, 17, 3), metres, z up, of training people who walk straight along x, their middle at 0."""
    found = []
    for motion in cmu_mocap.read_motions(FOLDER / "cmu_mocap.npz"):
        joints, frames = motion["joints_world"], int(SECONDS * motion["fps"])
        path = joints[:frames, 0, :2]
        way = path[-1] - path[0]
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1).sum()
        if motion["split"] != "train" or len(path) < frames or not 2.5 < steps < STRAIGHT * np.hypot(*way):
            continue
        cos, sin = way / np.hypot(*way)
        turned = joints[:frames] @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        found.append((turned - [*turned[frames // 2, 0, :2], 0], motion["fps"]))
    return found


def seen_from_the_side(joints, way, distance, seed):
    """Noisy keypoints (N, 17, 2), pixels, of a walk along x (`way` 1) or back (-1), so many metres away."""
    x, y, z = np.moveaxis(joints * [way, way, 1], -1, 0)
    points = np.stack([x, 1.2 - z], axis=-1) / (y + distance)[..., None]
    return (2 * points + cmu_mocap.detector_error(len(joints), cmu_mocap.read_noise(), seed=seed)
            + [1, 0.5625]) * 960


def crossing(walks, pair, *, hidden, seed, looks=False):
    """A file in which two people cross, in random order, and person -> keypoints (N, 17, 2).

    Who is further away is not detected within `hidden` body heights of the other, and 2 % of all are missed.
    """
    generator, fps = np.random.default_rng(seed), walks[0][1]
    tracks = [seen_from_the_side(walks[pair[0]][0], 1, 4.5, 2 * seed),
              seen_from_the_side(walks[pair[1]][0], -1, 5.2, 2 * seed + 1)]
    entries, count = [], min(map(len, tracks))
    for frame in range(count):
        near = abs(np.subtract(*(track[frame, :, 0].mean() for track in tracks)))
        here = [person for person in (0, 1) if generator.random() > 0.02 and not (
            person == 1 and near < hidden * np.ptp(tracks[1][frame, :, 1]))]
        for person in generator.permutation(here):
            entries.append((frame, None, np.insert(tracks[person][frame], 2, 0.8, axis=1)))
    file = collect_people(entries, list(range(count)), "film", layout="human36m")
    return replace(file, fps=fps), tracks


def owners(file, tracks):
    """For each track of the followed file, the people that it holds."""
    return [{int(np.argmin([np.abs(true[frame] - points[:, :2]).max() for true in tracks]))
             for frame, points in track.items()} for track in follow(file).people.values()]


@pytest.mark.parametrize("hidden", [0, 0.1, 0.2, 0.3])
def test_two_people_who_cross_keep_their_tracks(hidden, walks):
    pairs = list(itertools.combinations(range(len(walks)), 2))
    for seed, pair in enumerate(pairs[::max(1, len(pairs) // 5)]):
        file, tracks = crossing(walks, pair, hidden=hidden, seed=seed)
        found = owners(file, tracks)
        assert sorted(map(sorted, found)) == [[0], [1]], (pair, seed)
        counts = [len(track) for track in follow(file).people.values()]
        # Nobody is lost, but where both are found at one place in a frame they count as one.
        assert sum(map(len, file.people.values())) - sum(counts) <= 2


def test_colours_tell_who_is_who_where_motion_cannot():
    """Two people meet behind a wall; one wears red, one blue, and both turn round there."""
    places = np.concatenate([np.arange(0, 90, 3), np.arange(90, 0, -3)])            # to the middle and back
    body = np.stack([np.zeros(17), 10 * np.arange(17)], axis=1)
    entries, seen = [], []
    for frame, place in enumerate(places):
        if 24 < frame < 36:
            continue                                                        # behind the wall
        for person, x in enumerate((100 + place, 300 - place)):
            entries.append((frame, None, np.insert(body + [x, 100], 2, 0.9, axis=1)))
            seen.append(person)
    file = collect_people(entries, list(range(len(places))), "film", layout="coco17")
    looks = {name: {frame: np.eye(2)[int(name) - 1] for frame in track}
             for name, track in file.people.items()}
    for told, ends in ((looks, [106, 294]), (None, [294, 106])):            # without: straight through
        tracks = follow(replace(file, fps=25, looks=told)).people.values()
        last = {round(track[0][0, 0]): round(track[len(places) - 1][0, 0]) for track in tracks}
        assert [last[100], last[300]] == [103 if end == 106 else 297 for end in ends]


def test_of_one_person_found_twice_the_surer_stays():
    body = np.stack([np.zeros(17), 10 * np.arange(17)], axis=1) + 100
    entries = [(frame, None, np.insert(body + [shift, 0], 2, score, axis=1)) for frame in range(9)
               for shift, score in ((1, 0.5), (0, 0.9))]
    people = follow(replace(collect_people(entries, [], "film"), fps=25)).people
    assert list(people) == ["1"] and all(points[0, 2] == 0.9 for points in people["1"].values())


def test_everybody_is_read_from_the_first_to_the_last_frame_in_which_they_are_seen(walks, tmp_path):
    file, tracks = crossing(walks, (0, 1), hidden=0, seed=1)
    keypoints = np.full((200, 2, 17, 3), np.nan)
    keypoints[:, 0, :, :2], keypoints[40:160, 1, :, :2] = tracks[0][:200], tracks[1][40:160]
    keypoints[..., 2] = 0.9
    keypoints[::2] = keypoints[::2, ::-1]                                   # shuffled
    path = write_npz(tmp_path, keypoints=keypoints, layout="human36m", fps=50, **SIZE)
    people, notes = read_people(path, EVERYBODY)
    assert [(one.name, one.first, len(one.keypoints)) for one in people] == [
        ("person 1", 0, 200), ("person 2", 40, 120)]
    assert people[1].keypoints == pytest.approx(tracks[1][40:160], abs=20)
    assert not any("left out" in note for note in notes)
    cut, _ = read_people(path, EVERYBODY, begin=1, end=2)
    assert [(one.first, len(one.keypoints)) for one in cut] == [(50, 50), (50, 50)]
    one, _ = read_people(path, "2")
    assert len(one[0].keypoints) == 200                                     # one person: every frame


def test_pairs_of_the_least_cost_are_those_of_all_permutations():
    generator = np.random.default_rng(0)
    for size in (1, 2, 3, 4, 5) * 8:
        cost = generator.normal(size=(size, size))
        least = min(sum(cost[row, column] for row, column in enumerate(columns))
                    for columns in itertools.permutations(range(size)))
        assert sum(cost[row, column] for row, column in enumerate(cheapest_columns(cost))) == (
            pytest.approx(least))
    assert sorted(assign([(0, 0, -1), (0, 1, -2), (1, 1, -1.9), (2, 5, 1)])) == [(0, 0), (1, 1)]
