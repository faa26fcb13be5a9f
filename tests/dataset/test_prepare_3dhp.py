"""The MPI-INF-3DHP converter on miniature raw files in the real structure: every number, refusals."""
import importlib
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from dataset import mpi_inf_3dhp, prepare_3dhp

h5py = pytest.importorskip("h5py")
scipy_io = pytest.importorskip("scipy.io")

RAW_NAMES = ("spine3 spine4 spine2 spine pelvis neck head head_top left_clavicle left_shoulder left_elbow "
             "left_wrist left_hand right_clavicle right_shoulder right_elbow right_wrist right_hand left_hip "
             "left_knee left_ankle left_foot left_toe right_hip right_knee right_ankle right_foot "
             "right_toe").split()
USABLE = {name: (2 + i % 3, fps) for i, (name, (_, fps)) in enumerate(mpi_inf_3dhp.USABLE.items())}
TEST_FRAMES = {name: 3 + i for i, name in enumerate(mpi_inf_3dhp.SUBJECTS["test"])}


def number(sequence, camera, frame, joint, axis):
    """A number that tells where it belongs, and may be a pixel or a millimetre of a person; broadcasts."""
    return 100 * joint + 5 * sequence + 0.25 * camera + 0.01 * frame + 0.003 * axis


def training_cells(sequence, num_frames, width):
    """A 14 x 1 cell array of (num_frames, 28 * width), the joints' coordinates side by side."""
    cells = np.empty((14, 1), object)
    for camera in range(14):
        frame, joint, axis = np.ogrid[:num_frames, :28, :width]
        cells[camera, 0] = number(sequence, camera, frame, joint, axis).reshape(num_frames, -1)
    return cells


def numbered_joints(sequence, num_frames, width):
    """(num_frames, 17, width)."""
    frame, joint, axis = np.ogrid[:num_frames, :17, :width]
    return number(sequence, 0, frame, joint, axis)


def write_training(path, sequence, num_frames):
    path.parent.mkdir(parents=True)
    scipy_io.savemat(path, {"annot2": training_cells(sequence, num_frames, 2), "cameras": np.arange(14),
                            "annot3": training_cells(99, 1, 3),
                            "univ_annot3": training_cells(sequence, num_frames, 3)})


def write_test(path, sequence, num_frames, *, referenced=False):
    """MATLAB's 2 x 17 x 1 x N is N x 1 x 17 x 2 in HDF5; `referenced` puts each array into a 1 x 1 cell."""
    path.parent.mkdir(parents=True)
    frame = np.arange(num_frames)[:, None]
    arrays = {"annot2": numbered_joints(sequence, num_frames, 2)[:, None],
              "annot3": np.zeros((num_frames, 1, 17, 3)),
              "univ_annot3": numbered_joints(sequence, num_frames, 3)[:, None],
              "valid_frame": frame % 2.0, "activity_annotation": 1 + frame % 7.0}
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file[f"#refs#/{name}" if referenced else name] = array
            if referenced:
                file.create_dataset(name, data=[[file[f"#refs#/{name}"].ref]], dtype=h5py.ref_dtype)


def write_raw(folder, *, extra_frames=2):
    """The whole raw folder: more frames than are usable, and the test set in its own folder."""
    for i, (name, (num_frames, _)) in enumerate(USABLE.items()):
        write_training(folder.joinpath(*name.split(" "), "annot.mat"), i, num_frames + extra_frames)
    for i, (name, num_frames) in enumerate(TEST_FRAMES.items()):
        path = folder / "mpi_inf_3dhp_test_set" / name / "annot_data.mat"
        write_test(path, i, num_frames, referenced=name == "TS2")


@pytest.fixture(autouse=True)
def miniature(monkeypatch):
    monkeypatch.setattr(prepare_3dhp, "USABLE", USABLE)
    monkeypatch.setattr(mpi_inf_3dhp, "USABLE", USABLE)


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A raw folder; copy it before changing it."""
    folder = tmp_path_factory.mktemp("raw")
    write_raw(folder)
    return folder


@pytest.fixture
def raw(complete, tmp_path):
    shutil.copytree(complete, tmp_path / "raw")
    return tmp_path / "raw"


def read(path):
    with np.load(path, allow_pickle=True) as file:
        return file["data"].item(), file.files


def test_the_28_to_17_order_names_the_joints_of_the_skeleton():
    names = [RAW_NAMES[index] for index in prepare_3dhp.JOINTS]
    assert names == list(mpi_inf_3dhp.MPI_INF_3DHP.joints)


def test_official_frame_counts_and_rates(monkeypatch):
    monkeypatch.undo()
    counts = [frames for frames, _ in mpi_inf_3dhp.USABLE.values()]
    assert sum(counts) == 131592 and len(counts) == 16
    assert mpi_inf_3dhp.USABLE["S1 Seq1"] == (6416, 25) and mpi_inf_3dhp.USABLE["S5 Seq1"] == (12820, 50)
    assert [name for name, (_, fps) in mpi_inf_3dhp.USABLE.items() if fps == 50] == [
        "S1 Seq2", "S3 Seq1", "S3 Seq2", "S5 Seq1", "S5 Seq2"]


def test_every_training_number_arrives_at_its_place(complete, tmp_path):
    prepare_3dhp.convert(complete, tmp_path)
    data, keys = read(tmp_path / "data_train_3dhp.npz")
    assert keys == ["data"] and list(data) == list(USABLE)
    for i, (name, (num_frames, fps)) in enumerate(USABLE.items()):
        views, found_fps = data[name]
        assert found_fps == fps and list(views) == ["0", "1", "2", "4", "5", "6", "7", "8"]
        for camera, view in views.items():
            for key, width in (("data_2d", 2), ("data_3d", 3)):
                frame, _, axis = np.ogrid[:num_frames, :1, :width]
                joint = np.array(prepare_3dhp.JOINTS)[None, :, None]
                expected = number(i, int(camera), frame, joint, axis)
                assert view[key].dtype == np.float64
                assert np.array_equal(view[key], expected), (name, camera, key)


def test_every_test_number_arrives_at_its_place_with_and_without_object_references(complete, tmp_path):
    prepare_3dhp.convert(complete, tmp_path)
    data, keys = read(tmp_path / "data_test_3dhp.npz")
    assert keys == ["data"] and list(data) == list(TEST_FRAMES)
    for i, (name, num_frames) in enumerate(TEST_FRAMES.items()):
        assert np.array_equal(data[name]["data_2d"], numbered_joints(i, num_frames, 2))
        assert np.array_equal(data[name]["data_3d"], numbered_joints(i, num_frames, 3))
        assert data[name]["valid"].tolist() == [frame % 2 for frame in range(num_frames)]
        assert data[name]["activity"].tolist() == [1 + frame % 7 for frame in range(num_frames)]


def test_the_loader_reads_what_the_converter_wrote(complete, tmp_path):
    prepare_3dhp.convert(complete, tmp_path)
    clips = {clip.name: clip for split in ("train", "test")
             for clip in mpi_inf_3dhp.load(tmp_path, keypoints="gt", split=split)}
    assert len(clips) == 16 * 8 + 6 and clips["S1/Seq2/4"].fps == 50 and len(clips["S1/Seq2/4"]) == 3
    pelvis, head_top = number(1, 4, 2, 4, 0), number(1, 4, 2, 7, 0)
    assert clips["S1/Seq2/4"].root[2, 0] == pytest.approx(pelvis / 1000, rel=1e-6)
    assert clips["S1/Seq2/4"].pose[2, 0, 0] == pytest.approx((head_top - pelvis) / 1000, rel=1e-6)
    assert clips["TS2"].valid.tolist() == [False, True, False, True]
    assert mpi_inf_3dhp.load_activities(tmp_path)["TS1"].tolist() == [1, 2, 3]


def test_training_annotations_in_hdf5_with_a_reference_per_camera_give_the_same_numbers(raw):
    path = raw / "S1" / "Seq1" / "annot.mat"
    expected, _ = prepare_3dhp.read_training("S1 Seq1", path, allow_short=False)
    path.unlink()
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, width in (("annot2", 2), ("univ_annot3", 3)):
            references = []
            for camera, cell in enumerate(training_cells(0, 4, width)[:, 0]):
                file[f"#refs#/{name}{camera}"] = cell.T
                references.append(file[f"#refs#/{name}{camera}"].ref)
            file.create_dataset(name, data=[references], dtype=h5py.ref_dtype)
    found, gaps = prepare_3dhp.read_training("S1 Seq1", path, allow_short=False)
    assert gaps == [] and found[1] == expected[1]
    for camera, view in expected[0].items():
        assert all(np.array_equal(found[0][camera][key], view[key]) for key in view)


def test_a_cell_per_test_frame_and_a_single_frame_are_read(tmp_path):
    path = tmp_path / "cells" / "annot_data.mat"
    write_test(path, 5, 4)
    with h5py.File(path, "a") as file:
        for name in ("annot2", "univ_annot3"):
            for frame, joints in enumerate(file[name][()]):
                file[f"#refs#/{name}{frame}"] = joints
            references = [[file[f"#refs#/{name}{frame}"].ref for frame in range(4)]]
            del file[name]
            file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    assert np.array_equal(prepare_3dhp.read_test(path)["data_3d"], numbered_joints(5, 4, 3))
    path = tmp_path / "version5.mat"
    scipy_io.savemat(path, {"annot2": numbered_joints(1, 1, 2)[0].T,
                            "univ_annot3": numbered_joints(1, 1, 3)[0].T,
                            "valid_frame": 1, "activity_annotation": 6})
    entry = prepare_3dhp.read_test(path)
    assert np.array_equal(entry["data_2d"], numbered_joints(1, 1, 2)) and entry["activity"].tolist() == [6]


def test_an_incomplete_folder_is_refused_and_everything_missing_is_named(raw, tmp_path, capsys):
    shutil.rmtree(raw / "S3")
    (raw / "mpi_inf_3dhp_test_set" / "TS4" / "annot_data.mat").unlink()
    assert prepare_3dhp.main([str(raw), "--output", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "lacks 3 of 22 files: S3/Seq1/annot.mat, S3/Seq2/annot.mat, TS4/annot_data.mat" in message
    assert "--allow_missing 1" in message and not (tmp_path / "out").exists()


def test_allow_missing_converts_the_rest_and_lists_what_is_left_out(raw, tmp_path, capsys):
    shutil.rmtree(raw / "S3")
    shutil.rmtree(raw / "mpi_inf_3dhp_test_set" / "TS4")
    assert prepare_3dhp.main([str(raw), "--output", str(tmp_path), "--allow_missing", "1"]) == 0
    output = capsys.readouterr().out
    assert "Left out: S3/Seq1/annot.mat; S3/Seq2/annot.mat; TS4/annot_data.mat." in output
    train = mpi_inf_3dhp.load(tmp_path, keypoints="gt", split="train")
    test = mpi_inf_3dhp.load(tmp_path, keypoints="gt", split="test")
    assert {clip.subject for clip in train} == {"S1", "S2", "S4", "S5", "S6", "S7", "S8"}
    assert [clip.name for clip in test] == ["TS1", "TS2", "TS3", "TS5", "TS6"]


def test_a_folder_of_test_annotations_alone_gives_no_training_archive(raw, tmp_path):
    test_set = raw / "mpi_inf_3dhp_test_set"
    written, gaps = prepare_3dhp.convert(test_set, tmp_path / "out", allow_missing=True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["data_test_3dhp.npz"] and len(gaps) == 16


@pytest.mark.parametrize("arguments", [[], ["--allow_missing", "1"]])
def test_a_folder_with_nothing_to_convert_is_refused_and_leaves_no_archive(tmp_path, capsys, arguments):
    (tmp_path / "raw").mkdir()
    assert prepare_3dhp.main([str(tmp_path / "raw"), "--output", str(tmp_path / "out"), *arguments]) == 2
    assert "has nothing to convert" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert prepare_3dhp.main([str(tmp_path / "absent"), "--output", str(tmp_path / "out"), *arguments]) == 2
    assert "is no folder" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_too_few_frames_are_refused_or_cut_when_allowed(raw, tmp_path, capsys):
    path = raw / "S1" / "Seq2" / "annot.mat"
    shutil.rmtree(path.parent)
    write_training(path, 1, 2)
    assert prepare_3dhp.main([str(raw), "--output", str(tmp_path / "out")]) == 2
    assert "expected 3 frames from each camera, got 2" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    _, gaps = prepare_3dhp.convert(raw, tmp_path / "out", allow_missing=True)
    data, _ = read(tmp_path / "out" / "data_train_3dhp.npz")
    assert gaps == ["frames 2 to 2 of S1 Seq2"] and len(data["S1 Seq2"][0]["8"]["data_3d"]) == 2


def test_a_damaged_file_is_refused_before_anything_is_written(raw, tmp_path, capsys):
    path = raw / "S8" / "Seq2" / "annot.mat"
    path.write_bytes(path.read_bytes()[:2000])
    assert prepare_3dhp.main([str(raw), "--output", str(tmp_path / "out")]) == 2
    assert f"{path} cannot be read" in capsys.readouterr().err and not (tmp_path / "out").exists()
    path = tmp_path / "empty.mat"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="empty.mat cannot be read"):
        prepare_3dhp.read_test(path)


@pytest.mark.parametrize("name, value, words", [
    ("annot2", None, "lacks the variables annot2"),
    ("annot2", np.zeros((3, 1, 28, 2)), r"annot2 of shape 2 x 17 x 1 x frames, got \(2, 28, 1, 3\)"),
    ("valid_frame", np.ones((4, 1)), "number of frames in each array, got .*'valid': 4"),
    ("activity_annotation", None, "lacks the variables activity_annotation")])
def test_a_spoilt_test_file_is_refused(tmp_path, name, value, words):
    path = tmp_path / "TS1" / "annot_data.mat"
    write_test(path, 0, 3)
    with h5py.File(path, "a") as file:
        del file[name]
        if value is not None:
            file[name] = value
    with pytest.raises(ValueError, match=words):
        prepare_3dhp.read_test(path)


def test_training_cells_of_another_width_or_number_are_refused(tmp_path):
    path = tmp_path / "annot.mat"
    scipy_io.savemat(path, {"annot2": training_cells(0, 3, 3), "univ_annot3": training_cells(0, 3, 3)})
    with pytest.raises(ValueError, match=r"camera 0's cell of annot2 to be frames x 56, got \(3, 84\)"):
        prepare_3dhp.read_training("S1 Seq1", path, allow_short=False)
    scipy_io.savemat(path, {"annot2": training_cells(0, 3, 2)[:8], "univ_annot3": training_cells(0, 3, 3)})
    with pytest.raises(ValueError, match="camera 8's cell of annot2"):
        prepare_3dhp.read_training("S1 Seq1", path, allow_short=False)


def test_a_full_disk_is_noticed_before_reading(complete, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: namedtuple("usage", "free")(1000))
    assert prepare_3dhp.main([str(complete), "--output", str(tmp_path / "deep" / "out")]) == 2
    assert "MB are free. Make room" in capsys.readouterr().err and not (tmp_path / "deep").exists()


def test_a_failed_write_leaves_the_earlier_archive_and_no_other_file(tmp_path, monkeypatch):
    path = tmp_path / "data_test_3dhp.npz"
    path.write_text("earlier")

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("disk full")
    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        prepare_3dhp.write_archive(path, {"TS1": {}}, [])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name] and path.read_text() == "earlier"


def test_the_same_annotations_twice_are_refused(raw, tmp_path, capsys):
    shutil.copytree(raw / "mpi_inf_3dhp_test_set" / "TS1", raw / "TS1")
    assert prepare_3dhp.main([str(raw), "--output", str(tmp_path / "out")]) == 2
    assert "twice" in capsys.readouterr().err


def test_missing_packages_are_named_with_their_command(complete, tmp_path, capsys, monkeypatch):
    def without(name):
        raise ModuleNotFoundError(f"No module named {name!r}")
    monkeypatch.setattr(importlib, "import_module", without)
    assert prepare_3dhp.main([str(complete), "--output", str(tmp_path / "out")]) == 2
    assert "pip install scipy h5py" in capsys.readouterr().err


def test_the_command_runs_as_a_module_and_ends_with_status_2(tmp_path):
    done = subprocess.run([sys.executable, "-m", "dataset.prepare_3dhp", str(tmp_path)], capture_output=True,
                          text=True, cwd=Path(__file__).parents[2])
    assert done.returncode == 2 and "has nothing to convert" in done.stderr and "Traceback" not in done.stderr
