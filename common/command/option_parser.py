"""The command line: the original release's names, types, defaults and help; options of our own.

The `dest` of an option is this project's name for it.
"""
import argparse
import functools

from common.command.command_line import Parser
from common.command.options_of_training import add_data, add_network, add_refine, add_training
from common.command.options_of_use import add_exports, add_machine, add_most_used, add_own_video

MASKING = "is called --network pstmo --pretrain 1 here, and --reload 1 for the lifter after it; drop it"
BEST = "names an earlier best epoch in the original release; here --resume restores it; drop it"
CHANNELS = "has one possible value: keypoints have 2 coordinates and poses 3; drop it"
# Options of the original release that are refused, and why.
RELEASE_ONLY = {
    "--pad": "has no effect in the original release, where it is always (frames - 1) / 2; drop it",
    "--crop_uv": "is not supported here: keypoints are always divided by the image's size; drop it",
    "--in_channels": CHANNELS, "--out_channels": CHANNELS,
    "-previous_name": BEST, "-previous_best_threshold": BEST,
    "--MAE": MASKING, "--MAE_reload": MASKING}
# The groups in the order of --help.
GROUPS = {"most used": add_most_used, "own video": add_own_video, "data": add_data, "network": add_network,
          "refine": add_refine, "training": add_training,
          "exports: write one file and do nothing else": add_exports, "machine": add_machine}


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """Adds the default to an option's help where there is one to name."""

    def _get_help_string(self, action):
        return (action.help if action.default in (None, "", argparse.SUPPRESS)
                else super()._get_help_string(action))


def build_parser() -> Parser:
    parser = Parser(prog="run_ftcm.py", refused=RELEASE_ONLY,
                    usage="python run_ftcm.py [options]; without options it says what one can do",
                    description="FTCM lifts 2D keypoints of a video to 3D poses: train, evaluate, predict.",
                    formatter_class=HelpFormatter)
    for title, add_options in GROUPS.items():
        add_options(parser.add_argument_group(title).add_argument)
    return parser


@functools.cache
def spellings() -> dict[str, str]:
    """Each option's `dest` and its long name on the command line: depth and --layers."""
    return {action.dest: action.option_strings[-1] for action in build_parser()._actions}


def spelt(names) -> str:
    """The options of these `dest` names as the command line spells them."""
    return ", ".join(sorted(spellings()[name] for name in names))


def written(value):
    """A value as the command line writes it: 1 for True, 3,3 for a list."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return int(value) if isinstance(value, bool) else value
