"""The command line: the original release's names, types, defaults and help; options of our own.

The `dest` of an option is this project's name for it.
"""
import argparse
import functools
import re
from pathlib import Path

from common.augmentation.augmenter import NAMES
from common.batch_sizes import CACHED_FRAMES, FRAMES_AT_ONCE, WINDOWS_PER_FRAME
from common.bounds import BODY_HEIGHT, FIELD_OF_VIEW, FPS, IMAGE_SIDE
from common.command.command_line import Parser
from common.command.networks import NETWORKS, PRETRAINING
from common.inputs import SPACES
from common.lift import TRUE_HEIGHT
from common.running.runtime import PRECISIONS, RUNTIMES

DATASETS = ["h36m", "cmu", "3dhp"]
DEVICES = ["auto", "cpu", "cuda", "mps"]
PROJECT = Path(__file__).resolve().parents[2]
MASKING = "is called --network pstmo --pretrain 1 here, and --reload 1 for the lifter after it; drop it"
BEST = "names an earlier best epoch in the original release; here --resume restores it; drop it"
CHANNELS = "has one possible value: keypoints have 2 coordinates and poses 3; drop it"
# Options of the original release that are refused, and why.
RELEASE_ONLY = {
    "--pad": "has no effect in the original release, where it is always (frames - 1) / 2; drop it",
    "--crop_uv": "is not supported here: keypoints are always divided by the image's size; drop it",
    "--in_channels": CHANNELS, "--out_channels": CHANNELS,
    "-previous_name": BEST, "-previous_best_threshold": BEST,
    "--MAE": MASKING, "--MAE_reload": MASKING}


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds the default to an option's help where there is one to name."""

    def _get_help_string(self, action):
        return (action.help if action.default in (None, "", argparse.SUPPRESS)
                else super()._get_help_string(action))


def parse_bool(text: str) -> bool:
    """0, 1, true or false in any case."""
    values = {"0": False, "false": False, "1": True, "true": True}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"expected 0, 1, true or false, got {text!r}")
    return values[text.lower()]


def parse_out_all(text: str) -> bool:
    """False; the release's --out_all 1 is refused, since it looks like --every_frame 1 and is not."""
    if parse_bool(text):
        raise argparse.ArgumentTypeError(
            "--out_all 1 has no effect in the original release; drop it, or use --every_frame 1 for a "
            "network that predicts every frame of its window")
    return False


def parse_list(text: str) -> list[str] | None:
    """A comma-separated list; * or all means all (None)."""
    if text.lower() in ("*", "all"):
        return None
    names = [part.strip() for part in text.split(",") if part.strip()]
    if text and not names:
        raise argparse.ArgumentTypeError(f"expected names with commas between them, got {text!r}")
    return names


def parse_network(text: str) -> str:
    """The name of a network."""
    if text == "temporal_conv":
        raise argparse.ArgumentTypeError("temporal_conv is now videopose3d, the same network as published; "
                                         "say --network videopose3d -f 27")
    return text


def parse_widths(text: str) -> list[int]:
    """Odd whole numbers from 3 on, with commas between them; their product is a window's frames."""
    if not re.fullmatch("[0-9]{1,4}(,[0-9]{1,4}){0,8}", text) or any(
            int(part) < 3 or int(part) % 2 == 0 for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"expected odd numbers from 3 on with commas between them, as in "
                                         f"3,3,3, got {text!r}")
    return [int(part) for part in text.split(",")]


def parse_files(text: str) -> list[str]:
    """Comma-separated files; one whose name holds a comma is taken whole where it exists."""
    names = [text] if Path(text).exists() else [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected files with commas between them, got {text!r}")
    return names


def parse_height(text: str) -> float | str:
    """Metres within BODY_HEIGHT, or "true"."""
    return text if text == TRUE_HEIGHT else between(BODY_HEIGHT)(text)


def parse_gpu(text: str) -> int:
    """The number of one device."""
    if not re.fullmatch("[0-9]{1,3}", text):
        raise argparse.ArgumentTypeError(f"expected the number of one device, got {text!r}; "
                                         "for several start the program with torchrun --nproc_per_node=N")
    return int(text)


def parse_level(text: str) -> float | str | None:
    """none (None), motion, or degrees between -90 and 90."""
    if text in ("none", "motion"):
        return None if text == "none" else text
    try:
        degrees = float(text)
    except ValueError:
        degrees = 90
    if not -90 < degrees < 90:
        raise argparse.ArgumentTypeError(f"expected none, motion or degrees between -90 and 90, got {text!r}")
    return degrees


def positive(kind=int, most=1_000_000):
    """A parser of numbers above zero and up to `most`."""
    def parse_positive(text):
        value = kind(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"expected a number above 0 and up to {most}, got {text}")
        return value
    parse_positive.__name__ = kind.__name__
    return parse_positive


def between(bounds: tuple[float, float], kind=float):
    """A parser of numbers within `bounds`, both ends included."""
    def parse_between(text):
        value = kind(text)
        if not bounds[0] <= value <= bounds[1]:
            raise argparse.ArgumentTypeError(f"expected a number from {bounds[0]} to {bounds[1]}, got {text}")
        return value
    parse_between.__name__ = kind.__name__
    return parse_between


def build_parser() -> Parser:
    parser = Parser(prog="run_ftcm.py", refused=RELEASE_ONLY,
                    usage="python run_ftcm.py [options]; without options it says what one can do",
                    description="FTCM lifts 2D keypoints of a video to 3D poses: train, evaluate, predict.",
                    formatter_class=HelpFormatter)
    add = parser.add_argument_group("most used").add_argument
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
        "--predict use the one that ships, checkpoint/ftcm_27.pth or, with -f 81, ftcm_81.pth; A.pth,B.pth: "
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

    add = parser.add_argument_group("own video").add_argument
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
    add("--fov", type=between(FIELD_OF_VIEW), default=55,
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

    add = parser.add_argument_group("data").add_argument
    add("--root_path", type=Path, default=PROJECT / "dataset", help="folder of the data files")
    add("-a", "--actions", type=parse_list, default="*",
        help="comma-separated whole action names; * or all for all")
    add("--cameras", type=parse_list, default="*",
        help="comma-separated camera numbers, counted from 0; * for all")
    add("--val_subjects", type=parse_list, default="", help="training subjects to hold out and select the "
        "best epoch on, comma-separated; empty selects on the test subjects, as the paper does")
    add("--downsample", type=positive(most=10_000), default=1,
        help="keep every n-th frame of every clip, which lowers its frame rate")
    add("--subset", type=positive(float, most=1), default=1,
        help="share of each training clip that is used, 0 to 1")
    add("-s", "--stride", type=positive(most=10_000), default=1,
        help="every n-th frame is the centre of a training window")
    add("--val_stride", type=positive(most=10_000), default=1,
        help="validate on every n-th frame after each epoch")
    add("--test_stride", type=positive(most=10_000), default=1,
        help="score every n-th frame in the final table, which then says so")

    add = parser.add_argument_group("network").add_argument
    add("--network", type=parse_network, choices=[name for name in NETWORKS if name != PRETRAINING],
        default="ftcm", help="ftcm, or one that it is compared with, each by default of its published size "
        "(common/command/networks.py): single_frame (Martinez et al. 2017), videopose3d (Pavllo et al. "
        "2019), stcformer (Tang et al. 2023), strided (Li et al. 2022), pstmo (Shan et al. 2022)")
    add("--pretrain", type=parse_bool, default=False, help="1: with --network pstmo, learn to fill in hidden "
        "keypoints, from 2D alone; a lifter begins with that by --reload 1 --previous_dir last.pth")
    add("-tmr", "--temporal_mask_rate", dest="masked_frames", type=between((0, 0.99)), default=0.8,
        help="share of a window's frames that --pretrain 1 hides, 0 to 0.99")
    add("-smn", "--spatial_mask_num", dest="masked_joints", type=between((0, 16), int), default=2,
        help="joints of each frame that --pretrain 1 hides, 0 to 16; never the last one")
    add("-tds", "--t_downsample", dest="tds", type=positive(most=10_000), default=1,
        help="frames per step inside a window")
    add("--layers", dest="depth", type=between((0, 100), int), default=6, help="number of blocks")
    add("--d_hid", dest="dim", type=positive(most=8192), default=512, help="channels, a multiple of 8")
    add("--units", choices=["both", "fpm", "tpm", "none"], default="both",
        help="ablation: which of the two units work")
    add("--fpm_filter", choices=["matrix", "elementwise"], default="matrix", help="ablation: one matrix over "
        "all frequencies, or one weight per frequency and channel")
    add("--every_frame", type=parse_bool, default=False,
        help="1: the network predicts every frame of its window, not for one; cheaper by a factor --hop")
    add("--out_all", type=parse_out_all, default=argparse.SUPPRESS,
        help="0, without effect; an option of the original release that does nothing there (--every_frame "
        "is another one)")
    add("--hop", type=positive(), help="frames between two windows of an --every_frame network when "
        "predicting, 1 to --frames; answers are averaged where windows overlap, those near a "
        f"window's ends weighing less; default: --frames / {WINDOWS_PER_FRAME}, rounded up")
    add("--target", choices=["center", "last"], default="center", help="the frame of the window that is "
        "lifted; last: a causal network, which needs no frame of the future")
    add("--widths", type=parse_widths, help="videopose3d: widths of the convolutions, odd numbers whose "
        "product is --frames, as in 3,5,3; default: 3,3,.. for a --frames that is a power of 3")
    add("--dense", type=parse_bool, default=False, help="videopose3d: kernels that hold every frame between "
        "those that a dilated one reads")
    add("--stature", type=parse_bool, default=False, help="1: the network learns poses of everybody at an "
        "average adult's height and leaves the true size open, which no picture shows; --body_height states "
        "it")
    add("--input", choices=SPACES, default="screen", help="screen: the network is given screen coordinates; "
        "rays: lines of sight, which asks for the camera's intrinsics (own video: --fov); virtual: the same "
        "in a camera that looks at the person, wherever in the picture the person stands")
    add("--mask", type=parse_bool, default=False, help="1: the network is also told which joints were filled "
        "because a detector did not see them; needs --augment with missing; weights without a mask may be "
        "reloaded and compute the same poses at first")
    add("--dropout", type=float, default=0.1, help="share of features set to 0 when training, 0 to below 1")
    add("--channel", type=positive(), default=256,
        help="channels of each of the two units: always half of --d_hid")
    add("--n_joints", type=int, default=17, help="joints of the 2D input: always those of the data set")
    add("--out_joints", type=int, default=17, help="joints of the 3D output: always those of the data set")

    add = parser.add_argument_group("refine").add_argument
    add("--refine", action="store_true",
        help="blend the lifted pose with the back-projected keypoints; trains both networks")
    add("--refine_reload", type=parse_bool, default=False,
        help="start the refine module from --previous_refine_name")
    add("--previous_refine_name", type=Path,
        help="refine file (.pth), of this program or of the original release")
    add("--refine_root", choices=["gt", "estimate"], default="gt",
        help="the root's depth for back-projection: gt is the ground truth, at test time too, as in the "
        "original release; estimate uses keypoints and intrinsics only")
    add("--lr_refine", type=positive(float),
        help="learning rate of the refine module in the first epoch; default: --lr")

    add = parser.add_argument_group("training").add_argument
    add("--recipe", choices=["default", "published"], default="default", help="published: train as the "
        "network's authors do (optimiser's rates, batch, frames per step; common/command/networks.py); other "
        "options on the command line win; ftcm's defaults are its published recipe")
    add("--nepoch", dest="epochs", type=positive(), default=80, help="epochs")
    add("--max_minutes", type=positive(float),
        help="start no epoch that would end later than this; default: no limit")
    add("-b", "--batchSize", dest="batch_size", type=positive(), default=160,
        help="windows per training step")
    add("--micro_batch", type=positive(), help="windows that go through the network at once when training; "
        "a batch's gradients are summed over such parts, which bounds memory; dropout draws other masks for "
        f"other parts; default: {FRAMES_AT_ONCE} / frames; with batch normalisation, which sees each part "
        "alone, the whole batch (0.1 GB for each window of 351 frames of strided, on a CPU)")
    add("--eval_batch_size", type=positive(),
        help=f"windows per step without gradients; default: {CACHED_FRAMES} / frames on a CPU, "
        f"{FRAMES_AT_ONCE} / frames elsewhere")
    add("--amp", type=parse_bool, default=False, help="train and validate in bfloat16 where that is safe, "
        "for GPUs, where the FPM stays float32, and processors with bfloat16 products (AMX); to use a "
        "network so: --precision bf16")
    add("--compile", type=parse_bool, default=False,
        help="train through torch.compile, for GPUs; needs a C++ compiler on a CPU")
    add("--lr", type=positive(float), default=1e-3, help="learning rate of the first epoch")
    add("-lrd", "--lr_decay", type=positive(float, most=1), default=0.95,
        help="factor on the learning rate after each epoch")
    add("--lr_decay_large", type=positive(float, most=1), default=0.5,
        help="the factor after every --large_decay_epoch epochs")
    add("--large_decay_epoch", type=positive(), default=80, help="epochs between two large decays")
    add("--norm_momentum", type=positive(float, most=1), help="momentum of batch normalisation after the "
        "last epoch, towards which it falls by a constant factor an epoch from 0.1; default: always 0.1")
    add("--data_augmentation", dest="flip", type=parse_bool, default=True,
        help="train on mirrored windows too")
    add("--reverse_augmentation", dest="reverse", type=parse_bool, default=False,
        help="train on time-reversed windows too")
    add("--test_augmentation", dest="flip_test", type=parse_bool, default=True,
        help="average with the mirrored prediction")
    add("--keep_root", type=parse_bool, default=False, help="1: score the root joint as predicted, as "
        "VideoPose3D's authors do, instead of with error 0")
    add("--augment", type=parse_list, default="", help="train on other cameras, bodies, postures and 2D "
        f"errors than the data's: comma-separated, any of {', '.join(NAMES)} (common/augmentation/)")
    add("--velocity_weight", type=between((0, 1000)), default=0,
        help="weight of the loss of the steps from frame to frame (MPJVE) beside that of the poses, for "
        "--every_frame networks: calmer poses")
    add("--bone_weight", type=between((0, 1000)), default=0, help="weight of the loss of the bones' "
        "directions, the distance of their unit vectors, beside that of the poses")
    add("--ema", type=between((0, 0.99999)), default=0, help="train as ever, but validate and keep averaged "
        "weights: an exponential mean over the steps that keeps this share of itself, for example 0.999; 0: "
        "the last step's weights")
    add("--teacher", type=parse_files, metavar="FILES", help="comma-separated checkpoints whose mean pose "
        "the training comes near, besides the truth; their windows may be longer or shorter")
    add("--teacher_weight", type=positive(float, most=1000), default=1,
        help="weight of the distance to the pose of --teacher, beside that to the truth")
    add("--reprojection_weight", type=between((0, 1000)), default=0,
        help="weight of the loss of where the joints lie in the image, in metres at the root's depth, beside "
        "that of the poses")
    add("--workers", type=int, default=0,
        help="always 0: batches are gathered on the device, without worker processes")

    add = parser.add_argument_group("exports: write one file and do nothing else").add_argument
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

    add = parser.add_argument_group("machine").add_argument
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
    return parser


@functools.cache
def spellings() -> dict[str, str]:
    """Each option's `dest` and its long name on the command line: depth and --layers."""
    return {action.dest: action.option_strings[-1] for action in build_parser()._actions}


def spelt(names) -> str:
    """The options of these `dest` names as the command line spells them."""
    return ", ".join(sorted(spellings()[name] for name in names))


def written(value):
    """A value as the command line writes it: 1 for True, 3,3 for a list."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return int(value) if isinstance(value, bool) else value
