"""The results of the checkpoints that ship, measured anew: evaluations, limits, smoothing.

`python -m experiments.results` also puts them into checkpoint/results/ and renews the pages that show them.
"""
import json
import sys
from pathlib import Path

from common import scores
from common.command import options
from common.reporting.score_table import write_json
from experiments import limits
from experiments.commands import Study, parse_study, run_study
from experiments.publish import copy_results, renew_pages

SMOOTHING = (0, 0.02, 0.04, 0.08, 0.15)     # seconds


def measure_shipped(shipped: dict[str, Path], study: Study) -> list[str]:
    """Evaluate checkpoints on the bundled motions, both keypoint sources, and measure their limits; then the
    mean of those with a delay on keypoints with simulated errors.

    `shipped`: the checkpoints by name, as options.SHIPPED. What was measured is published; returned are
    sentences on what could not be measured.
    """
    sentences = []
    for name, path in shipped.items():
        choice = options.CHOOSES[name]
        if not path.is_file():
            sentences.append(f"{path.name} is not there: not evaluated.")
            continue
        for keypoints in ("gt", "detected"):
            words = f"--train 0 {choice} --dataset cmu -k {keypoints}".split()
            sentences += measure_and_publish(f"{path.stem}_{keypoints}", words, ["scores.json"], study)
        if name != "live":
            sentences += measure_and_publish(f"limits_{path.stem}", choice.split(),
                                             ["limits.json", "limits.png"], study, execute=limits.execute)
    averaged = [path for name, path in shipped.items() if name != "live"]
    if len(averaged) > 1 and all(path.is_file() for path in averaged):
        words = "--train 0 --dataset cmu -k detected --previous_dir".split()
        sentences += measure_and_publish("ftcm_mean_detected", [*words, ",".join(map(str, averaged))],
                                         ["scores.json"], study)
    return sentences


def measure_and_publish(name: str, words: list[str], files: list[str], study: Study, *,
                        execute=None) -> list[str]:
    """Run one command (commands.Study.attempt) and publish the files that it writes as `name`.

    Returns a sentence where that could not be done.
    """
    folder = study.output / name
    print(f"\n{name}: {' '.join(words)}")
    reason = study.attempt([*words, "--output", str(folder)], execute)
    if reason:
        return [f"{name}: {reason}"]
    copy_results(name, [folder / file for file in files], options.PROJECT)
    return []


def measure_smoothing(choice: str, study: Study) -> list[str]:
    """Publish smoothing.json: errors along SMOOTHING of the checkpoint that ships and `choice` chooses.

    Returns a sentence where that could not be done.
    """
    rows = []
    for seconds in SMOOTHING:
        words = f"--train 0 {choice} --dataset cmu -k detected --cameras 0".split()
        words += ["--smooth", str(seconds)] if seconds else []
        folder = study.output / f"smoothing_{seconds}"
        reason = study.attempt([*words, "--output", str(folder)])
        if reason:
            return [f"smoothing: {reason}"]
        data = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        rows.append({"--smooth, seconds": seconds or "off", **{
            title: data["average"][key] for key, title in scores.COLUMNS.items()}})
    facts = {key: data[key] for key in ("command", "hardware", "commit", "seed")}
    write_json(study.output / "smoothing.json", {"rows": rows, **facts})
    copy_results("smoothing", [study.output / "smoothing.json"], options.PROJECT)
    return []


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    study = parse_study("results", "Evaluate the checkpoints that ship, measure their limits and smoothing, "
                        "and renew the pages of results.", argv, folder="shipped")
    sentences = measure_shipped(options.SHIPPED, study)
    sentences += measure_smoothing(options.CHOOSES["best"], study)
    print("\n".join([*sentences, *renew_pages(options.PROJECT)]))


if __name__ == "__main__":
    sys.exit(run_study(execute))
