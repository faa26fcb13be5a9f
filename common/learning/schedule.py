"""What changes from epoch to epoch: learning rates, momentum; and when a training stops early."""
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Schedule:
    """Learning rate of epoch e, counted from 1: `lr` times a small factor for each epoch, a large one now
    and then.
    """
    epochs: int
    small: float
    large: float
    large_every: int
    norm_momentum: float | None = None      # of batch normalisation after the last epoch; None: always 0.1

    def factor(self, epoch: int) -> float:
        """What the first epoch's learning rate is multiplied by."""
        large = (epoch - 1) // self.large_every
        return self.small ** (epoch - 1 - large) * self.large ** large

    def set_momentum(self, model: torch.nn.Module, epoch: int) -> None:
        """Set batch normalisation's momentum in an epoch: from 0.1 it falls by a constant factor."""
        for module in model.modules():
            if self.norm_momentum and isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.momentum = 0.1 * (self.norm_momentum / 0.1) ** ((epoch - 1) / self.epochs)


def out_of_time(history: list[dict], max_minutes: float | None) -> bool:
    """Whether one more epoch as long as the last would pass the limit; the first always fits."""
    if max_minutes is None or not history:
        return False
    return sum(row["seconds"] for row in history) + history[-1]["seconds"] > 60 * max_minutes
