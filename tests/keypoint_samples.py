"""Miniature keypoint files in every format that the project reads."""
import json
import math

import numpy as np

from dataset.keypoints.layouts import COCO17, to_human36m

SIZE = {"width": 1920, "height": 1080}


def track(num_frames=6, layout=COCO17):
    """(N, J, 3): a person who walks 8 pixels per frame to the right, every score 0.9."""
    joints = np.random.default_rng(3).uniform(200, 500, (len(layout.joints), 2))
    points = joints + 8 * np.arange(num_frames)[:, None, None] * [1, 0]
    return np.concatenate([points, np.full((*points.shape[:2], 1), 0.9)], axis=-1)


def expected(points, layout=COCO17):
    return to_human36m(points[..., :2], points[..., 2], layout)[0]


def coco(points, frames=None, **fields):
    frames = range(len(points)) if frames is None else frames
    return [{"image_id": frame, "category_id": 1, "score": 1.5, "keypoints": pose.ravel().tolist(), **fields}
            for frame, pose in zip(frames, points)]


def alphapose(points, person=1):
    return [{**entry, "image_id": f"{entry['image_id']}.jpg", "idx": person} for entry in coco(points)]


def mmpose(points):
    return {"meta_info": {"dataset_name": "coco"}, "instance_info": [
        {"frame_id": frame + 1, "instances": [{"keypoints": pose[:, :2].tolist(),
                                               "keypoint_scores": pose[:, 2].tolist()}]}
        for frame, pose in enumerate(points)]}


def alphapose_frames(points, list_name="bodies", joints_name="joints"):
    return {f"{frame}.jpg": {"version": "AlphaPose v0.3", list_name: [{joints_name: pose.ravel().tolist()}]}
            for frame, pose in enumerate(points)}


def mmpose_predictions(points):
    return {"visualization": [], "predictions": [
        [{"keypoints": pose[:, :2].tolist(), "keypoint_scores": pose[:, 2].tolist(), "bbox": [[1, 2, 3, 4]]}]
        for pose in points]}


def coco_annotations(points):
    """Image ids that are no frame numbers: the names of the files are."""
    images = [{"id": 900 - frame, "file_name": f"clip/{frame:06d}.jpg", "width": 1920, "height": 1080}
              for frame in range(len(points))]
    ids = [image["id"] for image in images]
    return {"images": images, "annotations": coco(points, ids), "categories": []}


def write_json(folder, data, name="video.json"):
    (folder / name).write_text(data if isinstance(data, str) else json.dumps(data))
    return folder / name


def write_npz(folder, **arrays):
    np.savez(folder / "video.npz", **arrays)
    return folder / "video.npz"


def write_openpose(folder, people_of_frames, first=0):
    folder = folder / "frames"
    folder.mkdir(exist_ok=True)
    for frame, people in enumerate(people_of_frames, start=first):
        bodies = [{"person_id": [-1], "pose_keypoints_2d": pose.ravel().tolist()} for pose in people]
        write_json(folder, {"version": 1.3, "people": bodies}, f"video_{frame:012d}_keypoints.json")
    return folder


def write_csv(folder, points, layout=COCO17, header=None):
    names = [f"{joint}_{part}" for joint in layout.joints for part in ("x", "y", "score")]
    rows = [",".join(["frame", *names]) if header is None else header]
    rows += [",".join([str(frame), *("" if math.isnan(value) else str(value) for value in pose.ravel())])
             for frame, pose in enumerate(points)]
    (folder / "video.csv").write_text("\n".join(rows))
    return folder / "video.csv"


def write_videopose3d(folder, points):
    metadata = {"layout_name": "coco", "num_joints": 17, "keypoints_symmetry": [[1], [2]],
                "video_metadata": {"clip.mp4": {"w": 1920, "h": 1080, "fps": 25}}}
    positions = {"clip.mp4": {"custom": [points[..., :2].astype(np.float32)]}}
    return write_npz(folder, positions_2d=np.array(positions), metadata=np.array(metadata))


def write_detectron(folder, points):
    """As infer_video_d2.py does: boxes, keypoints per frame, an empty list for the first class."""
    keypoints = np.empty(len(points), object)
    for frame, pose in enumerate(points):
        rows = np.stack([pose[:, 0], pose[:, 1], np.zeros(len(pose)), pose[:, 2]]).astype(np.float32)
        keypoints[frame] = [[], rows[None]]
    nothing = np.full(len(points), None, object)
    return write_npz(folder, boxes=nothing, segments=nothing, keypoints=keypoints,
                     metadata=np.array({"w": 1920, "h": 1080}))
