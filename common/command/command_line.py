"""A command line whose errors are one sentence and which takes no option by its beginning."""
import argparse
import difflib
import re
import sys

from common.errors import BadOptions


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are one sentence and whose options are written out.

    A one-letter option may hold its number: -f243. `refused` maps other programs' options to what the error
    says of them. Left alone, argparse reads -lr as -lrd and -smn as -s mn.
    """

    def __init__(self, *, refused: dict[str, str] | None = None, **settings):
        super().__init__(allow_abbrev=False, **settings)
        self.refused = refused or {}

    def error(self, message):
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        raise BadOptions(message)

    def parse_args(self, args=None, namespace=None):
        """As argparse; `given` is the set of the options' names (dest) that the words hold."""
        args, known, given = sys.argv[1:] if args is None else args, self._option_string_actions, set()
        for word in args:
            name = word.partition("=")[0]
            joined = re.fullmatch("-[A-Za-z][0-9]+", name) and name[:2] in known
            if name in known or joined:
                given.add(known[name[:2] if joined else name].dest)
            elif re.match("--?[A-Za-z]", name):
                foreign = re.sub("[0-9.]+$", "", name)          # -smn0 means -smn 0
                self.error(f"{foreign} {self.refused[foreign]}" if foreign in self.refused else
                           f"unrecognized option {name}; {suggest(name, known)}")
        found = super().parse_args(args, namespace)
        found.given = given
        return found


def suggest(name: str, known) -> str:
    """What of the `known` options somebody who wrote `name` may have meant."""
    stem = name.lstrip("-")
    begun = sorted(option for option in known if option.lstrip("-").startswith(stem))
    if f"--{stem}" in known:
        near = [f"--{stem}"]
    elif not begun and name[:2] in known:
        near = [f"{name[:2]} {name[2:]}"]
    else:
        near = begun or difflib.get_close_matches(name, known, 1)
    return f"did you mean {' or '.join(near)}?" if 0 < len(near) < 5 else "--help lists all options"
