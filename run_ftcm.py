"""FTCM from the command line: train a lifter, evaluate a checkpoint.

`python run_ftcm.py --help` lists the options.
"""
import contextlib
import os
import re
import sys
import time
from inspect import signature
from pathlib import Path

import torch

from common import export_network as network_files
from common import checkpoint, engine, options, report, scores, terminal
from common.video import live, own_video
from common.augment import Augmenter
from common.batch_sizes import default_hop, inference_windows, training_windows
from common.command_line import BadOptions
from common.clips import Clip, downsample, relayout, select, subset, without
from common.untrusted.fields import CHECKPOINT
from common.files import check_writable
from common.distributed import Processes
from common.provenance import provenance
from common.run_folder import RunFolder
from common.lift import Lifting
from common.refining import Refiner
from common.video.stream import Lifter, SequenceLifter
from common.training import Schedule, Training
from common.windows import Sampling, TrainingBatches, Window, Windows
from common.skeleton import HUMAN36M, Skeleton, shared_joints
from dataset import cmu_mocap, human36m, mpi_inf_3dhp, scores_3dhp
from dataset.keypoints import reader
from dataset.keypoints.json_lines import KeypointStream
from model.baselines import SingleFrame, TemporalConv
from model.folded import fold
from model.ftcm import FTCM
from model.refine import Refine

DATASETS = {"h36m": human36m, "cmu": cmu_mocap, "3dhp": mpi_inf_3dhp}
MODELS = {"ftcm": FTCM, "single_frame": SingleFrame, "temporal_conv": TemporalConv}
BAD_INPUT = (ValueError, OSError, ImportError, FloatingPointError)
# What PyTorch's other errors say where memory is lacking, or a size is beyond any memory.
OUT_OF_MEMORY = re.compile("can't allocate memory|not enough memory|out of memory|overflow", re.IGNORECASE)


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    heard, failed = terminal.open_streams(), None
    try:
        execute(options.program_arguments(argv))
        Processes.leave()
    except BadOptions as error:
        if heard is not sys.stderr:
            print(f"run_ftcm.py: error: {error}", file=heard)
        raise
    except KeyboardInterrupt:
        print("\nrun_ftcm.py: interrupted; whole epochs are saved, add --resume to continue a training",
              file=heard)
        return 130
    except Exception as error:
        if sentence(error) is None:
            raise
        failed = error
    problem = terminal.output_problem(failed) or (failed and sentence(failed))
    if problem:
        print(f"run_ftcm.py: error: {problem}", file=heard)
    return 2 if problem else 0


def sentence(error: BaseException) -> str | None:
    """What was wrong with the input or the machine; None where the fault is the program's."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
            isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error))):
        return ("out of memory; lower --micro_batch or --eval_batch_size, a new network's --frames, --d_hid "
                "or --layers, or use fewer clips (--cameras, --actions)")
    return str(error) if isinstance(error, (*BAD_INPUT, BadOptions)) else None


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    args = options.parse(argv)
    device = choose_device(args.device, int(os.environ.get("LOCAL_RANK", args.gpu)))
    torch.manual_seed(args.seed)
    if any(getattr(args, name) for name in options.EXPORTS):
        export_network(args)
    elif args.predict:
        predict_video(args, device)
    else:
        processes = Processes.start(device)
        with processes.only_writer_prints():
            (train if args.train else evaluate)(args, argv, device, processes)


def choose_device(name: str, gpu: int) -> str:
    """The torch device of --device and --gpu; switches reduced precision off."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, present in available.items() if present)
    if not available[name]:
        raise ValueError(f"--device {name} was asked for, but PyTorch finds no such device here. "
                         "Use --device auto.")
    if name == "cuda" and not 0 <= gpu < torch.cuda.device_count():
        raise ValueError(f"--gpu must be one of 0 to {torch.cuda.device_count() - 1}, got {gpu}.")
    torch.backends.cudnn.allow_tf32 = False         # the published figures are float32
    return f"cuda:{gpu}" if name == "cuda" else name


def load_clips(args, split: str) -> list[Clip]:
    """The clips of a split that the options choose."""
    dataset = DATASETS[args.dataset]
    unknown = sorted(set(args.cameras or ()) - set(dataset.CAMERAS))
    if unknown:
        raise ValueError(f"--cameras {', '.join(unknown)} does not exist; "
                         f"choose from {', '.join(dataset.CAMERAS)}.")
    clips = dataset.load(args.root_path, keypoints=args.keypoints, split=split, cameras=args.cameras)
    clips = select(clips, actions=args.actions)
    longest = max(map(len, clips))
    if args.downsample > longest:
        raise ValueError(f"--downsample {args.downsample} is more than the {longest} frames of the longest "
                         f"{split} clip. Choose a smaller number.")
    return downsample(clips, args.downsample)


def load_weights(args) -> tuple[FTCM, dict]:
    """The network and the checkpoint in --previous_dir, or the one that ships.

    Options that the command line leaves out are set in `args` to what the file says; a checkpoint that nobody
    named does not choose the data set. What the file leaves out has the network's default. ValueError where
    the command line contradicts the file.
    """
    path = args.previous_dir
    if args.shipped:
        announce_shipped(path)
    saved = checkpoint.load(path)
    network = saved.get("network", "ftcm")
    defaults = {name: parameter.default for name, parameter in signature(MODELS[network]).parameters.items()}
    saved["model_args"] = defaults | saved["model_args"]
    adopt(args, {"network": network, "target": "center", **saved["model_args"], **saved["data"]}, path)
    problem = options.find_meaningless(network, args.given, path) or options.find_network_problem(args, path)
    if problem:
        raise ValueError(problem + ".")
    if "channel" in args.given and args.channel != saved["model_args"]["dim"] // 2:
        raise ValueError(f"{path} has {saved['model_args']['dim'] // 2} channels in each unit, the command "
                         f"line says --channel {args.channel}. Drop that option.")
    model_args = saved["model_args"] | {"dropout": args.dropout}
    model = checkpoint.build(MODELS[network], model_args, saved["model"], path)
    if model.num_joints != 17:
        raise ValueError(f"{path} is for {model.num_joints} joints; every data set here has 17. "
                         "Choose another checkpoint.")
    return model, saved


def adopt(args, facts: dict, path: Path) -> None:
    """Set the options that the command line leaves out to the `facts` of the checkpoint `path`.

    The data set and the dropout may differ from the checkpoint's: both say nothing of its weights. Any other
    contradiction is a ValueError.
    """
    for name in options.OF_A_CHECKPOINT:
        wanted, found = getattr(args, name), facts.get(name, getattr(args, name))
        of_data = name in ("dataset", "keypoints")
        if name not in args.given:
            if not (of_data and (args.shipped or "dataset" in args.given)):
                setattr(args, name, found)
        elif wanted != found and not of_data and name != "dropout":
            raise ValueError(f"{path} was trained with {options.spelt([name])} {options.written(found)}, "
                             f"the command line says {options.written(wanted)}. Drop that option or choose "
                             "another checkpoint.")


def announce_shipped(path: Path) -> None:
    """Say that nobody named a checkpoint and which one is used; FileNotFoundError where it is absent."""
    if not path.is_file():
        raise FileNotFoundError(f"The checkpoint that ships, {path}, is missing. Restore it with git, or "
                                "name another with --reload 1 --previous_dir FILE.")
    print(f"No --previous_dir: using the checkpoint that ships, {path}")


def trained_layout(saved: dict) -> Skeleton:
    """The joint layout of a checkpoint; the original release was trained on Human3.6M only."""
    return DATASETS[saved["data"].get("dataset", "h36m")].SKELETON


def refuse_layout(saved: dict, skeleton: Skeleton, path: Path) -> None:
    """Raise ValueError where a checkpoint was trained on other joints than `skeleton`."""
    if trained_layout(saved) is not skeleton:
        raise ValueError(f"{path} was trained on the joints of {trained_layout(saved).name}, "
                         f"not of {skeleton.name}. Choose another checkpoint.")


def make_refiner(args, clips: list[Clip], device: str) -> Refiner | None:
    """The refine step that the options ask for; None without --refine."""
    if not args.refine:
        return None
    network = Refine(num_joints=len(clips[0].skeleton.joints))
    if args.refine_reload:
        checkpoint.load_refine(network, args.previous_refine_name)
    return Refiner(network.to(device), root_source=args.refine_root, clips=clips)


def window_of(args) -> Window:
    """The window that the options and the checkpoint ask for."""
    hop = (args.hop or default_hop(args.frames)) if args.every_frame else None
    return Window(frames=args.frames, tds=args.tds, target=args.target, hop=hop)


def lifting_of(args, device: str, every: int = 1) -> Lifting:
    """How the options lift: every `every`-th frame. On a CPU a batch is small enough for its caches."""
    return Lifting(batch_size=args.eval_batch_size or inference_windows(args.frames, device),
                   flip_test=args.flip_test, every=every, smooth=args.smooth, amp=args.amp, device=device)


def predict(model, clips: list[Clip], window: Window, lifting: Lifting, *, refiner=None,
            processes: Processes = Processes(), desc: str = "predict") -> dict[str, list]:
    """`engine.predict` by the fastest form of the network, clips dealt among the processes."""
    model = fold(model) if isinstance(model, FTCM) and not lifting.amp else model
    own = clips[processes.rank::processes.count]
    found = engine.predict(model, own, window, lifting, refiner=refiner, desc=desc) if own else {}
    keys = ("pose", "lifted", "root") if refiner else ("pose",)
    return {key: processes.collect(found.get(key, []), len(clips)) for key in keys}


def train(args, argv: list[str], device: str, processes: Processes) -> None:
    """Train, validate after every epoch, and score the best epoch at the end."""
    model = reloaded_model(args) if args.reload else None
    name = f"{args.checkpoint}_{args.frames}_{'refine' if args.refine else 'no_refine'}"
    run = RunFolder(args.output or options.PROJECT / "checkpoint" / name, resume=args.resume,
                    writes=processes.is_writer)
    clips, held_out = training_clips(args)
    test_clips = load_clips(args, "test") if args.test else []
    model_args = network_arguments(args, num_joints=len(clips[0].skeleton.joints))
    refuse_too_large(MODELS[args.network], model_args, copies=5 if device == "cpu" else 1)
    model = (model or MODELS[args.network](**model_args)).to(device).use_fast(True)
    refiner = make_refiner(args, clips, device)
    networks = [model] + ([refiner.network] if refiner else [])
    rates = [args.lr] + ([args.lr_refine or args.lr] if refiner else [])
    optimizer = torch.optim.Adam([{"params": network.parameters(), "lr": rate}
                                  for network, rate in zip(networks, rates)],
                                 amsgrad=True, fused=device.startswith("cuda"))

    def validate():
        validation = held_out or test_clips
        found = predict(model, validation, window_of(args), lifting_of(args, device, args.val_stride),
                        refiner=refiner, processes=processes, desc="validate")
        average = scores.score(validation, found["pose"])["average"]
        return {"p1": average["mpjpe"], "p2": average["p_mpjpe"]}

    compiled = [torch.compile(network) if args.compile else network for network in networks]
    training = Training(
        run=run, model=model, refiner=refiner, wrapped=[processes.wrap(network) for network in compiled],
        optimizer=optimizer, rates=rates, batches=training_batches(args, clips, device, processes),
        processes=processes, seed=args.seed, validate=validate if args.test else None,
        schedule=Schedule(args.epochs, args.lr_decay, args.lr_decay_large, args.large_decay_epoch),
        state=first_state(args, clips, model_args))
    with run.held():
        if args.resume:
            training.resume()
        run.write_options({**training.state["options"], **provenance(argv, device)})
        announce_training(args, training, device)
        step = engine.Step(micro_batch=args.micro_batch or training_windows(args.frames),
                           velocity=args.velocity_weight, amp=args.amp)
        training.fit(step, max_minutes=args.max_minutes)
        if args.test:
            score_best(training, test_clips, args, argv, device)
        else:
            run.log(f"Not evaluated (--test 0). Last epoch: {run.last}")


def refuse_too_large(network: type, arguments: dict, *, copies: int) -> None:
    """ValueError where this computer's memory cannot hold so many copies of a network's weights.

    Training takes five: weights, gradients and three of the optimiser.
    """
    if not hasattr(os, "sysconf"):
        return
    with torch.device("meta"):                          # tensors without memory
        count = sum(parameter.numel() for parameter in network(**arguments).parameters())
    needed, there = 4 * count * copies, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ValueError(f"A network of {count:,} weights needs {needed / 1e9:,.0f} GB of memory; this "
                         f"computer has {there / 1e9:,.0f}. Lower --frames, --d_hid or --layers.")


def reloaded_model(args) -> FTCM:
    """The network in --previous_dir, fit for training on with the options; ValueError where it is not."""
    model, saved = load_weights(args)
    refuse_layout(saved, DATASETS[args.dataset].SKELETON, args.previous_dir)
    return model


def training_clips(args) -> tuple[list[Clip], list[Clip]]:
    """The clips to train on and those of --val_subjects."""
    clips = load_clips(args, "train")
    held_out = select(clips, subjects=args.val_subjects) if args.val_subjects else []
    clips = subset(without(clips, args.val_subjects), args.subset)
    if not clips:
        raise ValueError("--val_subjects holds out every training subject; leave at least one to train on.")
    return clips, held_out


def training_batches(args, clips: list[Clip], device: str, processes: Processes) -> TrainingBatches:
    """The windows of `clips` as the options batch, mirror and augment them; this process's share."""
    windows = Windows(clips, window_of(args), device=device, mirror=args.flip)
    sampling = Sampling(args.batch_size, stride=args.stride, mirror=args.flip, reverse=args.reverse,
                        whole=args.every_frame)
    return TrainingBatches(windows, sampling, generator=torch.Generator().manual_seed(args.seed),
                           augment=make_augmenter(args, clips), share=(processes.rank, processes.count))


def first_state(args, clips: list[Clip], model_args: dict) -> dict:
    """What a checkpoint says of a training that has not begun (common/checkpoint.py).

    Raises ValueError where a checkpoint with these options could not be read again.
    """
    selection = None if not args.test else "test subjects" if not args.val_subjects else (
        f"held-out subjects {', '.join(args.val_subjects)}")
    return CHECKPOINT.take({
        "format": checkpoint.FORMAT, "network": args.network, "epoch": 0, "best": {}, "history": [],
        "selection": selection, "model_args": model_args, "options": options.plain(args),
        "data": {"dataset": args.dataset, "keypoints": args.keypoints, "tds": args.tds,
                 "target": args.target},
        "fps": clips[0].fps, "mean_pose": torch.from_numpy(scores.mean_pose(clips)),
    }, "")


def announce_training(args, training: Training, device: str) -> None:
    """Log how much is trained on and what selects the best epoch."""
    batches, count = training.batches, training.processes.count
    targets, total = len(batches.rows), batches.windows.num_rows
    training.run.log(
        f"{args.dataset} {args.keypoints}: {len(batches.windows.clips)} clips, {targets:,} of {total:,} "
        f"frames are targets, {targets * batches.versions:,} windows an epoch; {device}"
        + (f", {count} processes" if count > 1 else "") + f"; seed {args.seed}")
    if training.state["selection"]:
        training.run.log(f"The best epoch is selected on the {training.state['selection']}"
                         + ("." if args.val_subjects else ", as in the paper."))


def score_best(training: Training, clips: list[Clip], args, argv: list[str], device: str) -> None:
    """Score the best epoch of a training on the test clips and say where its files are."""
    run, state, processes = training.run, training.state, training.processes
    processes.wait()                                    # until the writer has left the best epoch's files
    best = [run.folder / name for name in state["best"]["files"]]
    saved = checkpoint.load(best[0])
    checkpoint.load_weights(training.model, saved["model"], best[0])
    if training.refiner:
        checkpoint.load_refine(training.refiner.network, best[1])
    score(training.model, training.refiner, saved, clips, args, argv, device, folder=run.folder, paths=best,
          processes=processes)
    print(f"Curves: {run.folder / 'curves.png'}   log: {run.folder / 'train.log'}\n"
          f"Best checkpoint: {' and '.join(map(str, best))}")


def make_augmenter(args, clips: list[Clip]) -> Augmenter | None:
    """What --augment asks for; None without it."""
    if not args.augment:
        return None
    if any(clip.root is None or clip.up is None or clip.intrinsics is None for clip in clips):
        raise ValueError("--augment moves the camera and so needs root, intrinsics and vertical of every "
                         f"clip, which {args.dataset} files lack. Drop it.")
    return Augmenter(args.augment, skeleton=clips[0].skeleton, noise=cmu_mocap.read_noise(), tds=args.tds,
                     generator=torch.Generator())


def network_arguments(args, *, num_joints: int) -> dict:
    """The arguments of --network's class that the options ask for."""
    shared = {"num_joints": num_joints, "frames": args.frames, "dim": args.dim, "dropout": args.dropout}
    if args.network != "ftcm":
        return shared | ({"depth": args.depth} if args.network == "single_frame" else {})
    return {**shared, "depth": args.depth, "units": args.units, "fpm_filter": args.fpm_filter,
            "every_frame": args.every_frame}


def evaluate(args, argv: list[str], device: str, processes: Processes) -> None:
    """Score the checkpoint in --previous_dir on the test subjects."""
    model, saved = load_weights(args)
    parts = [args.previous_dir.resolve().parent.name, args.previous_dir.stem, args.dataset, args.keypoints,
             f"tds{args.tds}", *(["refine", args.refine_root] if args.refine else []),
             *[f"{name}{getattr(args, name)}" for name in ("test_stride", "downsample")
               if getattr(args, name) > 1],
             *([f"hop{window_of(args).hop}"] if args.every_frame else []),
             *([f"smooth{args.smooth:g}"] if args.smooth else []),
             *(args.cameras or []), *(args.actions or [])]
    name = "_".join(parts)
    folder = check_writable(args.output or options.PROJECT / "checkpoint" / name)
    if args.export_mat:
        check_writable(args.export_mat.parent)
    clips = load_clips(args, "test")
    trained = trained_layout(saved)
    if args.export_mat and (trained is not clips[0].skeleton or args.dataset != "3dhp"):
        raise ValueError("--export_mat needs a checkpoint that was trained on the 3dhp joints, "
                         "evaluated on 3dhp.")
    shared = None if trained is clips[0].skeleton else shared_joints(clips[0].skeleton, trained)
    clips = relayout(clips, trained)
    refiner = make_refiner(args, clips, device)
    paths = [args.previous_dir] + ([args.previous_refine_name] if refiner else [])
    score(model.to(device), refiner, saved, clips, args, argv, device, folder=folder, paths=paths,
          shared=shared, processes=processes)


def score(model, refiner, saved: dict, clips: list[Clip], args, argv: list[str], device: str, *, folder: Path,
          paths: list[Path], shared: list[str] | None = None, processes: Processes = Processes()) -> None:
    """Predict `clips`, print the table, say what it is and is not, write scores and an animation.

    `shared` names the joints that count where the network was trained on another joint layout.
    """
    started = time.time()
    window = window_of(args)
    found = predict(model, clips, window, lifting_of(args, device, args.test_stride), refiner=refiner,
                    processes=processes, desc="evaluate")
    if not processes.is_writer:
        return
    facts = {"dataset": args.dataset, "keypoints": args.keypoints, "frames": args.frames, "tds": args.tds,
             "target": args.target, "hop": window.hop, "smooth": args.smooth,
             "refine": args.refine_root if refiner else None, "mirrored_test": args.flip_test,
             "test_stride": args.test_stride, "cameras": args.cameras, "actions": args.actions,
             "downsample": args.downsample, "shared_joints": shared,
             "checkpoint": [str(near(path)) for path in paths],
             "parameters": sum(p.numel() for p in model.parameters()),
             "evaluation_seconds": time.time() - started, "seed": args.seed, **provenance(argv, device)}
    summary = report.summarise(clips, found, saved, facts)
    report.print_report(summary)
    if args.dataset == "3dhp" and shared is None:
        summary["official"] = score_3dhp(clips, found["pose"], args)
    shown = report.representative(clips, found["pose"])
    poses, = predict(model, [clips[shown]], window, lifting_of(args, device), refiner=refiner,
                     desc="animate")["pose"]
    report.write_report(folder, summary, clips[shown], poses)
    if args.export_mat:
        scores_3dhp.export_mat(args.export_mat, scores_3dhp.scored_millimetres(clips, found["pose"]))
        print(f"Predictions for the official script: {args.export_mat}")


def score_3dhp(clips: list[Clip], poses: list, args) -> dict:
    """Print the official MPI-INF-3DHP tables of `poses` (N, 17, 3), metres, a clip."""
    activities = mpi_inf_3dhp.load_activities(args.root_path)
    activities = {name: numbers[::args.downsample] for name, numbers in activities.items()}
    official = scores_3dhp.evaluate_clips(clips, poses, activities)
    print(scores_3dhp.report_text(official) + "\n")
    return official


def predict_video(args, device: str) -> None:
    """Lift the keypoints in --predict, a file or standard input, and write the poses."""
    with contextlib.redirect_stdout(sys.stderr if args.predict == options.LIVE else sys.stdout):
        model, saved = load_weights(args)
    refuse_layout(saved, HUMAN36M, args.previous_dir)
    model, trained_fps = model.to(device), saved.get("fps", 50)
    facts = {"layout": args.layout, "width": args.width, "height": args.height, "fps": args.fps}
    wanted = own_video.Placement(fov=args.fov if args.root == "estimate" else None, pitch=args.level,
                                 seconds=args.smooth)
    if args.predict == options.LIVE:
        stream = KeypointStream(live.lines_until_interrupted(sys.stdin.buffer), **facts)
        live.run(stream, make_lifter(model, args, device), trained_fps=trained_fps, wanted=wanted)
        return
    recording = reader.read(args.predict, **facts, person=args.person)
    folder = check_writable(args.output or options.PROJECT / "checkpoint" / f"poses_{args.predict.stem}")
    clip = reader.to_clip(recording)
    poses, notes = own_video.lift(clip, trained_fps, lambda clip: predict(
        model, [clip], window_of(args), lifting_of(args, device), desc="lift")["pose"][0])
    notes += own_video.write(folder, clip, poses, wanted, pixels=recording.keypoints,
                             size=(recording.width, recording.height))
    print("\n".join([*recording.notes, *notes]))


def make_lifter(model, args, device: str) -> Lifter | SequenceLifter:
    """What lifts one frame at a time with the options' windows."""
    model = fold(model) if isinstance(model, FTCM) else model
    shared = {"frames": args.frames, "skeleton": HUMAN36M, "flip_test": args.flip_test, "device": device}
    if args.every_frame and args.tds > 1:
        raise ValueError("--predict - lifts with --every_frame networks of tds 1 only, "
                         f"{args.previous_dir} has {args.tds}. Lift a file, or choose another checkpoint.")
    if args.every_frame:
        return SequenceLifter(model, hop=window_of(args).hop, **shared)
    return Lifter(model, tds=args.tds, target=args.target, **shared)


def near(path: Path) -> Path:
    """The path as seen from the working folder where it lies inside: commands then hold on other machines."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def export_network(args) -> None:
    """Write the network in --previous_dir in the form that one of options.EXPORTS asks for."""
    model, saved = load_weights(args)
    kind, path = next((name, path) for name in options.EXPORTS if (path := getattr(args, name)))
    released = checkpoint.to_release(saved) if kind == "export_release" else None
    check_writable(path.parent)
    if released:
        checkpoint.save(path, released)
    elif kind == "export_weights":
        checkpoint.save(path, checkpoint.to_half(saved))
    else:
        save = network_files.save_onnx if kind == "export_onnx" else network_files.save_program
        save(path, fold(model) if args.network == "ftcm" else model.eval())
    print(f"Written: {path} ({path.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    sys.exit(main())
