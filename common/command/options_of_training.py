"""The options of making a network: data, the network's kind and sizes, the refine step, training.

Each function adds a group by `add`, the method add_argument of the parser's group.
"""
import argparse
from collections.abc import Callable
from pathlib import Path

from common.augmentation.augmenter import NAMES
from common.batch_sizes import CACHED_FRAMES, FRAMES_AT_ONCE, WINDOWS_PER_FRAME
from common.command.networks import NETWORKS, PRETRAINING
from common.command.option_values import (
    PROJECT,
    between,
    parse_bool,
    parse_files,
    parse_list,
    parse_network,
    parse_out_all,
    parse_widths,
    positive,
)
from common.inputs import SPACES


def add_data(add: Callable) -> None:
    """Which part of a data set."""
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


def add_network(add: Callable) -> None:
    """Which network, what it is given, which windows."""
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
    add("--grow", type=parse_bool, default=False, help="1: begin with the weights in --previous_dir, of "
        "windows that span the same time with fewer frames: -f 27 of a network trained with -f 9 -tds 3, "
        "which learns several times as fast (common/weights/growing.py)")
    add("--dropout", type=float, default=0.1, help="share of features set to 0 when training, 0 to below 1")
    add("--channel", type=positive(), default=256,
        help="channels of each of the two units: always half of --d_hid")
    add("--n_joints", type=int, default=17, help="joints of the 2D input: always those of the data set")
    add("--out_joints", type=int, default=17, help="joints of the 3D output: always those of the data set")


def add_refine(add: Callable) -> None:
    """The refine step."""
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


def add_training(add: Callable) -> None:
    """How a network is trained and tested."""
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
