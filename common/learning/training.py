"""The epochs of a training: learning rate, validation, best epoch, resuming.

A training's `state` is the dict of plain values that common/weights/checkpoint.py describes.
"""
import math
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from common import scores
from common.clips import Clip
from common.learning import steps
from common.learning.averaging import Average
from common.learning.batches import TrainingBatches
from common.learning.resuming import load_moments, random_state, set_random_state
from common.learning.run_folder import RunFolder
from common.learning.schedule import Schedule, out_of_time
from common.pictures import curves
from common.refining import Refiner
from common.running.distributed import Processes
from common.weights import building, checkpoint

TEST_SUBJECTS = "test subjects"      # what selects the best epoch in the paper
WEIGHTS = ("model", "refine")       # fields of a state: the weights of the networks, in their order


@dataclass
class Training:
    """What one training consists of. `refiner` is None without the refine step.

    `validate` returns {"p1": .., "p2": ..} in mm, None trains without; `wrapped` are the networks as the
    training step calls them (compiled, shared among processes), in the order of `networks`. With `average`
    the averaged weights are validated and kept.
    """
    run: RunFolder
    state: dict
    model: torch.nn.Module
    refiner: Refiner | None
    wrapped: list
    optimizer: torch.optim.Optimizer
    rates: list[float]
    batches: TrainingBatches
    schedule: Schedule
    validate: Callable[[], dict] | None
    processes: Processes
    seed: int
    average: Average | None = None

    @property
    def networks(self) -> list[torch.nn.Module]:
        return [self.model] + ([self.refiner.network] if self.refiner else [])

    def fit(self, step: steps.Step, *, max_minutes: float | None = None) -> None:
        """Train from the state's epoch to the last; after each, validate and save everything."""
        self.settle_product()
        for epoch in range(self.state["epoch"] + 1, self.schedule.epochs + 1):
            if out_of_time(self.state["history"], max_minutes):
                self.run.log(f"Stopped before epoch {epoch} of {self.schedule.epochs}: --max_minutes "
                             f"{max_minutes:g}.")
                break
            row = self.train_and_validate(epoch, step)
            is_best = self.validate is not None and row["p1"] < self.state["best"].get("p1", math.inf)
            self.save(row, is_best=is_best)
            self.run.log(f"epoch {epoch:3d}  lr {row['learning_rate']:.6f}  {errors_text(row)}"
                         f"  {row['seconds']:.0f} s" + ("  best" if is_best else ""))
            self.processes.wait()

    def settle_product(self) -> None:
        """Let an FTCM train in its fast form, by the product that is fast here, the same in every process.

        A resumed run goes on with its own, and so to the same last bit.
        """
        if hasattr(self.model, "product"):
            product = self.model.use_fast(True, self.state.get("product")).product
            self.state["product"] = self.processes.collect([product], self.processes.count)[0]
            self.model.product = self.state["product"]

    def settle_form(self, measure: Callable[[torch.nn.Module], str | None]) -> None:
        """The same for validation: the network's form is the one that `measure` names."""
        form = self.state.get("form") or measure(self.model)
        if form:
            form = self.processes.collect([form], self.processes.count)[0]
            self.state["form"] = self.model.form = form

    def train_and_validate(self, epoch: int, step: steps.Step) -> dict:
        """One epoch; its row of the history: learning rate, loss in metres, errors in mm, seconds.

        Where keypoints are filled in (`step.masks`) the loss is in screen units, and there are no errors.
        """
        started, busy = time.time(), time.process_time()
        self.begin(epoch)
        factor = self.schedule.factor(epoch)
        self.schedule.set_momentum(self.model, epoch)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * factor
        loss, error = steps.train_one_epoch(
            self.wrapped[0], self.batches, self.optimizer, step, processes=self.processes,
            refiner=self.refiner and self.refiner.around(self.wrapped[1]),
            desc=f"epoch {epoch}/{self.schedule.epochs}")
        with self.average.shown() if self.average else nullcontext():
            errors = self.validate() if self.validate else {}
        row = {"epoch": epoch, "learning_rate": self.rates[0] * factor, "loss": loss,
               **({} if step.masks else {"train_mpjpe": 1000 * error}), **errors}
        # The first process's clock decides, so that all stop after the same epoch.
        row["seconds"] = self.processes.collect([time.time() - started], self.processes.count)[0]
        row["cpu_seconds"] = time.process_time() - busy         # of all threads of this process
        return row

    def save(self, row: dict, *, is_best: bool) -> None:
        """Add an epoch's row to the state and write the state's files."""
        weights = dict(zip(WEIGHTS, (network.state_dict() for network in self.networks)))
        self.state |= {"epoch": row["epoch"], "history": self.state["history"] + [row], **weights,
                       "optimizer": self.optimizer.state_dict(), "rng": random_state(self.batches)}
        if self.average:
            self.state |= {"unaveraged": {"steps": self.average.steps, **weights},
                           **dict(zip(WEIGHTS, self.average.states))}
        self.run.save_epoch(self.state, is_best=is_best)
        self.draw()

    def announce(self, device: str) -> None:
        """Log how much is trained on and what selects the best epoch."""
        batches, count, selection = self.batches, self.processes.count, self.state["selection"]
        targets, rows, data = len(batches.rows), batches.windows.num_rows, self.state["data"]
        processes = f", {count} processes" if count > 1 else ""
        self.run.log(f"{data['dataset']} {data['keypoints']}: {len(batches.windows.clips)} clips, "
                     f"{targets:,} of {rows:,} frames are targets, {targets * batches.versions:,} windows an "
                     f"epoch; {device}{processes}; seed {self.seed}")
        if selection:
            self.run.log(f"The best epoch is selected on the {selection}"
                         + (", as in the paper." if selection == TEST_SUBJECTS else "."))

    def draw(self) -> None:
        """Write curves.png."""
        if self.processes.is_writer:
            curves.save_training_curves(self.state["history"], self.run.folder / "curves.png",
                                        selection=self.state["selection"])

    def begin(self, epoch: int) -> None:
        """Random sources that no checkpoint holds: those of augmentation and of the other processes."""
        own = self.seed + 1_000_003 * epoch + 7919 * self.processes.rank
        if self.batches.augment:
            self.batches.augment.generator.manual_seed(own)
        if not self.processes.is_writer:
            torch.manual_seed(own)

    def resume(self, saved: dict) -> None:
        """Take networks, optimiser and random sources from `saved`, this run's last.pth."""
        path = self.run.last
        self.refuse_other_run(saved, path)
        self.load_networks(saved, path)
        if self.average:
            self.average.restart(saved["unaveraged"]["steps"])
            self.load_networks(saved["unaveraged"], path)
        load_moments(self.optimizer, saved["optimizer"]["state"], path)
        set_random_state(self.batches, saved["rng"], path)
        self.run.log(f"Resumed after epoch {saved['epoch']}.")
        own = {name: self.state[name] for name in ("network", "model_args", "data", "options")}
        self.state = {**saved, **own}           # older files lack some of these fields
        self.run.tidy(self.state)               # the run may have been killed before it did
        self.draw()

    def load_networks(self, weights: dict, path: Path) -> None:
        """Give the networks their weights; ValueError where they do not fit."""
        for network, key in zip(self.networks, WEIGHTS):
            building.load_weights(network, weights.get(key, {}), path)

    def refuse_other_run(self, saved: dict, path: Path) -> None:
        """Raise ValueError where `saved` is not the last epoch of a run with this network and data."""
        if "optimizer" not in saved:
            raise ValueError(f"{path} cannot be resumed: it holds weights only.")
        if saved.get("network", "ftcm") != self.state["network"]:
            raise ValueError(f"{path} cannot be resumed: it holds another network, {saved['network']}.")
        needed = ["options", "rng", "epoch", "history", "best", *(["refine"] if self.refiner else []),
                  *(["unaveraged"] if self.average else [])]
        missing = [name for name in needed if name not in saved]
        if missing:
            raise ValueError(f"{path} cannot be resumed: it lacks {', '.join(missing)}.")
        for name in ("model_args", "data"):
            if {**self.state[name], **saved[name]} != self.state[name]:
                raise ValueError(f"{path} cannot be resumed: its {name} are not those of its options.")
        if [row["epoch"] for row in saved["history"]] != list(range(1, saved["epoch"] + 1)):
            raise ValueError(f"{path} cannot be resumed: its history is not that of {saved['epoch']} "
                             "epochs.")
        if any((name in row) != bool(self.validate) for row in saved["history"] for name in ("p1", "p2")):
            raise ValueError(f"{path} cannot be resumed: its history has no validation errors, or has some, "
                             "against its options.")
        files = saved["best"].get("files", [])
        if self.validate and saved["epoch"] and len(files) != len(self.networks):
            raise ValueError(f"{path} cannot be resumed: it names {len(files)} files of the best epoch, "
                             f"expected {len(self.networks)}.")


def first_state(clips: list[Clip], facts: dict, model_args: dict) -> dict:
    """What a checkpoint says of a training that has not begun (common/weights/checkpoint.py).

    `facts` are the fields that come from the options. Raises ValueError where a checkpoint with these facts
    could not be read again.
    """
    return checkpoint.take_fields({
        "format": checkpoint.FORMAT, **facts, "epoch": 0, "best": {}, "history": [], "model_args": model_args,
        "fps": clips[0].fps, "mean_pose": torch.from_numpy(scores.mean_pose(clips))}, "The training")


def refuse_too_large(network: type, arguments: dict, *, copies: int) -> None:
    """ValueError where this computer's memory cannot hold so many copies of a network's weights.

    Training takes five: weights, gradients and three of the optimiser.
    """
    if not hasattr(os, "sysconf"):
        return
    with torch.device("meta"):                          # tensors without memory
        count = sum(weight.numel() for weight in network(**arguments).parameters())
    needed, there = 4 * count * copies, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        raise ValueError(f"A network of {count:,} weights needs {needed / 1e9:,.0f} GB of memory; this "
                         f"computer has {there / 1e9:,.0f}. Lower --frames, --d_hid or --layers.")


def errors_text(row: dict) -> str:
    """The loss and the errors of an epoch, its row of the history, for the log."""
    if "train_mpjpe" not in row:
        return f"2D error {row['loss']:.5f}"
    validated = f"  P1 {row['p1']:.2f}  P2 {row['p2']:.2f}" if "p1" in row else ""
    return f"loss {row['loss']:.5f} m  MPJPE {row['train_mpjpe']:.2f}{validated} mm"
