"""JSON of 2D detectors: COCO results, AlphaPose, MMPose and OpenPose's folders -> KeypointFile."""
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path

from common.bounds import MAX_FILES, MAX_LINE_BYTES
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
from dataset.reading import describe_value, parse_json, read_bytes, read_number


def read_json(path: Path) -> KeypointFile:
    """A list of people (COCO results, AlphaPose), a list of frames (MMPose), or one frame of OpenPose."""
    data, where = parse_json(read_bytes(path), str(path)), str(path)
    read = read_object(data, where) if isinstance(data, dict) else read_list(data, where)
    if read is None:
        raise ValueError(f"{path}: its JSON ({describe_value(data)}) is in no known format. "
                         f"Supported: {SUPPORTED}.")
    return read


def read_object(data: dict, where: str) -> KeypointFile | None:
    """The file that a JSON object describes; None where it is in no known format."""
    if isinstance(data.get("people"), list):
        return collect_people(read_openpose_people(data, 0, where), [0], where)
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
    return None


def read_list(data, where: str) -> KeypointFile | None:
    """The file that a JSON list describes; None where it is in no known format."""
    if data == []:
        raise ValueError(f"{where} holds an empty list: nobody was detected. Lower the detector's threshold.")
    if isinstance(data, list) and all(isinstance(entry, dict) for entry in data):
        if all("instances" in entry for entry in data):
            return read_mmpose(data, where)
        if all("image_id" in entry and "keypoints" in entry for entry in data):
            return read_coco_results(data, where)
        if all("keypoint_scores" in entry for entry in data):
            return read_mmpose([{"instances": data}], where)
    if isinstance(data, list) and all(isinstance(entry, list) for entry in data):
        return read_mmpose([{"instances": people} for people in data], where)   # one list for each frame
    return None


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


def read_openpose_folder(folder: Path) -> KeypointFile:
    """OpenPose's {video}_{frame}_keypoints.json, one per frame. Missing files are frames without people."""
    people, frames, videos = [], [], set()
    paths = sorted(islice(folder.glob("*_keypoints.json"), MAX_FILES + 1))
    if len(paths) > MAX_FILES:
        raise ValueError(f"{folder} holds more than {MAX_FILES:,} files. Split the video.")
    for path in paths:
        name = re.fullmatch(r"(.*?)_?(\d+)_keypoints\.json", path.name)
        if name is None:
            raise ValueError(f"{path}: expected a name such as video_000000000012_keypoints.json. Rename it.")
        videos.add(name[1])
        frames.append(parse_frame_number(name[2], str(path)))
        content = parse_json(read_bytes(path, most=MAX_LINE_BYTES), str(path))
        people += read_openpose_people(content, frames[-1], str(path))
    if not frames:
        raise FileNotFoundError(f"{folder} holds no *_keypoints.json. Supported: {SUPPORTED}.")
    if len(videos) > 1:
        raise ValueError(f"{folder} holds frames of {len(videos)} videos ({', '.join(sorted(videos)[:5])}). "
                         f"Give each video its own folder.")
    return collect_people(people, frames, str(folder))


def read_openpose_people(data, frame: int, where: str) -> list[tuple]:
    """The entries of one frame for `collect_people`; people of whom OpenPose found no body are left out."""
    if not isinstance(data, dict) or not isinstance(data.get("people"), list):
        raise ValueError(f"{where}: expected JSON with a list of people. Run OpenPose with --write_json.")
    return [(frame, parse_person(person.get("person_id"), where),
             parse_triples(person["pose_keypoints_2d"], where))
            for person in data["people"] if isinstance(person, dict) and person.get("pose_keypoints_2d")]
