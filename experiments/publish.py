"""The project's results: JSON files and pictures in checkpoint/results/, and the pages that show them.

`<!-- results:NAME -->` .. `<!-- /results:NAME -->` in a page holds what experiments/blocks.py makes of
checkpoint/results/NAME.json. `python -m experiments.publish` renews all pages; with NAME and files it copies
these to checkpoint/results/ under that name first.
"""
import argparse
import re
import sys
from pathlib import Path

from common.command import options
from common.command.command_line import Parser
from common.files import write_whole
from experiments.blocks import PER_PROCESSOR, render_block, render_files
from experiments.commands import run_study

BLOCK = re.compile(r"<!-- results:(?P<name>\w+) -->\n(?P<text>.*?)<!-- /results:(?P=name) -->", re.S)
FOLDER = "checkpoint/results"
# How a page's links to FOLDER begin.
PAGES = {"README.md": f"{FOLDER}/", "checkpoint/README.md": "results/", f"{FOLDER}/README.md": ""}


def parse_name(text: str) -> str:
    """A plain name: letters, digits and underscores."""
    if not re.fullmatch("[A-Za-z0-9_]{1,60}", text):
        raise argparse.ArgumentTypeError(f"expected letters, digits and underscores, got {text!r}")
    return text


def copy_results(name: str, files: list[Path], project: Path) -> list[Path]:
    """Copy a study's files to checkpoint/results/ as {name}.json and the like; returns the copies.

    The benchmark's files keep their names in a folder {name}. FileNotFoundError or ValueError where they are
    not what a study of this name writes; nothing is copied then.
    """
    tables = [path for path in files if path.suffix == ".json"]
    if not tables:
        raise ValueError(f"{', '.join(map(str, files))}: expected a JSON file among them. Name the one that "
                         "the study wrote.")
    render_files(name, tables, "")
    contents = {path: path.read_bytes() for path in files}
    copies = [project / FOLDER / (f"{name}/{path.name}" if name == PER_PROCESSOR else f"{name}{path.suffix}")
              for path in files]
    for path, copy in zip(files, copies):
        write_whole(copy, contents[path])
    return copies


def renew_pages(project: Path) -> list[str]:
    """Rewrite the blocks of all PAGES that are there; a sentence on each block."""
    sentences = []
    for name, link in PAGES.items():
        if (project / name).is_file():
            sentences += renew_page(project / name, project / FOLDER, link)
    return sentences


def renew_page(page: Path, results: Path, link: str) -> list[str]:
    """Rewrite the blocks of a page from the JSON files in `results`; a sentence on each block."""
    sentences = []

    def renew_block(match: re.Match) -> str:
        name = match["name"]
        try:
            text = render_block(name, results, link)
        except (FileNotFoundError, ValueError) as error:
            sentences.append(f"{name}: left as it is, {error}")
            return match[0]
        sentences.append(f"{name}: {'unchanged' if text == match['text'] else 'rewritten'}")
        return f"<!-- results:{name} -->\n{text}<!-- /results:{name} -->"

    write_whole(page, BLOCK.sub(renew_block, page.read_text(encoding="utf-8")))
    return sentences


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    parser = Parser(prog="python -m experiments.publish", description=__doc__,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", type=parse_name, help="what the results are called: demo, "
                        "limits_demo, ablation, ..")
    parser.add_argument("files", nargs="*", type=Path, help="what a study or an evaluation wrote: its JSON "
                        "file, its picture")
    args = parser.parse_args(argv)
    if args.name and not args.files:
        parser.error(f"{args.name} needs the files to copy; name the JSON file that the study wrote")
    if args.name:
        copies = copy_results(args.name, args.files, options.PROJECT)
        print("\n".join(f"Published: {path.relative_to(options.PROJECT)}" for path in copies))
    print("\n".join(renew_pages(options.PROJECT)))


if __name__ == "__main__":
    sys.exit(run_study(execute))
