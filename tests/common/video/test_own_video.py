"""Where poses go, and which files tell about them."""
import errno
import json
import os

import numpy as np
import pytest
from PIL import Image

from common.camera import camera_to_level, denormalize_screen, project
from common.clips import replace
from common.pictures import movies
from common.recording import Recording
from common.video.level import up_at_pitch
from common.video.own_video import write_outputs
from common.video.placement import Placement, estimate_root_path, make_intrinsics
from tests.common.pictures.test_movies import stub
from tests.common.video.test_bvh import reread_with_bvh
from tests.common.video.test_pose_files import STANDING, articulated
from tests.helpers import random_clip

SIZE = {"width": 1920, "height": 1080}


def walking_clip(num_frames=12):
    """A standing figure that walks to the right, 4 m away, seen with a field of view of 60 degrees."""
    root = np.array([0, 0.2, 4]) + np.linspace(0, 1, num_frames)[:, None] * [1, 0, 0]
    poses = np.tile(STANDING, (num_frames, 1, 1)).astype(np.float32)
    clip = replace(random_clip(num_frames), pose=None, root=None, fps=25,
                   keypoints=project(poses + root[:, None], make_intrinsics(60)))
    return clip, poses, root


def written(folder, placement, clip=None, poses=None):
    default, default_poses, _ = walking_clip()
    clip, poses = clip or default, default_poses if poses is None else poses
    recording = Recording(clip.name, denormalize_screen(clip.keypoints, **SIZE), clip.fps, **SIZE)
    return write_outputs(folder, recording, poses, placement), np.load(folder / "poses.npz")


@pytest.fixture(autouse=True)
def no_ffmpeg(monkeypatch):
    monkeypatch.setattr(movies, "find_ffmpeg", lambda: None)


def test_the_root_is_found_with_the_right_field_of_view():
    clip, poses, root = walking_clip()
    found, notes = estimate_root_path(clip, poses, Placement(fov=60))
    assert found == pytest.approx(root, abs=1e-3) and "60 degrees" in notes[0]


def test_frames_without_a_root_are_interpolated_and_counted_and_none_at_all_is_an_error():
    clip, poses, root = walking_clip()
    keypoints = clip.keypoints.copy()
    keypoints[5] = 0.1
    found, notes = estimate_root_path(replace(clip, keypoints=keypoints), poses, Placement(fov=60))
    assert found == pytest.approx(root, abs=1e-3) and "1 of 12 frames" in notes[1]
    with pytest.raises(ValueError, match="cannot be estimated.*--root none"):
        estimate_root_path(replace(clip, keypoints=keypoints * 0), poses, Placement(fov=60))


def test_smoothing_takes_jumps_out_of_the_roots_path():
    clip, poses, root = walking_clip(60)
    shaken = poses * (1 + 0.1 * np.random.default_rng(0).normal(size=(60, 1, 1)).astype(np.float32))
    rough, smoothed = (estimate_root_path(clip, shaken, Placement(root=True, fov=60, seconds=seconds))[0]
                       for seconds in (None, 0.2))
    assert np.diff(smoothed[5:-5, 2]).std() < 0.2 * np.diff(rough[5:-5, 2]).std()


def test_all_files_hold_the_same_levelled_poses_and_say_so(tmp_path):
    clip, poses, _ = walking_clip()
    sentences, archive = written(tmp_path, Placement(pitch=20.0, fit=False))
    assert archive["poses"] == pytest.approx(camera_to_level(poses, up_at_pitch(20)), abs=1e-6)
    data = json.loads((tmp_path / "poses.json").read_text())
    assert np.array(data["poses"]) == pytest.approx(archive["poses"], abs=1e-5)
    assert data["space"] == str(archive["space"]) and "looks down by 20.0 degrees" in data["space"]
    assert "origin is the root joint" in data["space"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "angles.csv", "animation.gif", "motion.bvh", "poses.csv", "poses.html", "poses.json", "poses.npz",
        "poses.trc"]
    assert "No ffmpeg" in " ".join(sentences) and str(tmp_path / "poses.html") in sentences


def test_the_pitch_is_judged_by_the_motion_and_said(tmp_path):
    _, poses, _ = walking_clip()
    tilted = camera_to_level(poses, up_at_pitch(-15)).astype(np.float32)     # seen by a camera 15 down
    sentences, archive = written(tmp_path, Placement(pitch="motion", fit=False), poses=tilted)
    assert "looks down by 15.0 degrees" in sentences[0]
    assert archive["poses"] == pytest.approx(poses, abs=1e-4)


def test_a_placed_person_walks_as_far_as_the_keypoints_say(tmp_path):
    _, archive = written(tmp_path, Placement(root=True, fov=60, pitch=0.0, fit=False))
    assert archive["poses"][-1, 0] - archive["poses"][0, 0] == pytest.approx([1, 0, 0], abs=1e-3)
    assert "origin is the camera" in str(archive["space"])


@pytest.mark.parametrize("pitch", [0.0, None])
def test_the_bvh_stands_on_the_floor_levelled_or_not(pitch, tmp_path):
    written(tmp_path, Placement(pitch=pitch, fit=False))
    _, points = reread_with_bvh(tmp_path / "motion.bvh")
    toes = np.minimum(points["LeftToeBase"], points["RightToeBase"])
    assert toes[:, 1] == pytest.approx(np.full(12, 0.9), abs=0.1)


def test_the_gif_runs_at_15_pictures_a_second_at_most_for_ten_seconds(tmp_path):
    clip, poses = replace(random_clip(320), pose=None, root=None, fps=30), articulated(320).astype(np.float32)
    sentences, _ = written(tmp_path, Placement(fit=False), clip, poses - poses[:, :1])
    with Image.open(tmp_path / "animation.gif") as gif:
        assert (gif.n_frames, gif.info["duration"]) == (150, 70)
    assert "animation.gif holds the first 10 seconds." in sentences


def test_all_files_are_written_or_none(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(movies, "save_gif", full)
    with pytest.raises(OSError, match="space"):
        written(tmp_path / "new", Placement())
    assert list(tmp_path.iterdir()) == []


def test_the_mp4_has_every_frame_and_a_failing_ffmpeg_costs_only_the_mp4(tmp_path, monkeypatch):
    monkeypatch.setattr(movies, "find_ffmpeg", lambda: stub(tmp_path, 'cat > "$last"'))
    sentences, _ = written(tmp_path, Placement(fit=False))
    width, height = Image.open(tmp_path / "animation.gif").size
    assert (tmp_path / "animation.mp4").stat().st_size == 12 * width * height * 3
    assert str(tmp_path / "animation.mp4") in sentences
    (tmp_path / "animation.mp4").unlink()
    monkeypatch.setattr(movies, "find_ffmpeg", lambda: stub(tmp_path, "exit 3"))
    sentences, _ = written(tmp_path, Placement(fit=False))
    assert "could not write" in " ".join(sentences) and not (tmp_path / "animation.mp4").exists()
    assert (tmp_path / "animation.gif").exists()
