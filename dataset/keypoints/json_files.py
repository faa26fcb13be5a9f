"""JSON files of 2D detectors: COCO, AlphaPose, MMPose, one frame of OpenPose -> KeypointFile.

Files of frames with people in lists or with x and y by name: json_frames.py.
"""
import re
from dataclasses import replace
from pathlib import Path

from dataset.keypoints.array_files import read_people
from dataset.keypoints.folders import collect_openpose, read_openpose_people
from dataset.keypoints.json_frames import PEOPLE, first_of, is_frames, is_joint, read_facts, read_frames
from dataset.keypoints.keypoint_file import (
    SUPPORTED,
    KeypointFile,
    collect_people,
    parse_frame_number,
    parse_person,
    parse_points,
    parse_triples,
)
from dataset.keypoints.layouts import COCO17, HUMAN36M
from dataset.keypoints.nearest import nearest_json
from dataset.reading import describe_value, parse_json, read_bytes, read_number


def read_json(path: Path) -> KeypointFile:
    """A list of people (COCO results, AlphaPose), a list of frames (others), or one frame of OpenPose."""
    data, where = parse_json(read_bytes(path), str(path)), str(path)
    readers = {dict: read_object, list: read_list}
    read = readers[type(data)](data, where) if type(data) in readers else None
    if read is None:
        raise ValueError(f"{path}: its JSON ({describe_value(data)}) is in no known format. "
                         f"{nearest_json(data)} Supported: {SUPPORTED}.")
    return read


def read_object(data: dict, where: str) -> KeypointFile | None:
    """The file that a JSON object describes; None where it is in no known format."""
    if isinstance(data.get("people"), list):
        return collect_openpose(read_openpose_people(data, 0, where), [0], where)
    if isinstance(data.get("instance_info"), list):
        meta = data.get("meta_info")
        return read_mmpose(data["instance_info"], where,
                           dataset=meta.get("dataset_name") if isinstance(meta, dict) else None)
    if isinstance(data.get("predictions"), list):
        return read_list(data["predictions"], where)
    if isinstance(data.get("annotations"), list) and isinstance(data.get("images"), list):
        return read_coco_annotations(data["annotations"], data["images"], where)
    if data and all(isinstance(frame, dict) and ("bodies" in frame or "people" in frame)
                    for frame in data.values()):
        return read_alphapose_frames(data, where)
    return read_object_of_frames(data, where)


def read_object_of_frames(data: dict, where: str) -> KeypointFile | None:
    """The file of an object that has its frames as `frames` or `keypoints`, by number, or is one frame."""
    if is_frames(data.get("frames")):
        return read_frames(data["frames"], where, **read_facts(data, where))
    if data and all(isinstance(key, str) and re.search(r"\d", key) for key in data) \
            and is_frames(list(data.values())):
        return read_frames([{"people": frame, "frame": key} for key, frame in data.items()], where)
    nested = data.get("keypoints")
    if is_frames(nested):
        if "scores" not in data:
            return read_frames(nested, where, **read_facts(data, where))
        return replace(read_people(nested, data["scores"], where), **read_facts(data, where))
    if nested is not None or first_of(data, PEOPLE) is not None:
        return read_frames([data], where, **read_facts(data, where))
    return None


def read_list(data: list, where: str) -> KeypointFile | None:
    """The file that a JSON list describes; None where it is in no known format."""
    if data == []:
        raise ValueError(f"{where} holds an empty list: nobody was detected. Lower the detector's threshold.")
    if all(isinstance(entry, dict) for entry in data):
        if all("instances" in entry for entry in data):
            return read_mmpose(data, where)
        if all("image_id" in entry and "keypoints" in entry for entry in data):
            return read_coco_results(data, where)
        if all("keypoint_scores" in entry for entry in data):
            return read_mmpose([{"instances": data}], where)
    if all(isinstance(entry, list) for entry in data) and all(
            isinstance(person, dict) and "keypoint_scores" in person for people in data for person in people):
        return read_mmpose([{"instances": people} for people in data], where)   # one list for each frame
    return read_frames(data, where) if is_frames(data) or is_joint(data[0]) else None


def read_coco_annotations(annotations: list, images: list, where: str) -> KeypointFile:
    """COCO's annotation file: people by id of their image, and the images' names and sizes."""
    try:
        numbers = {image["id"]: parse_frame_number(image.get("file_name", image["id"]), where)
                   for image in images}
        sizes = {tuple(read_number(image[key], f"{where}: {key}") for key in ("width", "height"))
                 for image in images if "width" in image}
        entries = [{**entry, "image_id": numbers[entry["image_id"]]} for entry in annotations]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{where}: expected images with id, width and height and annotations with their "
                         f"image_id; some lack one. Export it again.") from error
    if len(sizes) > 1:
        raise ValueError(f"{where} holds images of {len(sizes)} sizes. Keep the frames of one video.")
    if not all("keypoints" in entry for entry in entries) or not entries:
        raise ValueError(f"{where} has annotations without keypoints, or none. Export people's keypoints.")
    file = read_coco_results(entries, where)
    width, height = next(iter(sizes), (None, None))
    return replace(file, frames=sorted({*file.frames, *numbers.values()}), width=width, height=height)


def read_alphapose_frames(data: dict, where: str) -> KeypointFile:
    """AlphaPose's formats "cmu" and "open": an object with the people of each image, by the image's name."""
    people = []
    for name, frame in data.items():
        listed = frame.get("bodies", frame.get("people"))
        if not isinstance(listed, list) or not all(isinstance(person, dict) for person in listed):
            raise ValueError(f"{where}: {describe_value(name)} has no list of people. Run AlphaPose again.")
        image = f"{where}: {describe_value(name)}"
        people += [(parse_frame_number(name, where), parse_person(person.get("idx"), image),
                    parse_triples(person.get("joints", person.get("pose_keypoints_2d")), image))
                   for person in listed]
    frames = [parse_frame_number(name, where) for name in data]
    return collect_people(people, frames, where, layout=guess_layout(people))


def read_coco_results(entries: list[dict], where: str) -> KeypointFile:
    """COCO's result list. AlphaPose's is the same, with names of images as `image_id` and people as `idx`."""
    key = next((key for key in ("idx", "track_id") if all(key in entry for entry in entries)), None)
    people = [(parse_frame_number(entry["image_id"], where), parse_person(entry.get(key), where),
               parse_triples(entry["keypoints"], f"{where}: image {describe_value(entry['image_id'])}"))
              for entry in entries]
    return collect_people(people, [], where, layout=guess_layout(people))


def read_mmpose(frames: list, where: str, *, dataset: str | None = None) -> KeypointFile:
    """MMPose's predictions: frames, each with `instances`. `dataset` is MMPose's name of the joint layout."""
    people, numbers = [], []
    for index, frame in enumerate(frames):
        if not isinstance(frame, dict) or not isinstance(frame.get("instances"), list):
            raise ValueError(f"{where}: entry {index} has no list of instances. Supported: {SUPPORTED}.")
        numbers.append(parse_frame_number(frame.get("frame_id", index), where))
        for person in frame["instances"]:
            if not isinstance(person, dict) or "keypoints" not in person:
                raise ValueError(f"{where}: a person in {numbers[-1]} lacks keypoints. Run MMPose again.")
            at = f"{where}: frame {numbers[-1]}"
            array = parse_points(person["keypoints"], person.get("keypoint_scores"), at)
            people.append((numbers[-1], parse_person(person.get("track_id"), at), array.reshape(-1, 3)))
    if len(set(numbers)) < len(numbers):
        repeated = next(number for number in numbers if numbers.count(number) > 1)
        raise ValueError(f"{where}: frame {repeated} appears twice. Keep the frames of one video.")
    layout = HUMAN36M.name if dataset in ("h36m", "human36m") else guess_layout(people)
    return collect_people(people, numbers, where, layout=layout)


def guess_layout(people: list[tuple]) -> str | None:
    """COCO's layout where all people have 17 joints: a detector's 17 joints are COCO's."""
    return COCO17.name if {len(array) for _, _, array in people} == {len(COCO17.joints)} else None
