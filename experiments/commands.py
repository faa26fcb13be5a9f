"""What the studies share: their arguments, and the commands of run_ftcm.py that they run in this process."""
import argparse
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import run_ftcm
from common import terminal
from common.command import option_values, options, options_of_use
from common.command.command_line import Parser
from common.errors import BadOptions
from common.files import check_writable, near
from common.running.distributed import choose_device


@dataclass(frozen=True)
class Study:
    """A study as its arguments ask for it.

    command     how it was started, for its results
    output      the folder of its results
    runs        the folder of all trainings, checkpoint/
    root_path   the folder of the data files
    shared      the options that every command of run_ftcm.py gets
    """
    command: str
    output: Path
    runs: Path
    root_path: Path
    shared: tuple[str, ...] = ()

    def attempt(self, words: list[str], execute: Callable[[list[str]], None] | None = None) -> str | None:
        """Run a command with the shared options; None when it worked, else what was wrong.

        `execute` does what the words say: that of another study, or of run_ftcm.py where None. Bad input, bad
        options and lack of memory are answered with a sentence; other errors are raised.
        """
        try:
            (execute or run_ftcm.execute)([*words, *self.shared])
        except (Exception, BadOptions) as error:
            reason = terminal.explain(error)
            if reason is None:
                raise
            return reason
        return None


def make_parser(name: str, description: str, *,
                output: str = "folder of the results; default: a folder in checkpoint/") -> Parser:
    """The parser of `python -m experiments.{name}` with --output, whose help is `output`."""
    parser = Parser(prog=f"python -m experiments.{name}", description=description)
    parser.add_argument("--output", type=Path, help=output)
    return parser


def add_shared_options(parser: Parser) -> None:
    """The options of run_ftcm.py that a study hands on to each of its commands."""
    parser.add_argument("--root_path", type=Path, help="folder of the data files; default: dataset/")
    parser.add_argument("--device", choices=options_of_use.DEVICES, default="auto",
                        help="auto (default): CUDA, else Apple's GPU, else CPU")
    parser.add_argument("--gpu", type=option_values.parse_gpu, default=0, help="number of the CUDA device")


def add_clip_options(parser: Parser) -> None:
    """Which of the bundled clips a study takes."""
    parser.add_argument("--split", choices=["test", "train"], default="test",
                        help="the people; default: test")
    parser.add_argument("--every", type=option_values.positive(most=1000), default=1,
                        help="take every n-th clip; default: 1, all")


def parse_study(name: str, description: str, argv: list[str], *, folder: str | None = None) -> Study:
    """The study `name` of these arguments. Its results go to checkpoint/{folder}, by default {name}."""
    parser = make_parser(name, description)
    add_shared_options(parser)
    return make_study(name, parser.parse_args(argv), argv, folder=folder)


def make_study(name: str, args: Namespace, argv: list[str], *, folder: str | None = None) -> Study:
    """As `parse_study`, from arguments that a parser with `add_shared_options` has read."""
    device = choose_device(args.device, args.gpu).split(":")[0]
    shared = ["--device", device, *(["--gpu", str(args.gpu)] if device == "cuda" else [])]
    shared += ["--root_path", str(args.root_path)] if args.root_path else []
    runs = near(options.PROJECT / "checkpoint")
    return Study(command=shlex.join(["python", "-m", f"experiments.{name}", *argv]),
                 output=check_writable(args.output or runs / (folder or name)), runs=runs,
                 root_path=args.root_path or options.PROJECT / "dataset", shared=tuple(shared))


def parse_names(known: Iterable[str]) -> Callable[[str], tuple[str, ...]]:
    """A parser of comma-separated names among the `known` ones, in the order of these."""
    def parse(text: str) -> tuple[str, ...]:
        given = set(option_values.parse_list(text) or known)
        if not given or given - set(known):
            raise argparse.ArgumentTypeError(f"expected any of {', '.join(known)} with commas between them, "
                                             f"got {text!r}")
        return tuple(name for name in known if name in given)
    return parse


def parse_seeds(text: str) -> tuple[int, ...]:
    """Different whole numbers with commas between them: 1,2,3."""
    parts = text.split(",")
    if not re.fullmatch("[0-9]{1,9}(,[0-9]{1,9}){0,99}", text) or len(set(map(int, parts))) < len(parts):
        raise argparse.ArgumentTypeError(f"expected different whole numbers with commas between them, as in "
                                         f"1,2,3, got {text!r}")
    return tuple(map(int, parts))


def run_study(execute: Callable[[list[str]], None], argv: list[str] | None = None) -> int:
    """Do what the arguments (None: the command line's) say; returns the exit status, 2 after bad input."""
    name = sys.modules[execute.__module__].__spec__.name        # its module is __main__ where it was started
    return terminal.run_program(f"python -m {name}", execute, argv,
                                interrupted="repeat the command to go on, what is finished is kept")
