"""JSON of 2D detectors: COCO results, AlphaPose, MMPose and OpenPose's folders -> KeypointFile."""
import json
import re
from dataclasses import replace
from pathlib import Path

from common.layouts import COCO17, HUMAN36M
from dataset.keypoints.keypoint_file import (SUPPORTED, KeypointFile, frame_number, gather, person_name,
                                             points, triples)


def read_json(path: Path) -> KeypointFile:
    """A list of people (COCO results, AlphaPose), a list of frames (MMPose), or one frame of OpenPose."""
    data = load_json(path)
    read = read_object(data, path) if isinstance(data, dict) else read_list(data, path)
    if read is None:
        found = f"keys {', '.join(list(data)[:5])}" if isinstance(data, dict) else type(data).__name__
        raise ValueError(f"{path}: its JSON ({found}) is in no known format. Supported: {SUPPORTED}.")
    return read


def read_object(data: dict, path: Path) -> KeypointFile | None:
    """The file that a JSON object describes; None where it is in no known format."""
    if isinstance(data.get("people"), list):
        return gather(openpose_people(data, 0, path), [0], path)
    if isinstance(data.get("instance_info"), list):
        meta = data.get("meta_info")
        return mmpose(data["instance_info"], path,
                      dataset=meta.get("dataset_name") if isinstance(meta, dict) else None)
    if isinstance(data.get("predictions"), list):
        return read_list(data["predictions"], path)
    if isinstance(data.get("annotations"), list) and isinstance(data.get("images"), list):
        return coco_annotations(data["annotations"], data["images"], path)
    if data and all(isinstance(frame, dict) and ("bodies" in frame or "people" in frame)
                    for frame in data.values()):
        return alphapose_frames(data, path)
    return None


def read_list(data, path: Path) -> KeypointFile | None:
    """The file that a JSON list describes; None where it is in no known format."""
    if data == []:
        raise ValueError(f"{path} holds an empty list: nobody was detected. Lower the detector's threshold.")
    if isinstance(data, list) and all(isinstance(entry, dict) for entry in data):
        if all("instances" in entry for entry in data):
            return mmpose(data, path)
        if all("image_id" in entry and "keypoints" in entry for entry in data):
            return coco_results(data, path)
        if all("keypoint_scores" in entry for entry in data):
            return mmpose([{"instances": data}], path)
    if isinstance(data, list) and all(isinstance(entry, list) for entry in data):
        return mmpose([{"instances": entry} for entry in data], path)       # a list of people for each frame
    return None


def coco_annotations(annotations: list, images: list, path: Path) -> KeypointFile:
    """COCO's annotation file: people by id of their image, and the images' names and sizes."""
    try:
        numbers = {image["id"]: frame_number(image.get("file_name", image["id"]), path) for image in images}
        sizes = {(image["width"], image["height"]) for image in images if "width" in image}
        entries = [{**entry, "image_id": numbers[entry["image_id"]]} for entry in annotations]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: expected images with id and annotations with image_id, {error} is missing "
                         f"or of another kind. Export it again.") from error
    if len(sizes) > 1:
        raise ValueError(f"{path} holds images of {len(sizes)} sizes. Keep the frames of one video.")
    if not all("keypoints" in entry for entry in entries) or not entries:
        raise ValueError(f"{path} has annotations without keypoints, or none. Export people's keypoints.")
    file = coco_results(entries, path)
    width, height = next(iter(sizes), (None, None))
    return replace(file, frames=sorted({*file.frames, *numbers.values()}), width=width, height=height)


def alphapose_frames(data: dict, path: Path) -> KeypointFile:
    """AlphaPose's formats "cmu" and "open": an object with the people of each image, by the image's name."""
    people = []
    for name, frame in data.items():
        listed = frame.get("bodies", frame.get("people"))
        if not isinstance(listed, list) or not all(isinstance(person, dict) for person in listed):
            raise ValueError(f"{path}: {name} has no list of people. Run AlphaPose again.")
        people += [(frame_number(name, path), person_name(person.get("idx")),
                    triples(person.get("joints", person.get("pose_keypoints_2d")), f"{path}: {name}"))
                   for person in listed]
    return gather(people, [frame_number(name, path) for name in data], path, layout=default_layout(people))


def load_json(path: Path):
    """The content of a JSON file; ValueError with a sentence where it is no complete JSON."""
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is no complete JSON file ({error}). Run the detector again.") from error


def coco_results(entries: list[dict], path: Path) -> KeypointFile:
    """COCO's result list. AlphaPose's is the same, with names of images as `image_id` and people as `idx`."""
    key = next((key for key in ("idx", "track_id") if all(key in entry for entry in entries)), None)
    people = [(frame_number(entry["image_id"], path), person_name(entry.get(key)),
               triples(entry["keypoints"], f"{path}: image {entry['image_id']}")) for entry in entries]
    return gather(people, [], path, layout=default_layout(people))


def mmpose(frames: list, path: Path, *, dataset: str | None = None) -> KeypointFile:
    """MMPose's predictions: frames, each with `instances`. `dataset` is the one that names the joints."""
    people, numbers = [], []
    for index, frame in enumerate(frames):
        if not isinstance(frame, dict) or not isinstance(frame.get("instances"), list):
            raise ValueError(f"{path}: entry {index} has no list of instances. Supported: {SUPPORTED}.")
        numbers.append(frame_number(frame.get("frame_id", index), path))
        for person in frame["instances"]:
            if not isinstance(person, dict) or "keypoints" not in person:
                raise ValueError(f"{path}: a person in {numbers[-1]} lacks keypoints. Run MMPose again.")
            array = points(person["keypoints"], person.get("keypoint_scores"), f"{path}: frame {numbers[-1]}")
            people.append((numbers[-1], person_name(person.get("track_id")), array.reshape(-1, 3)))
    if len(set(numbers)) < len(numbers):
        repeated = next(number for number in numbers if numbers.count(number) > 1)
        raise ValueError(f"{path}: frame {repeated} appears twice. Keep the frames of one video.")
    layout = HUMAN36M.name if dataset in ("h36m", "human36m") else default_layout(people)
    return gather(people, numbers, path, layout=layout)


def default_layout(people: list[tuple]) -> str | None:
    """COCO's layout where all people have its 17 joints, which detectors mean by 17 joints."""
    return COCO17.name if {len(array) for _, _, array in people} == {len(COCO17.joints)} else None


def read_openpose_folder(folder: Path) -> KeypointFile:
    """OpenPose's {video}_{frame}_keypoints.json, one per frame. Missing files are frames without people."""
    people, frames, videos = [], [], set()
    for path in sorted(folder.glob("*_keypoints.json")):
        name = re.fullmatch(r"(.*?)_?(\d+)_keypoints\.json", path.name)
        if name is None:
            raise ValueError(f"{path}: expected a name such as video_000000000012_keypoints.json. Rename it.")
        videos.add(name[1])
        frames.append(int(name[2]))
        people += openpose_people(load_json(path), frames[-1], path)
    if not frames:
        raise FileNotFoundError(f"{folder} holds no *_keypoints.json. Supported: {SUPPORTED}.")
    if len(videos) > 1:
        raise ValueError(f"{folder} holds frames of {len(videos)} videos ({', '.join(sorted(videos)[:5])}). "
                         f"Give each video its own folder.")
    return gather(people, frames, folder)


def openpose_people(data, frame: int, path: Path) -> list[tuple]:
    """The entries of one frame for `gather`; people of whom OpenPose found no body are left out."""
    if not isinstance(data, dict) or not isinstance(data.get("people"), list):
        raise ValueError(f"{path}: expected JSON with a list of people. Run OpenPose with --write_json.")
    return [(frame, person_name(person.get("person_id")), triples(person["pose_keypoints_2d"], str(path)))
            for person in data["people"] if isinstance(person, dict) and person.get("pose_keypoints_2d")]
