"""From the words of the command line to checked options; contradictions.py has the checks.

`parse` returns the options under this project's names (the `dest` of each). Bad values end the program with
one sentence and exit status 2.
"""
import argparse
import glob
import math
from pathlib import Path

from common.command.contradictions import find_problem
from common.command.networks import NETWORKS, PRETRAINING
from common.command.option_parser import build_parser
from common.command.option_values import EVERYBODY, LIVE, PROJECT
from common.command.shipped import CHOOSES, name_shipped

SHIPPED = {name: PROJECT / "checkpoint" / f"ftcm_{name}.pth" for name in CHOOSES}
OVERVIEW = """\
FTCM lifts 2D keypoints of a video to 3D poses. What you can do:
  python run_ftcm.py --predict FILE --output FOLDER            3D poses of your keypoints (--predict -: live)
  python run_ftcm.py --train 0 --dataset cmu -k detected       score the weights that ship on bundled motions
  python run_ftcm.py -f 243 --train 1                          train on Human3.6M (--dataset cmu: bundled)
  python run_ftcm.py --train 0 --reload 1 --previous_dir FILE  score a checkpoint
  python run_ftcm.py --help                                    all options; README.md shows them at work"""


def parse(argv: list[str]) -> argparse.Namespace:
    """The checked options; `given` is the set of those that the command line named itself."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.dataset in ("cmu", "3dhp") and "keypoints" not in args.given:
        args.keypoints = "gt"
    args.network = PRETRAINING if args.pretrain and args.network == "pstmo" else args.network
    fill_in(args)
    args.shipped = args.previous_dir is None and uses_checkpoint(args)
    args.averaged = split_files(str(args.previous_dir)) if args.previous_dir else []
    if args.averaged and "reload" not in args.given and uses_checkpoint(args):
        args.reload = True
    args.pictures = [] if args.pictures == ["none"] else args.pictures
    args.camera = camera_number(args.predict)
    if args.camera is not None:
        args.predict = LIVE
    problem = find_problem(args)
    if problem:
        parser.error(problem)
    args.everybody = args.person == EVERYBODY
    args.root = "estimate" if args.everybody else args.root
    args.film = args.film and (args.film[0], Path([*args.film, args.predict][1]))
    args.test = args.test and not args.pretrain         # it has no poses to score
    args.averaged = [find_file(parser, "previous_dir", path) for path in args.averaged]
    args.previous_dir = next(iter(args.averaged), None)
    if args.previous_refine_name:
        args.previous_refine_name = find_file(parser, "previous_refine_name", args.previous_refine_name)
    if args.shipped:
        args.reload = True
        args.previous_dir = SHIPPED[name_shipped(args)]
        args.averaged = [args.previous_dir]
    return args


def fill_in(args) -> None:
    """Set what the command line leaves out to the network's own sizes and, where asked for, its recipe."""
    network = NETWORKS[args.network]
    for values in (network.sizes, network.published) if args.recipe == "published" else (network.sizes,):
        for name, value in (values(args) if callable(values) else values).items():
            if name not in args.given:
                setattr(args, name, value)
    if args.widths and "frames" not in args.given:
        args.frames = math.prod(args.widths)
    elif "widths" in network.arguments and not args.widths:
        layers = next((count for count in range(1, 10) if 3 ** count == args.frames), None)
        args.widths = layers and [3] * layers


def split_files(text: str) -> list[Path]:
    """The files of a list with commas between them; a comma belongs to the name of a file that exists so."""
    parts = text.split(",")
    for count in range(len(parts), 0, -1):
        first = Path(",".join(parts[:count]))
        if count == 1 or first.exists():
            return [first, *(split_files(",".join(parts[count:])) if count < len(parts) else [])]
    raise AssertionError("a text has at least one part")


def find_file(parser: argparse.ArgumentParser, name: str, path: Path) -> Path:
    """The one file that `path` names; shells of Windows leave wildcards to the program."""
    matches = glob.glob(str(path)) if "*" in str(path) else [path]
    if len(matches) != 1:
        parser.error(f"--{name} {path} must match exactly one file, it matches {len(matches)}")
    return Path(matches[0])


def camera_number(path: Path | None) -> int | None:
    """The number of the camera that --predict names; None where it names none."""
    word = str(path)
    return int(word) if word.isdecimal() and len(word) < 4 and not path.exists() else None


def uses_checkpoint(args) -> bool:
    """Whether the task is to use a trained network: to evaluate it or to lift a video."""
    return not (args.train or args.export_release or args.export_weights)


def teacher_options(args: argparse.Namespace, path: str) -> argparse.Namespace:
    """The options that load the teacher in `path`, which must agree on what its poses mean."""
    own = parse(["--reload", "1", "--previous_dir", path])
    for name in ("tds", "target", "stature", "dataset"):
        setattr(own, name, getattr(args, name))
        own.given.add(name)
    return own


def refuse_unknown(option: str, given: list[str] | None, known: list[str]) -> None:
    """Raise ValueError where an option names what does not exist; None names all."""
    unknown = sorted(set(given or ()) - set(known))
    if unknown:
        raise ValueError(f"{option} {', '.join(unknown)} does not exist; choose from {', '.join(known)}.")
