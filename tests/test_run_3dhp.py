"""MPI-INF-3DHP through the program: training, the official tables, other data sets' checkpoints."""
import json

import numpy as np
import pytest

import run_ftcm
from common import clips, skeleton
from dataset import human36m, mpi_inf_3dhp
from tests.dataset.test_mpi_inf_3dhp import evaluation_data, save, training_data
from tests.helpers import write_human36m

SMALL = "--dataset 3dhp -f 5 --d_hid 16 --layers 1 -b 64 --device cpu"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of miniature files and a checkpoint trained on them."""
    folder = tmp_path_factory.mktemp("3dhp")
    save(folder, "train", training_data())
    save(folder, "test", evaluation_data(activity=True))
    assert run(f"{SMALL} --train 1 --nepoch 1", folder, folder / "run") == 0
    return folder, next((folder / "run").glob("no_refine_*.pth"))


def run(line, folder, output):
    return run_ftcm.main([*line.split(), "--root_path", str(folder), "--output", str(output)])


def test_training_ends_with_the_official_tables_of_valid_frames(trained, capsys):
    folder, path = trained
    pytest.importorskip("scipy")
    assert run(f"--train 0 --reload 1 --previous_dir {path} --dataset 3dhp --device cpu --export_mat "
               f"{folder}/p.mat", folder, folder / "out") == 0
    report = json.loads((folder / "out" / "scores.json").read_text())
    assert report["all_frames"]["frames"] == 12               # 2 of 3 frames in each of 6 sequences are valid
    means = report["official"]["mean"]["MPJPE"]
    assert means["frame-weighted mean"]["Average"] == pytest.approx(report["all_frames"]["mpjpe"], rel=1e-6)
    assert means["mean over sequences"]["Average"] == pytest.approx(report["average"]["mpjpe"], rel=1e-6)
    assert report["official"]["frames"]["activity"]["Standing/Walking"] > 0
    printed = capsys.readouterr().out
    assert "PCK" in printed and "AUC" in printed and "frame-weighted mean" in printed
    from scipy.io import loadmat
    assert loadmat(folder / "p.mat")["TS1"].shape == (3, 17, 1, 2)


@pytest.mark.parametrize("line, words", [
    ("--train 1 --refine", "which the 3dhp files lack"), ("--train 1 -k cpn", "gt"),
    ("--train 1 --cameras 3", "choose from 0, 1, 2, 4")])
def test_what_3dhp_cannot_do_is_refused(line, words, trained, capsys):
    try:
        status = run(f"{SMALL} {line}", trained[0], trained[0] / "refused")
    except SystemExit as stop:
        status = stop.code
    assert status == 2 and words in capsys.readouterr().err


def test_a_checkpoint_is_scored_on_another_data_set_over_the_joints_both_name(trained, tmp_path, capsys):
    _, path = trained
    lengths = {(subject, "Walking"): 6 for subject in human36m.SUBJECTS["train"] + human36m.SUBJECTS["test"]}
    write_human36m(tmp_path, lengths=lengths)
    assert run(f"--train 0 --reload 1 --previous_dir {path} --dataset h36m -k gt --device cpu", tmp_path,
               tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert len(report["shared_joints"]) == 14 and "head" not in report["shared_joints"]
    assert report["trained_on"]["dataset"] == "3dhp" and "official" not in report
    assert "equal names do not lie at equal points" in capsys.readouterr().out


def test_conversion_between_layouts_keeps_every_joint_of_the_same_name(trained):
    clip = mpi_inf_3dhp.load(trained[0], keypoints="gt", split="test")[0]
    converted, = clips.relayout([clip], skeleton.HUMAN36M)
    for name in skeleton.shared_joints(skeleton.MPI_INF_3DHP, skeleton.HUMAN36M):
        source, target = clip.skeleton.joints.index(name), skeleton.HUMAN36M.joints.index(name)
        assert converted.pose[:, target].tolist() == clip.pose[:, source].tolist()
    assert converted.keypoints[:, 8].tolist() == clip.keypoints[:, 1].tolist()      # thorax <- neck
    back, = clips.relayout([converted], skeleton.MPI_INF_3DHP)
    assert (back.pose == clip.pose).all()
    assert np.abs(converted.pose[:, 0]).max() == 0
