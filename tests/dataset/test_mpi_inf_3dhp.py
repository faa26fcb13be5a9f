"""The MPI-INF-3DHP loader on miniature files in P-STMO's format: units, spaces, names, refusals."""
import os

import numpy as np
import pytest

from common.skeleton import MPI_INF_3DHP
from dataset import mpi_inf_3dhp


def view(num_frames=3, seed=0):
    """2D in pixels and 3D in mm, with the root off the origin."""
    generator = np.random.default_rng(seed)
    return {"data_2d": generator.uniform(0, 2048, (num_frames, 17, 2)),
            "data_3d": generator.normal([100, -200, 3500], 400, (num_frames, 17, 3))}


def training_data():
    return {name: [{camera: view(seed=10 * i + j) for j, camera in enumerate(mpi_inf_3dhp.CAMERAS)}, fps]
            for i, (name, (_, fps)) in enumerate(mpi_inf_3dhp.USABLE.items())}


def evaluation_data(*, activity=False):
    data = {f"TS{i}": view(seed=i) | {"valid": np.array([1, 0, 1])} for i in range(1, 7)}
    for i, entry in enumerate(data.values(), start=1):
        entry |= {"activity": np.array([1, 2, i])} if activity else {}
    return data


def save(folder, split, data, **others):
    np.savez(folder / mpi_inf_3dhp.FILES[split], data=np.array(data, object), **others)


def load(folder, split="train", **others):
    return mpi_inf_3dhp.load(folder, keypoints="gt", split=split, **others)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Both files, complete."""
    path = tmp_path_factory.mktemp("3dhp")
    save(path, "train", training_data())
    save(path, "test", evaluation_data())
    return path


def test_every_training_subject_sequence_and_camera_is_one_clip(folder):
    clips = load(folder)
    assert len({clip.name for clip in clips}) == len(clips) == 8 * 2 * 8
    assert clips[0].name == "S1/Seq1/0" and clips[3].name == "S1/Seq1/4" and clips[-1].name == "S8/Seq2/8"
    assert {(clip.subject, clip.action, clip.fps) for clip in clips} == {
        (*name.split(" "), fps) for name, (_, fps) in mpi_inf_3dhp.USABLE.items()}
    assert all(clip.valid.all() and clip.intrinsics is None for clip in clips)
    assert {clip.skeleton for clip in clips} == {MPI_INF_3DHP}


def test_pose_is_relative_to_joint_14_and_the_root_is_kept_in_metres(folder):
    clip = load(folder, cameras=["4"])[0]
    millimetres = training_data()["S1 Seq1"][0]["4"]["data_3d"]
    assert clip.name == "S1/Seq1/4" and clip.pose.dtype == clip.root.dtype == np.float32
    assert clip.root == pytest.approx(millimetres[:, 14] / 1000, abs=1e-6)
    assert clip.pose == pytest.approx((millimetres - millimetres[:, 14:15]) / 1000, abs=1e-6)
    assert (clip.pose[:, 14] == 0).all()
    assert 1000 * (clip.pose + clip.root[:, None]) == pytest.approx(millimetres, abs=1e-3)


def test_the_root_joint_is_exactly_zero_for_single_precision_files(tmp_path):
    data = evaluation_data()
    for entry in data.values():
        entry["data_3d"] = entry["data_3d"].astype(np.float32)
    save(tmp_path, "test", data)
    assert all((clip.pose[:, 14] == 0).all() for clip in load(tmp_path, "test"))


def test_screen_coordinates_use_each_sequence_s_image_size(tmp_path):
    data = evaluation_data()
    for entry in data.values():
        entry["data_2d"][0, :3] = [[0, 0], [2048, 2048], [1920, 1080]]
    save(tmp_path, "test", data)
    found = {clip.name: clip.keypoints[0, :3] for clip in load(tmp_path, "test")}
    for name in ("TS1", "TS2", "TS3", "TS4"):
        assert found[name] == pytest.approx(np.array([[-1, -1], [1, 1], [0.875, 0.0546875]]))
    for name in ("TS5", "TS6"):
        assert found[name][[0, 2]] == pytest.approx(np.array([[-1, -0.5625], [1, 0.5625]]))


def test_test_sequences_keep_invalid_frames_as_context(folder):
    clips = load(folder, "test", cameras=["0"])
    names = [(clip.subject, clip.action, clip.name) for clip in clips]
    assert names == [(f"TS{i}",) * 3 for i in range(1, 7)]
    assert all(clip.valid.tolist() == [True, False, True] for clip in clips)
    assert {(len(clip), clip.fps) for clip in clips} == {(3, 25)}


def test_cameras_are_chosen_by_name(folder):
    names = [clip.name for clip in load(folder, cameras=["8", "0"])]
    assert len(names) == 32 and names[:3] == ["S1/Seq1/0", "S1/Seq1/8", "S1/Seq2/0"]
    with pytest.raises(ValueError, match="Cameras of MPI-INF-3DHP are 0, 1, 2, 4, 5, 6, 7, 8; got 3"):
        load(folder, cameras=["3"])


def test_only_the_annotated_keypoints_exist(folder):
    with pytest.raises(ValueError, match="'gt', not 'cpn_ft_h36m_dbb'"):
        mpi_inf_3dhp.load(folder, keypoints="cpn_ft_h36m_dbb", split="train")


def test_activities_are_read_where_the_file_has_them(tmp_path, folder):
    assert mpi_inf_3dhp.load_activities(folder) == {}
    save(tmp_path, "test", evaluation_data(activity=True))
    found = mpi_inf_3dhp.load_activities(tmp_path)
    assert list(found) == mpi_inf_3dhp.SUBJECTS["test"] and found["TS4"].tolist() == [1, 2, 4]
    assert found["TS4"].dtype == int


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_file_is_named_with_a_way_out(tmp_path, split):
    with pytest.raises(FileNotFoundError, match=f"{mpi_inf_3dhp.FILES[split]}.*prepare_3dhp.*--dataset cmu"):
        load(tmp_path, split)


class Hostile:
    """Runs a command when an ordinary unpickler reads it."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path):
    mark = tmp_path / "mark"
    save(tmp_path, "test", evaluation_data() | {"TS1": Hostile(f"echo > {mark}")})
    with pytest.raises(ValueError, match="is refused: it asks for .*system"):
        load(tmp_path, "test")
    assert not mark.exists()


def test_a_file_without_the_key_is_refused(tmp_path):
    np.savez(tmp_path / "data_test_3dhp.npz", poses=np.zeros(3))
    with pytest.raises(ValueError, match="has the keys poses; expected also data"):
        load(tmp_path, "test")


def at(*keys):
    """A function that takes an entry, by its path of keys, out of a data dict."""
    def table(data):
        for key in keys:
            data = data[key]
        return data
    return table


VIEW = at("S2 Seq2", 0, "7")


@pytest.mark.parametrize("split, table, key, value, words", [
    ("train", at(), "S2 Seq2", None, "lacks sequence S2 Seq2; found: S1 Seq1, S1 Seq2"),
    ("train", at("S2 Seq2", 0), "7", None, "lacks S2 Seq2's camera 7; found: 0, 1, 2, 4, 5, 6, 8"),
    ("train", VIEW, "data_2d", None, "lacks S2/Seq2/7's array data_2d; found: data_3d"),
    ("train", VIEW, "data_2d", np.zeros((2, 17, 2)), "S2/Seq2/7: 2 frames of 2D for 3 of 3D"),
    ("train", at("S2 Seq2"), 1, 0, "S2/Seq2/0: frames per second must .*, got 0"),
    ("train", at(), "S2 Seq2", {"0": 1}, "expected S2 Seq2 to be a list of two.*got 0"),
    ("test", at(), "TS6", None, "lacks sequence TS6; found: TS1, TS2, TS3, TS4, TS5"),
    ("test", at("TS6"), "valid", None, "lacks TS6's array valid; found: data_2d, data_3d"),
    ("test", at("TS6"), "valid", np.ones(4), "TS6: 4 frames of valid for 3 of 3D"),
    ("test", at("TS6"), "data_3d", np.zeros((3, 28, 3)), r"\(frames, 17, 3\) for TS6, got \(3, 28, 3\)"),
    ("test", at("TS6"), "data_2d", "no", "TS6's data_2d must be numbers"),
    ("test", at("TS6"), "data_3d", view()["data_3d"] / 1000, "TS6: .* must hold millimetres"),
    ("test", at("TS6"), "data_2d", view()["data_2d"] / 1024 - 1, "TS6: .* within 2 pixels of 0"),
    ("test", at("TS6"), "data_2d", view()["data_2d"] + 1j, "data_test_3dhp.npz .* type c16"),
    ("test", at("TS6"), "valid", np.zeros(3), "TS6: no frame is valid"),
    ("train", at("S2 Seq2"), 1, 1e-4, "S2/Seq2/0: frames per second must .*, got 0.0001"),
    ("test", at("TS2"), "data_3d", np.full((3, 17, 3), np.nan), "TS2: pose hold NaN or infinity in 3 of 3"),
])
def test_a_spoilt_file_is_refused_with_a_sentence(tmp_path, split, table, key, value, words):
    data = training_data() if split == "train" else evaluation_data()
    if value is None:
        del table(data)[key]
    else:
        table(data)[key] = value
    save(tmp_path, split, data)
    with pytest.raises(ValueError, match=words):
        load(tmp_path, split)


def test_a_file_with_activities_in_some_sequences_only_is_refused(tmp_path):
    data = evaluation_data(activity=True)
    del data["TS3"]["activity"]
    save(tmp_path, "test", data)
    with pytest.raises(ValueError, match="lacks TS3's array activity"):
        mpi_inf_3dhp.load_activities(tmp_path)


def test_sequences_that_the_converter_left_out_may_be_absent(tmp_path):
    train, test = training_data(), evaluation_data(activity=True)
    del train["S2 Seq2"], test["TS6"]
    save(tmp_path, "train", train, left_out=["S2 Seq2"])
    save(tmp_path, "test", test, left_out=["TS6"])
    assert len(load(tmp_path)) == 15 * 8 and len(load(tmp_path, "test")) == 5
    assert list(mpi_inf_3dhp.load_activities(tmp_path)) == ["TS1", "TS2", "TS3", "TS4", "TS5"]


@pytest.mark.parametrize("activity", [[1, 2, 8], [1, 2, np.nan], [0, 1, 2]])
def test_activities_are_1_to_7(tmp_path, activity):
    data = evaluation_data(activity=True)
    data["TS3"]["activity"] = np.array(activity)
    save(tmp_path, "test", data)
    with pytest.raises(ValueError, match="TS3's activity must be whole numbers from 1 to 7"):
        mpi_inf_3dhp.load_activities(tmp_path)


def test_a_file_that_leaves_out_everything_is_refused(tmp_path):
    save(tmp_path, "test", {}, left_out=mpi_inf_3dhp.SUBJECTS["test"])
    with pytest.raises(ValueError, match="leaves out all sequences of the test split"):
        load(tmp_path, "test")
