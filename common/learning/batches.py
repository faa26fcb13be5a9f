"""Which windows a training sees, and in which order: shuffled batches, mirrored and reversed versions."""
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from common.windows import Batch, Windows


@dataclass(frozen=True)
class Sampling:
    """Which windows make a training batch.

    batch_size  windows
    stride      every n-th valid frame of a clip is a target
    mirror      each window also appears mirrored, in the same epoch
    reverse     each window also appears with time reversed; with `mirror` that makes four versions
    whole       batches hold the truth of all frames of the windows, not only of the targets
    adult       everybody has an average adult's height: the scene is scaled about the camera
    """
    batch_size: int
    stride: int = 1
    mirror: bool = False
    reverse: bool = False
    whole: bool = False
    adult: bool = False


class TrainingBatches:
    """Shuffled batches for one epoch at a time, in an order that comes from `generator` alone.

    `augment` maps a batch of whole windows to another. `share` is (number of this process, number of
    processes): the windows of each batch are dealt among them; where a batch has fewer windows than
    processes, the idle ones get its first. `teach` adds what teachers say (teaching.py) and cuts the
    windows, which are theirs, to its `student`'s.
    """

    def __init__(self, windows: Windows, sampling: Sampling, *, generator: torch.Generator,
                 augment: Callable[[Batch], Batch] | None = None, share: tuple[int, int] = (0, 1),
                 teach: Callable[[Batch], Batch] | None = None):
        self.windows, self.sampling, self.generator = windows, sampling, generator
        self.augment, self.share, self.teach = augment, share, teach
        self.window = teach.student if teach else windows.window        # of the batches
        self.rows = windows.centers(sampling.stride, valid_only=True)
        self.versions = (1 + sampling.mirror) * (1 + sampling.reverse)

    def __len__(self):
        return -(-len(self.rows) * self.versions // self.sampling.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        samples = torch.randperm(len(self.rows) * self.versions, generator=self.generator)
        rows = self.rows[samples // self.versions]
        version = samples % self.versions
        mirrored = version % 2 if self.sampling.mirror else torch.zeros_like(version)
        direction = 1 - 2 * (version // (1 + self.sampling.mirror))
        device = self.windows.offsets.device
        parts = [values.to(device).split(self.sampling.batch_size) for values in (rows, mirrored, direction)]
        rank, processes = self.share
        for batch in zip(*parts):
            dealt = [values[rank::processes] if len(values) > rank else values[:1] for values in batch]
            gathered = self.windows.gather(*dealt, whole=self.sampling.whole or self.augment is not None)
            if self.augment:
                gathered = self.augment(gathered)
            if self.sampling.adult:
                gathered = gathered.adult(self.windows.clips[0].skeleton)
            if self.teach:
                gathered = self.teach(gathered)
            if self.augment and not self.sampling.whole:
                gathered = gathered.at(self.window.place)
            yield gathered

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Of each batch in order: windows in all processes together, and of these how many are this one's."""
        left, (rank, processes) = len(self.rows) * self.versions, self.share
        while left > 0:
            size = min(left, self.sampling.batch_size)
            yield size, len(range(rank, size, processes))
            left -= size
