"""Contradictions among the options of the command line: pairs of whether there is one and its sentence."""
from pathlib import Path

from common.augmentation.augmenter import IN_PLACE_OF, NAMES
from common.command.network_contradictions import network_checks
from common.command.option_parser import spelt
from common.command.option_values import EXPORTS
from common.command.shipped import CHOOSES, name_shipped
from common.command.video_contradictions import film_checks, video_checks

NOT_FOR_PREDICT = ["dataset", "keypoints", "cameras", "actions", "downsample", "test_stride", "refine",
                   "export_mat", "keep_root"]
ONLY_FOR_TRAINING = ["max_minutes", "val_subjects", "val_stride", "subset", "micro_batch", "dropout",
                     "compile", "augment", "velocity_weight", "bone_weight", "reprojection_weight", "ema",
                     "teacher", "teacher_weight", "recipe", "norm_momentum", "pretrain", "masked_frames",
                     "masked_joints", "grow"]
ONLY_FOR_USE = ["runtime", "precision"]
ONLY_FOR_PREDICT = ["layout", "width", "height", "fps", "person", "begin", "end", "root", "fov", "level",
                    "roll", "fit", "bvh_names", "film", "view", "detector", "detector_model", "person_model",
                    "pictures", "picture_fps"]


def find_problem(args) -> str | None:
    """The first contradiction among the options, as a sentence; None when there is none."""
    checks = [*task_checks(args), *value_checks(args), *training_checks(args), *video_checks(args),
              *film_checks(args), *checkpoint_checks(args), *network_checks(args)]
    return next((sentence for failed, sentence in checks if failed), None)


def tasks(args) -> list[str]:
    """The options that each ask for a task of their own; none of them: to evaluate."""
    return [name for name in ("train", "predict", *EXPORTS) if getattr(args, name)]


def task_checks(args) -> list[tuple]:
    """What is asked for at once."""
    modes = tasks(args)
    return [
        (len(modes) > 1, f"--{' and --'.join(modes)} are different tasks; choose one"),
        (args.predict and args.given & set(NOT_FOR_PREDICT),
         f"--predict lifts every frame of one file; "
         f"drop {spelt(args.given & set(NOT_FOR_PREDICT))}"),
        (not args.train and args.given & set(ONLY_FOR_TRAINING),
         f"{spelt(args.given & set(ONLY_FOR_TRAINING))} is for --train 1"),
        (not args.predict and args.given & set(ONLY_FOR_PREDICT),
         f"{spelt(args.given & set(ONLY_FOR_PREDICT))} is for --predict FILE"),
        (modes not in ([], ["predict"]) and args.given & set(ONLY_FOR_USE),
         f"{spelt(args.given & set(ONLY_FOR_USE))} is for evaluation (--train 0) and --predict"),
        (args.amp and not args.train, "--amp 1 is for --train 1; to use a network in bfloat16, write "
         "--precision bf16"),
        (args.runtime == "onnx" and args.precision == "bf16",
         "--precision bf16 is computed by PyTorch; drop --runtime onnx"),
        (args.runtime == "torch" and args.precision == "int8",
         "--precision int8 is computed by ONNX Runtime; drop --runtime torch"),
        ("body_height" in args.given and modes not in ([], ["predict"]),
         f"--body_height is for --predict and --train 0, not for --{modes[0] if modes else ''}; drop it"),
        (args.smooth and (modes not in ([], ["predict"]) or args.smooth > 1 or args.test_stride > 1),
         "--smooth takes up to 1 second and every frame, for --predict or --train 0; drop --train 1, other "
         "tasks and --test_stride"),
        (not args.train and not args.test, "--train 0 --test 0 leaves nothing to do; set one of them to 1"),
        (not args.train and args.resume, "--resume continues a training; add --train 1"),
        (args.export_mat and (args.dataset != "3dhp" or args.test_stride > 1 or args.downsample > 1
                              or args.actions
                              or not args.test), "--export_mat needs --dataset 3dhp and every test frame"),
    ]


def value_checks(args) -> list[tuple]:
    """Numbers and names of data, sizes and training."""
    half, invented = args.dim // 2, [name for name in args.augment or [] if name not in NAMES]
    return [
        (args.cameras == [] or args.actions == [],
         "--cameras and --actions need at least one name; * for all"),
        (args.frames % 2 == 0,
         f"--frames must be odd so that the window has a centre frame, got {args.frames}"),
        (args.dim % 8, f"--d_hid must be a multiple of 8, got {args.dim}"),
        ("channel" in args.given and not args.reload and args.channel != half,
         f"--channel is half of --d_hid: expected {half}, got {args.channel}; "
         f"set --d_hid {2 * args.channel} as well"),
        (args.n_joints != 17 or args.out_joints != 17,
         f"all data sets have 17 joints, got --n_joints {args.n_joints} and --out_joints {args.out_joints}; "
         "drop them"),
        (not 0 <= args.dropout < 1, f"--dropout must lie between 0 and below 1, got {args.dropout:g}"),
        (args.augment is None or invented,
         f"--augment takes names of {', '.join(NAMES)}; got {', '.join(invented) or '*'}"),
        (args.val_subjects is None,
         "--val_subjects needs the names of training subjects; leave at least one to train on"),
        (args.workers != 0,
         f"--workers must be 0, got {args.workers}: batches are gathered on the device; drop it"),
    ]


def training_checks(args) -> list[tuple]:
    """Augmentation, teachers, validation, the refine step."""
    clashes = [pair for pair in IN_PLACE_OF.items() if set(pair) <= set(args.augment or [])]
    return [
        (clashes, "--augment " + ", ".join(f"{wide} takes the place of {narrow}" for wide, narrow in clashes)
         + "; leave one of them out"),
        ("teacher_weight" in args.given and not args.teacher, "--teacher_weight needs --teacher FILES"),
        (args.teacher and args.refine, "--teacher teaches a network that lifts; drop --refine or --teacher"),
        (not args.test and args.val_subjects, "--val_subjects select an epoch by evaluating; drop --test 0"),
        (args.refine_reload and not args.refine, "--refine_reload 1 is for the refine module; add --refine"),
        (args.refine_reload and args.previous_refine_name is None,
         "--refine_reload 1 needs a refine file; add --previous_refine_name FILE"),
        (args.previous_refine_name is not None and not args.refine_reload,
         "--previous_refine_name names a file that is not loaded; add --refine --refine_reload 1 or drop it"),
        (args.refine and not args.train and not args.refine_reload,
         "evaluating with --refine needs trained weights; add --refine_reload 1 --previous_refine_name FILE"),
        ("lr_refine" in args.given and not (args.train and args.refine),
         "--lr_refine needs --train 1 --refine"),
        ("refine_root" in args.given and not args.refine, "--refine_root needs --refine"),
    ]


def checkpoint_checks(args) -> list[tuple]:
    """Which files are read."""
    modes = tasks(args)
    return [
        (len(args.averaged) > 1 and (modes not in ([], ["predict"]) or args.refine),
         "several files in --previous_dir are averaged in evaluation and --predict only, without --refine; "
         "name one file"),
        (len(set(args.averaged)) < len(args.averaged) or Path() in args.averaged,
         f"--previous_dir expects different files with commas between them, got {args.previous_dir}"),
        (any(getattr(args, name) for name in EXPORTS) and not (args.reload or args.shipped),
         "exporting needs a checkpoint; add --reload 1 --previous_dir FILE"),
        (args.grow and not (args.reload and "frames" in args.given),
         "--grow 1 begins with other weights; add --reload 1 --previous_dir FILE and the longer window, -f"),
        (args.reload and args.previous_dir is None and not args.shipped,
         "--reload 1 needs a checkpoint; add --previous_dir FILE"),
        (args.shipped and ("network" in args.given and args.network != "ftcm"
                           or name_shipped(args) is None),
         "the checkpoints that ship are FTCM's: "
         + ", ".join(f"ftcm_{name}.pth ({words})" for name, words in CHOOSES.items())
         + "; choose one so, or name another with "
         "--reload 1 --previous_dir FILE"),
        (not args.reload and args.previous_dir is not None,
         "--previous_dir names a checkpoint that is not loaded; add --reload 1 or drop it"),
    ]
