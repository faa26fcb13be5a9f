"""Files as detectors and trackers write them give the same poses; a mapping file says the rest."""
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.camera import normalize_screen
from common.skeleton import HUMAN36M
from dataset.keypoints import reader
from dataset.keypoints.joint_order import standard_name
from dataset.keypoints.json_lines import KeypointStream
from dataset.keypoints.layouts import BLAZEPOSE33, BODY25, COCO17
from dataset.keypoints.reader import read_recording
from tests import detector_files as tool
from tests.keypoint_samples import (
    SIZE,
    coco,
    expected,
    track,
    write_csv,
    write_json,
    write_npz,
    write_openpose,
)

# How a program writes, the layout of its joints, what the user adds.
FILES = {
    "Ultralytics to_json": (tool.ultralytics_json, COCO17, {}),
    "Ultralytics to_json, normalised": (
        lambda to, points: tool.ultralytics_json(to, points, (tool.WIDTH, tool.HEIGHT)), COCO17, {}),
    "Ultralytics to_json, tracked": (
        lambda to, points: tool.ultralytics_json(to, points, track_id=3), COCO17, {}),
    "Ultralytics labels": (tool.ultralytics_labels, COCO17, {}),
    "Ultralytics labels with conf": (
        lambda to, points: tool.ultralytics_labels(to, points, conf=0.87), COCO17, {}),
    "Ultralytics labels with conf and id": (
        lambda to, points: tool.ultralytics_labels(to, points, conf=0.87, ids=4), COCO17, {}),
    "Ultralytics labels without scores": (
        lambda to, points: tool.ultralytics_labels(to, points, scores=False), COCO17, {}),
    "MediaPipe in Python": (tool.mediapipe_python, BLAZEPOSE33, {}),
    "MediaPipe on the web": (tool.mediapipe_web, BLAZEPOSE33, {}),
    "MediaPipe solutions, lines": (tool.mediapipe_solutions, BLAZEPOSE33, {}),
    "TF.js BlazePose": (tool.tfjs, BLAZEPOSE33, {}),
    "TF.js MoveNet": (lambda to, points: tool.tfjs(to, points, COCO17), COCO17, {}),
    "PoseNet": (lambda to, points: tool.posenet(to, points, COCO17), COCO17, {}),
    "joints by name": (lambda to, points: write_json(to, [
        {"t": 3.5, **{name: dict(zip(("x", "y", "score"), row)) for name, row in zip(COCO17.joints, pose)}}
        for pose in points.tolist()]), COCO17, {}),
    "rtmlib": (tool.rtmlib, COCO17, {"layout": "coco17"}),
    "rtmlib, varying people": (tool.rtmlib_lists, COCO17, {"layout": "coco17"}),
    "npy": (tool.npy, COCO17, {"layout": "coco17"}),
    "MoveNet": (tool.movenet, COCO17, {"layout": "movenet"}),
    "plain frames": (lambda to, points: write_json(to, points.tolist()), COCO17, {"layout": "coco17"}),
    "plain people": (lambda to, points: write_json(to, [[pose] for pose in points.tolist()]), COCO17,
                     {"layout": "coco17"}),
    "flat rows": (lambda to, points: write_json(to, points.reshape(len(points), -1).tolist()), COCO17,
                  {"layout": "coco17"}),
    "an object like the npz": (lambda to, points: write_json(to, {
        "keypoints": points[..., :2].tolist(), "scores": points[..., 2].tolist(), "layout": "coco17"}),
        COCO17, {}),
    "an object of frames": (lambda to, points: write_json(to, {
        f"frame_{frame}": pose for frame, pose in enumerate(points.tolist())}), COCO17, {"layout": "coco17"}),
    "lines as of a stream": (lambda to, points: write_json(to, "\n".join(json.dumps(line) for line in [
        {"layout": "coco17", **SIZE}, *({"keypoints": pose.tolist()} for pose in points)]), "video.jsonl"),
        COCO17, {}),
    "DeepLabCut": (lambda to, points: tool.deeplabcut(to, points, COCO17), COCO17, {}),
    "SLEAP": (lambda to, points: tool.sleap(to, points, COCO17), COCO17, {}),
    "SLEAP in HDF5": (lambda to, points: tool.sleap_h5(to, points, COCO17), COCO17, {}),
    "Sports2D": (lambda to, points: tool.sports2d(to, points, COCO17), COCO17, {}),
    "Sports2D that calls pixels metres": (lambda to, points: tool.sports2d(to, points, COCO17, unit="m"),
                                          COCO17, {}),
}


@pytest.mark.parametrize("num_frames", [1, 6])
@pytest.mark.parametrize("write, layout, options", FILES.values(), ids=FILES)
def test_every_detectors_file_gives_the_same_poses(write, layout, options, num_frames, tmp_path):
    points = track(num_frames, layout)
    recording = read_recording(write(tmp_path, points), **SIZE, **options)
    assert recording.layout == layout.name
    assert recording.keypoints == pytest.approx(expected(points, layout), abs=0.01)
    assert not [note for note in recording.notes if "interpolated" in note or "missing" in note]


def test_shares_of_the_picture_are_multiplied_and_that_is_said(tmp_path):
    notes = read_recording(tool.mediapipe_web(tmp_path, track(layout=BLAZEPOSE33)), **SIZE).notes
    assert "were multiplied by 1920 and 1080" in " ".join(notes)
    notes = read_recording(tool.tfjs(tmp_path, track(layout=BLAZEPOSE33)), **SIZE).notes
    assert "multiplied" not in " ".join(notes)


def test_screen_coordinates_and_metres_are_no_shares_of_a_picture(tmp_path):
    screen = track() / [960, 960, 1] - [1, 0.56, 0]
    with pytest.raises(ValueError, match="of them below it, as screen coordinates or metres do"):
        read_recording(write_npz(tmp_path, keypoints=screen, layout="coco17"), **SIZE)


def test_mediapipes_depth_is_never_taken_for_a_score(tmp_path):
    points = track(layout=BLAZEPOSE33)
    depth = np.where(np.arange(33) % 2, -0.3, 0.4)[:, None] + 0 * points[..., :1]
    with pytest.raises(ValueError, match="of the scores lie below 0, as a depth z does"):
        read_recording(write_npz(tmp_path, keypoints=np.concatenate([points[..., :2], depth], -1)), **SIZE)
    four = np.concatenate([points[..., :2], depth, points[..., 2:]], -1)
    for path in (write_npz(tmp_path, keypoints=four), write_json(tmp_path, four.tolist())):
        recording = read_recording(path, **SIZE)
        assert recording.keypoints == pytest.approx(expected(points, BLAZEPOSE33))
        assert recording.scores == pytest.approx(np.full((6, 17), 0.9))


def test_what_ultralytics_puts_at_zero_is_unseen_whatever_its_score(tmp_path):
    """Below 0.5 Ultralytics sets x and y to 0 and keeps the score."""
    points = track()
    wrist = COCO17.joints.index("left_wrist")
    points[2, wrist] = (0, 0, 0.45)
    for write in (tool.ultralytics_json, tool.ultralytics_labels):
        recording = read_recording(write(tmp_path, points), **SIZE)
        assert recording.keypoints == pytest.approx(expected(track()), abs=0.01)
        assert "left_wrist 1" in " ".join(recording.notes)


def test_frames_without_a_label_file_are_gaps_and_people_are_told_apart_by_id(tmp_path):
    folder = tool.ultralytics_labels(tmp_path, track(), conf=0.9, ids=7)
    labels = folder / "labels"
    (labels / "walk_3.txt").unlink()
    line = (labels / "walk_2.txt").read_text()
    (labels / "walk_2.txt").write_text(line.replace("0.9 7\n", "0.9 8\n") + line)
    with pytest.raises(ValueError, match=r"2 people: 7 \(5 frames\), 8 \(1 frames\)"):
        read_recording(folder, **SIZE)
    recording = read_recording(folder, person=7, **SIZE)
    assert recording.keypoints == pytest.approx(expected(track()), abs=0.01)
    assert "missing in 1 of 6 frames" in " ".join(recording.notes)
    tool.ultralytics_labels(tmp_path, track(), ids=12)
    assert read_recording(labels, person=12, **SIZE).keypoints.shape == (6, 17, 2)


@pytest.mark.parametrize("joints, layout", [(26, None), (133, None), (136, None), (26, "halpe26"),
                                            (133, "wholebody133")])
def test_halpe_and_wholebody_begin_with_coco_in_every_kind_of_file(joints, layout, tmp_path):
    points = track()
    larger = np.concatenate([points, np.repeat(points[:, :1], joints - 17, axis=1)], axis=1)
    for path in (write_json(tmp_path, coco(larger)), write_npz(tmp_path, keypoints=larger),
                 write_json(tmp_path, larger.tolist()), tool.rtmlib(tmp_path, larger)):
        recording = read_recording(path, layout=layout, **SIZE)
        assert recording.layout == "coco17" and recording.keypoints == pytest.approx(expected(points))


def test_25_joints_without_a_name_are_asked_and_those_of_openpose_are_not(tmp_path):
    points = track(layout=BODY25)
    for path in (write_npz(tmp_path, keypoints=points), write_json(tmp_path, points.tolist()),
                 write_json(tmp_path, coco(points))):
        with pytest.raises(ValueError, match="25 joints may be body25 or another detector's .*--layout"):
            read_recording(path, **SIZE)
        assert read_recording(path, layout="body25", **SIZE).layout == "body25"
    lines = [json.dumps(pose.tolist()).encode() for pose in points]
    with pytest.raises(ValueError, match="line 1: 25 joints may be body25"):
        list(KeypointStream(lines, **SIZE))
    assert len(list(KeypointStream(lines, layout="body25", **SIZE))) == 6


def mapping(folder, joints):
    return str(write_json(folder, joints, "mapping.json"))


def test_a_mapping_file_names_the_joints_of_deeplabcut_and_sleap(tmp_path):
    points, other = track(), {joint: f"p{place}" for place, joint in enumerate(COCO17.joints)}
    layout = replace(COCO17, name="lab", joints=tuple(other.values()))
    needed = {joint: name for joint, name in other.items() if "eye" not in joint and joint != "left_ear"}
    for write in (tool.deeplabcut, tool.sleap, tool.sleap_h5, write_csv):
        path = write(tmp_path, points, layout)
        with pytest.raises(ValueError, match="joints are named p0, p1, .*none stands for left_shoulder, "):
            read_recording(path, **SIZE)
        recording = read_recording(path, layout=mapping(tmp_path, needed), **SIZE)
        same = [joint not in ("nose", "head") for joint in HUMAN36M.joints]     # an ear is made of others
        assert recording.keypoints[:, same] == pytest.approx(expected(points)[:, same], abs=1e-3)


def test_a_mapping_file_numbers_the_joints_of_files_without_names_and_of_streams(tmp_path):
    points = track()
    shuffled = points[:, ::-1]
    given = mapping(tmp_path, {joint: 16 - place for place, joint in enumerate(COCO17.joints)})
    recording = read_recording(write_npz(tmp_path, keypoints=shuffled), layout=given, **SIZE)
    assert recording.keypoints == pytest.approx(expected(points))
    lines = [json.dumps(pose.tolist()).encode() for pose in shuffled]
    found = np.stack([keypoints for keypoints, _ in KeypointStream(lines, layout=given, **SIZE)])
    assert found == pytest.approx(normalize_screen(expected(points), **SIZE), abs=1e-6)


def test_a_mapping_of_all_17_joints_of_human36m_passes_them_unchanged(tmp_path):
    points = track(layout=HUMAN36M)
    given = mapping(tmp_path, {joint: place for place, joint in enumerate(HUMAN36M.joints)})
    recording = read_recording(write_npz(tmp_path, keypoints=points), layout=given, **SIZE)
    assert recording.layout == "human36m" and (recording.keypoints == points[..., :2]).all()


def test_the_mapping_in_the_readme_is_of_openposes_18_joints(tmp_path):
    """BODY_25 begins as they do: nose, neck, right arm, left arm; then they lack the pelvis."""
    page = (Path(reader.__file__).parent / "README.md").read_text(encoding="utf-8")
    mapped = re.search(r"    ({\"nose\": 0.*?})", page, re.DOTALL)[1]
    path = write_json(tmp_path, mapped, "18.json")
    points = track(layout=BODY25)
    older = points[:, [0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]]
    recording = read_recording(write_openpose(tmp_path, [[pose] for pose in older]), layout=str(path), **SIZE)
    assert recording.keypoints == pytest.approx(expected(points, BODY25))


LIMBS = {joint: place for place, joint in enumerate(COCO17.joints) if place > 4}


@pytest.mark.parametrize("content, sentence", [
    (LIMBS, "has nothing for nose or left_ear or right_ear"),
    ({**LIMBS, "nose": 17}, "numbers nose 17, but there are 17 joints"),
    ({**LIMBS, "nose": "snout"}, "calls nose 'snout', but these keypoints have no names"),
    ({**LIMBS, "tail": 3}, "there is no joint tail. Choose from: head, "),
    ({"nose": 0}, "has nothing for left_shoulder, left_elbow, "), ([1], "a mapping file holds our joints"),
    ({"nose": -1}, "a mapping file holds"), ({"nose": True}, "a mapping file"), ("{", "no complete JSON")])
def test_a_bad_mapping_file_is_answered_by_one_sentence(content, sentence, tmp_path):
    path = write_npz(tmp_path, keypoints=track())
    with pytest.raises(ValueError, match=sentence) as caught:
        read_recording(path, layout=mapping(tmp_path, content), **SIZE)
    assert "\n" not in str(caught.value)


def test_a_file_cannot_name_a_mapping_file(tmp_path):
    given = mapping(tmp_path, {joint: place for place, joint in enumerate(COCO17.joints)})
    with pytest.raises(ValueError, match="There is no joint layout"):
        read_recording(write_npz(tmp_path, keypoints=track(), layout=given), **SIZE)
    with pytest.raises(FileNotFoundError, match="no mapping file .*absent.json"):
        read_recording(write_npz(tmp_path, keypoints=track()), layout=str(tmp_path / "absent.json"), **SIZE)


def test_one_of_several_animals_and_tracks_is_chosen_by_name(tmp_path):
    for path, names in ((tool.deeplabcut(tmp_path, track(), COCO17, individuals=["ann", "bob"]), "ann|bob"),
                        (tool.sleap(tmp_path, track(), COCO17, tracks=("left", "right")), "left|right"),
                        (tool.sleap_h5(tmp_path, track(), COCO17, tracks=("left", "right")), "left|right")):
        with pytest.raises(ValueError, match=f"2 people: ({names}) .6 frames"):
            read_recording(path, **SIZE)
        chosen = read_recording(path, person=names.split("|")[1], **SIZE)
        assert chosen.keypoints == pytest.approx(expected(track()), abs=1e-3)


def test_a_joint_placed_by_hand_has_no_score_and_is_seen(tmp_path):
    for path in (tool.deeplabcut(tmp_path, track(), COCO17), tool.sleap(tmp_path, track(), COCO17)):
        path.write_text(path.read_text().replace(",0.9", ","))
        recording = read_recording(path, **SIZE)
        assert recording.keypoints == pytest.approx(expected(track()), abs=1e-3)
        assert not [note for note in recording.notes if "unseen" in note]


def change(path, name, value):
    """The HDF5 file in `path` with another value, or soft or external link, in place of `name`."""
    import h5py
    with h5py.File(path, "a") as file:
        del file[name]
        file[name] = value(h5py) if callable(value) else value
    return path


@pytest.mark.parametrize("name, value, sentence", [
    ("tracks", lambda h5py: h5py.ExternalLink("other.h5", "tracks"), "tracks is no array of this file"),
    ("tracks", lambda h5py: h5py.SoftLink("/point_scores"), "tracks is no array of this file"),
    ("tracks", np.zeros((1, 3, 17, 6)), r"got \(1, 3, 17, 6\)"),
    ("tracks", np.zeros((1, 2, 17, 6), int), "got"),
    ("tracks", np.float64(1), "got"), ("point_scores", np.zeros((1, 17, 7)), r"\(1, 17, 7\)"),
    ("tracks", np.full((1, 2, 17, 6), np.nan), "nobody is in its 6 frames"),
    ("node_names", 5, "must be a name"),
    ("node_names", np.zeros(20_000), "at most 10,000")])
def test_a_wrong_hdf5_file_is_refused(name, value, sentence, tmp_path):
    path = change(tool.sleap_h5(tmp_path, track(), COCO17), name, value)
    with pytest.raises(ValueError, match=sentence):
        read_recording(path, **SIZE)


def test_other_hdf5_files_are_told_what_is_read_and_a_missing_h5py_how_to_install_it(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "walkDLC.h5", "w") as file:
        file.create_group("df_with_missing")
    with pytest.raises(ValueError, match="holds df_with_missing; .*SLEAP's.*save_as_csv=True"):
        read_recording(tmp_path / "walkDLC.h5", **SIZE)
    path = change(tool.sleap_h5(tmp_path, track(), COCO17), "point_scores", np.full((1, 17, 6), np.nan))
    recording = read_recording(path, **SIZE)                            # placed by hand: seen
    assert recording.keypoints == pytest.approx(expected(track())) and not recording.filled.any()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ModuleNotFoundError, match="python -m pip install h5py"):
        read_recording(path, **SIZE)


def test_a_trc_file_states_its_rate_and_one_in_space_is_refused(tmp_path):
    assert read_recording(tool.sports2d(tmp_path, track(), COCO17), **SIZE).fps == 25
    for unit, scale in (("m", 0.004), ("mm", 4)):
        with pytest.raises(ValueError, match=f"body in space, in '{unit}'.*_px_"):
            read_recording(tool.sports2d(tmp_path, track(), COCO17, unit=unit, scale=scale), **SIZE)


@pytest.mark.parametrize("name, standard", [
    ("LHip", "left_hip"), ("leftShoulder", "left_shoulder"), ("Right Knee", "right_knee"),
    ("hip_l", "left_hip"), ("wrist.R", "right_wrist"), ("lefthip", "left_hip"), ("Nose", "nose"),
    ("RIGHT_ANKLE", "right_ankle"), ("LBigToe", "left_big_toe"), ("mouth_left", "left_mouth"),
    ("leg", "leg"), ("Rear", "rear"), ("Lip", "lip")])
def test_other_ways_to_write_a_name(name, standard):
    assert standard_name(name) == standard


NEAREST = {
    "film": (lambda to: write_json(to, "x", "film.mp4"), "is a film. Make keypoints .*detect_keypoints"),
    "h5": (lambda to: write_json(to, "x", "video.h5"), "save_as_csv=True"),
    "slp": (lambda to: write_json(to, "x", "labels.slp"), "--format analysis.csv"),
    "one label file": (lambda to: write_json(to, "0 0.5", "walk_1.txt"), "Name the folder"),
    "pickle": (lambda to: write_json(to, "x", "poses.pkl"), "can run code.*np.savez"),
    "LabelMe": (lambda to: write_json(to, {"shapes": [{"label": "nose", "points": [[1, 2]]}]}),
                "nearest known format is a plain list of frames.*; here is shapes"),
    "MMPose, cut": (lambda to: write_json(to, {"instance_info": {}, "meta_info": {}}),
                    "nearest known format is MMPose, which has .*here instances, keypoints, .* is missing"),
    "MediaPipe, world": (lambda to: write_json(to, [{"worldLandmarks": [tool.landmarks(track()[0])]}]),
                         "nearest known format is MediaPipe, .*here landmarks is missing, and there is "
                         "worldLandmarks, z"),
    "SLEAP project": (lambda to: write_json(to, {"version": "2.0.0", "skeletons": [], "labels": []}),
                      "--format analysis.csv"),
    "four numbers": (lambda to: write_json(to, np.zeros((3, 17, 4)).tolist()), "expected 2 or 3 numbers"),
    "columns": (lambda to: write_csv(to, track(1)[:, :11], replace(COCO17, joints=COCO17.joints[:11])),
                "nearest is coco17, of whose 17 joints these are missing: left_ankle"),
    "pictures": (lambda to: write_json(to, "x", "0001.png").parent, "holds pictures.*detect_keypoints"),
    "folder of JSON": (lambda to: write_json(to, "x", "0001.json").parent, "put all frames into one list"),
    "detections": (lambda to: (tool.ultralytics_labels(to, track()[:, :1]), to)[1] / "predict",
                   "Ultralytics writes 56 to 58 for 17 joints"),
    "people first": (lambda to: write_npz(to, keypoints=np.ones((1, 300, 17, 2))), "more people than frames"),
    "DeepLabCut, cut": (lambda to: write_json(to, "scorer,a,a\nbodyparts,nose,nose\n0,1,2\n", "a.csv"),
                        "begins as DeepLabCut's"),
    "frame twice": (lambda to: write_json(to, [{"frame": 3, "keypoints": [[1, 2]]}] * 2), "have one number"),
}


@pytest.mark.parametrize("write, sentence", NEAREST.values(), ids=NEAREST)
def test_anything_else_is_told_the_nearest_format_and_what_differs(write, sentence, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError), match=sentence) as caught:
        read_recording(write(tmp_path), **SIZE)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
