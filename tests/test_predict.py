"""Lifting a user's own keypoint file through the program."""
import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import run_ftcm
from common import clips
from common.smooth import smooth
from common.video import anatomy
from tests.dataset.keypoints.test_keypoint_file import BAD
from tests.helpers import draw_nothing, random_clip, save_small_network

SAMPLE = Path(__file__).parents[1] / "dataset" / "baseball_coco17.npz"


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return save_small_network(tmp_path_factory.mktemp("network") / "lifter.pth")


def predict(file, network, output, options=""):
    return run_ftcm.main(["--predict", str(file), "--reload", "1", "--previous_dir", str(network),
                          "--device", "cpu",
                          "--output", str(output), *options.split()])


def test_a_detectors_file_gives_one_pose_a_frame_in_every_format(network, tmp_path, capsys, monkeypatch):
    draw_nothing(monkeypatch)
    assert predict(SAMPLE, network, tmp_path, "--layout coco17 --width 1920 --height 1080") == 0
    with np.load(tmp_path / "poses.npz") as archive:
        poses, fps = archive["poses"], archive["fps"]
    assert poses.shape == (277, 17, 3) and fps == 30
    assert np.abs(poses[:, 0]).max() == 0
    assert json.loads((tmp_path / "poses.json").read_text())["unit"] == "m"
    with open(tmp_path / "poses.csv") as file:
        assert len(list(csv.reader(file))) == 278
    assert "Frames: 277" in (tmp_path / "motion.bvh").read_text()
    assert "interpolated from 30 to 50" in capsys.readouterr().out


def test_a_film_that_is_not_there_is_refused_before_anything_is_lifted(network, tmp_path, capsys):
    options = f"--layout coco17 --width 1920 --height 1080 --film link {tmp_path / 'none.mp4'}"
    assert predict(SAMPLE, network, tmp_path / "out", options) == 2
    assert "--film: there is no file" in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_real_video_gets_one_body_of_the_stated_height_unless_switched_off(tmp_path, monkeypatch, capsys):
    draw_nothing(monkeypatch)
    with np.load(SAMPLE) as archive:
        np.savez(tmp_path / "cut.npz", keypoints=archive["keypoints"][:60], scores=archive["scores"][:60])
    variation = []
    for options in ("--body_height 1.9", "--fit 0"):
        options = f"--layout coco17 --width 1920 --height 1080 --level motion --device cpu {options}".split()
        file = str(tmp_path / "cut.npz")
        assert run_ftcm.main(["--predict", file, "--output", str(tmp_path), *options]) == 0
        with np.load(tmp_path / "poses.npz") as archive:
            poses, found = archive["poses"], archive["height_m"]
        lengths = np.linalg.norm(anatomy.bone_vectors(poses)[:, 1:], axis=-1)
        variation.append((lengths.std(0) / lengths.mean(0)).max())
        if "--fit" not in options:
            assert anatomy.stature(anatomy.measured(poses)) == pytest.approx(1.9, abs=1e-3) == found
    assert variation[0] < 1e-5 and variation[1] > 0.03
    assert capsys.readouterr().out.count("No body was fitted") == 0


@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_any_length_gives_as_many_poses(num_frames, network, tmp_path):
    with np.load(SAMPLE) as archive:
        np.savez(tmp_path / "short.npz", keypoints=archive["keypoints"][:num_frames],
                 scores=archive["scores"][:num_frames])
    assert predict(tmp_path / "short.npz", network, tmp_path / "out",
                   "--layout coco17 --width 1920 --height 1080 --fps 25") == 0
    with np.load(tmp_path / "out" / "poses.npz") as archive:
        assert len(archive["poses"]) == num_frames


def test_a_file_that_does_not_say_its_size_asks_for_it(network, tmp_path, capsys):
    assert predict(SAMPLE, network, tmp_path, "--layout coco17") == 2
    error = capsys.readouterr().err
    assert "--width" in error and error.count("\n") == 1


def test_resampling_keeps_duration_and_straight_motion():
    clip = random_clip(11)
    line = np.arange(11, dtype=np.float32)[:, None, None] * np.ones((1, 17, 2), np.float32) / 100
    moving = replace(clip, keypoints=line, pose=None, root=None, fps=25)
    faster = clips.resample(moving, 50)
    assert len(faster) == 21 and faster.fps == 50
    assert faster.keypoints[:, 0, 0] == pytest.approx(np.arange(21) / 200, abs=1e-6)
    assert clips.resample_array(faster.keypoints, 11, 2.0) == pytest.approx(line, abs=1e-6)
    assert len(clips.resample(replace(moving, fps=30), 50)) == 18
    assert len(clips.resample(clips.replace(moving.cut(slice(0, 1)), fps=30), 50)) == 1


def test_smooth_averages_the_poses_over_the_asked_seconds(network, tmp_path, monkeypatch):
    draw_nothing(monkeypatch)
    options, poses = "--layout coco17 --width 1920 --height 1080 --fps 50 --fit 0", []
    for name, more in (("rough", ""), ("smooth", " --smooth 0.06")):
        assert predict(SAMPLE, network, tmp_path / name, options + more) == 0
        with np.load(tmp_path / name / "poses.npz") as archive:
            poses.append(archive["poses"])
    assert poses[1] == pytest.approx(smooth(poses[0], seconds=0.06, fps=50), abs=1e-6)
    assert np.abs(poses[1] - poses[0]).max() > 1e-4


@pytest.mark.parametrize("write", [pair[0] for pair in BAD.values()], ids=BAD)
def test_a_bad_file_ends_the_program_with_one_sentence_and_writes_nothing(write, network, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    assert predict(write(tmp_path / "in"), network, tmp_path / "out", "--width 1920 --height 1080") == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "out").exists()
