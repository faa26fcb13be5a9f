"""Many trainings, one table: a row is how to train and evaluate one network with run_ftcm.py."""
import glob
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common.command import options
from common.weights import checkpoint
from experiments.commands import Study
from experiments.table_text import cost_legend, fill_columns, has_whole_cost, list_missing


@dataclass(frozen=True)
class Row:
    """One line of a table: how to train and evaluate its network, where its files lie, what was published.

    `weights` are files of the release, lifter and refine module, used where `folder` holds none. With `last`
    the last epoch is scored, as trainings without validation need it.
    """
    label: str
    folder: Path
    train: str
    evaluate: str
    published: dict = field(default_factory=dict)
    suffix: str = ""
    weights: tuple[Path, ...] = ()
    last: bool = False

    @property
    def name(self) -> str:
        """What its evaluations' folders are called: `suffix` tells rows of one training apart."""
        return self.folder.name + self.suffix

    def checkpoint(self) -> Path | None:
        """The lifter's weights in `folder`: the run's best epoch or a release file; None when absent."""
        return self.find_best("no_refine")

    def refine_file(self) -> Path | None:
        return self.find_best("refine")

    def find_best(self, kind: str) -> Path | None:
        """The file that last.pth names as the best; without a last.pth, the first file there of this kind.

        The file of a row that scores the `last` epoch is last.pth itself.
        """
        if self.last:
            return self.folder / "last.pth" if (self.folder / "last.pth").is_file() else None
        names = sorted(path.name for path in self.folder.glob(f"{kind}_*.pth"))
        if (self.folder / "last.pth").is_file():
            best = checkpoint.read(self.folder / "last.pth").get("best", {})
            names = [name for name in best.get("files", []) if name.startswith(kind)]
        paths = [self.folder / name for name in names]
        paths += [path for path in self.weights
                  if path.name.startswith("refine") == (kind == "refine") and path.is_file()]
        return paths[0] if paths else None

    def evaluation(self, lifter: Path, refine_file: Path | None, output: Path) -> list[str]:
        """The arguments that score these weights into the folder `output`."""
        line = [*shlex.split(self.evaluate), "--previous_dir", str(lifter), "--output", str(output)]
        return line + (["--previous_refine_name", str(refine_file)] if "--refine" in line else [])

    def is_unfinished(self) -> bool:
        """Whether a training was begun here and not ended."""
        path = self.folder / "last.pth"
        if self.last and path.is_file():
            return checkpoint.read(path).get("epoch", 0) < options.parse(shlex.split(self.train)).epochs
        return path.is_file() and not (self.folder / "scores.json").is_file()

    def is_finished(self) -> bool:
        """Whether its weights are there, those of the whole training; a damaged last.pth is none."""
        try:
            return not self.is_unfinished() and self.checkpoint() is not None
        except ValueError:
            return False


def measure_rows(rows: list[Row], study: Study, *, trains: bool = True, last_too: bool = False,
                 report: Callable[[list, list], object] = lambda done, missing: None,
                 ) -> tuple[list[dict], list[dict]]:
    """Every row's figures, and the rows that could not be measured with the reason.

    Rows without weights are trained first where `trains`, else listed. A training that was begun is finished.
    Evaluations go to the study's output, with `last_too` those of the last epoch as well; one that is there,
    made by the same command from the same weights, is not repeated. `report` is told after every row what is
    there so far.
    """
    done, missing = [], []
    for number, row in enumerate(rows, 1):
        print(f"\nRow {number} of {len(rows)}: {row.label}")
        selected, last = study.output / row.name, study.output / f"{row.name}_last"
        try:
            reason = train_row(row, study, trains=trains) or score_row(row, selected,
                                                                       last if last_too else None, study)
        except ValueError as error:                     # a damaged last.pth
            reason = str(error)
        if reason is None:
            done.append(read_figures(row, selected, last))
        else:
            missing.append({"label": row.label, "reason": reason})
        report(done, missing)
    return done, missing


def train_row(row: Row, study: Study, *, trains: bool) -> str | None:
    """Train a row's network, or finish its training, where `trains`; None, or why it has no weights."""
    if row.is_unfinished():
        return study.attempt([*expand_wildcards(row.train), "--resume"])
    if row.checkpoint() is not None:
        return None
    if trains:
        return study.attempt(expand_wildcards(row.train))
    authors = f" or put the authors' file at {row.weights[0]}" if row.weights else ""
    return f"no weights in {row.folder}; train them with: python run_ftcm.py {row.train}{authors}"


def score_row(row: Row, selected: Path, last: Path | None, study: Study) -> str | None:
    """Evaluate a row's network where that is not done yet; None, or why it could not be done.

    The best epoch's evaluation goes to the folder `selected`, the last one's to `last` where that is named.
    """
    last_weights = row.folder / "last.pth"
    evaluations = [(row.checkpoint(), row.refine_file(), selected)]
    if last and last_weights.is_file():
        evaluations.append((last_weights, last_weights, last))
    for weights, refine_file, output in evaluations:
        line = row.evaluation(weights, refine_file, output)
        reason = None if has_scores(line, weights, output) else study.attempt(line)
        if reason is not None:
            return reason
    return None


def has_scores(line: list[str], weights: Path, output: Path) -> bool:
    """Whether `output` holds the scores that the command `line` gave, newer than the weights it scored."""
    path = output / "scores.json"
    if not path.is_file() or path.stat().st_mtime < weights.stat().st_mtime:
        return False
    scores = json.loads(path.read_text(encoding="utf-8"))
    current = "by_clip" in scores and has_whole_cost([scores])
    return current and shlex.split(scores["command"])[2:len(line) + 2] == line


def expand_wildcards(line: str) -> list[str]:
    """The arguments of a command line. A file name with * becomes the first file that it matches, if any."""
    words = []
    for word in shlex.split(line):
        matches = sorted(glob.glob(word)) if "*" in word else []
        words.append(matches[0] if matches else word)
    return words


def read_figures(row: Row, selected: Path, last: Path | None = None) -> dict:
    """A row's figures in mm from the scores.json in two folders: of its selected epoch, of its last one."""
    scores, last_scores = (json.loads((path / "scores.json").read_text(encoding="utf-8"))
                           if path and path.is_dir() else None for path in (selected, last))
    return {"label": row.label, "mpjpe": scores["average"]["mpjpe"], "p_mpjpe": scores["average"]["p_mpjpe"],
            "n_mpjpe": scores["average"]["n_mpjpe"], "mpjve": scores["average"]["mpjve"],
            "interval": scores["interval"],
            "last_epoch_mpjpe": last_scores["average"]["mpjpe"] if last_scores else None,
            "published": row.published,
            "parameters": scores["parameters"], "selected_epoch": scores["selected_epoch"],
            "training_epochs": scores["training_epochs"],
            "training_minutes": scores["training_minutes"],
            "training_cpu_minutes": scores.get("training_cpu_minutes"),
            "frames_scored": scores["all_frames"]["frames"],
            "notes": scores["notes"], "command": scores["command"], "hardware": scores["hardware"],
            "seed": scores["seed"], "commit": scores["commit"]}


def row_table(rows: list[dict], missing: list[dict]) -> str:
    """The table; then what is missing and how to get it.

    Where a row was published, the published figures and the differences stand beside the measured ones.
    """
    published = any(row["published"] for row in rows)
    columns = {"row": lambda row: row["label"]}
    if published:
        columns["published P1 / P2"] = published_cell
    columns["measured P1 / P2"] = lambda row: f"{row['mpjpe']:.2f} / {row['p_mpjpe']:.2f}"
    if published:
        columns["difference"] = difference_cell
    columns["95 % interval of P1"] = lambda row: f"{row['interval'][0]:.2f} to {row['interval'][1]:.2f}"
    if any("paired" in row for row in rows):
        columns["P1 minus the first row's (95 %, paired)"] = paired_cell
    columns["P1 of the last epoch"] = last_epoch_cell
    columns["parameters"] = lambda row: f"{row['parameters'] / 1e6:.2f} M"
    if has_whole_cost(rows):
        columns["training"] = training_cell
    text = fill_columns(columns, rows)
    if rows:
        drawn = "motions" if has_whole_cost(rows) else "clips, views of one motion apart: it is too narrow"
        text += ("\nmm; average over actions. The interval draws anew (bootstrap, 1,000 draws) each action's "
                 f"{drawn}. "
                 f"{cost_legend(rows, 'Training: the whole run, validation included.')}\n")
    return text + list_missing(missing)


def published_cell(row: dict) -> str:
    known = row["published"]
    return " / ".join("-" if known[name] is None else f"{known[name]:.2f}"
                      for name in ("mpjpe", "p_mpjpe")) if known else "not published"


def difference_cell(row: dict) -> str:
    """Measured minus published; empty where nothing was published."""
    known = row["published"]
    if not known:
        return ""
    return " / ".join("-" if known[name] is None else f"{row[name] - known[name]:+.2f}"
                      for name in ("mpjpe", "p_mpjpe"))


def paired_cell(row: dict) -> str:
    """The paired difference from the first row's MPJPE with its interval; empty in the first row."""
    if "paired" not in row:
        return ""
    low, high = row["paired"]["interval"]
    return f"{row['paired']['difference']:+.2f} ({low:+.2f} to {high:+.2f})"


def last_epoch_cell(row: dict) -> str:
    return "" if row["last_epoch_mpjpe"] is None else f"{row['last_epoch_mpjpe']:.2f}"


def training_cell(row: dict) -> str:
    """How long a row was trained; empty for weights without a history."""
    if not row["training_epochs"]:
        return ""
    return f"{row['training_epochs']} epochs, {row['training_minutes']:.1f} min"
