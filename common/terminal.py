"""What a program says: progress, what was wrong in a sentence, also where streams are closed."""
import errno
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TextIO

import torch
from tqdm import tqdm

from common.errors import BadOptions

EVERY = 10          # seconds between two lines of progress where standard error is no terminal
BAD_INPUT = (ValueError, OSError, ImportError, FloatingPointError, BadOptions)
# What PyTorch's other errors say where memory is lacking, or a size is beyond any memory.
OUT_OF_MEMORY = re.compile("can't allocate memory|not enough memory|out of memory|overflow", re.IGNORECASE)
UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def run_program(name: str, work: Callable[[list[str]], None], argv: list[str] | None = None, *,
                interrupted: str) -> int:
    """Do the `work` that the words `argv` (None: the command line's) ask for; returns the exit status.

    0 when it worked; 2 with a sentence for what `explain` explains; 130 after Ctrl-C, which `interrupted`
    says the consequence of. Refused options end the program by SystemExit with status 2.
    """
    heard, failed = open_streams(), None
    try:
        work(sys.argv[1:] if argv is None else list(argv))
    except BadOptions as error:
        if heard is not sys.stderr:
            print(f"{name}: error: {error}", file=heard)
        raise
    except KeyboardInterrupt:
        print(f"\n{name}: interrupted; {interrupted}", file=heard)
        return 130
    except Exception as error:
        if explain(error) is None:
            raise
        failed = error
    problem = output_problem(failed) or (failed and explain(failed))
    if problem:
        print(f"{name}: error: {problem}", file=heard)
    return 2 if problem else 0


def explain(error: BaseException) -> str | None:
    """What was wrong with the input or the machine; None where the fault is the program's."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
            isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error))):
        return ("out of memory; lower --micro_batch or --eval_batch_size, a new network's --frames, --d_hid "
                "or --layers, or use fewer clips (--cameras, --actions)")
    return str(error) if isinstance(error, BAD_INPUT) else None


def progress(items: Iterable | None = None, *, total: int | None = None, desc: str, unit: str):
    """`items` with a bar on standard error; without `items` the bar moves by `update`.

    Where standard error is no terminal, a plain line every EVERY seconds takes the bar's place.
    """
    kind = tqdm if sys.stderr.isatty() else Lines
    return kind(items, total=total, desc=desc, unit=unit, dynamic_ncols=True)


class Lines:
    """What a tqdm bar shows, as a plain line every EVERY seconds: `n` units of `total` are done."""

    def __init__(self, items: Iterable | None = None, *, total: int | None, desc: str, unit: str, **_):
        self.items, self.desc, self.unit, self.postfix, self.n = items, desc, unit, "", 0
        self.total = len(items) if total is None and hasattr(items, "__len__") else total
        self.started = self.written = time.monotonic()

    def __iter__(self) -> Iterator:
        for item in self.items:
            yield item
            self.update(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def set_postfix_str(self, text: str) -> None:
        self.postfix = text

    def update(self, count: int) -> None:
        """`count` more units are done."""
        self.n += count
        now = time.monotonic()
        if now - self.written >= EVERY:
            self.written = now
            print(tqdm.format_meter(self.n, self.total, now - self.started, ncols=0, prefix=self.desc,
                                    unit=self.unit, postfix=self.postfix), file=sys.stderr, flush=True)


def write(text: str) -> None:
    """Print a line on standard output above a bar."""
    tqdm.write(text)


def open_streams() -> TextIO:
    """Open the standard streams that the caller closed, to nowhere; the stream on which errors are said.

    That is standard error, or standard output where standard error was closed. What a stream's encoding
    lacks is written as \\xNN from now on.
    """
    heard = "stderr" if is_open(sys.stderr) else "stdout"
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if not is_open(getattr(sys, name)):             # in this order: each gets the number that is free
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return getattr(sys, heard)


def is_open(stream: TextIO | None) -> bool:
    """Whether a standard stream leads anywhere; its number may have gone to a file opened for reading."""
    try:
        if stream is not None and stream is not sys.stdin:
            os.write(stream.fileno(), b"")
    except OSError as error:
        return error.errno != errno.EBADF
    return stream is not None


def output_problem(error: Exception | None) -> str | None:
    """Why standard output cannot be written, as a sentence; None where it can.

    `error` is what ended the program: an error of the system that names no file came from printing. Where
    standard output cannot be written it leads nowhere from now on, so that nothing fails at the very end.
    """
    try:
        sys.stdout.flush()
        if not isinstance(error, OSError) or error.errno not in UNWRITABLE or error.filename:
            return None
    except OSError as late:
        error = late
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return (f"Cannot write to standard output ({error.strerror}). Repeat the command with another place for "
            "what it prints.")
