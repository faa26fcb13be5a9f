"""What the options choose in other rooms: windows, lifting, computing, a network, training steps."""
import argparse
from functools import partial

from common.batch_sizes import default_hop, inference_windows, training_windows
from common.command.networks import NETWORKS
from common.command.option_values import LIVE
from common.inputs import Inputs
from common.learning.batches import Sampling, TrainingBatches
from common.learning.schedule import Schedule
from common.learning.steps import Step
from common.lift import Lifting
from common.running.runtime import Computing
from common.windows import Window


def window_of(args: argparse.Namespace) -> Window:
    """The window that the options and the checkpoint ask for."""
    whole = args.every_frame and args.target == "center"
    hop = (args.hop or default_hop(args.frames)) if whole else None
    return Window(frames=args.frames, tds=args.tds, target=args.target, hop=hop,
                  inputs=Inputs(args.input, args.mask))


def lifting_of(args: argparse.Namespace, device: str, every: int = 1) -> Lifting:
    """How the options lift: every `every`-th frame. On a CPU a batch is small enough for its caches."""
    amp = args.amp or args.precision == "bf16"
    windows = inference_windows(args.frames * NETWORKS[args.network].vectors, device)
    return Lifting(batch_size=args.eval_batch_size or windows, flip_test=args.flip_test, every=every,
                   smooth=args.smooth, amp=amp, keep_root=args.keep_root, device=device,
                   height=args.body_height if args.stature else None)


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
