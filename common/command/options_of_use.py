"""The options of using a network: the task, a user's own video, exports, the machine.

Each function adds a group by `add`, the method add_argument of the parser's group.
"""
from collections.abc import Callable
from pathlib import Path

from common.bounds import FIELD_OF_VIEW, FPS, IMAGE_SIDE
from common.camera import ASSUMED_FOV
from common.command.option_values import (
    between,
    parse_bool,
    parse_gpu,
    parse_height,
    parse_level,
    parse_list,
    positive,
)
from common.running.runtime import PRECISIONS, RUNTIMES

DATASETS = ["h36m", "cmu", "3dhp"]
DEVICES = ["auto", "cpu", "cuda", "mps"]


def add_most_used(add: Callable) -> None:
    """What to do, with which network, where to write."""
    add("--train", type=parse_bool, default=False,
        help="1 trains, 0 evaluates the checkpoint named by --previous_dir")
    add("-f", "--f", "--frames", dest="frames", type=positive(most=9999), default=243,
        help="frames in a window, odd")
    add("--dataset", choices=DATASETS, default="h36m", help="h36m: Human3.6M, 3dhp: MPI-INF-3DHP (files of "
        "your own); cmu: the bundled motions")
    add("-k", "--keypoints", default="cpn_ft_h36m_dbb",
        help="2D source: h36m reads data_2d_h36m_{keypoints}.npz; cmu has gt (exact, its default) and "
        "detected (with simulated detector noise); 3dhp has gt")
    add("--reload", type=parse_bool, default=False, help="start from the weights in --previous_dir")
    add("--previous_dir", type=Path,
        help="checkpoint file (.pth), of this program or of the original release; without it, evaluation and "
        "--predict use one that ships in checkpoint/: ftcm_best.pth, with -f 27 ftcm_fast.pth, for streams "
        "(--predict - or a camera) ftcm_live.pth; A.pth,B.pth: "
        "they average the poses of several networks")
    add("--predict", type=Path, metavar="FILE", help="lift this film, picture, folder of pictures or "
        "file of 2D keypoints (formats: dataset/keypoints/README.md), and write poses, player and BVH to "
        "--output; 0, 1, ..: a camera's number; -: lift JSON "
        "lines from standard input while they come, to JSON lines on standard output")
    add("--output", type=Path, help="folder for scores and pictures; default: the run's folder when "
        "training, a folder of its own in checkpoint/ otherwise")
    add("-c", "--checkpoint", default="model", help="name of the run; its files go to "
        "checkpoint/{name}_{frames}_no_refine/, or _refine/ with --refine")
    add("-r", "--resume", action="store_true",
        help="continue the run of the same options after its last whole epoch, from the beginning where none "
        "was saved")


def add_own_video(add: Callable) -> None:
    """Keypoints, cameras, people and pictures of --predict."""
    add("--layout",
        help="joint layout of the file where it does not say: human36m, coco17, body25, blazepose33, "
        "halpe26, wholebody133, movenet, or a mapping file FILE.json")
    add("--width", type=between(IMAGE_SIDE, int),
        help="width of the video in pixels, 16 to 65536, where the file does not say")
    add("--height", type=between(IMAGE_SIDE, int),
        help="height of the video in pixels, 16 to 65536, where the file does not say")
    add("--fps", type=between(FPS),
        help="frames per second of the video, 1 to 1000, where the file does not say; else 30")
    add("--person", help="which person, where there are several: a number or name; all: everybody, each "
        "placed before the camera (--root estimate)")
    add("--detector", choices=["mediapipe", "rtmpose", "ultralytics"], help="what finds keypoints in a film "
        "or camera, in the environment that `make detector` makes; default: mediapipe, which has its model")
    add("--detector_model", type=Path, metavar="FILE", help="model file of COCO's 17 joints for --detector "
        "rtmpose (ONNX) and ultralytics")
    add("--person_model", type=Path, metavar="FILE", help="ONNX file of a YOLOX person detector for "
        "--detector rtmpose")
    add("--pictures", type=parse_list, default="html", help="comma-separated: html, the page poses.html that "
        "plays the motion; gif, its first ten seconds; mp4, all of it, by ffmpeg; none")
    add("--picture_fps", type=between((1, 120)), help="pictures a second in gif and mp4; default: the "
        "film's, in the gif at most 15")
    add("--from", dest="begin", type=between((0, 1_000_000)), metavar="SECONDS",
        help="leave out what comes before this time of the file")
    add("--to", dest="end", type=between((0, 1_000_000)), metavar="SECONDS",
        help="leave out what comes from this time of the file on")
    add("--film", nargs="+", metavar=("embed|link", "FILM"), help="show this film, or "
        "that of --predict, behind its keypoints in "
        "poses.html: embed puts it into the page, link leaves it where it is")
    add("--view", action="store_true", help="with --predict -: show the body as it moves on a page of this "
        "computer, whose address is printed; frames that come too fast are dropped and counted; pose lines "
        "are written too unless standard output is a terminal")
    add("--root", choices=["none", "estimate"], default="none", help="none: poses relative to the root "
        "joint; estimate: placed before the camera, as the keypoints and --fov explain best")
    add("--fov", type=between(FIELD_OF_VIEW), default=ASSUMED_FOV,
        help="horizontal field of view in degrees, 5 to 170, for --fit and --root estimate, and "
        "for a network of rays (--input)")
    add("--level", type=parse_level, default="none", help="turn the poses until up is up: by the degrees "
        "that the camera looks down (negative: up), or by motion, which judges them by where the body stands "
        "over the feet in most frames; none: camera axes")
    add("--roll", type=between((-180, 180)), metavar="DEGREES", help="degrees by which the camera is turned "
        "clockwise about its line of sight, for --level; default: none, or judged by --level motion")
    add("--fit", type=parse_bool, default=True, help="fit one body to the poses: constant bones, joints that "
        "bend as joints do, feet that stand on one floor; live: constant bones only; 0: the network's poses")
    add("--body_height", type=parse_height, metavar="METRES", help="the person's height in metres, 0.5 to "
        "2.5, for --fit and for networks of --stature 1; for --train 0 with such a network also true, each "
        "clip's by its bones; default: an average adult's")
    add("--bvh_names", choices=["mixamo", "joints"], default="mixamo", help="names of the bones in "
        "motion.bvh: those of Mixamo's characters, or of the joints that they begin in")
    add("--smooth", type=positive(float), metavar="SECONDS", help="average poses over time with a Gaussian "
        "of this standard deviation in seconds, up to 1 (0.04 is two frames at 50 a second); also for "
        "--train 0; default: off")


def add_exports(add: Callable) -> None:
    """Files for other programs."""
    add("--export_release", type=Path, metavar="FILE", help="write the reloaded network's weights as the "
        "original release reads them, and do nothing else")
    add("--export_onnx", type=Path, metavar="FILE", help="write the reloaded network as an ONNX file, and do "
        "nothing else; needs the packages onnx and onnxscript")
    add("--export_program", type=Path, metavar="FILE", help="write the reloaded network as a file for "
        "torch.export.load, and do nothing else")
    add("--export_weights", type=Path, metavar="FILE", help="write the reloaded network and its history as a "
        "small checkpoint, in half precision and without optimizer, and do nothing else")
    add("--export_mat", type=Path, metavar="FILE", help="with --dataset 3dhp: also write the predictions as "
        "a .mat file for the official evaluation script")


def add_machine(add: Callable) -> None:
    """The device, the runtime, the seed."""
    add("--test", type=parse_bool, default=True, help="evaluate: after every training epoch and at the end")
    add("--device", choices=DEVICES, default="auto",
        help="auto: CUDA, else Apple's GPU, else CPU")
    add("--gpu", type=parse_gpu, default=0, help="number of the CUDA device, where CUDA is used")
    add("--runtime", choices=["auto", *RUNTIMES], default="auto", help="what computes a trained network: "
        "torch, or onnx, ONNX Runtime on the CPU (packages onnx, onnxscript, onnxruntime); auto: torch, but "
        "for --predict - the faster of the two where these packages are installed: making the graph and "
        "measuring takes some seconds at the start")
    add("--precision", choices=PRECISIONS, default="float32", help="for evaluation and --predict: bf16, by "
        "PyTorch, or int8, weights of 8 bits in ONNX Runtime; measured at the start and refused where it is "
        "not faster than float32; what both change: checkpoint/results/README.md")
    add("--manualSeed", dest="seed", type=between((0, 2 ** 31 - 1), int), default=1,
        help="seed of weights, dropout and shuffling")
