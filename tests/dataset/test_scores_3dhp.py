"""The official MPI-INF-3DHP evaluation: its golden tables, hand-computed cases, the text, the .mat file."""
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.clips import Clip
from common.skeleton import MPI_INF_3DHP
from dataset import scores_3dhp

GOLDEN = Path(__file__).parents[1] / "golden"


def golden_poses():
    with np.load(GOLDEN / "mpi_inf_3dhp_poses.npz") as file:
        arrays = {key: file[key] for key in file.files}
    return ({f"TestSeq{i}": arrays[f"TS{i}/{what}"] for i in range(1, 7)}
            for what in ("predicted", "target", "activity"))


def shifted(num_frames, millimetres, joint):
    """A true pose at 0 and a prediction whose `joint` alone is off by (0.6, 0.8) `millimetres` in x and z."""
    pose = np.zeros((num_frames, 17, 3))
    predicted = pose.copy()
    predicted[:, joint] = np.array([0.6, 0, 0.8]) * millimetres
    return predicted, pose


def clip(name, pose, valid=None):
    """A test clip of `pose` (N, 17, 3), metres."""
    return Clip(subject=name, action=name, name=name, keypoints=np.zeros((len(pose), 17, 2)), fps=25,
                skeleton=MPI_INF_3DHP, pose=pose, valid=valid)


@pytest.mark.parametrize("name", ["sequence", "activity"])
def test_tables_equal_the_official_evaluation(name):
    expected = json.loads((GOLDEN / "mpi_inf_3dhp_eval.json").read_text())[name]
    found = scores_3dhp.evaluate(*golden_poses())[name]
    assert found.keys() == expected.keys() == {"MPJPE", "PCK", "AUC"}
    for metric, rows in expected.items():
        assert list(found[metric]) == list(rows)
        for row, columns in rows.items():
            assert found[metric][row] == pytest.approx(columns, rel=1e-9, abs=1e-9), (metric, row)


def test_frame_weighted_mean_equals_the_official_row_all():
    expected = json.loads((GOLDEN / "mpi_inf_3dhp_eval.json").read_text())["activity"]
    for metric, rows in scores_3dhp.evaluate(*golden_poses())["mean"].items():
        assert rows["frame-weighted mean"] == pytest.approx(expected[metric]["All"], rel=1e-9, abs=1e-9)


def test_metre_clips_give_the_same_tables_as_millimetre_arrays():
    predicted, pose, activity = golden_poses()
    clips = [clip(name, array / 1000) for name, array in pose.items()]
    in_metres = [array / np.float32(1000) for array in predicted.values()]
    report = scores_3dhp.evaluate_clips(clips, in_metres, activity)
    expected = json.loads((GOLDEN / "mpi_inf_3dhp_eval.json").read_text())["sequence"]["MPJPE"]
    for row, columns in expected.items():
        assert report["sequence"]["MPJPE"][row] == pytest.approx(columns, rel=1e-5, abs=1e-4)


def test_a_perfect_prediction_has_an_auc_of_96_77_because_no_error_is_below_zero():
    pose = np.random.default_rng(0).normal(0, 300, (4, 17, 3))
    scores = scores_3dhp.scores(scores_3dhp.joint_errors(pose, pose))
    assert scores["PCK"]["Total"] == 100 and scores["MPJPE"]["Average"] == 0
    assert scores["AUC"]["Total"] == pytest.approx(3000 / 31) == pytest.approx(scores_3dhp.PERFECT_AUC)


def test_an_error_of_exactly_150_mm_is_not_correct():
    errors = np.zeros((2, 17))
    errors[0, 0], errors[1, 0] = 150, 149.999
    assert scores_3dhp.scores(errors)["PCK"]["Head"] == 50


def test_groups_count_by_their_size_and_pelvis_spine_head_not_at_all():
    head_top, wrist, spine = 0, 4, 15
    scores = scores_3dhp.scores(scores_3dhp.joint_errors(*shifted(3, 200, wrist)))
    assert scores["PCK"]["Wrist"] == 50 and scores["PCK"]["Total"] == pytest.approx(1300 / 14)
    assert scores["MPJPE"]["Average"] == pytest.approx(200 / 17)
    scores = scores_3dhp.scores(scores_3dhp.joint_errors(*shifted(3, 200, head_top)))
    assert scores["PCK"]["Head"] == 0 and scores["PCK"]["Total"] == pytest.approx(1300 / 14)
    scores = scores_3dhp.scores(scores_3dhp.joint_errors(*shifted(3, 200, spine)))
    assert scores["PCK"]["Total"] == 100 and scores["MPJPE"]["spine"] == pytest.approx(200)


def test_auc_of_a_known_distance():
    scores = scores_3dhp.scores(scores_3dhp.joint_errors(*shifted(1, 52, 1)))
    assert scores["AUC"]["Neck"] == pytest.approx(100 * 20 / 31)       # it is below 55, 60, .., 150


def test_errors_are_relative_to_each_pelvis():
    pose = np.random.default_rng(1).normal(0, 300, (4, 17, 3))
    assert scores_3dhp.joint_errors(pose + [100, -20, 3000], pose).max() < 1e-9
    moved_root = pose.copy()
    moved_root[:, MPI_INF_3DHP.root] += [30, 40, 0]
    expected = np.full((4, 17), 50.0)
    expected[:, MPI_INF_3DHP.root] = 0
    assert scores_3dhp.joint_errors(moved_root, pose) == pytest.approx(expected)


def test_both_means_differ_as_the_lengths_do():
    long, short = shifted(3, 170, 1), shifted(1, 340, 1)
    report = scores_3dhp.evaluate({"TS1": long[0], "TS5": short[0]}, {"TS1": long[1], "TS5": short[1]})
    assert report["mean"]["MPJPE"]["frame-weighted mean"]["Average"] == pytest.approx((3 * 10 + 20) / 4)
    assert report["mean"]["MPJPE"]["mean over sequences"]["Average"] == pytest.approx(15)
    assert report["frames"] == {"sequence": {"TS1": 3, "TS5": 1},
                                "mean": {"frame-weighted mean": 4, "mean over sequences": 4}}
    assert "activity" not in report


def test_only_valid_and_predicted_frames_count():
    pose = np.zeros((4, 17, 3))
    predicted = pose.copy()
    predicted[:, 1, 0] = [0.017, 9, 0, 0.034]
    predicted[2] = np.nan
    clips = [clip("TS1", pose, valid=np.array([True, False, True, True]))]
    report = scores_3dhp.evaluate_clips(clips, [predicted], {"TS1": np.array([1, 2, 3, 7])})
    assert report["sequence"]["MPJPE"]["TS1"]["Average"] == pytest.approx(1.5)
    assert report["frames"]["activity"] == {"Standing/Walking": 1, "Miscellaneous": 1, "All": 2}
    assert report["activity"]["MPJPE"]["Miscellaneous"]["Average"] == pytest.approx(2)


def test_clips_of_one_action_are_one_row():
    poses = [np.zeros((2, 17, 3)), np.zeros((1, 17, 3))]
    clips = [replace(clip(f"S8/Seq1/{camera}", pose), action="Seq1") for camera, pose in enumerate(poses)]
    assert scores_3dhp.evaluate_clips(clips, poses)["frames"]["sequence"] == {"Seq1": 3}


@pytest.mark.parametrize("predicted, words", [
    ({}, "Expected predictions for the sequences TS1, got none"),
    ({"TS1": np.zeros((3, 17, 3))}, "TS1: expected predicted and true poses of shape"),
    ({"TS1": np.full((2, 17, 3), np.nan)}, "in 2 of 2")])
def test_what_cannot_be_scored_is_refused(predicted, words):
    with pytest.raises(ValueError, match=words):
        scores_3dhp.evaluate(predicted, {"TS1": np.zeros((2, 17, 3))})


def test_activities_of_another_length_are_refused():
    pose = np.zeros((4, 17, 3))
    with pytest.raises(ValueError, match="TS1: 3 poses or activities for 4 frames"):
        scores_3dhp.evaluate_clips([clip("TS1", pose)], [pose], {"TS1": np.ones(3)})


def test_a_prediction_of_another_length_is_refused():
    with pytest.raises(ValueError, match="TS1: 3 poses or activities for 4 frames"):
        scores_3dhp.evaluate_clips([clip("TS1", np.zeros((4, 17, 3)))], [np.zeros((3, 17, 3))])


def test_text_shows_each_table_aligned_and_names_both_means():
    report = scores_3dhp.evaluate(*golden_poses())
    text = scores_3dhp.report_text(report)
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "sequence frames PCK AUC MPJPE" in rows and "TestSeq1 60 99.88 56.39 60.81" in rows
    assert "frame-weighted mean 291 57.88 24.85 143.50" in rows and "All 291 57.88 24.85 143.50" in rows
    plain = report["mean"]["AUC"]["mean over sequences"]["Total"]
    plain_row = next(row for row in rows if row.startswith("mean over sequences 291"))
    assert plain_row.endswith(f"{plain:.2f} 152.86")
    assert any(row.startswith("Standing/Walking 53 64.02 28.17 129.50") for row in rows)
    assert "Head 291 57.39 22.90 156.05" in rows and "96.77" in text
    for block in text.split("\n\n")[:3]:
        assert len({len(line) for line in block.splitlines()}) == 1
    assert json.loads(json.dumps(report)) == report


def test_mat_file_has_the_official_layout(tmp_path):
    loadmat = pytest.importorskip("scipy.io").loadmat
    poses = {"TS1": np.random.default_rng(2).normal(0, 300, (5, 17, 3)), "TS6": np.ones((1, 17, 3))}
    scores_3dhp.export_mat(tmp_path / "inference_data.mat", poses)
    found = loadmat(tmp_path / "inference_data.mat")
    assert found["TS1"].shape == (3, 17, 1, 5) and found["TS6"].size == 51
    for frame, joint, axis in ((0, 0, 0), (4, 16, 2), (2, 14, 1)):
        assert found["TS1"][axis, joint, 0, frame] == poses["TS1"][frame, joint, axis]
    assert [path.name for path in tmp_path.iterdir()] == ["inference_data.mat"]


def test_exported_frames_are_the_valid_ones_in_millimetres():
    pose = np.random.default_rng(3).normal(0, 0.3, (3, 17, 3)).astype(np.float32)
    found = scores_3dhp.scored_millimetres([clip("TS2", pose, valid=np.array([True, False, True]))], [pose])
    assert found["TS2"] == pytest.approx(1000 * pose[[0, 2]].astype(float))


def test_mat_export_refuses_other_joints_gaps_and_a_missing_scipy(tmp_path, monkeypatch):
    path = tmp_path / "out.mat"
    with pytest.raises(ValueError, match=r"TS1: expected poses of shape \(frames, 17, 3\), got \(2, 16, 3\)"):
        scores_3dhp.export_mat(path, {"TS1": np.zeros((2, 16, 3))})
    with pytest.raises(ValueError, match="got NaN"):
        scores_3dhp.export_mat(path, {"TS1": np.full((2, 17, 3), np.nan)})
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scipy"):
        scores_3dhp.export_mat(path, {"TS1": np.zeros((2, 17, 3))})
    assert not path.exists()

