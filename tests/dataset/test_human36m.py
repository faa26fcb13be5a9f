import numpy as np
import pytest

from common.camera import project
from dataset import human36m
from tests.helpers import camera_to_world, write_human36m


def rewrite(path, change):
    """Load an archive, let `change` alter the dict of its values, write it back."""
    with np.load(path, allow_pickle=True) as archive:
        values = {key: archive[key].item() for key in archive}
    change(values)
    np.savez_compressed(path, **{key: np.array(value, dtype=object) for key, value in values.items()})


def test_clips_hold_the_recorded_world_positions(tmp_path):
    worlds = write_human36m(tmp_path)
    clips = human36m.load(tmp_path, keypoints="gt", split="test")
    assert [clip.name for clip in clips[:5]] == ["S9/WalkDog/54138969", "S9/WalkDog/55011271",
                                                 "S9/WalkDog/58860488", "S9/WalkDog/60457274",
                                                 "S9/Walking 1/54138969"]
    assert len(clips) == 12
    for clip in clips:
        subject, action, camera_id = clip.name.split("/")
        camera = next(camera for camera in human36m.read_rig(subject) if camera["id"] == camera_id)
        joints = clip.pose + clip.root[:, None]
        world = camera_to_world(joints.astype(np.float64), camera["orientation"], camera["translation"])
        expected = worlds[subject, action][:, [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]]
        assert np.abs(world - expected).max() < 2e-6
        assert np.abs(project(joints, camera["intrinsics"], camera["distortion"])
                      - clip.keypoints).max() < 1e-5
        assert clip.pose[:, 0].tolist() == [[0, 0, 0]] * len(clip)
        assert clip.action == action.split(" ")[0]
        assert clip.fps == 50
        lifted = joints[0, 0] + clip.up
        assert camera_to_world(lifted, camera["orientation"], camera["translation"]) == pytest.approx(
            world[0, 0] + [0, 0, 1], abs=1e-5)


def test_splits_and_cameras_are_those_asked_for(tmp_path):
    write_human36m(tmp_path)
    clips = human36m.load(tmp_path, keypoints="gt", split="test", cameras=["0", "3"])
    assert {clip.name.split("/")[2] for clip in clips} == {"54138969", "60457274"}
    assert {clip.subject for clip in clips} == {"S9", "S11"}


def test_missing_files_say_which_and_where_and_what_else_works(tmp_path):
    with pytest.raises(FileNotFoundError, match="data_3d_h36m.npz .*--root_path.*--dataset cmu"):
        human36m.load(tmp_path, keypoints="gt", split="test")
    write_human36m(tmp_path, keypoints="gt")
    with pytest.raises(FileNotFoundError,
                       match="data_2d_h36m_cpn_ft_h36m_dbb.npz; keypoint sources found in .*: gt"):
        human36m.load(tmp_path, keypoints="cpn_ft_h36m_dbb", split="test")


@pytest.mark.parametrize("change, words", [
    (lambda values: values["positions_2d"].pop("S9"), "lacks subject S9; found: S1, S5, S11"),
    (lambda values: values["positions_2d"]["S9"].pop("WalkDog"), "lacks S9's action 'WalkDog'"),
    (lambda values: values["positions_2d"]["S9"]["WalkDog"].pop(), "S9 WalkDog .*4 cameras, got list of 3"),
    (lambda values: values["positions_2d"]["S9"].update(
        WalkDog=[a[:3] for a in values["positions_2d"]["S9"]["WalkDog"]]),
     "S9/WalkDog/54138969: 3 frames of 2D for 7 of 3D"),
    (lambda values: values["positions_2d"]["S9"]["WalkDog"][1].__setitem__((4, 2), np.nan),
     "S9/WalkDog/55011271: keypoints hold NaN or infinity in 1 of 7 frames"),
    (lambda values: values["positions_2d"]["S9"].update(
        WalkDog=[a[:, :16] for a in values["positions_2d"]["S9"]["WalkDog"]]),
     "S9/WalkDog/54138969: expected keypoints of shape"),
    (lambda values: values["metadata"].update(keypoints_symmetry=[[1], [2]]), "expected keypoints_symmetry"),
    (lambda values: values["metadata"].pop("keypoints_symmetry"), "lacks keypoints_symmetry"),
    (lambda values: values["positions_2d"]["S9"].update(
        WalkDog=[a / 500 - 1 for a in values["positions_2d"]["S9"]["WalkDog"]]),
     "S9/WalkDog/54138969: .* within 2 pixels of 0"),
    (lambda values: values["positions_2d"]["S9"].update(
        WalkDog=[a + 1j for a in values["positions_2d"]["S9"]["WalkDog"]]),
     "data_2d_h36m_gt.npz .* type c8"),
])
def test_each_thing_that_is_missing_gets_a_sentence(change, words, tmp_path):
    write_human36m(tmp_path)
    rewrite(tmp_path / "data_2d_h36m_gt.npz", change)
    with pytest.raises(ValueError, match=words):
        human36m.load(tmp_path, keypoints="gt", split="test")


@pytest.mark.parametrize("change, words", [
    (lambda values: values["positions_3d"]["S9"].update(
        WalkDog=1000 * values["positions_3d"]["S9"]["WalkDog"]),
     "S9/WalkDog/54138969: .* must hold metres"),
    (lambda values: values["positions_3d"]["S9"].update(WalkDog=values["positions_3d"]["S9"]["WalkDog"][:0]),
     "S9/WalkDog/54138969: .* at least one frame"),
    (lambda values: values["positions_3d"].update(S9={}), "subject S9 has no actions"),
    (lambda values: values["positions_3d"]["S9"].update({7: 1}), "S9's action must be a name .*, got 7"),
    (lambda values: values["positions_3d"]["S9"].update(WalkDog=[[1, 2], [3]]),
     "3D positions must be numbers"),
])
def test_implausible_3d_is_refused_with_a_sentence(change, words, tmp_path):
    write_human36m(tmp_path)
    rewrite(tmp_path / "data_3d_h36m.npz", change)
    with pytest.raises(ValueError, match=words):
        human36m.load(tmp_path, keypoints="gt", split="test")
