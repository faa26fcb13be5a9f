"""JSON of 2D detectors: COCO results, AlphaPose, MMPose and OpenPose's folders -> KeypointFile."""
import json
import re
from pathlib import Path

from common.layouts import COCO17, HUMAN36M
from dataset.keypoint_files import SUPPORTED, KeypointFile, frame_number, gather, person_name, points, triples


def read_json(path: Path) -> KeypointFile:
    """A list of people (COCO results, AlphaPose), a list of frames (MMPose), or one frame of OpenPose."""
    data = load_json(path)
    if isinstance(data, dict):
        if isinstance(data.get("people"), list):
            return gather(openpose_people(data, 0, path), [0], path)
        if isinstance(data.get("instance_info"), list):
            meta = data.get("meta_info")
            dataset = meta.get("dataset_name") if isinstance(meta, dict) else None
            return mmpose(data["instance_info"], path, dataset=dataset)
    if data == []:
        raise ValueError(f"{path} holds an empty list: nobody was detected. Lower the detector's threshold.")
    if isinstance(data, list) and all(isinstance(entry, dict) for entry in data):
        if all("instances" in entry for entry in data):
            return mmpose(data, path)
        if all("image_id" in entry and "keypoints" in entry for entry in data):
            return coco_results(data, path)
        if all("keypoint_scores" in entry for entry in data):
            return mmpose([{"instances": data}], path)
    found = f"keys {', '.join(list(data)[:5])}" if isinstance(data, dict) else type(data).__name__
    raise ValueError(f"{path}: its JSON ({found}) is in no known format. Supported: {SUPPORTED}.")


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
