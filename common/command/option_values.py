"""The values of options: how words become them, and words with a meaning of their own."""
import argparse
import re
from pathlib import Path

from common.bounds import BODY_HEIGHT
from common.lift import TRUE_HEIGHT

PROJECT = Path(__file__).resolve().parents[2]
LIVE = Path("-")            # --predict: standard input
EVERYBODY = "all"           # --person
EXPORTS = ["export_release", "export_weights", "export_onnx", "export_program"]


def parse_bool(text: str) -> bool:
    """0, 1, true or false in any case."""
    values = {"0": False, "false": False, "1": True, "true": True}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"expected 0, 1, true or false, got {text!r}")
    return values[text.lower()]


def parse_out_all(text: str) -> bool:
    """False; the release's --out_all 1 is refused, since it looks like --every_frame 1 and is not."""
    if parse_bool(text):
        raise argparse.ArgumentTypeError(
            "--out_all 1 has no effect in the original release; drop it, or use --every_frame 1 for a "
            "network that predicts every frame of its window")
    return False


def parse_list(text: str) -> list[str] | None:
    """A comma-separated list; * or all means all (None)."""
    if text.lower() in ("*", "all"):
        return None
    names = [part.strip() for part in text.split(",") if part.strip()]
    if text and not names:
        raise argparse.ArgumentTypeError(f"expected names with commas between them, got {text!r}")
    return names


def parse_network(text: str) -> str:
    """The name of a network."""
    if text == "temporal_conv":
        raise argparse.ArgumentTypeError("temporal_conv is now videopose3d, the same network as published; "
                                         "say --network videopose3d -f 27")
    return text


def parse_widths(text: str) -> list[int]:
    """Odd whole numbers from 3 on, with commas between them; their product is a window's frames."""
    if not re.fullmatch("[0-9]{1,4}(,[0-9]{1,4}){0,8}", text) or any(
            int(part) < 3 or int(part) % 2 == 0 for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"expected odd numbers from 3 on with commas between them, as in "
                                         f"3,3,3, got {text!r}")
    return [int(part) for part in text.split(",")]


def parse_files(text: str) -> list[str]:
    """Comma-separated files; one whose name holds a comma is taken whole where it exists."""
    names = [text] if Path(text).exists() else [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected files with commas between them, got {text!r}")
    return names


def parse_height(text: str) -> float | str:
    """Metres within BODY_HEIGHT, or "true"."""
    return text if text == TRUE_HEIGHT else between(BODY_HEIGHT)(text)


def parse_gpu(text: str) -> int:
    """The number of one device."""
    if not re.fullmatch("[0-9]{1,3}", text):
        raise argparse.ArgumentTypeError(f"expected the number of one device, got {text!r}; "
                                         "for several start the program with torchrun --nproc_per_node=N")
    return int(text)


def parse_level(text: str) -> float | str | None:
    """none (None), motion, or degrees between -90 and 90."""
    if text in ("none", "motion"):
        return None if text == "none" else text
    try:
        degrees = float(text)
    except ValueError:
        degrees = 90
    if not -90 < degrees < 90:
        raise argparse.ArgumentTypeError(f"expected none, motion or degrees between -90 and 90, got {text!r}")
    return degrees


def positive(kind=int, most=1_000_000):
    """A parser of numbers above zero and up to `most`."""
    def parse_positive(text):
        value = kind(text)
        if not 0 < value <= most:
            raise argparse.ArgumentTypeError(f"expected a number above 0 and up to {most}, got {text}")
        return value
    parse_positive.__name__ = kind.__name__
    return parse_positive


def between(bounds: tuple[float, float], kind=float):
    """A parser of numbers within `bounds`, both ends included."""
    def parse_between(text):
        value = kind(text)
        if not bounds[0] <= value <= bounds[1]:
            raise argparse.ArgumentTypeError(f"expected a number from {bounds[0]} to {bounds[1]}, got {text}")
        return value
    parse_between.__name__ = kind.__name__
    return parse_between
