"""Contradictions between a network, the command line's or a checkpoint's, and the other options."""
import math
from pathlib import Path

from common.command.networks import NETWORKS, PRETRAINING, meaningless
from common.command.option_parser import spelt
from common.command.option_values import LIVE
from common.lift import TRUE_HEIGHT

NOT_FOR_PRETRAINING = {"val_stride", "test_stride", "flip_test", "refine", "keep_root", "export_mat",
                       "eval_batch_size", "velocity_weight", "bone_weight", "reprojection_weight", "teacher",
                       "stature", "input"}


def find_meaningless(network: str, given: set[str], path: Path | None = None) -> str | None:
    """The sentence that refuses options which mean nothing to `network` (that of the file `path`)."""
    refused = given & meaningless(network)
    spelling = "pstmo --pretrain 1" if network == PRETRAINING else network
    where = f"--network {spelling}" if path is None else f"{path}, a {network} network,"
    return f"{where} has no {spelt(refused)}; drop it" if refused else None


def find_network_problem(args, path: Path | None = None) -> str | None:
    """The first contradiction between the network, that of the file `path`, and what it is to do."""
    network = "the network" if path is None else str(path)
    checks = [
        (args.hop and not (args.every_frame and args.target == "center"),
         "--hop is for networks that predict every frame of a window (--every_frame 1); "
         f"{network} {'answers for the last' if args.every_frame else 'predicts one frame'}; drop it"),
        ((args.hop or 1) > args.frames,
         f"--hop must be 1 to {args.frames}, the frames of {network}, got {args.hop}"),
        (args.every_frame and args.refine,
         f"--refine works on one pose a window; {network} predicts every frame (--every_frame 1); "
         "drop one of the two"),
        (args.velocity_weight and not args.every_frame,
         "--velocity_weight compares a window's poses from frame to frame (--every_frame 1); "
         f"{network} predicts one frame; drop it"),
        ("fov" in args.given and args.input == "screen" and args.root != "estimate"
         and (not args.fit or args.predict == LIVE),
         f"--fov needs --root estimate, or for a file --fit 1, or a network of rays (--input); {network} "
         "is given screen coordinates; drop it"),
        ("lens" in (args.augment or []) and args.input == "screen",
         "--augment lens states other fields of view to a network of rays; add --input rays or virtual"),
        (args.mask and args.train and "missing" not in (args.augment or []),
         "--mask 1 learns from joints that are hidden in training; add missing to --augment"),
        (args.input != "screen" and args.dataset == "3dhp",
         f"--input {args.input} needs the cameras' intrinsics, which the 3dhp files lack; "
         "drop one of the two"),
        (args.refine and args.dataset == "3dhp",
         "--refine back-projects keypoints with the cameras' intrinsics, which the 3dhp files lack; "
         "drop --refine"),
        (args.augment and args.dataset == "3dhp",
         "--augment moves the camera and needs intrinsics and vertical, which the 3dhp files lack; "
         "drop --augment"),
        (args.stature and args.refine,
         f"--refine places poses by the root's true position, and {network} does not tell the person's size "
         "(--stature 1); drop one of the two"),
        (args.stature and args.train and args.dataset == "3dhp",
         "--stature 1 measures the bones of Human3.6M's joints, which 3dhp lacks; drop one of the two"),
        ("body_height" in args.given and not args.stature and not (args.predict and args.fit),
         "--body_height is the size of a fitted body, or of the poses of a network that leaves it open "
         f"(--stature 1), which {network} does not; drop it"),
        (args.body_height == TRUE_HEIGHT and args.dataset == "3dhp",
         "--body_height true measures the bones of Human3.6M's joints, which 3dhp lacks; state metres"),
    ]
    return next((sentence for failed, sentence in checks if failed), None)


def network_checks(args) -> list[tuple]:
    """The network: its own options, its pre-training, its recipe."""
    return [
        (("network" in args.given or not (args.reload or args.shipped))
         and find_meaningless(args.network, args.given), find_meaningless(args.network, args.given)),
        (args.given & {"masked_frames", "masked_joints"} and not args.pretrain,
         f"{spelt(args.given & {'masked_frames', 'masked_joints'})} is for --pretrain 1"),
        (args.pretrain and (args.given & NOT_FOR_PRETRAINING or "test" in args.given and args.test),
         "--pretrain 1 fills in keypoints and scores no poses; drop "
         f"{spelt(args.given & NOT_FOR_PRETRAINING) or '--test 1'}"),
        (not (args.reload or args.shipped) and find_network_problem(args), find_network_problem(args)),
        (args.network == "videopose3d" and not args.reload and math.prod(args.widths or [0]) != args.frames,
         f"--network videopose3d needs a power of 3 as --frames (3, 9, 27, ..) or --widths whose product is "
         f"--frames, got {args.frames}"),
        (args.recipe == "published" and args.network != "ftcm" and not NETWORKS[args.network].published,
         f"--network {args.network} has no published recipe here; drop --recipe published"),
        (args.recipe == "published" and args.reload and "network" not in args.given,
         "--recipe published is that of a named network; add --network beside --reload 1"),
        (args.keep_root and (args.refine or args.dataset == "3dhp"),
         "--keep_root 1 is VideoPose3D's way to score Human3.6M's joints; drop --refine and --dataset 3dhp"),
    ]
