"""Keypoints are lifted from Python as the program lifts a file: anywhere, silently, without files."""
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import run_ftcm
from common.video.placement import Placement
from ftcm import JOINTS, lift_keypoints
from tests.helpers import draw_nothing

PROJECT = Path(__file__).parents[1]
FACTS = {"width": 1920, "height": 1080, "fps": 30, "layout": "coco17"}


@pytest.fixture(scope="module")
def keypoints():
    with np.load(PROJECT / "dataset" / "baseball_coco17.npz") as sample:
        return np.dstack([sample["keypoints"], sample["scores"]])[:60]


def test_the_example_runs_from_any_folder_and_prints_and_writes_nothing(tmp_path):
    code = ("import runpy; found = runpy.run_path(r'%s'); poses = found['poses']; "
            "assert poses.shape == (277, 17, 3) and abs(poses[:, 0]).max() == 0; "
            "assert found['left_wrist'].shape == (277, 3)") % (PROJECT / "tests" / "example_lift.py")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("placement, words", [
    (Placement(), ""), (Placement(fit=False, seconds=0.04), "--fit 0 --smooth 0.04"),
    (Placement(root=True, fov=70, height=1.9), "--root estimate --fov 70 --body_height 1.9")])
def test_the_poses_are_those_that_the_program_writes(placement, words, keypoints, tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    np.savez(tmp_path / "cut.npz", keypoints=keypoints, **FACTS)
    assert run_ftcm.main(["--predict", str(tmp_path / "cut.npz"), "--output", str(tmp_path / "out"),
                          *words.split()]) == 0
    with np.load(tmp_path / "out" / "poses.npz") as archive:
        assert tuple(archive["joints"]) == JOINTS
        assert (lift_keypoints(keypoints, **FACTS, placement=placement) == archive["poses"]).all()


def test_another_checkpoint_a_list_and_shares_of_the_picture(keypoints):
    shares = keypoints[:9] / [1920, 1080, 1]
    path = PROJECT / "checkpoint" / "ftcm_fast.pth"
    placement = Placement(fit=False)
    poses = lift_keypoints(keypoints[:9], **FACTS, checkpoint=path, placement=placement)
    again = lift_keypoints(shares.tolist(), **FACTS, checkpoint=str(path), placement=placement)
    assert poses == pytest.approx(again, abs=1e-5)
    assert np.abs(poses - lift_keypoints(keypoints[:9], **FACTS, placement=placement)).max() > 0.001


@pytest.mark.parametrize("change, sentence", [
    ({"layout": "smpl"}, "There is no joint layout 'smpl'"), ({"width": 0}, "width must lie between"),
    ({"layout": "body25"}, "body25 has 25 joints"), ({"checkpoint": "absent.pth"}, "absent.pth")])
def test_what_cannot_be_lifted_is_answered_by_one_sentence(change, sentence, keypoints):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        lift_keypoints(keypoints[:3], **{**FACTS, **change})
    with pytest.raises(ValueError, match="one person, got shape"):
        lift_keypoints(keypoints[0], **FACTS)
