"""What a training that goes on gets back besides its weights: the optimiser's moments, random sources."""
from pathlib import Path

import torch

from common.learning.batches import TrainingBatches


def load_moments(optimizer: torch.optim.Optimizer, moments: dict, path: Path) -> None:
    """Give the optimiser its moments; ValueError where they are not those of its parameters."""
    own = optimizer.state_dict()
    parameters = [weight for group in optimizer.param_groups for weight in group["params"]]
    if any(not 0 <= index < len(parameters) or moment["step"].ndim
           or any(moment[name].shape != parameters[index].shape for name in moment.keys() - {"step"})
           for index, moment in moments.items()):
        raise ValueError(f"{path} cannot be resumed: its optimizer is that of another network.")
    optimizer.load_state_dict({**own, "state": moments})


def random_state(batches: TrainingBatches) -> dict:
    """The state of every random source that this process's training on `batches` draws from."""
    device = batches.windows.offsets.device
    return {"shuffle": batches.generator.get_state(), "cpu": torch.get_rng_state(),
            "cuda": [torch.cuda.get_rng_state(device)] if device.type == "cuda" else []}


def set_random_state(batches: TrainingBatches, states: dict, path: Path) -> None:
    """The inverse of `random_state`; ValueError where a state is none.

    Older files hold a state for every GPU.
    """
    device, of_gpus = batches.windows.offsets.device, states["cuda"]
    try:
        batches.generator.set_state(states["shuffle"])
        torch.set_rng_state(states["cpu"])
        if device.type == "cuda" and of_gpus:
            torch.cuda.set_rng_state(of_gpus[min(device.index, len(of_gpus) - 1)], device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{path} cannot be resumed: its random state is damaged.") from error
