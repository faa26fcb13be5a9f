"""The checkpoints that ship: ftcm_best.pth, ftcm_fast.pth and ftcm_live.pth, and which one a command uses."""
from common.command.option_values import LIVE

# What chooses each of them on the command line. Without such a word: live for a stream, else best.
CHOOSES = {"best": "-f 81", "fast": "-f 27", "live": "--target last"}


def name_shipped(args) -> str | None:
    """Which of CHOOSES the command line asks for; None where none is such."""
    words = {f"-f {args.frames}"} if "frames" in args.given else set()
    words |= {f"--target {args.target}"} if "target" in args.given else set()
    if not words - {"--target center"}:
        return "live" if args.predict == LIVE and not words and not args.hop else "best"
    return "live" if "--target last" in words else next(
        (name for name, word in CHOOSES.items() if word in words), None)
