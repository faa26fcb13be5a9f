"""The files that a run leaves: train.log, options.json, history.csv, last.pth and the best checkpoint."""
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import terminal
from common.files import check_writable, lock, named, parents_of, remove_abandoned, write_whole
from common.reporting.score_table import write_csv
from common.weights import checkpoint

LAST, LOG = "last.pth", "train.log"
BEST = re.compile(r"(no_)?refine_(\d+)_\d+\.pth")       # a best checkpoint; the first number is its epoch


class RunFolder:
    """A training run's folder. `options` are plain values; files are replaced whole, the log only grows.

    Of several processes only the one with `writes` prints and leaves files. Nothing is written before `held`.
    """

    def __init__(self, folder: Path, *, resume: bool, writes: bool = True):
        self.folder, self.resume, self.writes = check_writable(folder), resume, writes
        self.last, self.continued = folder / LAST, False
        self.refuse_second_run()

    def refuse_second_run(self) -> None:
        """ValueError where the folder holds a run that is not to be resumed."""
        if self.last.exists() and not self.resume:
            raise ValueError(f"{self.folder} already holds a training run. Continue it with --resume, name a "
                             "new run with --checkpoint NAME, or remove the folder.")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside the block no other training can use the folder (`files.lock`, on train.log)."""
        if not self.writes:
            yield
            return
        path = self.folder / LOG
        with parents_of(path):
            self.continued = path.exists()
            with named(path):
                file = open(path, "ab")
            with file:
                if not lock(file):
                    raise ValueError(f"Another training is using {self.folder}. Wait until it has ended, or "
                                     "name a new run with --checkpoint NAME.")
                self.refuse_second_run()                # one that ended between the first look and the lock
                remove_abandoned(self.folder)
                try:
                    yield
                finally:
                    if path.stat().st_size == 0:
                        path.unlink()

    def log(self, text: str) -> None:
        """Print a line and add it to train.log with the time."""
        if not self.writes:
            return
        terminal.write(text)
        with (named(self.folder / LOG),
              open(self.folder / LOG, "a", encoding="utf-8", errors="backslashreplace") as file):
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
        if is_best:
            lifter, refine = best_names(state["history"][-1])
            weights_only = {key: value for key, value in state.items()
                            if key not in ("optimizer", "rng", "refine", "unaveraged")}
            files = [lifter] + ([refine] if "refine" in state else [])
            epoch, p1 = state["epoch"], state["history"][-1]["p1"]
            state["best"] = weights_only["best"] = {"epoch": epoch, "p1": p1, "files": files}
            if self.writes:
                checkpoint.save(self.folder / lifter, weights_only)
            if self.writes and "refine" in state:
                checkpoint.save(self.folder / refine, state["refine"])
        if self.writes:
            checkpoint.save(self.last, state)
        self.tidy(state)

    def tidy(self, state: dict) -> None:
        """Bring the other files up to last.pth, which holds `state`.

        The best checkpoint learns the later epochs, those that it replaced go, history.csv is written.
        """
        if not self.writes:
            return
        if state["best"] and state["best"]["epoch"] < state["epoch"]:
            self.extend_history(self.folder / state["best"]["files"][0], state["history"])
        for path in self.replaced(state):
            path.unlink(missing_ok=True)
        write_csv(self.folder / "history.csv", state["history"])

    def extend_history(self, best: Path, history: list[dict]) -> None:
        """Write the epochs after the best one into its checkpoint, so that it knows the whole run's cost."""
        if best.is_file():
            checkpoint.save(best, {**checkpoint.read(best), "history": history})

    def replaced(self, state: dict) -> list[Path]:
        """The run's earlier best checkpoints, those that a killed process left included.

        They have the name of an epoch of the history; or, where the process was killed before it saved the
        epoch, the epoch's number in a folder that was this run's already. Other files are somebody's own.
        """
        own = {name for row in state["history"] if "p1" in row for name in best_names(row)}
        found = [path for path in self.folder.iterdir() if (match := BEST.fullmatch(path.name)) and (
            path.name in own or self.continued and int(match[2]) == state["epoch"])]
        return [path for path in found if path.name not in state["best"].get("files", [])]


def best_names(row: dict) -> tuple[str, str]:
    """What an epoch's checkpoints of lifter and refine module are called; `row` is its row of the history."""
    number = f"{row['epoch']:d}_{round(100 * row['p1']):d}.pth"
    return f"no_refine_{number}", f"refine_{number}"
