"""What several test files share: golden files, stand-in release weights, miniature archives."""
from pathlib import Path

import numpy as np
import torch

from common import checkpoint
from model.ftcm import FTCM
from tests.golden.reference_weights import reference_tensor

GOLDEN = Path(__file__).parent / "golden"


def release_state(frames, *, layout=1, depth=6, dim=512, num_joints=17):
    """A state dict of the release's network with the golden stand-in weights, never-used tensors included."""
    shapes = {key: value.shape for key, value in
              FTCM(num_joints=num_joints, frames=frames, dim=dim, depth=depth).state_dict().items()}
    source = {ours: key for key, ours in checkpoint.release_names(depth, 1).items()}
    state = {key: torch.from_numpy(reference_tensor(source[ours], shapes[ours]))
             for key, ours in checkpoint.release_names(depth, layout).items()}
    for i in range(depth):
        part = f"fn.fc2_{i}" if layout == 1 else "hrn"
        for width in (256, 128):
            state[f"mlpmixer.gmlp.{i}.{part}.ln_{width}.weight"] = torch.zeros(width // 2, width // 2)
            state[f"mlpmixer.gmlp.{i}.{part}.ln_{width}.bias"] = torch.zeros(width // 2)
    return state
