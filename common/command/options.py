"""What the options mean together: contradictions are refused, a checkpoint fills in what was left out.

`parse` returns the options under this project's names (the `dest` of each). Bad values end the program with
one sentence and exit status 2.
"""
import argparse
import glob
import math
import shutil
from functools import partial
from pathlib import Path

from common.augmentation.augmenter import IN_PLACE_OF, NAMES
from common.batch_sizes import default_hop, inference_windows, training_windows
from common.command.networks import NETWORKS, PRETRAINING, meaningless
from common.command.option_parser import PROJECT, build_parser, spelt, written
from common.inputs import Inputs
from common.learning.batches import Sampling, TrainingBatches
from common.learning.steps import Step
from common.learning.training import TEST_SUBJECTS, Schedule, Training
from common.lift import TRUE_HEIGHT, Lifting
from common.running.runtime import Computing
from common.stature import ADULT_HEIGHT
from common.untrusted.values import readable
from common.weights import checkpoint
from common.windows import Window

NOT_FOR_PREDICT = ["dataset", "keypoints", "cameras", "actions", "downsample", "test_stride", "refine",
                   "export_mat", "keep_root"]
EXPORTS = ["export_release", "export_weights", "export_onnx", "export_program"]
ONLY_FOR_TRAINING = ["max_minutes", "val_subjects", "val_stride", "subset", "micro_batch", "dropout",
                     "compile", "augment", "velocity_weight", "bone_weight", "reprojection_weight", "ema",
                     "teacher", "teacher_weight", "recipe", "norm_momentum", "pretrain", "masked_frames",
                     "masked_joints"]
NOT_FOR_PRETRAINING = {"val_stride", "test_stride", "flip_test", "refine", "keep_root", "export_mat",
                       "eval_batch_size", "velocity_weight", "bone_weight", "reprojection_weight", "teacher",
                       "stature", "input"}
ONLY_FOR_USE = ["runtime", "precision"]
ONLY_FOR_PREDICT = ["layout", "width", "height", "fps", "person", "begin", "end", "root", "fov", "level",
                    "roll", "fit", "bvh_names", "film", "view", "detector", "detector_model", "person_model",
                    "pictures", "picture_fps"]
LIVE = Path("-")
EVERYBODY = "all"           # --person
# The checkpoints that ship, by their frames; the first is used where none is named.
SHIPPED = {27: PROJECT / "checkpoint" / "ftcm_27.pth", 81: PROJECT / "checkpoint" / "ftcm_81.pth"}
OVERVIEW = """\
FTCM lifts 2D keypoints of a video to 3D poses. What you can do:
  python run_ftcm.py --predict FILE --output FOLDER            3D poses of your keypoints (--predict -: live)
  python run_ftcm.py --train 0 --dataset cmu -k detected       score the weights that ship on bundled motions
  python run_ftcm.py -f 243 --train 1                          train on Human3.6M (--dataset cmu: bundled)
  python run_ftcm.py --train 0 --reload 1 --previous_dir FILE  score a checkpoint
  python run_ftcm.py --help                                    all options; README.md shows them at work"""
# What may differ between a run and its continuation.
FREE_ON_RESUME = {"epochs", "resume", "device", "gpu", "output", "root_path", "eval_batch_size",
                  "test_stride", "max_minutes", "compile", "publish"}
# What a checkpoint knows of itself, as far as options say it too.
OF_A_CHECKPOINT = ("network", "frames", "dim", "depth", "dropout", "units", "fpm_filter", "every_frame",
                   "widths", "dense", "masked_frames", "masked_joints", "dataset", "keypoints", "tds",
                   "target", "stature", "input", "mask")


def parse(argv: list[str]) -> argparse.Namespace:
    """The checked options; `given` is the set of those that the command line named itself."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.dataset in ("cmu", "3dhp") and "keypoints" not in args.given:
        args.keypoints = "gt"
    args.network = PRETRAINING if args.pretrain and args.network == "pstmo" else args.network
    fill_in(args)
    args.shipped = args.previous_dir is None and uses_checkpoint(args)
    args.averaged = split_files(str(args.previous_dir)) if args.previous_dir else []
    if args.averaged and "reload" not in args.given and uses_checkpoint(args):
        args.reload = True
    args.pictures = [] if args.pictures == ["none"] else args.pictures
    args.camera = camera_number(args.predict)
    if args.camera is not None:
        args.predict = LIVE
    problem = find_problem(args)
    if problem:
        parser.error(problem)
    args.everybody = args.person == EVERYBODY
    args.root = "estimate" if args.everybody else args.root
    args.film = args.film and (args.film[0], Path([*args.film, args.predict][1]))
    args.test = args.test and not args.pretrain         # it has no poses to score
    args.averaged = [find_file(parser, "previous_dir", path) for path in args.averaged]
    args.previous_dir = next(iter(args.averaged), None)
    if args.previous_refine_name:
        args.previous_refine_name = find_file(parser, "previous_refine_name", args.previous_refine_name)
    if args.shipped:
        args.reload = True
        args.previous_dir = SHIPPED[args.frames if "frames" in args.given else next(iter(SHIPPED))]
        args.averaged = [args.previous_dir]
    return args


def fill_in(args) -> None:
    """Set what the command line leaves out to the network's own sizes and, where asked for, its recipe."""
    network = NETWORKS[args.network]
    for values in (network.sizes, network.published) if args.recipe == "published" else (network.sizes,):
        for name, value in (values(args) if callable(values) else values).items():
            if name not in args.given:
                setattr(args, name, value)
    if args.widths and "frames" not in args.given:
        args.frames = math.prod(args.widths)
    elif "widths" in network.arguments and not args.widths:
        layers = next((count for count in range(1, 10) if 3 ** count == args.frames), None)
        args.widths = layers and [3] * layers


def split_files(text: str) -> list[Path]:
    """The files of a list with commas between them; a comma belongs to the name of a file that exists so."""
    parts = text.split(",")
    for count in range(len(parts), 0, -1):
        first = Path(",".join(parts[:count]))
        if count == 1 or first.exists():
            return [first, *(split_files(",".join(parts[count:])) if count < len(parts) else [])]
    raise AssertionError("a text has at least one part")


def find_file(parser: argparse.ArgumentParser, name: str, path: Path) -> Path:
    """The one file that `path` names; shells of Windows leave wildcards to the program."""
    matches = glob.glob(str(path)) if "*" in str(path) else [path]
    if len(matches) != 1:
        parser.error(f"--{name} {path} must match exactly one file, it matches {len(matches)}")
    return Path(matches[0])


def camera_number(path: Path | None) -> int | None:
    """The number of the camera that --predict names; None where it names none."""
    word = str(path)
    return int(word) if word.isdecimal() and len(word) < 4 and not path.exists() else None


def uses_checkpoint(args) -> bool:
    """Whether the task is to use a trained network: to evaluate it or to lift a video."""
    return not (args.train or args.export_release or args.export_weights)


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
        (args.hop and not args.every_frame,
         "--hop is for networks that predict every frame of a window (--every_frame 1); "
         f"{network} predicts one frame; drop it"),
        ((args.hop or 1) > args.frames,
         f"--hop must be 1 to {args.frames}, the frames of {network}, got {args.hop}"),
        (args.every_frame and args.target == "last",
         "--every_frame 1 predicts every frame of a window; drop --target last"),
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


def find_problem(args) -> str | None:
    """The first contradiction among the options, as a sentence; None when there is none."""
    half = args.dim // 2
    modes = [name for name in ("train", "predict", *EXPORTS) if getattr(args, name)]
    clashes = [pair for pair in IN_PLACE_OF.items() if set(pair) <= set(args.augment or [])]
    invented = [name for name in args.augment or [] if name not in NAMES]
    checks = [
        (len(modes) > 1, f"--{' and --'.join(modes)} are different tasks; choose one"),
        (args.predict and args.given & set(NOT_FOR_PREDICT),
         f"--predict lifts every frame of one file; "
         f"drop {spelt(args.given & set(NOT_FOR_PREDICT))}"),
        (args.amp and not args.train, "--amp 1 is for --train 1; to use a network in bfloat16, write "
         "--precision bf16"),
        (modes not in ([], ["predict"]) and args.given & set(ONLY_FOR_USE),
         f"{spelt(args.given & set(ONLY_FOR_USE))} is for evaluation (--train 0) and --predict"),
        (args.runtime == "onnx" and args.precision == "bf16",
         "--precision bf16 is computed by PyTorch; drop --runtime onnx"),
        (args.runtime == "torch" and args.precision == "int8",
         "--precision int8 is computed by ONNX Runtime; drop --runtime torch"),
        (len(args.averaged) > 1 and (modes not in ([], ["predict"]) or args.refine),
         "several files in --previous_dir are averaged in evaluation and --predict only, without --refine; "
         "name one file"),
        (len(set(args.averaged)) < len(args.averaged) or Path() in args.averaged,
         f"--previous_dir expects different files with commas between them, got {args.previous_dir}"),
        (not args.train and args.given & set(ONLY_FOR_TRAINING),
         f"{spelt(args.given & set(ONLY_FOR_TRAINING))} is for --train 1"),
        (args.cameras == [] or args.actions == [],
         "--cameras and --actions need at least one name; * for all"),
        ("body_height" in args.given and not args.fit and not args.reload,
         "--body_height is the size of a fitted body; drop it or --fit 0"),
        ("body_height" in args.given and modes not in ([], ["predict"]),
         f"--body_height is for --predict and --train 0, not for --{modes[0] if modes else ''}; drop it"),
        (args.body_height == TRUE_HEIGHT and args.predict,
         "--body_height true needs a data set that holds the true poses; state metres"),
        (clashes, "--augment " + ", ".join(f"{wide} takes the place of {narrow}" for wide, narrow in clashes)
         + "; leave one of them out"),
        ("teacher_weight" in args.given and not args.teacher, "--teacher_weight needs --teacher FILES"),
        (args.teacher and args.refine, "--teacher teaches a network that lifts; drop --refine or --teacher"),
        ("roll" in args.given and args.level is None,
         "--roll tells how the camera is turned to its side; state how it looks down too, with --level"),
        (not args.test and args.val_subjects, "--val_subjects select an epoch by evaluating; drop --test 0"),
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
        (not args.predict and args.given & set(ONLY_FOR_PREDICT),
         f"{spelt(args.given & set(ONLY_FOR_PREDICT))} is for --predict FILE"),
        (None not in (args.begin, args.end) and args.begin >= args.end,
         f"--from must come before --to, got {args.begin} and {args.end}"),
        (args.predict == LIVE and (args.level == "motion"
                                   or args.given & {"output", "person", "begin", "end", "smooth",
                                                    "bvh_names", "film", "pictures", "picture_fps"}),
         "--predict - and cameras answer on standard output while the motion goes on; drop --output, "
         "--person, --from, --to, --smooth, --bvh_names, --film, --pictures, --picture_fps and "
         "--level motion (--level DEGREES works)"),
        (args.film and (args.film[0] not in ("embed", "link") or len(args.film) > 2),
         f"--film needs embed or link and the film's file, got {' '.join(args.film or [])}"),
        (args.film and "html" not in args.pictures, "--film is shown in poses.html; add html to --pictures"),
        *find_film_problems(args),
        (args.view and args.predict != LIVE,
         "--view shows a stream while it comes, --predict -; a file's motion is played by poses.html; drop "
         "--view"),
        (args.smooth and (modes not in ([], ["predict"]) or args.smooth > 1 or args.test_stride > 1),
         "--smooth takes up to 1 second and every frame, for --predict or --train 0; drop --train 1, other "
         "tasks and --test_stride"),
        (not args.train and not args.test, "--train 0 --test 0 leaves nothing to do; set one of them to 1"),
        (args.export_mat and (args.dataset != "3dhp" or args.test_stride > 1 or args.downsample > 1
                              or args.actions
                              or not args.test), "--export_mat needs --dataset 3dhp and every test frame"),
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
        (not args.train and args.resume, "--resume continues a training; add --train 1"),
        (any(getattr(args, name) for name in EXPORTS) and not (args.reload or args.shipped),
         "exporting needs a checkpoint; add --reload 1 --previous_dir FILE"),
        (args.reload and args.previous_dir is None and not args.shipped,
         "--reload 1 needs a checkpoint; add --previous_dir FILE"),
        (args.shipped and ("network" in args.given and args.network != "ftcm"
                           or "frames" in args.given and args.frames not in SHIPPED),
         f"the checkpoints that ship are of FTCM with {' and '.join(map(str, SHIPPED))} frames "
         f"({', '.join(path.name for path in SHIPPED.values())}); choose one with -f, or name another with "
         "--reload 1 --previous_dir FILE"),
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
        (not args.reload and args.previous_dir is not None,
         "--previous_dir names a checkpoint that is not loaded; add --reload 1 or drop it"),
    ]
    return next((sentence for failed, sentence in checks if failed), None)


def find_film_problems(args) -> list[tuple]:
    """What is wrong with the options of detectors, people and pictures: pairs of whether and a sentence."""
    own = args.detector in ("rtmpose", "ultralytics")
    strange = sorted(set(args.pictures or ["*"]) - {"html", "gif", "mp4"})
    return [
        (args.predict == LIVE and args.camera is None
         and args.given & {"detector", "detector_model", "person_model"},
         "--predict - reads keypoints; drop --detector, --detector_model and --person_model"),
        (own != bool(args.detector_model),
         "--detector rtmpose or ultralytics and --detector_model FILE belong together"),
        (args.person_model and args.detector != "rtmpose", "--person_model FILE needs --detector rtmpose"),
        (args.detector == "rtmpose" and args.person and not args.person_model,
         "--person chooses among the people whom --person_model FILE finds for --detector rtmpose; add it"),
        (args.person == EVERYBODY and "root" in args.given and args.root == "none",
         "--person all places everybody before the camera; drop --root none"),
        (strange, f"--pictures takes html, gif, mp4 or none, got {', '.join(strange)}"),
        ("picture_fps" in args.given and not {"gif", "mp4"} & set(args.pictures or []),
         "--picture_fps is the rate of gif and mp4; add one of them to --pictures"),
        (args.predict and "mp4" in (args.pictures or []) and shutil.which("ffmpeg") is None,
         "--pictures mp4 needs a program ffmpeg on the search path; install it, or choose gif or html"),
    ]


def announce_shipped(args: argparse.Namespace) -> None:
    """Where nobody named a checkpoint, say which one is used; FileNotFoundError where it is absent."""
    if not args.shipped:
        return
    if not args.previous_dir.is_file():
        raise FileNotFoundError(f"The checkpoint that ships, {args.previous_dir}, is missing. Restore it "
                                "with git, or name another with --reload 1 --previous_dir FILE.")
    print(f"No --previous_dir: using the checkpoint that ships, {args.previous_dir}")


def adopt(args: argparse.Namespace, saved: dict, path: Path) -> None:
    """Set the options that the command line leaves out to what the checkpoint `saved` of `path` says.

    The data set and the dropout may differ from the checkpoint's: both say nothing of its weights. A training
    may begin with those of another --stature, or give a mask to a network without one (inputs.give_mask).
    Any other contradiction is a ValueError. A checkpoint that nobody named does not choose the data set.
    """
    network = saved.get("network", "ftcm")
    unsaid = {name: getattr(args, name) if name in args.given else value    # by files of other programs
              for name, value in saved.get("unsaid", {}).items()}
    saved["unsaid"] = unsaid
    saved["model_args"] |= {name: value for name, value in unsaid.items() if name in saved["model_args"]}
    if args.pretrain and network != PRETRAINING:
        raise ValueError(f"{path} holds a {network} network, not a pre-training. Drop --pretrain 1.")
    facts = {"network": network, "target": "center", "stature": False, "input": "screen",
             **saved["model_args"], **saved["data"], **unsaid}
    of_data = {"dataset", "keypoints"}
    of_training = {"stature", "mask"} if args.mask else {"stature"}
    free = of_data | set(NETWORKS[network].free) | (of_training if args.train else set())
    for name in OF_A_CHECKPOINT:
        wanted, found = getattr(args, name), facts.get(name, getattr(args, name))
        if name not in args.given:
            if not (name in of_data and (args.shipped or "dataset" in args.given)):
                setattr(args, name, found)
        elif wanted != found and name not in free:
            raise ValueError(f"{path} was trained with {spelt([name])} {written(found)}, the command line "
                             f"says {written(wanted)}. Drop that option or choose another checkpoint.")
    if saved["model_args"]["num_joints"] != 17:
        raise ValueError(f"{path} is for {saved['model_args']['num_joints']} joints; every data set here has "
                         "17. Choose another checkpoint.")
    half = saved["model_args"]["dim"] // 2
    problem = find_meaningless(network, args.given, path) or find_network_problem(args, path)
    if problem:
        raise ValueError(problem + ".")
    if "channel" in args.given and args.channel != half:
        raise ValueError(f"{path} has {half} channels in each unit, the command line says --channel "
                         f"{args.channel}. Drop that option.")


def plain(args: argparse.Namespace) -> dict:
    """The options as plain values, fit for JSON and for a checkpoint."""
    return {name: str(value) if isinstance(value, Path) else value
            for name, value in sorted(vars(args).items())
            if name not in ("given", "shipped", "averaged", "camera", "everybody")}


def refuse_unknown(option: str, given: list[str] | None, known: list[str]) -> None:
    """Raise ValueError where an option names what does not exist; None names all."""
    unknown = sorted(set(given or ()) - set(known))
    if unknown:
        raise ValueError(f"{option} {', '.join(unknown)} does not exist; choose from {', '.join(known)}.")


def refuse_changes(args: argparse.Namespace, saved: dict, path: Path) -> None:
    """Raise ValueError where `saved`, a run's last epoch in `path`, was started with other options."""
    if "options" not in saved:
        return
    started = plain(build_parser().parse_args([])) | saved["options"]       # younger options were left out
    for name, value in plain(args).items():
        if name not in FREE_ON_RESUME and started[name] != value:
            raise ValueError(f"{path} was started with {spelt([name])} {readable(str(started[name]))}, the "
                             f"command line says {value}. Repeat the run's options, which options.json "
                             "beside it lists.")


def resume(training: Training, args: argparse.Namespace) -> None:
    """Go on after the run's last whole epoch; without one the training starts from the beginning."""
    path = training.run.last
    if not path.exists():
        training.run.log(f"--resume: {path.parent} holds no whole epoch; starting from the beginning.")
        return
    saved = checkpoint.load(path)
    refuse_changes(args, saved, path)
    training.resume(saved)


def window_of(args: argparse.Namespace) -> Window:
    """The window that the options and the checkpoint ask for."""
    hop = (args.hop or default_hop(args.frames)) if args.every_frame else None
    return Window(frames=args.frames, tds=args.tds, target=args.target, hop=hop,
                  inputs=Inputs(args.input, args.mask))


def lifting_of(args: argparse.Namespace, device: str, every: int = 1) -> Lifting:
    """How the options lift: every `every`-th frame. On a CPU a batch is small enough for its caches."""
    amp = args.amp or args.precision == "bf16"
    windows = inference_windows(args.frames * NETWORKS[args.network].vectors, device)
    return Lifting(batch_size=args.eval_batch_size or windows, flip_test=args.flip_test, every=every,
                   smooth=args.smooth, amp=amp, keep_root=args.keep_root, device=device,
                   height=args.body_height if args.stature else None)


def free_arguments(args: argparse.Namespace) -> dict:
    """The arguments of the network's class that may differ from its checkpoint's."""
    return {name: getattr(args, name) for name in NETWORKS[args.network].free}


def keeps_pretraining(args: argparse.Namespace) -> bool:
    """Whether a pre-training is used as it is: to go on with it or to write its weights."""
    return bool(args.pretrain or args.export_release or args.export_weights)


def learns_both(args: argparse.Namespace) -> bool:
    """Whether a training step learns the target frame's pose and every frame's."""
    return NETWORKS[args.network].both and not args.refine


def schedule_of(args: argparse.Namespace) -> Schedule:
    """Learning rates and momentum over the epochs."""
    return Schedule(args.epochs, args.lr_decay, args.lr_decay_large, args.large_decay_epoch,
                    args.norm_momentum)


def step_of(args: argparse.Namespace, model, batches: TrainingBatches) -> Step:
    """How a training step of `model` on `batches` is computed.

    Batch normalisation is over the windows that go through at once: the whole batch where nothing else is
    asked for. What a pre-training hides comes from the generator that orders the batches.
    """
    network = NETWORKS[args.network]
    parts = None if "norm_momentum" in network.options else training_windows(args.frames * network.vectors)
    masks = partial(model.draw_masks, batches.generator) if args.pretrain else None
    return Step(micro_batch=args.micro_batch or parts, velocity=args.velocity_weight,
                reprojection=args.reprojection_weight, bones=args.bone_weight, teacher=args.teacher_weight,
                amp=args.amp, both=learns_both(args), masks=masks)


def sampling_of(args: argparse.Namespace) -> Sampling:
    """Which windows the options train on."""
    return Sampling(args.batch_size, stride=args.stride, mirror=args.flip, reverse=args.reverse,
                    whole=args.every_frame or learns_both(args), adult=args.stature)


def teacher_options(args: argparse.Namespace, path: str) -> argparse.Namespace:
    """The options that load the teacher in `path`, which must agree on what its poses mean."""
    own = parse(["--reload", "1", "--previous_dir", path])
    for name in ("tds", "target", "stature", "dataset"):
        setattr(own, name, getattr(args, name))
        own.given.add(name)
    return own


def describe_size(args: argparse.Namespace) -> list[str]:
    """A note on the height of a video's poses where the network does not tell it."""
    if not args.stature:
        return []
    height = (f"{args.body_height:g} m tall, as --body_height states" if args.body_height else
              f"{ADULT_HEIGHT:.2f} m tall, an average adult's height, assumed; --body_height states it")
    return [f"The network does not tell how tall people are, so the scale is unknown: the poses are those of "
            f"somebody {height}."]


def computing_of(args: argparse.Namespace, device: str, processes: int = 1) -> Computing:
    """By what and how precisely a trained network is computed; ValueError where it cannot be."""
    asked = "--runtime onnx" if args.runtime == "onnx" else f"--precision {args.precision}"
    if device != "cpu" and (args.runtime == "onnx" or args.precision == "int8"):
        raise ValueError(f"{asked} computes on the CPU; add --device cpu or drop it.")
    if processes > 1 and (args.runtime == "onnx" or args.precision != "float32"):
        raise ValueError(f"{asked} is for one process, this is one of {processes}; drop it, or start the "
                         "program without torchrun.")
    runtime = args.runtime if device == "cpu" else "torch"
    return Computing(runtime=runtime, precision=args.precision, live=args.predict == LIVE)


def network_arguments(args: argparse.Namespace, *, num_joints: int, saved: dict | None = None) -> dict:
    """The arguments of --network's class that the options ask for, or those of the checkpoint `saved`."""
    if saved:
        return saved["model_args"]
    values = vars(args) | {"variant": "3dhp" if args.dataset == "3dhp" else "h36m"}
    return {"num_joints": num_joints, **{name: values[name] for name in (
        "frames", "dim", "dropout", *NETWORKS[args.network].arguments)}}


def training_facts(args: argparse.Namespace) -> dict:
    """What the options say of a training in its checkpoints."""
    selection = None if not args.test else TEST_SUBJECTS if not args.val_subjects else (
        f"held-out subjects {', '.join(args.val_subjects)}")
    return {"network": args.network, "selection": selection, "options": plain(args),
            "data": {name: getattr(args, name)
                     for name in ("dataset", "keypoints", "tds", "target", "stature", "input")}}


def evaluation_facts(args: argparse.Namespace) -> dict:
    """What the options say of an evaluation in its scores.json."""
    facts = {name: getattr(args, name) for name in (
        "network", "dataset", "keypoints", "frames", "tds", "target", "input", "mask", "smooth",
        "test_stride", "cameras", "actions", "downsample", "seed", "keep_root", "stature", "body_height")}
    facts |= {"runtime": args.runtime, "precision": "bf16" if args.amp else args.precision}
    return {**facts, "refine": args.refine_root if args.refine else None, "mirrored_test": args.flip_test}


def training_folder(args: argparse.Namespace) -> Path:
    """The folder of a training run."""
    name = f"{args.checkpoint}_{args.frames}_{'refine' if args.refine else 'no_refine'}"
    return args.output or PROJECT / "checkpoint" / name


def files_of(args: argparse.Namespace) -> list[Path]:
    """The files of the networks that are used, that of the refine module last."""
    return args.averaged + ([args.previous_refine_name] if args.refine else [])


def evaluation_name(args: argparse.Namespace) -> str:
    """The name of an evaluation's folder: the checkpoint and whatever was asked for."""
    parts = [args.previous_dir.resolve().parent.name, *[path.stem for path in args.averaged],
             args.dataset, args.keypoints, f"tds{args.tds}"]
    parts += [args.precision] if args.precision != "float32" else []
    parts += ["refine", args.refine_root] if args.refine else []
    parts += [f"{name}{getattr(args, name)}" for name in ("test_stride", "downsample")
              if getattr(args, name) > 1]
    parts += [f"hop{window_of(args).hop}"] if args.every_frame else []
    parts += [f"smooth{args.smooth:g}"] if args.smooth else []
    parts += [f"height{args.body_height}"] if args.body_height else []
    parts += ["keep_root"] if args.keep_root else []
    return "_".join([*parts, *(args.cameras or []), *(args.actions or [])])
