"""Where poses go, and which files tell about them."""
import csv
import errno
import json
import os

import numpy as np
import pytest
from PIL import Image

from common.camera import camera_to_level, denormalize_screen, make_intrinsics, project
from common.clips import replace
from common.pictures import movies
from common.pictures.skeletons import COLORS, parse_color
from common.recording import Recording
from common.skeleton import HUMAN36M
from common.video import drawing, parts
from common.video.level import up_at_pitch
from common.video.own_video import Wanted, lift_recordings, write_outputs
from common.video.placement import Placement, estimate_root_path, undo_roll
from common.video.player import Film, Person
from tests.common.pictures.test_movies import stub
from tests.common.video.test_bvh import PLACES, TO_BVH, reread_with_bvh
from tests.common.video.test_player import embedded
from tests.common.video.test_pose_files import STANDING, articulated
from tests.common.video.test_trc import reread
from tests.helpers import random_clip

SIZE = {"width": 1920, "height": 1080}


def walking_clip(num_frames=12, way=1):
    """A standing figure moves `way` metres to the right, 4 m away; the field of view is 60 degrees."""
    root = np.array([0, 0.2, 4]) + np.linspace(0, way, num_frames)[:, None] * [1, 0, 0]
    poses = np.tile(STANDING, (num_frames, 1, 1)).astype(np.float32)
    clip = replace(random_clip(num_frames), pose=None, root=None, fps=25,
                   keypoints=project(poses + root[:, None], make_intrinsics(60)))
    return clip, poses, root


def written(folder, placement, clip=None, poses=None, filled=None, **options):
    default, default_poses, _ = walking_clip()
    clip, poses = clip or default, default_poses if poses is None else poses
    recording = Recording(clip.name, denormalize_screen(clip.keypoints, **SIZE), clip.fps, **SIZE,
                          scores=np.full(poses.shape[:2], 0.4), filled=filled)
    wanted = Wanted(clip.name, **options)
    return write_outputs(folder, [recording], [poses], placement, wanted), np.load(folder / "poses.npz")


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
        "angles.csv", "motion.bvh", "poses.csv", "poses.html", "poses.json", "poses.npz", "poses.trc"]
    assert str(tmp_path / "poses.html") in sentences


def test_the_page_has_the_film_and_keeps_heights_that_can_be_compared(tmp_path):
    film = Film(tmp_path / "film.mp4", "../film.mp4", 2.02)
    written(tmp_path / "out", Placement(fit=False), film=film)
    data = embedded((tmp_path / "out" / "poses.html").read_text())
    assert data["film"] == {"name": "film.mp4", "link": "../film.mp4", "type": "video/mp4", "start": 2.0}
    assert data["feet_on_floor"] and data["people"][0]["filled"] is not None
    written(tmp_path / "out", Placement(root=True, pitch=0.0, fov=60))
    data = embedded((tmp_path / "out" / "poses.html").read_text())
    assert not data["feet_on_floor"] and data["film"] is None


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
    for rate, count, shown in ((None, 150, [70, 60, 70]), (5, 50, [200] * 3)):
        sentences, _ = written(tmp_path, Placement(fit=False), clip, poses - poses[:, :1], pictures=["gif"],
                               rate=rate)
        with Image.open(tmp_path / "animation.gif") as gif:
            lasts = [gif.seek(number) or gif.info["duration"] for number in range(gif.n_frames)]
        assert (len(lasts), sum(lasts), lasts[:3]) == (count, 10_000, shown)
        assert "animation.gif holds the first 10 seconds." in sentences
        assert not (tmp_path / "poses.html").exists()


def test_all_files_are_written_or_none(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(movies, "save_gif", full)
    with pytest.raises(OSError, match="space"):
        written(tmp_path / "new", Placement(), pictures=["gif", "html"])
    assert list(tmp_path.iterdir()) == []


def test_the_mp4_has_every_frame_and_a_failing_ffmpeg_costs_only_the_mp4(tmp_path, monkeypatch):
    monkeypatch.setattr(movies, "find_ffmpeg", lambda: stub(tmp_path, 'cat > "$last"'))
    sentences, _ = written(tmp_path, Placement(fit=False), pictures=["gif", "mp4"])
    width, height = Image.open(tmp_path / "animation.gif").size
    assert (tmp_path / "animation.mp4").stat().st_size == 12 * width * height * 3
    assert str(tmp_path / "animation.mp4") in sentences
    (tmp_path / "animation.mp4").unlink()
    monkeypatch.setattr(movies, "find_ffmpeg", lambda: stub(tmp_path, "exit 3"))
    sentences, _ = written(tmp_path, Placement(fit=False), pictures=["gif", "mp4"])
    assert "could not write" in " ".join(sentences) and not (tmp_path / "animation.mp4").exists()
    assert (tmp_path / "animation.gif").exists()


def trembling(num_frames=30, way=1):
    """The walking clip, lifted with errors: bones of other lengths in every frame."""
    clip, poses, _ = walking_clip(num_frames, way)
    poses = poses * (1 + np.random.default_rng(0).normal(0, 0.05, (num_frames, 17, 1)))
    return clip, poses.astype(np.float32)


PLACES_FITTED = {"camera": Placement(), "level": Placement(pitch=0.0, height=1.9),
                 "motion": Placement(pitch="motion"), "roll": Placement(pitch=5.0, roll=10.0),
                 "root": Placement(root=True, fov=60, fov_stated=True, pitch=0.0, height=1.8),
                 "root in camera space": Placement(root=True)}


@pytest.mark.parametrize("placement", PLACES_FITTED.values(), ids=PLACES_FITTED)
def test_all_files_show_one_body_of_constant_equal_bones(placement, tmp_path):
    clip, lifted = trembling()
    filled = np.broadcast_to(np.arange(30)[:, None] < 10, (30, 17))
    _, archive = written(tmp_path, placement, clip, lifted, filled)
    poses, lengths = archive["poses"].astype(float), archive["bone_lengths_m"]
    parents = [max(parent, 0) for parent in HUMAN36M.parents]
    assert lengths == pytest.approx(lengths[list(HUMAN36M.mirror_order)])
    data = json.loads((tmp_path / "poses.json").read_text())
    with open(tmp_path / "poses.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    table = np.array([[[row[f"{joint}_{axis}_m"] for axis in "xyz"] for joint in HUMAN36M.joints]
                      for row in rows], float)
    _, _, markers = reread((tmp_path / "poses.trc").read_text())
    markers = np.stack([markers[joint] for joint in HUMAN36M.joints], axis=1) / 1000 * [1, -1, -1]
    for found, error in ((poses, 2e-6), (np.array(data["poses"]), 3e-5), (table, 3e-5), (markers, 3e-6)):
        assert found == pytest.approx(poses, abs=error)
        bones = np.linalg.norm(found - found[:, parents], axis=-1)
        assert bones == pytest.approx(np.tile(lengths, (30, 1)), abs=error)
    words = [[row[f"{joint}_state"] for joint in HUMAN36M.joints] for row in rows]
    assert words == [[data["states"][number] for number in frame] for frame in data["state"]]
    assert data["state"] == archive["state"].tolist()
    assert set(sum(words[:10], [])) == {"filled"} and "filled" not in sum(words[10:], [])


@pytest.mark.parametrize("placement", [PLACES_FITTED["level"], PLACES_FITTED["root"]],
                         ids=["relative", "placed"])
def test_the_bvh_shows_the_joints_of_the_other_files_in_its_own_axes(placement, tmp_path):
    _, archive = written(tmp_path, placement, *trembling(way=0))
    _, points = reread_with_bvh(tmp_path / "motion.bvh")
    found = np.stack([points[PLACES[joint]] for joint in HUMAN36M.joints], axis=1)
    expected = archive["poses"] * TO_BVH
    assert found - found[:, :1] == pytest.approx(expected - expected[:, :1], abs=0.01)      # centimetres
    moved = found[:, 0] - expected[:, 0]
    assert moved[:, [0, 2]] == pytest.approx(np.zeros((30, 2)), abs=0.01)
    if placement.root:
        assert moved[:, 1] == pytest.approx(np.full(30, moved[0, 1]), abs=2)
        soles = np.minimum(points["LeftToeBase"], points["RightToeBase"])[:, 1]
        assert soles == pytest.approx(np.zeros(30), abs=2)


def test_numbers_say_what_was_stated_and_what_was_assumed(tmp_path):
    _, archive = written(tmp_path / "a", PLACES_FITTED["root"], *trembling(way=0))
    data = json.loads((tmp_path / "a" / "poses.json").read_text())
    assert data["height_m"] == pytest.approx(1.8, abs=1e-3) and data["height_source"] == "--body_height"
    assert (data["fov_degrees"], data["fov_source"]) == (60, "--fov")
    assert data["pitch_degrees"] == pytest.approx(0, abs=0.01) and data["pitch_source"] == "--level"
    assert data["roll_degrees"] == pytest.approx(0, abs=0.01) and data["roll_source"] == "assumed"
    assert data["camera_above_floor_m"] == pytest.approx(1.17, abs=0.1)     # ankles 1.09 m below the camera
    assert data["floor_source"] == "standing feet" and "floor below the camera" in data["space"]
    assert archive["poses"][:, [3, 6], 1] == pytest.approx(np.full((30, 2), -0.08), abs=0.02)
    for name, value in data.items():
        if name.endswith(("_m", "_degrees", "_source")) and name != "bone_lengths_m":
            assert archive[name] == value
    assert list(data["bone_lengths_m"].values()) == archive["bone_lengths_m"].tolist()
    _, archive = written(tmp_path / "b", Placement(fit=False), *trembling())
    data = json.loads((tmp_path / "b" / "poses.json").read_text())
    assert data["height_m"] is None and data["fov_source"] is None and data["pitch_degrees"] is None
    assert np.isnan(archive["height_m"]) and archive["fov_source"] == ""
    assert np.isnan(archive["bone_lengths_m"]).all()
    _, archive = written(tmp_path / "c", Placement(pitch="motion"), *trembling())
    assert archive["height_source"] == "an average adult" and archive["fov_source"] == "assumed"
    assert archive["pitch_source"] == archive["roll_source"] == "motion"


@pytest.mark.parametrize("fit", [False, True])
def test_a_stated_roll_is_taken_out_before_lifting_and_out_of_every_file(fit, tmp_path):
    """Who is seen by a camera that is turned clockwise gives the files of one seen by a level camera."""
    clip, lifted = trembling()
    angle = np.radians(20)
    turned = clip.keypoints @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert turned[0, 10, 0] < clip.keypoints[0, 10, 0]              # the head moves left
    assert undo_roll(turned, 20) == pytest.approx(clip.keypoints)
    place = Placement(root=True, pitch=3.0, fit=fit)
    _, straight = written(tmp_path / "straight", place, clip, lifted)
    tilted = replace(clip, keypoints=turned)
    _, rolled = written(tmp_path / "rolled", replace(place, roll=20.0), tilted, lifted)
    assert rolled["poses"] == pytest.approx(straight["poses"], abs=1e-4)
    assert rolled["roll_degrees"] == pytest.approx(20, abs=0.01) and rolled["roll_source"] == "--roll"


def test_where_no_body_can_be_fitted_a_sentence_says_so_and_the_lifted_poses_are_written(tmp_path):
    clip, lifted = trembling(5)
    nowhere = replace(clip, keypoints=clip.keypoints * 0)
    sentences, archive = written(tmp_path, Placement(pitch=0.0), nowhere, lifted)
    assert sum("No body was fitted" in sentence for sentence in sentences) == 1
    assert archive["poses"] == pytest.approx(lifted, abs=1e-6) and archive["height_source"] == ""


@pytest.mark.parametrize("num_frames", [1, 2, 3, 10])
@pytest.mark.parametrize("fps", [1, 24, 240])
def test_short_clips_of_any_frame_rate_are_fitted(num_frames, fps, tmp_path):
    clip, lifted = trembling(num_frames)
    place, clip = Placement(root=True, pitch="motion"), replace(clip, fps=fps)
    sentences, archive = written(tmp_path, place, clip, lifted)
    assert archive["height_m"] == pytest.approx(1.7527, abs=1e-3) and np.isfinite(archive["poses"]).all()
    assert not any("No body" in sentence for sentence in sentences)


def test_the_bones_of_the_bvh_have_the_asked_names(tmp_path):
    written(tmp_path, Placement(), bvh_names="joints")
    assert "JOINT left_knee" in (tmp_path / "motion.bvh").read_text()


def test_all_files_are_the_same_in_parts_of_any_size(tmp_path, monkeypatch):
    content = []
    for size in (7, 1000):
        monkeypatch.setattr(parts, "PART", size)
        written(tmp_path / str(size), Placement(root=True, pitch="motion"), *trembling())
        content.append({path.name: path.read_bytes() for path in (tmp_path / str(size)).iterdir()})
    assert len(content[0]) == 7 and content[0] == content[1]


def crowd(*shares):
    """People who walk side by side, and their lifted poses; keypoints lie in one point for a share of 0."""
    recordings, lifted = [], []
    for number, share in enumerate(shares, start=1):
        clip, poses, _ = walking_clip(way=1 - number)
        pixels = denormalize_screen(clip.keypoints * share, **SIZE)
        recordings.append(Recording(f"person {number}", pixels, clip.fps, **SIZE))
        lifted.append(poses)
    return recordings, lifted


def test_somebody_who_cannot_be_placed_is_left_out_and_the_others_are_written(tmp_path):
    people, lifted = crowd(1, 0, 1)
    placement, wanted = Placement(root=True, fov=60), Wanted("film", everybody=True)
    sentences = write_outputs(tmp_path, people, lifted, placement, wanted)
    told = [sentence for sentence in sentences if sentence.startswith("Person 2")]
    assert len(told) == 1 and "Person 2 is left out. The root cannot be estimated" in told[0]
    data = json.loads((tmp_path / "poses.json").read_text())
    assert [person["name"] for person in data["people"]] == ["person 1", "person 3"]
    assert [person["name"] for person in embedded((tmp_path / "poses.html").read_text())["people"]] == [
        "person 1", "person 3"]
    assert not list(tmp_path.glob("person_2*")) and len(list(tmp_path.glob("person_3*"))) == 5
    with pytest.raises(ValueError, match="root cannot be estimated"):
        write_outputs(tmp_path / "new", *crowd(0, 0), placement, wanted)
    assert not (tmp_path / "new").exists()


def test_somebody_who_cannot_be_lifted_is_left_out(tmp_path):
    people, _ = crowd(1, 1)
    outside = replace(people[0], keypoints=people[0].keypoints + 20_000, name="person 3")
    kept, lifted, notes = lift_recordings([outside, *people], Placement(), 25, lambda clip: np.zeros(
        (len(clip), 17, 3)))
    assert kept == people and len(lifted) == 2
    assert len(notes) == 1 and notes[0].startswith("Person 3 is left out. ")


def test_moving_pictures_show_everybody_while_they_are_there():
    people, lifted = crowd(1, 1)
    shown = [Person(person.name, poses, person.keypoints, up=up_at_pitch(0), first=5 * number)
             for number, (person, poses) in enumerate(zip(people, lifted))]
    animation = drawing.animate(shown, 25, (SIZE["width"], SIZE["height"]))
    assert len(animation.headings) == 17 and animation.headings[5] == "2 people   0.20 s"
    flat, wrist = animation.panels[0], HUMAN36M.joints.index("left_wrist")

    def drawn(person, frame, row):
        x, y = np.rint(person.keypoints[row, wrist] * flat.factor + flat.shift).astype(int)
        return flat.draw(frame).getpixel((int(x), int(y))) == parse_color(COLORS["left"])

    assert drawn(people[0], 11, 11) and drawn(people[1], 11, 6) and drawn(people[1], 16, 11)
    assert drawn(people[0], 2, 2) and not drawn(people[1], 2, 11) and not drawn(people[0], 16, 11)
