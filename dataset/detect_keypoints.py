"""A film, or a folder of its frames, -> a keypoint file for --predict; a camera -> lines for --predict -.

    python -m dataset.detect_keypoints FILM --output FILE.npz
    python -m dataset.detect_keypoints 0 --output -

runs in an environment of its own (dataset/detector_requirements.txt, `make detector`). By default it follows
one person, with --everybody it finds all in each frame, in any order. `run_ftcm.py --predict FILM` starts it
and reads from its standard error lines such as `frame 12 of 300`.

Shapes: N frames, P people, J joints of the detector's layout.
"""
import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np

from common.command.command_line import Parser
from common.files import check_writable, write_whole
from dataset.detectors import MAKERS, Detect, box_of
from dataset.frames import Span, open_cv, open_frames

UNEVEN = 0.2            # frames: a film's times that lie further from even ones are kept
COLOURS = 3             # levels of red, of green and of blue by which people are told apart


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
    parser = Parser(prog="detect_keypoints", description="2D keypoints of the people in a film.")
    add = parser.add_argument
    add("video", type=Path, help="a film, a picture, a folder with the pictures of its frames, in the order "
        "of their names, or a camera's number")
    add("--output", type=Path, required=True, metavar="FILE", help="the npz file to write; -, for a camera: "
        "JSON lines on standard output")
    add("--detector", choices=list(MAKERS), default="mediapipe",
        help="mediapipe (default): 33 joints, its model is inside its package; rtmpose and ultralytics: 17 "
        "joints, need --model")
    add("--model", type=Path, metavar="FILE", help="rtmpose: ONNX file of the pose model; ultralytics: file "
        "of a pose model (yolo11n-pose.pt); of COCO's 17 joints")
    add("--person_model", type=Path, metavar="FILE", help="rtmpose: ONNX file of a YOLOX person detector; "
        "without it the whole picture, or --region, is taken for the person")
    add("--everybody", action="store_true", help="find all people, not one")
    add("--region", metavar="X,Y,WIDTH,HEIGHT", type=parse_region,
        help="look only into this part of the picture, pixels: enlarges small people, leaves others out")
    add("--fps", type=float, help="frames per second, where the film does not say; needed for a folder")
    add("--from", dest="begin", type=float, metavar="SECONDS", help="look for nobody before this time")
    add("--to", dest="end", type=float, metavar="SECONDS", help="look for nobody from this time on")
    add("--made_of", default="", metavar="TEXT", help="a text to keep in the file")
    args = parser.parse_args(argv)
    if (args.detector != "mediapipe") != (args.model is not None):
        parser.error("--detector rtmpose or ultralytics and --model FILE belong together")
    if args.person_model and args.detector != "rtmpose":
        parser.error("--person_model is for --detector rtmpose")
    if args.everybody and args.detector == "rtmpose" and not args.person_model:
        parser.error("--everybody needs --person_model FILE, which finds the people for rtmpose")
    if None not in (args.begin, args.end) and not args.begin < args.end:
        parser.error(f"--from must come before --to, got {args.begin:g} and {args.end:g}")
    args.camera = int(str(args.video)) if is_camera(args.video) else None
    if (args.camera is None) != (args.output.suffix == ".npz") or args.camera is not None and (
            str(args.output) != "-" or args.everybody or {args.begin, args.end} != {None}):
        parser.error(f"--output must end in .npz, or be - for a camera, without --everybody, --from and "
                     f"--to; got {args.output}")
    return args


def is_camera(path: Path) -> bool:
    """Whether the word names a camera by its number."""
    return str(path).isdecimal() and len(str(path)) < 4 and not path.exists()


def parse_region(text: str) -> tuple[int, ...]:
    """x, y, width, height in pixels."""
    numbers = tuple(int(part) for part in text.split(","))
    if len(numbers) != 4 or min(numbers) < 0 or min(numbers[2:]) == 0:
        raise ValueError(text)
    return numbers


def convert(args) -> None:
    """Detect in every frame, write the file, print how many show nobody; or write a camera's lines."""
    if args.camera is not None:
        return stream_camera(args)
    check_writable(args.output.parent)
    read, fps, total = open_frames(args.video)
    fps = fps if args.fps is None else args.fps
    if fps is None or not 0 < fps < 1000:
        raise ValueError(f"{args.video} states no frame rate. Give it with --fps, above 0 and below 1000."
                         if args.fps is None else f"--fps must be above 0 and below 1000, got {fps:g}.")
    detect, span = make_detector(args), Span(args.begin, args.end, fps)
    found, looks, times, size, looked = [], [], [], None, 0
    for number, (picture, time) in enumerate(read(span)):
        times.append(time)
        if picture is None:
            found.append([])
            looks.append([])
            continue
        looked += 1
        if size not in (None, picture.shape[1::-1]):
            raise ValueError(f"{args.video}: frame {number} has {picture.shape[1::-1]} pixels, the ones "
                             f"before {size}. Use the frames of one video.")
        size = picture.shape[1::-1]
        found.append(detect_in_region(detect, picture, args.region or (0, 0, *size)))
        looks.append([colours(picture, person) for person in found[-1]] if args.everybody else [])
        if number % 10 == 9:
            print(f"frame {number + 1} of {max(span.count(total), number + 1)}", file=sys.stderr, flush=True)
    if found and not looked:
        raise ValueError(f"{args.video} ends before --from {args.begin:g}, after {len(found) / fps:.2f} s. "
                         "Correct it.")
    if not found:
        raise ValueError(f"{args.video} holds no frame that can be read. Convert it to mp4.")
    facts = {"layout": detect.layout, "width": size[0], "height": size[1], "made_of": args.made_of}
    even = even_rate(times) if args.fps is None else None
    facts |= {"fps": float(fps)} if even is None else even
    unseen = looked - sum(bool(people) for people in found)
    if unseen == looked:
        raise ValueError("Nobody was found in any frame; nothing was written. Try --region around the "
                         "person, or another detector.")
    save(args.output, found, looks, detect.joints, args.everybody, facts)
    print(f"{looked} frames of {size[0]} x {size[1]} at {facts['fps']:.4g} a second, nobody found in "
          f"{unseen}: {args.output}")


def make_detector(args) -> Detect:
    """The detector that the options ask for."""
    for path in filter(None, (args.model, args.person_model)):
        if not path.is_file():
            raise FileNotFoundError(f"There is no model file {path}.")
    return MAKERS[args.detector](args.model, args.person_model, args.everybody)


def even_rate(times: list[float | None]) -> dict | None:
    """Rate and times of a film by its frames' times, seconds, where these are known and not even; or None."""
    if None in times or len(times) < 3 or min(np.diff(times)) <= 0:
        return None
    rate = (len(times) - 1) / (times[-1] - times[0])
    beside = np.abs(np.array(times) - times[0] - np.arange(len(times)) / rate).max() * rate
    return {"fps": rate, "times": np.array(times) - times[0]} if beside > UNEVEN and rate < 1000 else None


def detect_in_region(detect: Detect, picture: np.ndarray, region: tuple[int, ...]) -> list[np.ndarray]:
    """People (J, 3), x, y in pixels of the whole picture and score, in the region x, y, width, height."""
    x, y, width, height = region
    if x >= picture.shape[1] or y >= picture.shape[0]:
        raise ValueError(f"--region begins at {x}, {y}, outside the picture of {picture.shape[1]} x "
                         f"{picture.shape[0]} pixels. Correct it.")
    people = detect(np.ascontiguousarray(picture[y:y + height, x:x + width]))
    return [joints + [x, y, 0] for joints in people]


def colours(picture: np.ndarray, person: np.ndarray) -> np.ndarray:
    """(COLOURS ** 3,) shares of the colours in the middle of a person (J, 3), where the clothes are."""
    left, top, right, bottom = box_of(person)
    width, height, empty = right - left, bottom - top, np.zeros(COLOURS ** 3, np.float32)
    rows = slice(max(0, int(top + 0.2 * height)), max(0, int(top + 0.6 * height)) + 1)
    columns = slice(max(0, int(left + 0.3 * width)), max(0, int(right - 0.3 * width)) + 1)
    part = picture[rows, columns].reshape(-1, 3) // (255 // COLOURS + 1)
    if not len(part):
        return empty
    counts = np.bincount(part @ [COLOURS ** 2, COLOURS, 1], minlength=COLOURS ** 3)
    return (counts / len(part)).astype(np.float32)


def save(path: Path, found: list[list[np.ndarray]], looks: list[list[np.ndarray]], num_joints: int,
         everybody: bool, facts: dict) -> None:
    """Write each frame's people (J, 3), x, y in pixels and score, with `facts`, as `--predict` reads them.

    `keypoints` (N, J, 2) of one person, (N, P, J, 2) of everybody; NaN and score 0 where nobody is.
    """
    most = max(map(len, found)) if everybody else 1
    array = np.full((len(found), most, num_joints, 3), np.nan, np.float32)
    for frame, people in enumerate(found):
        array[frame, :len(people)] = people or np.zeros((0, num_joints, 3))
    scores = np.nan_to_num(array[..., 2])
    if everybody:
        facts = facts | {"looks": np.zeros((*array.shape[:2], COLOURS ** 3), np.float32)}
        for frame, seen in enumerate(looks):
            facts["looks"][frame, :len(seen)] = seen or np.zeros((0, COLOURS ** 3))
    else:
        array, scores = array[:, 0], scores[:, 0]
    file = io.BytesIO()
    np.savez_compressed(file, keypoints=array[..., :2], scores=scores, **facts)
    write_whole(path, file.getvalue())


def stream_camera(args) -> None:
    """Write a line of facts, then a line for each frame of the camera, as `--predict -` reads them."""
    from dataset.camera_lines import camera_lines
    cv2, detect = open_cv(), make_detector(args)
    capture = cv2.VideoCapture(args.camera)
    if not capture.isOpened():
        raise ValueError(f"There is no camera {args.camera}, or another program uses it. Choose another "
                         "number, or close that program.")
    rate = args.fps or capture.get(cv2.CAP_PROP_FPS)
    for line in camera_lines(capture, detect, args.region, rate if 1 <= rate < 1000 else 30):
        print(json.dumps(line, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    sys.exit(main())
