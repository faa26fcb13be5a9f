"""Averaged weights: what a training validates and keeps in the place of the last step's weights."""
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Average:
    """The exponential mean over the steps of `optimizer` of what networks hold (Polyak and Juditsky 1992).

    After step n the mean keeps the share min(decay, (1 + n) / (10 + n)) of itself, as TensorFlow's moving
    averages do, so that the first, random weights are soon forgotten. `states` are the mean's state dicts, in
    the order of the networks. Whole numbers, which count batches, are copied.
    """

    def __init__(self, networks: list[torch.nn.Module], decay: float, optimizer: torch.optim.Optimizer):
        self.networks, self.decay, self.steps = networks, decay, 0
        self.states = [{key: value.clone() for key, value in network.state_dict().items()}
                       for network in networks]
        optimizer.register_step_post_hook(self.add_step)

    def pairs(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Each tensor of the networks and its mean."""
        for network, state in zip(self.networks, self.states):
            yield from ((value, state[key]) for key, value in network.state_dict().items())

    def add_step(self, *_) -> None:
        """Move the mean towards the weights as they are now."""
        self.steps += 1
        share = min(self.decay, (1 + self.steps) / (10 + self.steps))
        pairs = list(self.pairs())
        numbers = [pair for pair in pairs if pair[0].is_floating_point()]
        torch._foreach_lerp_([mean for _, mean in numbers], [value for value, _ in numbers], 1 - share)
        for value, mean in pairs:
            if not value.is_floating_point():
                mean.copy_(value)

    def restart(self, steps: int) -> None:
        """Take what the networks hold for the mean over `steps` steps."""
        self.steps = steps
        for value, mean in self.pairs():
            mean.copy_(value)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Inside the block the networks hold the mean, afterwards their own weights again."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Exchange the networks' weights and the mean."""
        for value, mean in self.pairs():
            own = value.clone()
            value.copy_(mean)
            mean.copy_(own)
