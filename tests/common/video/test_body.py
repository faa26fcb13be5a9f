"""The fit of one body: true motion found again, constant bones, standing feet, limits, unseen joints."""
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common import metrics
from common.camera import project
from common.skeleton import HUMAN36M, MPI_INF_3DHP, flip
from common.video import anatomy, body
from common.video.body import fit
from common.video.level import camera_pitch, up_at_pitch
from dataset import cmu_mocap, human36m

INTRINSICS = np.array([2.3, 2.3, 0.0, 0.0])
WRIST, ELBOW = HUMAN36M.joints.index("left_wrist"), HUMAN36M.joints.index("left_elbow")


@pytest.fixture(scope="module")
def walk():
    """120 frames of a training person's walk, seen by a camera without distortion."""
    motion = next(motion for motion in cmu_mocap.read_motions(Path("dataset/cmu_mocap.npz"))
                  if motion["name"] == "16_32")
    rig = human36m.read_rig("S1")
    world = cmu_mocap.place_in_rig(motion["joints_world"], rig, motion["name"])[60:180]
    clip = human36m.make_view(world, rig[0], pixels=np.full((len(world), 17, 2), 500.0), subject="16",
                         action="walk", name="walk", fps=50.0)
    return replace(clip, intrinsics=INTRINSICS, keypoints=project(clip.pose + clip.root[:, None], INTRINSICS))


@pytest.fixture(scope="module")
def lifted(walk):
    """The walk with errors like a network's: of each bone, larger in depth, drifting; and 8 % too big."""
    generator = np.random.default_rng(0)
    size = np.stack([anatomy.ACROSS, anatomy.ACROSS, anatomy.ALONG], 1)[anatomy.KIND[1:]]       # (J - 1, 3)
    keys = generator.normal(0, 1, (len(walk) // 25 + 2, 16, 3)) * size
    place = np.arange(len(walk)) / 25
    before, share = place.astype(int), (place % 1)[:, None, None]
    bones = np.zeros((len(walk), 17, 3))
    bones[:, 1:] = (1 - share) * keys[before] + share * keys[before + 1]
    for joint in range(1, 17):
        bones[:, joint] += bones[:, anatomy.PARENTS[joint]]
    return 1.08 * walk.pose + bones


@pytest.fixture(scope="module")
def fitted(walk, lifted):
    return fitting(walk, lifted)


def fitting(clip, lifted, **changes):
    stated = {"keypoints": clip.keypoints, "seen": np.ones(lifted.shape[:2]), "intrinsics": INTRINSICS,
              "fps": clip.fps, "height": height(clip), "up": clip.up}
    return fit(lifted, **(stated | changes))


def height(clip):
    return anatomy.stature(anatomy.measured(clip.pose))


def error(found, clip):
    """MPJPE in mm."""
    return 1000 * metrics.mpjpe(found, clip.pose).mean()


def sliding(clip, pose, root):
    """Steps in mm, along the floor, of ankles that stand by the true motion."""
    true = (clip.pose + clip.root[:, None])[:, anatomy.ANKLES]
    stands = np.linalg.norm(np.diff(true, axis=0), axis=-1) < 0.002
    steps = np.diff((pose + root[:, None])[:, anatomy.ANKLES], axis=0)
    steps = steps - (steps @ clip.up)[..., None] * clip.up
    assert stands.sum() > 40
    return 1000 * np.linalg.norm(steps, axis=-1)[stands].mean()


def test_perfect_poses_and_keypoints_come_back(walk):
    found = fitting(walk, walk.pose)
    assert error(found.pose, walk) < 15
    assert 1000 * np.linalg.norm(found.root - walk.root, axis=1).mean() < 60


def test_the_fit_is_nearer_to_the_truth_than_what_was_lifted(walk, lifted, fitted):
    assert error(fitted.pose, walk) < 0.6 * error(lifted, walk)
    assert (metrics.p_mpjpe(fitted.pose, walk.pose).mean()
            < 0.8 * metrics.p_mpjpe(lifted, walk.pose).mean())


def test_bones_are_constant_equal_on_both_sides_and_of_the_stated_height(walk, fitted):
    lengths = np.linalg.norm(anatomy.bone_vectors(fitted.pose), axis=-1)
    assert lengths == pytest.approx(np.tile(fitted.lengths, (len(lengths), 1)), abs=1e-6)
    assert fitted.lengths == pytest.approx(fitted.lengths[HUMAN36M.mirror_order])
    assert fitted.height == pytest.approx(height(walk), abs=1e-3) and fitted.height_stated
    assert anatomy.stature(anatomy.measured(fitted.pose)) == pytest.approx(height(walk), abs=1e-3)


def test_without_a_height_the_body_is_an_average_adults(walk, lifted):
    found = fitting(walk, lifted, height=None)
    assert found.height == pytest.approx(1.75, abs=0.005) and not found.height_stated


def test_standing_feet_stay_on_one_floor(walk, lifted, fitted):
    assert sliding(walk, fitted.pose, fitted.root) < 2 and sliding(walk, lifted, walk.root) > 4
    ankles = (fitted.pose + fitted.root[:, None])[:, anatomy.ANKLES] @ walk.up
    assert np.abs(ankles[fitted.standing] - fitted.floor - 0.08).max() < 0.03
    true = (walk.pose + walk.root[:, None])[:, anatomy.ANKLES] @ walk.up
    assert fitted.floor == pytest.approx(np.percentile(true, 10) - 0.08, abs=0.1)


def test_the_vertical_is_judged_by_the_motion(walk, lifted):
    found = fitting(walk, lifted, up=None)
    first = up_at_pitch(camera_pitch(lifted, HUMAN36M))
    assert np.arccos(found.up @ walk.up) < 0.7 * np.arccos(first @ walk.up) and not found.up_stated
    assert error(found.pose, walk) < 0.7 * error(lifted, walk)


def test_a_knee_that_bends_forward_is_straightened(walk):
    hip, knee, ankle = (HUMAN36M.joints.index(f"right_{part}") for part in ("hip", "knee", "ankle"))
    ahead = np.cross(walk.pose[:, knee] - walk.pose[:, hip], walk.pose[:, 4] - walk.pose[:, hip])
    bent = walk.pose.copy()
    bent[50:70, ankle] += 0.22 * anatomy.unit(ahead)[50:70]
    found = fitting(walk, bent)
    before, after = (anatomy.forbidden(anatomy.unit(anatomy.directions(pose)))[0][2].max()
                     for pose in (bent, found.pose))
    assert before > 0.25 and after < 0.05


def test_limits_hold_in_the_true_motion_and_catch_folded_and_backward_elbows(walk):
    turns = anatomy.unit(anatomy.directions(walk.pose.astype(np.float64)))
    assert max(excess.max() for _, _, excess in anatomy.forbidden(turns)) < 0.02
    upper, lower = anatomy.ARMS[0]
    folded, backward = turns.copy(), turns.copy()
    folded[:, lower] = -turns[:, upper]
    assert anatomy.forbidden(folded)[6][2].min() > 0
    shoulders = anatomy.SHOULDERS
    ahead = anatomy.unit(np.cross(turns[:, upper], turns[:, shoulders[0]] - turns[:, shoulders[1]]))
    backward[:, lower] = -ahead
    assert anatomy.forbidden(backward)[2][2].min() > 0


def test_an_unseen_wrist_leaves_the_other_joints_alone(walk, lifted, fitted):
    hidden, keypoints, seen = lifted.copy(), walk.keypoints.copy(), np.ones(lifted.shape[:2])
    hidden[30:90, WRIST] += [0.3, -0.5, 0.8]
    keypoints[30:90, WRIST] = keypoints[30, WRIST] + 0.4
    seen[30:90, WRIST] = 0
    found = fitting(walk, hidden, keypoints=keypoints, seen=seen)
    others = [joint for joint in range(17) if joint != WRIST]
    assert 1000 * np.linalg.norm(found.pose - fitted.pose, axis=-1)[:, others].max() < 15
    forearm = np.linalg.norm(found.pose[:, WRIST] - found.pose[:, ELBOW], axis=1)
    assert forearm == pytest.approx(np.full(len(forearm), found.lengths[WRIST]), abs=1e-6)
    assert (found.state[30:90, WRIST] == body.STATES.index("filled")).all()
    assert (found.state[:, others] == body.STATES.index("seen")).all()


def test_a_keypoint_on_something_else_is_called_corrected(walk, lifted, fitted):
    keypoints = walk.keypoints.copy()
    keypoints[40:46, WRIST] += 0.3
    found = fitting(walk, lifted, keypoints=keypoints)
    assert (found.state[40:46, WRIST] == body.STATES.index("corrected")).all()
    assert (found.state[:30] == body.STATES.index("seen")).all()
    assert 1000 * np.linalg.norm(found.pose - fitted.pose, axis=-1).max() < 60


def test_the_mirrored_input_gives_the_mirrored_body(walk, lifted, fitted):
    mirror = np.array([-1, 1, 1])
    found = fitting(walk, flip(lifted, HUMAN36M), keypoints=flip(walk.keypoints, HUMAN36M),
                    up=walk.up * mirror)
    assert flip(found.pose, HUMAN36M) == pytest.approx(fitted.pose, abs=2e-3)
    assert found.root * mirror == pytest.approx(fitted.root, abs=1e-2)
    assert (found.standing[:, ::-1] == fitted.standing).mean() > 0.99


def test_half_the_frame_rate_gives_about_the_same_poses(walk, lifted, fitted):
    found = fitting(walk.cut(slice(None, None, 2)), lifted[::2], seen=np.ones((60, 17)))
    assert 1000 * metrics.mpjpe(found.pose, fitted.pose[::2]).mean() < 3


def test_windows_of_a_long_clip_join_without_a_seam(walk, lifted, fitted, monkeypatch):
    monkeypatch.setattr(body, "WINDOW", 70)
    monkeypatch.setattr(body, "OVERLAP", 30)
    found = fitting(walk, lifted)
    assert 1000 * metrics.mpjpe(found.pose, fitted.pose).mean() < 15
    lengths = np.linalg.norm(anatomy.bone_vectors(found.pose), axis=-1)
    assert lengths.std(0).max() < 1e-6
    bends = [np.linalg.norm(np.diff(root, n=2, axis=0), axis=1).max() for root in (found.root, fitted.root)]
    assert bends[0] < 1.5 * bends[1]


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_clips_are_fitted(walk, lifted, frames):
    found = fitting(walk.cut(slice(0, frames)), lifted[:frames])
    assert np.isfinite(found.pose).all() and error(found.pose, walk.cut(slice(0, frames))) < 100


def test_the_input_is_left_alone(walk, lifted):
    before = lifted.copy(), walk.keypoints.copy()
    fitting(walk, lifted)
    assert (lifted == before[0]).all() and (walk.keypoints == before[1]).all()


def test_with_bones_keeps_directions(lifted):
    lengths = anatomy.adult(1.6)
    found = anatomy.with_bones(lifted, lengths)
    assert anatomy.measured(found) == pytest.approx(lengths)
    assert anatomy.stature(lengths) == pytest.approx(1.6)
    assert anatomy.unit(anatomy.directions(found)) == pytest.approx(anatomy.unit(anatomy.directions(lifted)))


@pytest.mark.parametrize("wrong, sentence", [
    ({"height": 175}, "height"), ({"height": 0.0}, "height"), ({"up": np.zeros(3)}, "vertical"),
    ({"up": np.array([0, np.nan, 1])}, "vertical"), ({"fps": 0}, "frame rate"),
    ({"seen": np.full((120, 17), 2.0)}, "seen"), ({"seen": np.ones((119, 17))}, "shapes"),
    ({"keypoints": np.full((120, 17, 2), np.nan)}, "finite"), ({"keypoints": np.zeros((120, 17, 2))}, "root"),
    ({"intrinsics": np.zeros(4)}, "focal"), ({"skeleton": MPI_INF_3DHP}, "joints")])
def test_nonsense_is_refused(walk, lifted, wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        fitting(walk, lifted, **wrong)


def test_the_stated_height_is_exact_even_where_the_poses_are_no_persons():
    generator = np.random.default_rng(1)
    poses = generator.normal(0, 0.4, (40, 17, 3)).astype(np.float32)
    poses -= poses[:, :1]
    keypoints = project(poses + np.float32([0, 0, 6]), INTRINSICS)
    found = fit(poses, keypoints, np.ones((40, 17)), INTRINSICS, 50.0, height=1.8)
    assert found.height == pytest.approx(1.8, abs=1e-9)
    lengths = np.linalg.norm(anatomy.bone_vectors(found.pose.astype(np.float64)), axis=-1)
    assert lengths == pytest.approx(np.broadcast_to(found.lengths, lengths.shape), abs=1e-5)
