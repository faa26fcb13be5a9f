"""A video, or a folder of its frames, -> a keypoint file for --predict, by a detector of your choice.

    python -m dataset.detect_keypoints VIDEO --output FILE.npz

runs in an environment of its own (dataset/detector_requirements.txt) and follows one person.

Shapes: N frames, J joints of the detector's layout.
"""
import argparse
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from common.command.command_line import Parser
from common.files import check_writable, write_whole

IMAGES = {".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
ENVIRONMENT = "Install dataset/detector_requirements.txt into an environment of its own and run this with it."
Detect = Callable[[np.ndarray], np.ndarray | None]


def main(argv: list[str] | None = None) -> int:
    """Run the program; returns the exit status."""
    args = parse(argv)
    try:
        convert(args)
    except (ValueError, OSError, ImportError) as error:
        print(f"detect_keypoints: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ndetect_keypoints: interrupted; nothing was written", file=sys.stderr)
        return 130
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog="detect_keypoints", description="2D keypoints of one person in a video.")
    add = parser.add_argument
    add("video", type=Path, help="a video, a picture, or a folder with the pictures of its frames, in the "
        "order of their names")
    add("--output", type=Path, required=True, metavar="FILE", help="the npz file to write")
    add("--detector", choices=["mediapipe", "rtmpose"], default="mediapipe",
        help="mediapipe (default): 33 joints, its model is inside its package; rtmpose: 17 joints, needs "
        "--model")
    add("--model", type=Path, metavar="FILE",
        help="rtmpose: ONNX file of the pose model, of COCO's 17 joints")
    add("--person_model", type=Path, metavar="FILE", help="rtmpose: ONNX file of a YOLOX person detector; "
        "without it the whole picture, or --region, is taken for the person")
    add("--region", metavar="X,Y,WIDTH,HEIGHT", type=parse_region,
        help="look only into this part of the picture, pixels: enlarges small people, leaves others out")
    add("--fps", type=float, help="frames per second, where the video does not say; needed for a folder")
    args = parser.parse_args(argv)
    if (args.detector == "rtmpose") != (args.model is not None) or (args.person_model and not args.model):
        parser.error("--detector rtmpose and --model FILE belong together")
    if args.output.suffix != ".npz":
        parser.error(f"--output must end in .npz, got {args.output}")
    return args


def parse_region(text: str) -> tuple[int, ...]:
    """x, y, width, height in pixels."""
    numbers = tuple(int(part) for part in text.split(","))
    if len(numbers) != 4 or min(numbers) < 0 or min(numbers[2:]) == 0:
        raise ValueError(text)
    return numbers


def convert(args) -> None:
    """Detect in every frame, write the file and print how many frames show nobody."""
    check_writable(args.output.parent)
    frames, fps = open_frames(args.video)
    fps = fps if args.fps is None else args.fps
    if fps is None or not 0 < fps < 1000:
        raise ValueError(f"{args.video} states no frame rate. Give it with --fps, above 0 and below 1000."
                         if args.fps is None else f"--fps must be above 0 and below 1000, got {fps:g}.")
    make = {"mediapipe": make_mediapipe, "rtmpose": make_rtmpose}[args.detector]
    detect, layout, num_joints = make(args.model, args.person_model)
    found, size = [], None
    for number, picture in enumerate(frames):
        if size not in (None, picture.shape[1::-1]):
            raise ValueError(f"{args.video}: frame {number} has {picture.shape[1::-1]} pixels, the ones "
                             f"before {size}. Use the frames of one video.")
        size = picture.shape[1::-1]
        joints = detect_in_region(detect, picture, args.region or (0, 0, *size))
        found.append(np.full((num_joints, 3), np.nan) if joints is None else joints)
        if number % 100 == 99:
            print(f"{number + 1} frames", file=sys.stderr)
    if not found:
        raise ValueError(f"{args.video} holds no frame that can be read. Convert it to mp4.")
    save(args.output, np.stack(found), layout=layout, size=size, fps=fps)
    unseen = int(np.isnan(found).any(axis=(1, 2)).sum())
    print(f"{len(found)} frames of {size[0]} x {size[1]} at {fps:g} a second, nobody found in {unseen}: "
          f"{args.output}")


def detect_in_region(detect: Detect, picture: np.ndarray, region: tuple[int, ...]) -> np.ndarray | None:
    """(J, 3) x, y in pixels of the whole picture and score, found in the region x, y, width, height."""
    x, y, width, height = region
    if x >= picture.shape[1] or y >= picture.shape[0]:
        raise ValueError(f"--region begins at {x}, {y}, outside the picture of {picture.shape[1]} x "
                         f"{picture.shape[0]} pixels. Correct it.")
    joints = detect(np.ascontiguousarray(picture[y:y + height, x:x + width]))
    return None if joints is None else joints + [x, y, 0]


def save(path: Path, found: np.ndarray, *, layout: str, size: tuple[int, int], fps: float) -> None:
    """Write (N, J, 3) x, y in pixels and score, NaN where nobody was found, as `--predict` reads it."""
    if np.isnan(found).any(axis=(1, 2)).all():
        raise ValueError("Nobody was found in any frame; nothing was written. Try --region around the "
                         "person, or another detector.")
    file = io.BytesIO()
    np.savez_compressed(file, keypoints=found[..., :2].astype(np.float32), layout=layout,
                        scores=np.nan_to_num(found[..., 2]).astype(np.float32), width=size[0], height=size[1],
                        fps=float(fps))
    write_whole(path, file.getvalue())


def open_frames(path: Path) -> tuple[Iterator[np.ndarray], float | None]:
    """The pictures (height, width, 3) of a video, picture or folder, blue first, and frames a second."""
    try:
        import cv2
    except ImportError as error:
        raise ImportError(f"OpenCV is missing ({error}). {ENVIRONMENT}") from error
    if not path.exists():
        raise FileNotFoundError(f"There is no video {path}.")
    if path.is_dir() or path.suffix.lower() in IMAGES:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        pictures = (read_picture(cv2, file) for file in files if file.suffix.lower() in IMAGES)
        return pictures, None if path.is_dir() else 1.0
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise ValueError(f"{path} cannot be opened as a video. Convert it to mp4.")
    return read_video(capture), capture.get(cv2.CAP_PROP_FPS)


def read_video(capture) -> Iterator[np.ndarray]:
    while True:
        there, picture = capture.read()
        if not there:
            return
        yield picture


def read_picture(cv2, path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    if picture is None:
        raise ValueError(f"{path} cannot be read as a picture. Take it out of the folder.")
    return picture


def make_mediapipe(*_) -> tuple[Detect, str, int]:
    """MediaPipe's BlazePose, the full model: a function picture -> (33, 3), the layout's name, its joints."""
    try:
        from mediapipe.python.solutions.pose import Pose
    except ImportError as error:
        raise ImportError(f"MediaPipe is missing ({error}). {ENVIRONMENT}") from error
    pose = Pose(model_complexity=1)

    def detect(picture: np.ndarray) -> np.ndarray | None:
        landmarks = pose.process(np.ascontiguousarray(picture[..., ::-1])).pose_landmarks
        if landmarks is None:
            return None
        height, width = picture.shape[:2]
        return np.array([(mark.x * width, mark.y * height, mark.visibility) for mark in landmarks.landmark])

    return detect, "blazepose33", 33


def make_rtmpose(model: Path, person_model: Path | None) -> tuple[Detect, str, int]:
    """RTMPose through rtmlib, as `make_mediapipe`: picture -> (17, 3)."""
    for path in filter(None, (model, person_model)):
        if not path.is_file():
            raise FileNotFoundError(f"There is no model file {path}.")
    try:
        from rtmlib import YOLOX, RTMPose
    except ImportError as error:
        raise ImportError(f"rtmlib is missing ({error}). {ENVIRONMENT}") from error
    estimate = RTMPose(str(model), model_input_size=(192, 256), backend="onnxruntime", device="cpu")
    find = YOLOX(str(person_model), backend="onnxruntime", device="cpu") if person_model else None
    last = None

    def detect(picture: np.ndarray) -> np.ndarray | None:
        nonlocal last
        boxes = find(picture) if find else [[0, 0, *picture.shape[1::-1]]]
        if len(boxes) == 0:
            return None
        last = choose_box(np.asarray(boxes, float)[:, :4], last)
        keypoints, scores = estimate(picture, bboxes=[last.tolist()])
        if keypoints[0].shape != (17, 2):
            raise ValueError(f"{model} gives {len(keypoints[0])} joints, expected COCO's 17. "
                             "Use a body model.")
        return np.concatenate([keypoints[0], np.minimum(scores[0], 1)[:, None]], axis=1)

    return detect, "coco17", 17


def choose_box(boxes: np.ndarray, last: np.ndarray | None) -> np.ndarray:
    """The box (4,) left, top, right, bottom of `boxes` (M, 4) nearest to the `last`; at first the largest."""
    if last is None:
        return boxes[((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).argmax()]
    return boxes[np.abs(boxes - last).sum(1).argmin()]


if __name__ == "__main__":
    sys.exit(main())
