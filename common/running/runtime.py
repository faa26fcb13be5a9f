"""What computes a network: PyTorch or ONNX Runtime, in float32 or in fewer bits.

Which is faster depends on the processor and on how many windows come at once, so it is measured.
"""
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import nn

from common.lift import Lifting, lift
from common.running import export_network
from common.running.ensemble import Ensemble
from common.skeleton import HUMAN36M

RUNTIMES = {"torch": "PyTorch", "onnx": "ONNX Runtime"}
PRECISIONS = ["float32", "bf16", "int8"]
ROUNDS, SECONDS = 30, 0.5       # at most, when forms of a network are timed


@dataclass(frozen=True)
class Computing:
    """What is asked for.

    runtime    "torch", "onnx", or "auto": PyTorch; for one window at a time the faster of the two
    precision  one of PRECISIONS
    live       one window comes at a time: on one thread, PyTorch's too from now on
    """
    runtime: str = "auto"
    precision: str = "float32"
    live: bool = False


def prepare(model: nn.Module, fold: Callable[[nn.Module], nn.Module], lifting: Lifting,
            computing: Computing) -> nn.Module:
    """The network, or each of an Ensemble, in the form for inference that `computing` asks for.

    `fold` gives PyTorch's form. bf16 is computed by autocast, for which `lifting.amp` is set. Raises
    ImportError without the packages of ONNX Runtime, ValueError where fewer bits are not faster than float32.
    """
    if computing.live:
        torch.set_num_threads(1)                        # one window is too little work for several
    if isinstance(model, Ensemble):
        return model.change(lambda network, own: prepare(network, fold, own, computing))
    network = fold(model.eval())
    forms = make_forms(network, computing)
    if len(forms) == 1:
        return next(iter(forms.values()))
    taken = time_forms(forms, network, lifting, windows=1 if computing.live else lifting.batch_size)
    print("Milliseconds a pass: " + ", ".join(
        f"{RUNTIMES[runtime]} {precision} {1000 * seconds:.1f}"
        for (runtime, precision), seconds in taken.items()) + ".")
    best = min((key for key in taken if key[1] == computing.precision), key=taken.get)
    if taken[best] > min(taken.values()):
        raise ValueError(f"--precision {computing.precision} is not faster than float32 on this machine "
                         f"({1000 * taken[best]:.1f} ms a pass, float32 {1000 * min(taken.values()):.1f}). "
                         "Drop --precision.")
    return forms[best]


def make_forms(network: nn.Module, computing: Computing) -> dict[tuple[str, str], nn.Module]:
    """The forms that may be taken, by runtime and precision; with fewer bits those in float32 as well."""
    threads = 1 if computing.live else torch.get_num_threads()
    forms = {} if computing.runtime == "onnx" else {("torch", "float32"): network}
    if computing.precision == "bf16":
        forms["torch", "bf16"] = network
    if computing.runtime == "onnx" or computing.precision == "int8" or chooses(computing):
        if not export_network.onnx_is_here():
            raise ImportError("--runtime onnx and --precision int8 need the packages onnx, onnxscript and "
                              "onnxruntime: python -m pip install onnx onnxscript onnxruntime")
        content = export_network.onnx_bytes(network)
        forms["onnx", "float32"] = export_network.OnnxNetwork(network, content, threads)
        if computing.precision == "int8":
            forms["onnx", "int8"] = export_network.OnnxNetwork(network, to_int8(content), threads)
    return forms


def chooses(computing: Computing) -> bool:
    """Whether ONNX Runtime is timed beside PyTorch for one window at a time."""
    return computing.runtime == "auto" and computing.live and export_network.onnx_is_here()


def to_int8(content: bytes) -> bytes:
    """An ONNX file whose products have weights of 8 bits, one scale a column; inputs are rounded on the way.

    One scale holds for the inputs of all windows of a pass, so that windows change one another a little. The
    first and the last product stay float32, and those of what a LayerNorm gives: a few of its channels are so
    much larger than the others that one scale is too coarse.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    model = onnx.load_from_string(content)
    weights = {tensor.name for tensor in model.graph.initializer}
    normalised = {node.output[0] for node in model.graph.node if node.op_type == "LayerNormalization"}
    products = [node for node in model.graph.node if node.op_type in ("MatMul", "Gemm")
                and node.input[1] in weights]
    kept = [node.name for node in products if node.input[0] in normalised
            or node in (products[0], products[-1])]
    kept += [f"{name}_MatMul" for name in kept]         # what the quantizer calls a Gemm
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)                    # advice on other ways to make the file
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            quantize_dynamic(model, path, weight_type=QuantType.QInt8, per_channel=True,
                             op_types_to_quantize=["MatMul"], nodes_to_exclude=kept)
            return path.read_bytes()
    finally:
        logging.disable(disabled)


def time_forms(forms: dict[tuple[str, str], nn.Module], network: nn.Module, lifting: Lifting, *,
               windows: int) -> dict[tuple[str, str], float]:
    """The least seconds of one pass of `windows` windows in each form, in rounds that take them in turn."""
    keypoints = torch.rand_like(export_network.example(network, windows)).to(lifting.device)
    passes = {key: partial(one_pass, form, keypoints, flip_test=lifting.flip_test, amp=key[1] == "bf16")
              for key, form in forms.items()}
    taken = {key: [] for key in forms}
    for work in passes.values():
        time_once(work)                                 # the first pass also makes what is kept
    started = time.perf_counter()
    for done in range(ROUNDS):
        if done and time.perf_counter() - started > SECONDS:
            break
        for key, work in passes.items():
            taken[key].append(time_once(work))
    return {key: min(values) for key, values in taken.items()}


def one_pass(form: nn.Module, keypoints: torch.Tensor, **how) -> torch.Tensor:
    """The poses of keypoints as they are lifted, on the CPU: a GPU has finished then."""
    with torch.inference_mode():
        return lift(form, keypoints, HUMAN36M, **how).cpu()


def time_once(work: Callable[[], object]) -> float:
    """Seconds of one call; of the processor where one thread works, so that other programs count little."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    started = clock()
    work()
    return clock() - started
