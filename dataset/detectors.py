"""The detectors that detect_keypoints.py can use: picture -> people, each joints (J, 3).

Each wants its own package, in the detector's environment. Pictures are (height, width, 3), blue first; joints
are x, y in pixels and a score.
"""
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ENVIRONMENT = ("Install dataset/detector_requirements.txt into an environment of its own (make detector) and "
               "run this with it.")
MOST_PEOPLE = 5         # that MediaPipe looks for in one part of a picture
SEARCH_EVERY = 10       # frames between two searches of the whole picture for people not seen yet
DOUBLE = 0.15           # body sizes: people whose joints lie nearer are one, found twice
ROOM = 0.4              # of a person's size, kept around it when looking for it again
SEEN = 0.3              # score


@dataclass(frozen=True)
class Detect:
    """Finds the people of a picture: `find`, the name of their joint layout, its number of joints."""
    find: Callable[[np.ndarray], list[np.ndarray]]
    layout: str
    joints: int

    def __call__(self, picture: np.ndarray) -> list[np.ndarray]:
        return self.find(picture)


def make_mediapipe(_model, _person_model, everybody: bool) -> Detect:
    """MediaPipe's BlazePose, the full model."""
    try:
        import mediapipe
        from mediapipe.python.solutions.pose import Pose
    except ImportError as error:
        raise ImportError(f"MediaPipe is missing ({error}). {ENVIRONMENT}") from error
    if everybody:
        return Detect(Everybody(make_landmarker(mediapipe)).find, "blazepose33", 33)
    pose = Pose(model_complexity=1)

    def find(picture: np.ndarray) -> list[np.ndarray]:
        landmarks = pose.process(np.ascontiguousarray(picture[..., ::-1])).pose_landmarks
        return [] if landmarks is None else [to_joints(landmarks.landmark, picture)]

    return Detect(find, "blazepose33", 33)


def to_joints(landmarks, picture: np.ndarray) -> np.ndarray:
    """(33, 3) of MediaPipe's landmarks, which are shares of the picture."""
    height, width = picture.shape[:2]
    return np.array([(mark.x * width, mark.y * height, mark.visibility) for mark in landmarks])


def make_landmarker(mediapipe) -> Callable[[np.ndarray], list[np.ndarray]]:
    """MediaPipe's landmarker of several people, made of the two models that its package holds.

    A task's file is a zip of both, each with the range of its input in its metadata: -1 to 1 and 0 to 1.
    """
    from mediapipe.tasks.python import BaseOptions, vision
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter
    folder, bundle = Path(mediapipe.__file__).parent / "modules", io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_STORED) as archive:
        for name, source, mean, scale in (
                ("pose_detector", "pose_detection/pose_detection", 127.5, 127.5),
                ("pose_landmarks_detector", "pose_landmark/pose_landmark_full", 0.0, 255.0)):
            writer = MetadataWriter.create(bytearray((folder / f"{source}.tflite").read_bytes()))
            archive.writestr(f"{name}.tflite", bytes(writer.add_image_input([mean], [scale]).populate()[0]))
    landmarker = vision.PoseLandmarker.create_from_options(vision.PoseLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=bundle.getvalue()), num_poses=MOST_PEOPLE))

    def find(picture: np.ndarray) -> list[np.ndarray]:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB,
                                data=np.ascontiguousarray(picture[..., ::-1]))
        return [to_joints(landmarks, picture) for landmarks in landmarker.detect(image).pose_landmarks]

    return find


class Everybody:
    """Finds everybody with a detector of few and large people: near their last places, and in tiles."""

    def __init__(self, find: Callable[[np.ndarray], list[np.ndarray]]):
        self.find_in, self.last, self.count = find, [], 0

    def find(self, picture: np.ndarray) -> list[np.ndarray]:
        """The people (J, 3) of a film's next picture."""
        height, width = picture.shape[:2]
        regions = [around(person, width, height) for person in self.last]
        if self.count % SEARCH_EVERY == 0 or not self.last:
            regions += tiles(width, height)
        found: list[np.ndarray] = []
        for left, top, right, bottom in regions:
            for person in self.find_in(picture[top:bottom, left:right]):
                add_person(found, person + [left, top, 0])
        self.last, self.count = found, self.count + 1
        return found


def add_person(found: list[np.ndarray], person: np.ndarray) -> None:
    """Add a person (J, 3) to `found`; of one that was found twice the better stays."""
    for number, other in enumerate(found):
        apart = np.median(np.linalg.norm(other[:, :2] - person[:, :2], axis=1))
        if apart < DOUBLE * max(box_size(other), box_size(person)):
            if person[:, 2].mean() > other[:, 2].mean():
                found[number] = person
            return
    found.append(person)


def tiles(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The whole picture, and squares of half its longer side, half overlapping: left, top, right, bottom."""
    side = max(width, height) // 2
    starts = [sorted({*range(0, max(1, length - side), max(1, side // 2)), max(0, length - side)})
              for length in (width, height)]
    return [(0, 0, width, height), *((x, y, min(width, x + side), min(height, y + side))
                                     for x in starts[0] for y in starts[1])]


def around(person: np.ndarray, width: int, height: int) -> tuple[int, int, int, int]:
    """The box of a person (J, 3) with ROOM around it, inside the picture."""
    left, top, right, bottom = box_of(person)
    room = ROOM * max(right - left, bottom - top) + 8
    return (max(0, min(width - 16, int(left - room))), max(0, min(height - 16, int(top - room))),
            min(width, max(16, int(right + room))), min(height, max(16, int(bottom + room))))


def box_of(person: np.ndarray) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the seen joints of a person (J, 3); of all where none is seen."""
    seen = person[:, 2] >= SEEN
    places = person[seen if seen.any() else slice(None), :2]
    return (*places.min(axis=0), *places.max(axis=0))


def box_size(person: np.ndarray) -> float:
    """The diagonal of the box of a person (J, 3), pixels."""
    left, top, right, bottom = box_of(person)
    return float(np.hypot(right - left, bottom - top))


def make_rtmpose(model: Path, person_model: Path | None, everybody: bool) -> Detect:
    """RTMPose through rtmlib."""
    try:
        from rtmlib import YOLOX, RTMPose
    except ImportError as error:
        raise ImportError(f"rtmlib is missing ({error}). {ENVIRONMENT}") from error
    estimate = RTMPose(str(model), model_input_size=(192, 256), backend="onnxruntime", device="cpu")
    finder = YOLOX(str(person_model), backend="onnxruntime", device="cpu") if person_model else None
    last = None

    def find(picture: np.ndarray) -> list[np.ndarray]:
        nonlocal last
        boxes = finder(picture) if finder else [[0, 0, *picture.shape[1::-1]]]
        if len(boxes) == 0:
            return []
        boxes = np.asarray(boxes, float)[:, :4]
        if not everybody:
            last = choose_box(boxes, last)
            boxes = last[None]
        keypoints, scores = estimate(picture, bboxes=boxes.tolist())
        return [coco_joints(person, score, model) for person, score in zip(keypoints, scores)]

    return Detect(find, "coco17", 17)


def make_ultralytics(model: Path, _person_model, everybody: bool) -> Detect:
    """A pose model of Ultralytics."""
    try:
        from ultralytics import YOLO
    except ImportError as error:
        raise ImportError(f"Ultralytics is missing ({error}). Install the package ultralytics into the "
                          "detector's environment.") from error
    network, last = YOLO(str(model)), None

    def find(picture: np.ndarray) -> list[np.ndarray]:
        nonlocal last
        result = network.predict(picture, verbose=False)[0]
        if result.keypoints is None:
            raise ValueError(f"{model} finds no keypoints. Use a pose model, such as yolo11n-pose.pt.")
        people = np.asarray(result.keypoints.data.cpu(), np.float64)            # (P, 17, 3)
        if people.size == 0:
            return []
        people = [coco_joints(person[:, :2], person[:, 2], model) for person in people]
        if everybody:
            return people
        boxes = np.asarray(result.boxes.xyxy.cpu(), np.float64)
        last = choose_box(boxes, last)
        return [people[int((boxes == last).all(axis=1).argmax())]]

    return Detect(find, "coco17", 17)


def coco_joints(keypoints: np.ndarray, scores: np.ndarray, model: Path) -> np.ndarray:
    """(17, 3) of keypoints (J, 2) and scores (J,); ValueError where J is not 17."""
    if keypoints.shape != (17, 2):
        raise ValueError(f"{model} gives {len(keypoints)} joints, expected COCO's 17. Use a body model.")
    return np.concatenate([keypoints, np.minimum(scores, 1)[:, None]], axis=1)


def choose_box(boxes: np.ndarray, last: np.ndarray | None) -> np.ndarray:
    """The box (4,) left, top, right, bottom of `boxes` (M, 4) nearest to the `last`; at first the largest."""
    if last is None:
        return boxes[((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).argmax()]
    return boxes[np.abs(boxes - last).sum(1).argmin()]


MAKERS = {"mediapipe": make_mediapipe, "rtmpose": make_rtmpose, "ultralytics": make_ultralytics}
