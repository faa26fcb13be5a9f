"""FTCM: train a lifter, evaluate a checkpoint, lift the keypoints of a video, export a network."""
import os
import sys
import time
from argparse import Namespace
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":      # before torch loads OpenMP; why: experiments/__init__.py
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ |= {"GOMP_SPINCOUNT": "10000"} | os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}

import torch

from common import inputs, scores, terminal
from common.augmentation.augmenter import make_augmenter
from common.clips import Clip, downsample, hold_out, relayout, select, subset
from common.command import adoption, choices, option_values, options, records, several
from common.files import check_writable, near
from common.learning import averaging, batches, run_folder
from common.learning.teaching import Teachers
from common.learning.training import Training, first_state, refuse_too_large
from common.lift import Lifting
from common.refining import Refiner
from common.reporting import provenance, report
from common.running import ensemble, export_network, runtime
from common.running.distributed import Processes, choose_device
from common.skeleton import HUMAN36M, Skeleton, shared_joints
from common.video import backlog, live, own_video, player, stream
from common.weights import building, checkpoint, growing, pretraining
from common.windows import Window, Windows
from dataset import cmu_mocap, film, human36m, mpi_inf_3dhp, scores_3dhp
from dataset.keypoints import json_lines, reader
from model.folded import fold, form_of
from model.networks import MODELS
from model.refine import Refine

DATASETS = {"h36m": human36m, "cmu": cmu_mocap, "3dhp": mpi_inf_3dhp}


@dataclass(frozen=True)
class Command:
    """One command: its options, the words it was given, the device, this process among its peers."""
    args: Namespace
    argv: list[str]
    device: str
    processes: Processes = Processes()


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    return terminal.run_program("run_ftcm.py", execute, argv,
                                interrupted="whole epochs are saved, add --resume to continue a training")


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    if not argv:
        return print(options.OVERVIEW)
    args = options.parse(argv)
    device = choose_device(args.device, args.gpu)
    torch.manual_seed(args.seed)
    if any(getattr(args, name) for name in option_values.EXPORTS):
        export(args)
    elif args.predict:
        predict_video(args, device)
    else:
        command = Command(args, argv, device, Processes.start(device))
        with command.processes.only_writer_prints():
            (train if args.train else evaluate)(command)
        Processes.leave()


def load_clips(args, split: str) -> list[Clip]:
    """The clips of a split that the options choose."""
    dataset = DATASETS[args.dataset]
    options.refuse_unknown("--cameras", args.cameras, dataset.CAMERAS)
    clips = dataset.load(args.root_path, keypoints=args.keypoints, split=split, cameras=args.cameras)
    return downsample(select(clips, actions=args.actions), args.downsample)


def load_network(args) -> tuple[torch.nn.Module, dict]:
    """The network and the checkpoint in --previous_dir, or the one that ships; several as one (several.py).

    What the command line leaves out is set in `args` to what the file says; contradictions are a ValueError.
    """
    path = args.previous_dir
    if len(args.averaged) > 1:
        return several.load_ensemble(args, load_network, trained_layout)
    adoption.announce_shipped(args)
    saved = pretraining.load(path, MODELS, train=args.train, as_is=adoption.keeps_pretraining(args))
    network = MODELS[saved.get("network", "ftcm")]
    saved["model_args"] = building.with_defaults(saved["model_args"], network)
    saved = growing.grow(saved, args.frames) if args.grow else saved
    adoption.adopt(args, saved, path)
    saved = inputs.give_mask(saved) if args.mask else saved
    return building.build(network, saved, path), saved


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


def predict_clips(model, clips: list[Clip], window: Window, lifting: Lifting, *, refiner=None,
                  processes: Processes = Processes(), desc: str = "evaluate") -> dict[str, list]:
    """`ensemble.predict` by the fastest form of the network, clips dealt among the processes."""
    own = clips[processes.rank::processes.count]
    found = ensemble.predict(fold(model), own, window, lifting, refiner=refiner, desc=desc) if own else {}
    keys = ("pose", "lifted", "root") if refiner else ("pose",)
    return {key: processes.collect(found.get(key, []), len(clips)) for key in keys}


def train(command: Command) -> None:
    """Train, validate after every epoch, and score the best epoch at the end."""
    args, device, processes = command.args, command.device, command.processes
    model, saved = load_network(args) if args.reload else (None, None)
    if saved:
        refuse_layout(saved, DATASETS[args.dataset].SKELETON, args.previous_dir)
    run = run_folder.RunFolder(records.training_folder(args), resume=args.resume, writes=processes.is_writer)
    clips, held_out = hold_out(load_clips(args, "train"), args.val_subjects)
    clips = subset(clips, args.subset)
    test_clips = load_clips(args, "test") if args.test else []
    model_args = choices.network_arguments(args, num_joints=len(clips[0].skeleton.joints), saved=saved)
    refuse_too_large(MODELS[args.network], model_args, copies=5 + bool(args.ema) if device == "cpu" else 1)
    model = (model or MODELS[args.network](**model_args)).to(device)
    refiner = make_refiner(args, clips, device)
    if refiner and hasattr(model, "every_head"):
        model.every_head.requires_grad_(False)          # refining learns the target frame alone
    networks = [model] + ([refiner.network] if refiner else [])
    rates = [args.lr] + ([args.lr_refine or args.lr] if refiner else [])
    groups = [{"params": network.parameters(), "lr": rate} for network, rate in zip(networks, rates)]
    optimizer = torch.optim.Adam(groups, amsgrad=True, fused=device != "mps")

    def validate():
        clips, lifting = held_out or test_clips, choices.lifting_of(args, device, args.val_stride)
        found = predict_clips(model, clips, choices.window_of(args), lifting, refiner=refiner,
                              processes=processes, desc="validate")
        average = scores.score(clips, found["pose"])["average"]
        return {"p1": average["mpjpe"], "p2": average["p_mpjpe"]}

    compiled = [torch.compile(network) if args.compile else network for network in networks]
    training = Training(
        run=run, model=model, refiner=refiner, wrapped=[processes.wrap(network) for network in compiled],
        optimizer=optimizer, rates=rates, batches=training_batches(command, clips), seed=args.seed,
        processes=processes, schedule=choices.schedule_of(args), validate=validate if args.test else None,
        average=averaging.Average(networks, args.ema, optimizer) if args.ema else None,
        state=first_state(clips, records.training_facts(args), model_args))
    with run.held():
        if args.resume:
            adoption.resume(training, args)
        training.settle_form(form_of)
        run.write_options({**training.state["options"], **provenance.provenance(command.argv, device)})
        training.announce(device)
        training.fit(choices.step_of(args, model, training.batches), max_minutes=args.max_minutes)
        if args.test:
            score_best(training, test_clips, command)
        else:
            run.log(f"Not evaluated. Last epoch: {run.last}")


def training_batches(command: Command, clips: list[Clip]) -> batches.TrainingBatches:
    """The windows of `clips` as the options batch, flip and augment them; this process's share."""
    args, share = command.args, (command.processes.rank, command.processes.count)
    augment = make_augmenter(args.augment, clips, noise=cmu_mocap.read_noise(), tds=args.tds)
    teach = load_teachers(args, command.device)
    window = teach.window if teach else choices.window_of(args)
    windows = Windows(clips, window, device=command.device, mirror=args.flip)
    return batches.TrainingBatches(windows, choices.sampling_of(args), augment=augment, share=share,
                                   generator=torch.Generator().manual_seed(args.seed), teach=teach)


def load_teachers(args, device: str) -> Teachers | None:
    """The networks in --teacher; None without."""
    models, given = [], []
    for path in args.teacher or ():
        model, saved = load_network(own := options.teacher_options(args, path))
        refuse_layout(saved, DATASETS[args.dataset].SKELETON, path)
        models.append(fold(model, timed=False).to(device))      # the same bits after --resume
        given.append(choices.window_of(own).inputs)
    return Teachers(models, choices.window_of(args), whole=args.every_frame, inputs=given) if models else None


def score_best(training: Training, clips: list[Clip], command: Command) -> None:
    """Score the best epoch of a training on the test clips and say where its files are."""
    run = training.run
    command.processes.wait()                            # until the writer has left the best epoch's files
    best = [run.folder / name for name in training.state["best"]["files"]]
    saved = checkpoint.load(best[0])
    building.load_weights(training.model, saved["model"], best[0])
    if training.refiner:
        checkpoint.load_refine(training.refiner.network, best[1])
    score_clips(training.model, training.refiner, saved, clips, command, folder=run.folder, paths=best)
    print(f"Curves: {run.folder / 'curves.png'}   log: {run.folder / 'train.log'}\n"
          f"Best checkpoint: {' and '.join(map(str, best))}")


def evaluate(command: Command) -> None:
    """Score the checkpoint in --previous_dir on the test subjects."""
    args, (model, saved) = command.args, load_network(command.args)
    folder = check_writable(args.output or options.PROJECT / "checkpoint" / records.evaluation_name(args))
    if args.export_mat:
        check_writable(args.export_mat.parent)
        refuse_layout(saved, mpi_inf_3dhp.SKELETON, args.previous_dir)
    clips = relayout(load_clips(args, "test"), trained_layout(saved))
    score_clips(model.to(command.device), make_refiner(args, clips, command.device), saved, clips, command,
                folder=folder, paths=records.files_of(args))


def score_clips(model, refiner: Refiner | None, saved: dict, clips: list[Clip], command: Command, *,
                folder: Path, paths: list[Path]) -> None:
    """Predict `clips`, print the table, say what it is and is not, write scores and an animation.

    Where the network was trained on another joint layout than the data set's, the shared joints count.
    """
    args, device, started, window = command.args, command.device, time.time(), choices.window_of(command.args)
    lifting = choices.lifting_of(args, device, args.test_stride)
    form = runtime.prepare(model, fold, lifting, choices.computing_of(args, device, command.processes.count))
    found = predict_clips(form, clips, window, lifting, refiner=refiner, processes=command.processes)
    if not command.processes.is_writer:
        return
    recorded, trained = DATASETS[args.dataset].SKELETON, clips[0].skeleton
    shared = None if trained is recorded else shared_joints(recorded, trained)
    facts = {**records.evaluation_facts(args), "hop": window.hop, "shared_joints": shared,
             "checkpoint": [str(near(path)) for path in paths], "evaluation_seconds": time.time() - started,
             "parameters": sum(weight.numel() for weight in model.parameters()),
             "form": None if lifting.amp else form_of(form), **provenance.provenance(command.argv, device)}
    summary = report.summarise(clips, found, saved, facts)
    report.print_report(summary)
    if args.dataset == "3dhp" and shared is None:
        activities = mpi_inf_3dhp.load_activities(args.root_path, args.downsample)
        summary["official"] = scores_3dhp.evaluate_clips(clips, found["pose"], activities)
        print(scores_3dhp.report_text(summary["official"]) + "\n")
    shown = report.representative(clips, found["pose"])
    poses, = predict_clips(form, [clips[shown]], window, choices.lifting_of(args, device), refiner=refiner,
                           desc="animate")["pose"]
    report.write_report(folder, summary, clips[shown], poses)
    if args.export_mat:
        scores_3dhp.export_mat(args.export_mat, scores_3dhp.scored_millimetres(clips, found["pose"]))
        print(f"Predictions for the official script: {args.export_mat}")


def predict_video(args, device: str) -> None:
    """Lift the keypoints in --predict, a file or standard input, and write the poses."""
    with redirect_stdout(sys.stderr if args.predict == options.LIVE else sys.stdout):
        model, saved = load_network(args)
        refuse_layout(saved, HUMAN36M, args.previous_dir)
        lifting, trained_fps = choices.lifting_of(args, device), saved.get("fps", 50)
        model = runtime.prepare(model.to(device), fold, lifting, choices.computing_of(args, device))
    facts = {"layout": args.layout, "width": args.width, "height": args.height, "fps": args.fps}
    place = own_video.Placement(args.root == "estimate", args.fov, "fov" in args.given, args.level,
                                args.roll, args.smooth, args.input != "screen", args.fit, args.body_height)
    finder = film.Detector(args.detector, args.detector_model, args.person_model, bool(args.person), args.fps)
    if args.predict == options.LIVE:
        read = sys.stdin.buffer if args.camera is None else film.open_camera(args.camera, finder)
        lines = backlog.Backlog(read) if args.view else None
        frames = json_lines.KeypointStream(live.read_until_interrupted(lines or read), args.mask, **facts)
        frames.notes += records.describe_size(args)
        lifter = stream.make_lifter(model, choices.window_of(args), lifting, HUMAN36M, fov=args.fov)
        return live.lift_stream(frames, lifter, trained_fps=trained_fps, placement=place, backlog=lines)
    folder = check_writable(args.output or options.PROJECT / "checkpoint" / f"poses_{args.predict.stem}")
    shown = args.film and player.open_film(*args.film, folder)
    path, notes = film.keypoints_of(args.predict, folder, finder, (args.begin, args.end))
    people, read = reader.read_people(path, args.person, **facts, begin=args.begin, end=args.end)
    people, poses, more = own_video.lift_recordings(people, place, trained_fps, lambda clip: predict_clips(
        model, [clip], choices.window_of(args), lifting, desc="lift")["pose"][0])
    said = own_video.write_outputs(folder, people, poses, place, own_video.Wanted(
        args.predict.stem, args.pictures, args.picture_fps, args.bvh_names, shown, args.everybody))
    print("\n".join([*notes, *read, *more, *records.describe_size(args), *said]))


def export(args) -> None:
    """Write the network in --previous_dir in the form that one of option_values.EXPORTS asks for."""
    model, saved = load_network(args)
    kind = next(name for name in option_values.EXPORTS if getattr(args, name))
    path = check_writable(getattr(args, kind).parent) / getattr(args, kind).name
    export_network.save_network(kind, path, fold(model.eval()), saved)
    print(f"Written: {path} ({path.stat().st_size / 1e6:.1f} MB).", choices.window_of(args).inputs.describe())


if __name__ == "__main__":
    sys.exit(main())
