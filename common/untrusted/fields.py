"""What a checkpoint may say: every field with its type, range or choices, in one table (CHECKPOINT).

A file is held against it before anything uses a field.
"""
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch

from common.untrusted.values import readable

FORMAT = "ftcm-1"
RUN_FILE = re.compile(r"(no_)?refine_[0-9]{1,9}_[0-9]{1,45}\.pth")     # {kind}_{epoch}_{100 * P1}.pth
PLAIN_NAME = re.compile(r"\w[\w.+ -]{0,99}")
FLOATS = (torch.float32, torch.float16)
PART = ("stride", "downsample", "subset", "cameras", "actions", "val_subjects")     # of the data that trains


@dataclass(frozen=True)
class Field:
    """What a value must be, in words and as a test."""
    words: str
    holds: Callable[[object], bool]

    def take(self, value, where: str):
        """The value; ValueError that begins with `where`, its place, if it is not allowed."""
        if not self.holds(value):
            raise ValueError(f"{where} must be {self.words}, got {quote(value)}")
        return value


@dataclass(frozen=True)
class Table:
    """A dict of named fields.

    `others` is what unknown names may hold: None drops them, REFUSED refuses the dict.
    """
    fields: dict
    required: tuple = ()
    others: Field | None = None
    may_be_empty: bool = False

    def take(self, values, where: str) -> dict:
        """The dict of the values that the table allows; ValueError otherwise.

        `where` is "" for a whole file.
        """
        if type(values) is not dict or any(type(name) is not str for name in values):
            raise ValueError(f"{where or 'it'} must be a dict with names as keys, got {quote(values)}")
        missing = [name for name in self.required if name not in values]
        if missing and (values or not self.may_be_empty):
            raise ValueError(f"{where or 'it'} lacks {', '.join(missing)}")
        fields = {name: self.fields.get(name, self.others) for name in values}
        return {name: field.take(values[name], (f"{where}." if where else "") + readable(name))
                for name, field in fields.items() if field is not None}


@dataclass(frozen=True)
class Rows:
    """A list of tables."""
    row: Table
    most: int

    def take(self, rows, where: str) -> list[dict]:
        """The list of what the table takes of each row; ValueError otherwise."""
        if type(rows) is not list or len(rows) > self.most:
            raise ValueError(f"{where} must be a list of at most {self.most:,} rows, got {quote(rows)}")
        return [self.row.take(row, where) for row in rows]


@dataclass(frozen=True)
class Numbered:
    """A dict of tables whose keys are whole numbers."""
    row: Table

    def take(self, rows, where: str) -> dict:
        """The dict of what the table takes of each row; ValueError otherwise."""
        if type(rows) is not dict or any(type(key) is not int for key in rows):
            raise ValueError(f"{where} must be a dict with whole numbers as keys, got {quote(rows)}")
        return {key: self.row.take(row, f"{where}.{key}") for key, row in rows.items()}


def quote(value) -> str:
    """A value in a sentence: plain ones as they are, others by their type and shape or length."""
    if torch.is_tensor(value):
        return f"a tensor of type {value.dtype} and shape {tuple(value.shape)}"
    if type(value) in (list, tuple, dict):
        return f"a {type(value).__name__} of {len(value)}"
    return readable(repr(value))


def whole(low: int, high: int) -> Field:
    """A whole number from `low` to `high`."""
    return Field(f"a whole number from {low} to {high}",
                 lambda value: type(value) is int and low <= value <= high)


def number(low: float, high: float) -> Field:
    """A finite number from `low` to `high`."""
    return Field(f"a number from {low:g} to {high:g}",
                 lambda value: type(value) in (int, float) and low <= value <= high)


def choice(*values) -> Field:
    """One of these values, of the same type."""
    return Field(f"one of {', '.join(map(repr, values))}",
                 lambda value: any(type(value) is type(known) and value == known for known in values))


def matching(pattern: re.Pattern, words: str) -> Field:
    """Text that the whole pattern fits."""
    return Field(words, lambda value: type(value) is str and pattern.fullmatch(value) is not None)


def listed(part: Field, most: int) -> Field:
    """A list of at most `most` such values."""
    return Field(f"a list of at most {most} values, each {part.words}",
                 lambda value: type(value) is list and len(value) <= most and all(map(part.holds, value)))


def optional(field: Field) -> Field:
    """Such a value or None."""
    return Field(f"{field.words}, or None", lambda value: value is None or field.holds(value))


def tensor(*dtypes, shape: tuple | None = None) -> Field:
    """A finite tensor of one of these types, and of this shape where one is named."""
    words = f"a finite tensor of type {' or '.join(map(str, dtypes))}"
    return Field(words + (f" and shape {shape}" if shape is not None else ""),
                 lambda value: (torch.is_tensor(value) and value.dtype in dtypes
                                and shape in (None, tuple(value.shape)) and bool(value.isfinite().all())))


TEXT = Field("text of one line",
             lambda value: type(value) is str and value.isprintable() and len(value) < 1000)
PATH = Field("text", lambda value: type(value) is str)
FLAG = choice(False, True)
EPOCH = whole(1, 10 ** 6)
SIZE = number(0, 1e38)
NAMES = optional(listed(TEXT, 1000))
WIDTHS = listed(whole(3, 3 ** 9), 9)
PLAIN = Field("None, a number, text or a list of texts or whole numbers",
              lambda value: (value is None or type(value) in (bool, int, float, str) or NAMES.holds(value)
                             or WIDTHS.holds(value)))
RANDOM_STATE = tensor(torch.uint8)
REFUSED = Field("left out, since this version does not know it", lambda value: False)
# A state dict: name -> tensor. Whole numbers count batches (BatchNorm).
WEIGHTS = Table({}, others=tensor(*FLOATS, torch.int64))
MOMENT = tensor(torch.float32)

CHECKPOINT = Table(required=("format",), fields={
    "format": choice(FORMAT),
    "network": choice("ftcm", "single_frame", "stcformer", "videopose3d", "strided", "pstmo",
                      "pstmo_pretraining"),
    "model_args": Table(required=("frames",), others=REFUSED, fields={
        "num_joints": whole(1, 100), "frames": whole(1, 3 ** 9), "dim": whole(1, 2 ** 16),
        "depth": whole(0, 1000), "dropout": Field("a number from 0 to below 1", lambda value:
                                                  type(value) in (int, float) and 0 <= value < 1),
        "units": choice("both", "fpm", "tpm", "none"), "fpm_filter": choice("matrix", "elementwise"),
        "every_frame": FLAG, "mask": FLAG, "widths": WIDTHS, "dense": FLAG,
        "target": choice("center", "last"),
        "variant": choice("h36m", "3dhp"), "millimetres": FLAG,
        "masked_frames": number(0, 0.99), "masked_joints": whole(0, 100)}),
    "data": Table(required=("dataset", "keypoints", "tds"), others=REFUSED, may_be_empty=True, fields={
        "dataset": choice("h36m", "cmu", "3dhp"),
        "keypoints": matching(PLAIN_NAME, "a plain name without folders"),
        "tds": whole(1, 10_000), "target": choice("center", "last"), "stature": FLAG,
        "input": choice("screen", "rays", "virtual")}),
    "model": WEIGHTS,
    "refine": WEIGHTS,
    "product": choice("pytorch", "onednn"),
    "form": choice("pytorch", "onednn", "onednn, conv2d"),
    "mean_pose": tensor(*FLOATS, torch.float64, shape=(17, 3)),
    "fps": number(0.1, 1000),
    "selection": optional(TEXT),
    "epoch": whole(0, 10 ** 6),
    "history": Rows(most=10 ** 6, row=Table(required=("epoch", "seconds"), fields={
        "epoch": EPOCH, "learning_rate": SIZE, "loss": SIZE, "train_mpjpe": SIZE, "p1": SIZE, "p2": SIZE,
        "seconds": SIZE, "cpu_seconds": SIZE})),
    "best": Table(required=("epoch", "p1", "files"), may_be_empty=True, fields={
        "epoch": EPOCH, "p1": SIZE,
        "files": listed(matching(RUN_FILE, "a run's file name such as no_refine_6_4331.pth"), 2)}),
    # What a report reads has a type; the rest is only compared with the command line on --resume.
    "options": Table(required=("epochs", "seed", *PART), others=PLAIN, fields={
        "epochs": whole(1, 2 ** 63), "seed": whole(-2 ** 63, 2 ** 64), "stride": whole(1, 2 ** 63),
        "downsample": whole(1, 2 ** 63), "subset": number(0, 1), "cameras": NAMES, "actions": NAMES,
        "val_subjects": NAMES, "reload": FLAG, "previous_dir": optional(PATH), "teacher": NAMES}),
    "optimizer": Table(required=("state",), fields={
        "state": Numbered(Table(required=("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"), fields={
            "step": tensor(torch.float32, shape=()), "exp_avg": MOMENT, "exp_avg_sq": MOMENT,
            "max_exp_avg_sq": MOMENT}))}),
    # What goes on training where `model` and `refine` are averaged weights.
    "unaveraged": Table(required=("steps", "model"), others=REFUSED, fields={
        "steps": whole(0, 2 ** 63), "model": WEIGHTS, "refine": WEIGHTS}),
    "rng": Table(required=("shuffle", "cpu", "cuda"), fields={
        "shuffle": RANDOM_STATE, "cpu": RANDOM_STATE, "cuda": listed(RANDOM_STATE, 1024)}),
})
