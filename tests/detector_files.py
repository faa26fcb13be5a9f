"""Small files as detectors write them, one writer for each program; the sources name its documentation.

Each writer takes a folder and points (N, J, 3), x and y in pixels and a score, and returns the path.
"""
import json

import numpy as np
import pytest

from dataset.keypoints.layouts import BLAZEPOSE33
from tests.keypoint_samples import SIZE, write_json

WIDTH, HEIGHT = SIZE["width"], SIZE["height"]


def columns(pose):
    return {"x": pose[:, 0].round(5).tolist(), "y": pose[:, 1].round(5).tolist(),
            "visible": pose[:, 2].round(5).tolist()}


def ultralytics_json(folder, points, divide=(1, 1), **more):
    """A list of json.loads(result.to_json()), one for each frame.

    docs.ultralytics.com/reference/engine/results, Results.summary: name, class, confidence, box, keypoints.
    """
    return write_json(folder, [[{
        "name": "person", "class": 0, "confidence": 0.91, "box": {"x1": 1.0, "y1": 2.0, "x2": 3.0, "y2": 4.0},
        **more, "keypoints": columns(pose / [*divide, 1])}] for pose in points])


def ultralytics_labels(folder, points, *, conf=None, ids=None, scores=True, name="walk_{}.txt"):
    """save_txt=True: labels/{video}_{frame}.txt, frames from 1, `class x y w h` and the joints, all shares.

    docs.ultralytics.com/reference/engine/results, Results.save_txt: with save_conf=True a confidence follows,
    with track an id.
    """
    (folder / "predict" / "labels").mkdir(parents=True, exist_ok=True)
    for frame, pose in enumerate(points, start=1):
        shares = pose / [WIDTH, HEIGHT, 1]
        numbers = [0, 0.5, 0.5, 0.2, 0.6, *(shares if scores else shares[:, :2]).ravel()]
        numbers += ([] if conf is None else [conf]) + ([] if ids is None else [ids])
        line = " ".join(f"{number:.9g}" for number in numbers)
        (folder / "predict" / "labels" / name.format(frame)).write_text(line + "\n")
    return folder / "predict"


def landmarks(pose, **more):
    return [{"x": x / WIDTH, "y": y / HEIGHT, "z": -0.2, "visibility": score, **more} for x, y, score in pose]


def mediapipe_python(folder, points):
    """dataclasses.asdict(PoseLandmarkerResult) for each frame.

    ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker/python, "Handle and display results".
    """
    return write_json(folder, [{
        "pose_landmarks": [landmarks(pose, presence=0.99, name=None)],
        "pose_world_landmarks": [[{"x": 0.1, "y": -0.2, "z": 0.3, "visibility": 0.9}] * len(pose)],
        "segmentation_masks": None} for pose in points])


def mediapipe_web(folder, points):
    """JSON.stringify of what PoseLandmarker.detectForVideo returns, one for each frame.

    ai.google.dev/edge/mediapipe/solutions/vision/pose_landmarker/web_js, "Handle and display results".
    """
    return write_json(folder, [{"landmarks": [landmarks(pose)], "worldLandmarks": [landmarks(pose)]}
                               for pose in points])


def mediapipe_solutions(folder, points):
    """MessageToDict(results.pose_landmarks), a line for each frame; null where nobody was found."""
    (folder / "video.jsonl").write_text("\n".join(json.dumps({"landmark": landmarks(pose)})
                                                  for pose in points))
    return folder / "video.jsonl"


def camel(name):
    """leftAnkle of left_ankle."""
    first, *words = name.split("_")
    return first + "".join(word.title() for word in words)


def tfjs(folder, points, layout=BLAZEPOSE33):
    """What detector.estimatePoses returns, one list for each frame.

    github.com/tensorflow/tfjs-models, pose-detection/README.md: score, keypoints with x, y, z, score, name.
    """
    def called(joint):
        return f"mouth_{joint[:-6]}" if joint.endswith("_mouth") else joint
    return write_json(folder, [[{"score": 0.98, "keypoints": [
        {"x": x, "y": y, "z": -0.1, "score": score, "name": called(name)}
        for name, (x, y, score) in zip(layout.joints, pose)]}] for pose in points])


def posenet(folder, points, layout):
    """What net.estimateSinglePose returned for each frame: tfjs-models, posenet/README.md."""
    return write_json(folder, [{"score": 0.9, "keypoints": [
        {"position": {"x": x, "y": y}, "part": camel(name), "score": score}
        for name, (x, y, score) in zip(layout.joints, pose)]} for pose in points])


def rtmlib(folder, points):
    """keypoints (frames, people, joints, 2) and scores: github.com/Tau-J/rtmlib, what a model returns."""
    np.savez(folder / "video.npz", keypoints=points[:, None, :, :2], scores=points[:, None, :, 2])
    return folder / "video.npz"


def rtmlib_lists(folder, points):
    """The same of frames with different numbers of people, which NumPy saves as an array of arrays."""
    keypoints, scores = np.empty(len(points), object), np.empty(len(points), object)
    for frame, pose in enumerate(points):
        keypoints[frame], scores[frame] = pose[None, :, :2], pose[None, :, 2]
    np.savez(folder / "video.npz", keypoints=keypoints, scores=scores)
    return folder / "video.npz"


def npy(folder, points):
    np.save(folder / "video.npy", points)
    return folder / "video.npy"


def movenet(folder, points):
    """MoveNet's output_0, (1, 1, 17, 3) y, x, score, stacked: tensorflow.org/hub/tutorials/movenet."""
    shares = (points / [WIDTH, HEIGHT, 1])[..., [1, 0, 2]]
    np.save(folder / "video.npy", shares[:, None, None].astype(np.float32))
    return folder / "video.npy"


def deeplabcut(folder, points, layout, *, individuals=None):
    """{video}DLC_{scorer}.csv: deeplabcut.github.io/DeepLabCut/docs/standardDeepLabCut_UserGuide.html.

    Of several animals there is a row `individuals`, and their columns stand side by side.
    """
    people = individuals or [""]
    joints = [(person, joint) for person in people for joint in layout.joints]
    rows = [["scorer", *["DLC_Resnet50_humanSep1shuffle1_100000"] * 3 * len(joints)],
            ["individuals", *(person for person, _ in joints for _ in range(3))],
            ["bodyparts", *(joint for _, joint in joints for _ in range(3))],
            ["coords", *["x", "y", "likelihood"] * len(joints)]]
    rows = rows if individuals else [rows[0], *rows[2:]]
    rows += [[frame, *(value for _ in people for value in pose.ravel())] for frame, pose in enumerate(points)]
    path = folder / "walkDLC_Resnet50_humanSep1shuffle1_100000.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    return path


def sleap(folder, points, layout, tracks=("track_0",)):
    """sleap-convert --format analysis.csv: sleap.ai, "Export analysis CSV"; a row for each instance."""
    rows = [["track", "frame_idx", "instance.score",
             *(f"{node}.{part}" for node in layout.joints for part in ("x", "y", "score"))]]
    rows += [[track, frame, 0.93, *pose.ravel()] for frame, pose in enumerate(points) for track in tracks]
    (folder / "labels.000_walk.analysis.csv").write_text("\n".join(",".join(map(str, row)) for row in rows))
    return folder / "labels.000_walk.analysis.csv"


def sleap_h5(folder, points, layout, tracks=("track_0",)):
    """sleap-convert --format analysis: sleap.ai, "Export analysis HDF5"; all tracks in one array."""
    h5py = pytest.importorskip("h5py")
    path, places = folder / "labels.000_walk.analysis.h5", points.transpose(2, 1, 0)        # (3, J, N)
    with h5py.File(path, "w") as file:
        file["tracks"] = np.stack([np.where(places[2] > 0, places[:2], np.nan)] * len(tracks))
        file["point_scores"] = np.stack([places[2]] * len(tracks))
        file["instance_scores"] = np.full((len(tracks), len(points)), 0.93)
        file["track_occupancy"] = np.ones((len(points), len(tracks)), np.uint8)
        file["node_names"] = np.array(layout.joints, "S")
        file["track_names"] = np.array(tracks, "S")
        file["video_path"] = "walk.mp4"
    return path


def sports2d(folder, points, layout, *, unit="px", scale=1.0):
    """{video}_Sports2D_px_person00.trc: github.com/davidpagnon/Sports2D, README, "pose (.trc)".

    Marker names are Pose2Sim's (RHip, LBigToe); z is 0.
    """
    def marker(joint):
        side, _, part = joint.rpartition("_")
        return side[:1].upper() + part.capitalize()
    names = [marker(joint) for joint in layout.joints]
    rows = [["PathFileType", 4, "(X/Y/Z)", "walk.trc"],
            "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame "
            "OrigNumFrames".split(),
            [25, 25, len(points), len(names), unit, 25, 0, len(points)],
            ["Frame#", "Time", *(cell for name in names for cell in (name, "", ""))],
            ["", "", *(f"{axis}{i}" for i in range(1, len(names) + 1) for axis in "XYZ")]]
    rows += [[frame, frame / 25, *(value for x, y, _ in scale * pose for value in (x, y, 0.0))]
             for frame, pose in enumerate(points)]
    path = folder / "walk_Sports2D_px_person00.trc"
    path.write_text("\n".join("\t".join(map(str, row)) for row in rows) + "\n")
    return path
