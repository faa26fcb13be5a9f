"""Trainings that get equal processor time, whatever their networks cost.

Short epochs first measure what a window costs. From that follow the windows of an epoch, the number of epochs
and how fast the learning rate falls. After two thirds of the epochs their number is set anew, by what they
took, so that the whole training comes near the budget.
"""
import shlex
from dataclasses import dataclass
from pathlib import Path

import run_ftcm
from common.command import options
from common.weights import checkpoint
from experiments.commands import Study

EPOCHS = 10             # that a training has, as near as whole strides allow
FINAL = 0.02            # the last epoch's learning rate, a share of the first one's
FIRST = 2 / 3           # share of the planned epochs after which their number is set anew
TOLERANCE = 0.1         # trainings further from the budget than this share of it are reported
MEASURED = 1.5          # processor seconds that an epoch takes at least to tell a window's cost
PROBES = (2048, 256, 64, 16, 4, 1)  # strides of the epochs that measure, until one is long enough


@dataclass(frozen=True)
class Plan:
    """How a budget is spent: every `stride`-th frame is a target; the rate's factor after an epoch."""
    stride: int
    epochs: int
    decay: float

    def words(self) -> list[str]:
        """The options of run_ftcm.py that say so, without the number of epochs."""
        return ["-s", str(self.stride), "-lrd", f"{self.decay:.4f}"]


def make_plan(seconds: float, lengths: list[int], minutes: float) -> Plan:
    """The plan for clips of these lengths where a target frame costs so many processor seconds.

    Where one target of each clip is too many for EPOCHS epochs there are fewer.
    """
    def count_seconds(stride: int) -> float:
        return seconds * count_targets(lengths, stride)

    stride = min(range(1, max(lengths) + 1), key=lambda stride: abs(EPOCHS * count_seconds(stride)
                                                                    - 60 * minutes))
    epochs = max(2, round(60 * minutes / count_seconds(stride)))
    return Plan(stride, epochs, round(FINAL ** (1 / (epochs - 1)), 4))


def count_targets(lengths: list[int], stride: int) -> int:
    """Target frames of clips of these lengths."""
    return sum(-(-length // stride) for length in lengths)


def read_history(folder: Path) -> list[dict]:
    """The epochs of the training in `folder`; none without a whole one."""
    last = folder / "last.pth"
    return checkpoint.read(last).get("history", []) if last.is_file() else []


def read_lengths(words: list[str], study: Study) -> list[int]:
    """The frames of each clip that a training of these options has."""
    args = options.parse([*words, *study.shared])
    return [len(clip) for clip in run_ftcm.load_clips(args, "train")]


def measure_target(words: list[str], name: str, frames: int, study: Study) -> float:
    """Processor seconds that a target frame costs in training, with its mirrored window.

    The epochs that tell it stay in checkpoint/{name}_cost{stride}; they are not repeated. ValueError where
    one cannot be trained.
    """
    words, seconds, targets = [*words, "--cameras", "0"], 0.0, 1
    lengths = read_lengths(words, study)
    for stride in PROBES:
        run = f"{name}_cost{stride}"
        folder = study.runs / f"{run}_{frames}_no_refine"
        if not read_history(folder):
            attempt(study, [*words, "-s", str(stride), "--nepoch", "1", "-c", run, "--resume"])
        seconds, targets = read_history(folder)[0]["cpu_seconds"], count_targets(lengths, stride)
        if seconds >= MEASURED:
            break
    return seconds / targets


def attempt(study: Study, words: list[str]) -> None:
    """Run a command; ValueError with the reason where that could not be done."""
    reason = study.attempt(words)
    if reason is not None:
        raise ValueError(reason)


def count_epochs(history: list[dict], plan: Plan, minutes: float) -> int:
    """How many epochs a training has in all: first FIRST of the planned ones, then by what they took."""
    first = max(1, round(FIRST * plan.epochs))
    if len(history) < first:
        return first
    taken = sum(row["cpu_seconds"] for row in history[:first]) / first
    return max(first, round(60 * minutes / taken))


def train_within(words: list[str], folder: Path, plan: Plan, minutes: float, study: Study) -> None:
    """Train to the end of the budget, or go on where the training in `folder` was left.

    ValueError where that cannot be done.
    """
    while len(history := read_history(folder)) < (epochs := count_epochs(history, plan, minutes)):
        attempt(study, [*words, *plan.words(), "--nepoch", str(epochs), "--resume"])


def is_outside(cpu_minutes: float, minutes: float) -> bool:
    """Whether a training took more or less than the budget allows."""
    return abs(cpu_minutes / minutes - 1) > TOLERANCE


def split_words(*lines: str) -> list[str]:
    """The words of several command lines, one after another."""
    return [word for line in lines for word in shlex.split(line)]
