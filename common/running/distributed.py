"""The device, and several processes at one training or evaluation, started by torchrun."""
import os
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import torch
from torch import distributed


class Processes:
    """This process among its peers: its `rank`, their number `count`. The first one writes and prints."""

    def __init__(self, rank: int = 0, count: int = 1):
        self.rank, self.count = rank, count

    @classmethod
    def start(cls, device: str) -> "Processes":
        """Join the processes that torchrun's environment variables announce, as the one that uses `device`.

        NCCL sends from the current GPU: this process's own becomes the current one before the group starts.
        """
        processes = cls(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))
        if device.startswith("cuda"):
            torch.cuda.set_device(device)
        if processes.count > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
            processes.wait()        # one that ends at once must not break the others' way into the group
        return processes

    @staticmethod
    def leave() -> None:
        """Leave the group, once, when all work is done: a program cannot join it a second time.

        Not after an error: leaving waits for peers, which may be waiting for this process. Its end ends them.
        """
        if distributed.is_initialized():
            distributed.destroy_process_group()

    @property
    def is_writer(self) -> bool:
        return self.rank == 0

    def wrap(self, network: torch.nn.Module) -> torch.nn.Module:
        """The network whose gradients are averaged over the processes, sharing the given one's weights."""
        return torch.nn.parallel.DistributedDataParallel(network) if self.count > 1 else network

    def add(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of every process's `values`, in place."""
        if self.count > 1:
            distributed.all_reduce(values)
        return values

    def collect(self, part: list, total: int) -> list:
        """All `total` items, of which this process holds every `count`-th from number `rank` on, in order."""
        if self.count == 1:
            return part
        parts = [None] * self.count
        distributed.all_gather_object(parts, part)
        return [parts[number % self.count][number // self.count] for number in range(total)]

    @contextmanager
    def only_writer_prints(self):
        """The other processes' bars and tables go nowhere; an error that leaves this block can be printed."""
        if self.is_writer:
            yield
            return
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                yield

    def wait(self) -> None:
        """Go on when every process is here."""
        if self.count > 1:
            distributed.barrier()


def choose_device(name: str, gpu: int) -> str:
    """The torch device of --device and --gpu, torchrun's own number before --gpu; no reduced precision."""
    gpu = int(os.environ.get("LOCAL_RANK", gpu))
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, present in available.items() if present)
    if not available[name]:
        raise ValueError(f"--device {name} was asked for, but PyTorch finds no such device here. "
                         "Use --device auto.")
    if name == "cuda" and not 0 <= gpu < torch.cuda.device_count():
        raise ValueError(f"--gpu must be one of 0 to {torch.cuda.device_count() - 1}, got {gpu}.")
    torch.backends.cudnn.allow_tf32 = False         # the published figures are float32
    return f"cuda:{gpu}" if name == "cuda" else name
