"""The files that a run leaves: train.log, options.json, history.csv, last.pth and the best checkpoint."""
import json
import os
import time
from pathlib import Path

from tqdm import tqdm

from common import checkpoint
from common.files import write_whole
from common.score_table import write_csv

LAST = "last.pth"


def prepare(folder: Path) -> Path:
    """Create the folder and prove that files can be written into it; ValueError with a sentence if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write_test_{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ValueError(f"Cannot write into the folder {folder} ({error.strerror}). "
                         "Name another one.") from error
    return folder


class RunFolder:
    """A training run's folder. `options` are plain values; files are replaced whole, the log only grows.

    Of several processes only the one with `writes` prints and leaves files.
    """

    def __init__(self, folder: Path, *, resume: bool, writes: bool = True):
        self.folder, self.writes = prepare(folder), writes
        self.last = folder / LAST
        if self.last.exists() and not resume:
            raise ValueError(f"{folder} already holds a training run. Continue it with --resume, name a new "
                             f"run with --checkpoint NAME, or remove the folder.")
        if resume and not self.last.exists():
            raise FileNotFoundError(f"Nothing to resume: no {LAST} in {folder}. Drop --resume to "
                                    "start this run.")

    def log(self, text: str) -> None:
        """Print a line and add it to train.log with the time."""
        if not self.writes:
            return
        tqdm.write(text)
        with open(self.folder / "train.log", "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    def write_options(self, options: dict) -> None:
        """Write options.json."""
        if not self.writes:
            return
        write_whole(self.folder / "options.json", json.dumps(options, indent=1) + "\n")

    def save_epoch(self, state: dict, *, is_best: bool) -> None:
        """Write the state after an epoch: the best checkpoint first, then last.pth.

        The best checkpoint lacks what only resuming needs. Its `history` is the whole run's so far, its
        `epoch` the selected one.
        A refine module goes into a file of its own beside the lifter's, as in the original release. The files
        that a new best replaces are removed last, so at any moment the files that last.pth names exist.
        """
        replaced = state["best"].get("files", [])
        if is_best:
            epoch, p1 = state["epoch"], state["history"][-1]["p1"]
            lifter, refine = (f"{kind}_{epoch}_{round(100 * p1)}.pth" for kind in ("no_refine", "refine"))
            weights_only = {key: value
                            for key, value in state.items() if key not in ("optimizer", "rng", "refine")}
            files = [lifter] + ([refine] if "refine" in state else [])
            state["best"] = weights_only["best"] = {"epoch": epoch, "p1": p1, "files": files}
            if self.writes:
                checkpoint.save(self.folder / lifter, weights_only)
            if self.writes and "refine" in state:
                checkpoint.save(self.folder / refine, state["refine"])
        if not self.writes:
            return
        if not is_best and replaced:
            self.extend_history(self.folder / replaced[0], state["history"])
        checkpoint.save(self.last, state)
        for name in set(replaced) - set(state["best"].get("files", [])):
            (self.folder / name).unlink(missing_ok=True)
        write_csv(self.folder / "history.csv", state["history"])

    def extend_history(self, best: Path, history: list[dict]) -> None:
        """Write the epochs after the best one into its checkpoint, so that it knows the whole run's cost."""
        if best.is_file():
            checkpoint.save(best, {**checkpoint.read(best), "history": history})
