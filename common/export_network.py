"""Writes a network for other programs: the original release, ONNX, PyTorch. Whole files or none.

ONNX files and PyTorch's programs take keypoints (B, T, J, 2) of any number B of windows, screen coordinates.
They give poses (B, J, 3), or (B, T, J, 3) from a network that predicts every frame: root-relative, camera
space, metres.
"""
import importlib.util
import io
import logging
import warnings
from pathlib import Path

import torch

from common import checkpoint
from common.files import write_whole


def save(kind: str, path: Path, network: torch.nn.Module, saved: dict) -> None:
    """Write a network, `saved` in a checkpoint, as the option `kind` (--export_onnx, ..) asks for.

    `network` is its form for inference.
    """
    if kind == "export_release":
        checkpoint.save(path, checkpoint.to_release(saved))
    elif kind == "export_weights":
        checkpoint.save(path, checkpoint.to_half(saved))
    elif kind == "export_program":
        save_program(path, network)
    else:
        save_onnx(path, network)


def traced(network: torch.nn.Module) -> torch.export.ExportedProgram:
    """The network's graph for batches of any size."""
    keypoints = torch.zeros(2, network.frames, network.num_joints, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)          # PyTorch's, about PyTorch
        return torch.export.export(network.eval(), (keypoints,),
                                   dynamic_shapes=({0: torch.export.Dim("windows", min=1)},))


def save_program(path: Path, network: torch.nn.Module) -> None:
    """A file for torch.export.load."""
    file = io.BytesIO()
    torch.export.save(traced(network), file)
    write_whole(path, file.getvalue())


def save_onnx(path: Path, network: torch.nn.Module) -> None:
    """An ONNX file with input `keypoints` and output `pose`. Raises ImportError without the ONNX packages."""
    write_whole(path, onnx_bytes(network))


def onnx_bytes(network: torch.nn.Module) -> bytes:
    """The content of an ONNX file."""
    try:
        import onnxscript  # noqa: F401  (torch.onnx needs it)
    except ImportError as error:
        raise ImportError("--export_onnx needs the packages onnx and onnxscript: "
                          "python -m pip install onnx onnxscript") from error
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        program = torch.onnx.export(traced(network), dynamo=True, verbose=False, input_names=["keypoints"],
                                    output_names=["pose"])
    return program.model_proto.SerializeToString()


def onnx_is_here() -> bool:
    """Whether networks can be written as ONNX and run by ONNX Runtime in this environment."""
    return all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


class OnnxNetwork(torch.nn.Module):
    """The network as ONNX Runtime computes it, called as the network itself."""

    def __init__(self, network: torch.nn.Module):
        super().__init__()
        self.num_joints, self.frames = network.num_joints, network.frames
        self.every_frame = network.every_frame
        self.content = onnx_bytes(network)
        self.use_threads(torch.get_num_threads())

    def use_threads(self, count: int) -> None:
        """Compute with so many threads from now on."""
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count
        self.session = onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])

    def forward(self, keypoints):
        return torch.from_numpy(self.session.run(["pose"], {"keypoints": keypoints.numpy()})[0])
