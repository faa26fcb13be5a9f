"""The stages of a long training, told by their folders: commands, epochs, minutes, validation by the epoch.

`python -m experiments.stages NAME=FOLDER,FOLDER .. --output DIR` writes stages.json and its table, for each
network the folders of its runs in their order.
"""
import json
import sys
from pathlib import Path

from common.command import options
from common.files import check_writable
from common.weights import checkpoint
from experiments.commands import make_parser, run_study
from experiments.table_text import markdown_table, write_results

OF_A_RUN = ("hardware", "commit", "seed")           # of options.json
OF_AN_EPOCH = ("epoch", "learning_rate", "loss", "p1", "p2", "seconds", "cpu_seconds")


def read_stage(folder: Path) -> dict:
    """What is known of the run in `folder`; FileNotFoundError where there is none."""
    for name in ("options.json", "last.pth"):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"No {name} in {folder}: expected the folder of a training.")
    written = json.loads((folder / "options.json").read_text(encoding="utf-8"))
    saved = checkpoint.read(folder / "last.pth")
    history = [{key: row[key] for key in OF_AN_EPOCH if key in row} for row in saved["history"]]
    return {"run": folder.name, "command": " ".join(map(shorten, written["command"].split())),
            **{key: written[key] for key in OF_A_RUN}, "frames": saved["model_args"]["frames"],
            "tds": saved["data"]["tds"], "selection": saved["selection"], "epochs": len(history),
            "minutes": sum(row["seconds"] for row in history) / 60,
            "processor_minutes": sum(row["cpu_seconds"] for row in history) / 60, "history": history}


def shorten(word: str) -> str:
    """A path by its last two names: where a run's folder lies says nothing."""
    return "/".join(word.split("/")[-2:])


def stages_table(networks: dict[str, list[dict]]) -> str:
    """Markdown: a row for each stage, then for each network the whole."""
    rows = []
    for name, stages in networks.items():
        for stage in stages:
            best = min((row for row in stage["history"] if "p1" in row), key=lambda row: row["p1"],
                       default=None)
            rows.append([f"`{name}`", f"{stage['frames']}, {stage['tds']} apart", str(stage["epochs"]),
                         f"{stage['processor_minutes']:.0f}",
                         f"{best['p1']:.1f} / {best['p2']:.1f}" if best else "all people train"])
        rows.append([f"`{name}`", "all", str(sum(stage["epochs"] for stage in stages)),
                     f"{sum(stage['processor_minutes'] for stage in stages):.0f}", ""])
    return markdown_table(["network", "frames of a window", "epochs", "processor minutes",
                           "MPJPE / P-MPJPE on held-out training people, mm"], rows)


def describe(results: dict) -> str:
    """The table, where it was trained, and the commands."""
    stages = [stage for own in results["networks"].values() for stage in own]
    machines = "; ".join(sorted({stage["hardware"] for stage in stages}))
    commands = "\n".join(f"    {stage['command']}" for stage in stages)
    return (f"{stages_table(results['networks'])}\nOne process on {machines}; seed "
            f"{', '.join(map(str, sorted({stage['seed'] for stage in stages})))}. A stage begins with the "
            f"weights of the one before.\n\n{commands}\n")


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    parser = make_parser("stages", "Tell the stages of long trainings.")
    parser.add_argument("networks", nargs="+", metavar="NAME=FOLDER,FOLDER", help="a network and its runs")
    args = parser.parse_args(argv)
    output = check_writable(args.output or options.PROJECT / "checkpoint" / "stages")
    networks = {}
    for words in args.networks:
        name, equals, folders = words.partition("=")
        if not (name and equals and folders):
            raise ValueError(f"Expected NAME=FOLDER,FOLDER, got {words}.")
        networks[name] = [read_stage(Path(folder)) for folder in folders.split(",")]
    results = {"networks": networks}
    text = describe(results)
    print(text)
    print(f"Table: {write_results(output, 'stages', results, text)}")


if __name__ == "__main__":
    sys.exit(run_study(execute))
