import numpy as np
import pytest

from common.camera import project
from dataset import cmu_mocap, human36m
from tests.helpers import camera_to_world

FOLDER = cmu_mocap.Path(cmu_mocap.__file__).parent


@pytest.fixture(scope="module")
def exact():
    return cmu_mocap.load(FOLDER, keypoints="gt", split="test", cameras=["0", "2"])


def test_motions_decode_to_metres_with_the_floor_below(exact):
    motions = cmu_mocap.read_motions(FOLDER / "cmu_mocap.npz")
    assert len(motions) == 343 and sum(len(motion["joints_world"]) for motion in motions) == 159_208
    joints = np.concatenate([motion["joints_world"] for motion in motions[:40]])
    thigh = np.linalg.norm(joints[:, 1] - joints[:, 2], axis=-1)
    assert 0.345 < thigh.min() and thigh.max() < 0.49
    assert np.median(joints[:, [3, 6], 2].min(1)) < 0.2


def test_test_subjects_stand_in_the_rigs_of_s9_and_s11_in_turn(exact):
    assert sorted({clip.subject for clip in exact}) == ["02", "12", "131", "32", "49", "86"]
    assert len(exact) == 80 and sum(map(len, exact)) == 2 * 20_191
    for clip in exact[::7]:
        rig = human36m.read_rig("S9" if clip.subject in ("02", "131", "49") else "S11")
        camera = next(camera for camera in rig if camera["id"] == clip.name.split("/")[1])
        root = camera_to_world(clip.root.astype(np.float64), camera["orientation"], camera["translation"])
        assert np.median(root[:, :2], axis=0) == pytest.approx(cmu_mocap.find_rig_center(rig), abs=2e-4)
        joints = clip.pose + clip.root[:, None]
        assert np.abs(project(joints, camera["intrinsics"], camera["distortion"])
                      - clip.keypoints).max() < 1e-5


def test_two_cameras_see_the_same_motion(exact):
    for first, second in zip(exact[:10:2], exact[1:10:2]):
        assert (np.linalg.norm(first.pose, axis=-1)
                == pytest.approx(np.linalg.norm(second.pose, axis=-1), abs=1e-5))


def test_people_are_in_view(exact):
    outside = np.concatenate([(np.abs(clip.keypoints) > 1).any((1, 2)) for clip in exact])
    assert outside.mean() < 0.02


def test_detected_keypoints_err_like_the_detector_and_the_same_every_time(exact):
    detected = cmu_mocap.load(FOLDER, keypoints="detected", split="test", cameras=["0", "2"])
    error = np.concatenate([d.keypoints - e.keypoints for d, e in zip(detected, exact)])
    again = cmu_mocap.load(FOLDER, keypoints="detected", split="test", cameras=["0"])
    assert (again[3].keypoints == detected[6].keypoints).all()
    noise = cmu_mocap.read_noise()
    weight, mean, std = (np.array(noise[key]) for key in ("weight", "mean", "std"))
    weight = weight[:, None]
    # Mean over the linear blend of two independent key errors plus jitter: variance 2/3 of one key's, on
    # average.
    assert error.mean(0) == pytest.approx(weight * mean, abs=4e-4)
    variance = weight * (std ** 2 + mean ** 2) + (1 - weight) * 0.03 ** 2 / 3 - (weight * mean) ** 2
    steps = np.arange(9) / 9
    expected = np.sqrt(variance * np.mean((1 - steps) ** 2 + steps ** 2) + 0.002 ** 2)
    assert error.std(0) == pytest.approx(expected, rel=0.06)


def test_detector_errors_drift_instead_of_jumping():
    noise = cmu_mocap.read_noise()
    error = cmu_mocap.detector_error(900, noise, seed=5)
    step = np.diff(error, axis=0).std()
    assert step < 0.6 * error.std()
    assert len(cmu_mocap.detector_error(1, noise, seed=5)) == 1


def test_an_unknown_keypoint_source_is_refused():
    with pytest.raises(ValueError, match="gt and detected, not 'cpn'"):
        cmu_mocap.load(FOLDER, keypoints="cpn", split="test")


@pytest.mark.parametrize("key, value, words", [
    ("fps", np.array(0), "frames per second must lie between 1 and 1000, got 0"),
    ("fps", np.zeros(2), "fps must be one number"), ("frames", np.array([1, -1]), "frames of all motions"),
    ("name", np.array(["02_01"]), "frames of all motions"),
    ("split", np.array(["train"] * 343), "test split"),
    ("d2", np.zeros((51, 3)), "whole d2")])
def test_a_spoilt_file_is_refused_with_a_sentence(key, value, words, tmp_path):
    with np.load(FOLDER / "cmu_mocap.npz") as archive:
        np.savez(tmp_path / "cmu_mocap.npz", **{**archive, key: value})
    (tmp_path / "cmu_mocap.csv").write_bytes((FOLDER / "cmu_mocap.csv").read_bytes())
    with pytest.raises(ValueError, match=words):
        cmu_mocap.load(tmp_path, keypoints="gt", split="test")


def test_a_manifest_without_its_columns_is_refused(tmp_path):
    (tmp_path / "cmu_mocap.csv").write_text("subject,trial\n1,2\n")
    with pytest.raises(ValueError, match="columns subject, trial and group"):
        cmu_mocap.read_groups(tmp_path / "cmu_mocap.csv")
