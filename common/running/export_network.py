"""Writes a network for other programs: the original release, ONNX, PyTorch. Whole files or none.

ONNX files and PyTorch's programs take keypoints (B, T, J, 2) of any number B of windows, screen coordinates.
They give poses (B, J, 3), or (B, T, J, 3) from a network that predicts every frame: root-relative, camera
space, metres; of an average adult's height (common/stature.py) from a network of --stature 1. A network with
other inputs (common/inputs.py) takes what it is given: (B, T, J, 3) with the mask, rays instead of screen
coordinates. How to use an ONNX file: checkpoint/ONNX.md.
"""
import importlib.util
import io
import json
import logging
import warnings
from pathlib import Path

import torch

from common.batch_sizes import default_hop
from common.files import write_whole
from common.lift import blending_weights
from common.skeleton import HUMAN36M, MPI_INF_3DHP
from common.stature import ADULT_HEIGHT
from common.weights import checkpoint, originals

LAYOUTS = {"3dhp": MPI_INF_3DHP}        # of the data sets with other joints than Human3.6M's
TERMS = {"cmu": "CMU Graphics Lab Motion Capture Database: free for all uses, no resale of the data as such",
         "h36m": "Human3.6M: its licence is for academic use",
         "3dhp": "MPI-INF-3DHP: its licence is for non-commercial use"}


def save_network(kind: str, path: Path, network: torch.nn.Module, saved: dict) -> None:
    """Write a network, `saved` in a checkpoint, as the option `kind` (--export_onnx, ..) asks for.

    `network` is its form for inference.
    """
    if kind == "export_release":
        checkpoint.save(path, originals.to_release(saved))
    elif kind == "export_weights":
        checkpoint.save(path, checkpoint.to_half(saved))
    elif kind == "export_program":
        save_program(path, network)
    else:
        save_onnx(path, network, describe(network, saved))


def describe(network: torch.nn.Module, saved: dict) -> dict:
    """What an ONNX file says of itself: how windows are made, what the poses mean, whose terms hold."""
    data, every = {**saved.get("unsaid", {}), **saved["data"]}, network.every_frame
    skeleton = LAYOUTS.get(data.get("dataset"), HUMAN36M)
    last = data.get("target") == "last"
    target = network.frames - 1 if last else network.frames // 2
    poses = "(windows, frames, joints, xyz)" if every else "(windows, joints, xyz)"
    space = "the virtual camera's" if data.get("input") == "virtual" else "camera"
    return {
        "about": "Lifts windows of one person's 2D keypoints to 3D poses. Each property is JSON.",
        "input": describe_input(data.get("input", "screen"), getattr(network, "mask", False), target),
        "output": f"pose {poses}, float32, metres, {space} space: x right, y down, z forward; relative to "
                  "the root joint, which is to be set to 0" + (
                      f"; of people {ADULT_HEIGHT:.4f} m tall: multiply by the true height over this"
                      if data.get("stature") else ""),
        "joints": skeleton.joints, "parents": skeleton.parents, "root": skeleton.root,
        "frames": network.frames, "frame_rate": saved.get("fps", 50), "frame_step": data.get("tds", 1),
        "target_frame": None if every and not last else target,
        "hop": default_hop(network.frames) if every and not last else None,
        "blending": blending_weights(network.frames).tolist() if every and not last else None,
        "edges": "a window's frames before the recording's first and after its last repeat these",
        "mirrored_mean": "not in the graph: average the pose with the mirrored pose of mirrored keypoints; "
                         "to mirror, change the sign of x and take the joints in mirror_order",
        "mirror_order": skeleton.mirror_order,
        "licence": "code: MIT; weights: as their author states; training data: "
                   + TERMS.get(data.get("dataset"), "unknown"),
        "trained_on": {name: data.get(name) for name in ("dataset", "keypoints")}}


def describe_input(space: str, mask: bool, target: int) -> str:
    """What the input of an ONNX file holds; `space` as in common/inputs.py, `target` the target frame."""
    points = {
        "screen": "screen coordinates: x = 2 u / width - 1, y = (2 v - height) / width of pixels u (right), "
                  "v (down)",
        "rays": "rays: x = (u - cx) / fx, y = (v - cy) / fy of pixels u (right), v (down) and the camera's "
                "focal length and principal point in pixels",
        "virtual": "rays, x / z and y / z, in a virtual camera in the camera's place. With x = (u - cx) / fx "
                   "and y = (v - cy) / fy its z axis is the mean of (x, y, 1) / |(x, y, 1)| of the joints in "
                   f"frame {target}, its x axis (z3, 0, -z1) of length 1, its y axis z cross x",
    }[space]
    seen = "; the third number is 1 for a joint that was seen, 0 for one that was filled" if mask else ""
    return f"keypoints (windows, frames, joints, {'xy and seen' if mask else 'xy'}), float32, {points}{seen}"


def traced(network: torch.nn.Module) -> torch.export.ExportedProgram:
    """The network's graph for batches of any size."""
    keypoints = example(network, windows=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)          # PyTorch's, about PyTorch
        return torch.export.export(network.eval(), (keypoints,),
                                   dynamic_shapes=({0: torch.export.Dim("windows", min=1)},))


def example(network: torch.nn.Module, windows: int) -> torch.Tensor:
    """What the network is given of so many windows (B, T, J, 2 or 3), all zero."""
    return torch.zeros(windows, network.frames, network.num_joints, 2 + getattr(network, "mask", False))


def save_program(path: Path, network: torch.nn.Module) -> None:
    """A file for torch.export.load."""
    file = io.BytesIO()
    torch.export.save(traced(network), file)
    write_whole(path, file.getvalue())


def save_onnx(path: Path, network: torch.nn.Module, facts: dict) -> None:
    """An ONNX file with input `keypoints` and output `pose`. Raises ImportError without the ONNX packages.

    `facts` become its metadata properties, each as JSON.
    """
    write_whole(path, onnx_bytes(network, facts))


def onnx_bytes(network: torch.nn.Module, facts: dict | None = None) -> bytes:
    """The content of an ONNX file; the axis of the windows is called so."""
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
    program.model.metadata_props.update({key: json.dumps(value) for key, value in (facts or {}).items()})
    model = program.model_proto
    symbol = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param       # the exporter's, such as s93
    for value in [*model.graph.input, *model.graph.output, *model.graph.value_info]:
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param:
                axis.dim_param = axis.dim_param.replace(symbol, "windows")
    return model.SerializeToString()


def onnx_is_here() -> bool:
    """Whether networks can be written as ONNX and run by ONNX Runtime in this environment."""
    return all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime"))


class OnnxNetwork(torch.nn.Module):
    """The network as ONNX Runtime computes it on the CPU, called as the network itself.

    `content` is that of its ONNX file, made of the network where None. `threads`: None for PyTorch's number.
    """

    def __init__(self, network: torch.nn.Module, content: bytes | None = None, threads: int | None = None):
        super().__init__()
        self.num_joints, self.frames = network.num_joints, network.frames
        self.every_frame, self.mask = network.every_frame, getattr(network, "mask", False)
        self.content = content or onnx_bytes(network)
        self.use_threads(threads or torch.get_num_threads())

    def use_threads(self, count: int) -> None:
        """Compute with so many threads from now on."""
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count
        options.log_severity_level = 3                  # errors
        self.session = onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])

    def forward(self, keypoints):
        return torch.from_numpy(self.session.run(["pose"], {"keypoints": keypoints.numpy()})[0])
