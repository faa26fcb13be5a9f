"""The cases of peers.npz: stand-in weights, inputs and targets of the published networks."""
from pathlib import Path

import numpy as np
import torch

from tests.golden.reference_weights import reference_tensor

PEERS = np.load(Path(__file__).parent / "peers.npz")


def published_state(case: str, *, named=lambda name: name) -> dict:
    """The state dict of the original of a case, with stand-in weights made from `named(name)`."""
    return {name: torch.as_tensor(reference_tensor(named(name), () if shape == "scalar" else
                                                   tuple(map(int, shape.split("x")))))
            for name, shape in (line.split(" ") for line in PEERS[f"{case}/keys"])}


def keypoints(frames: int) -> torch.Tensor:
    """The input (2, T, 17, 2), float32."""
    return torch.from_numpy(PEERS[f"keypoints/{frames}"])


def truth(frames: int) -> torch.Tensor:
    """The targets (2, T, 17, 3), float32."""
    return torch.from_numpy(np.random.RandomState(200 + frames).normal(0, 0.3, (2, frames, 17, 3)
                                                                       ).astype(np.float32))


def gradient_norms(case: str) -> dict[str, float]:
    """The L2 norm of each parameter's gradient, by the original's name; without the unused ones."""
    return dict(zip(PEERS[f"{case}/grad_names"].tolist(), PEERS[f"{case}/grad_norms"].tolist(), strict=True))
