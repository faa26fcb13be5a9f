"""Many runs, one table: the rows of the published tables and the ablations, as commands of run_ftcm.py."""
import glob
import json
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common import checkpoint, compare
from common.files import write_whole
from experiments.table_text import markdown, whole_cost

# The release's README: Human3.6M, CPN, 243 frames, tds 3, mirrored test, refine with ground-truth root depth.
PUBLISHED = {("cpn_ft_h36m_dbb", 243, 3, True): {"mpjpe": 43.32, "p_mpjpe": 34.92}}
# The release's weights of that row, lifter and refine module, where the release's own command has them.
PUBLISHED_WEIGHTS = ("model_243_refine/no_refine_6_4331.pth", "model_351_refine/refine_6_4331.pth")
KEYPOINTS = {"h36m": ["cpn_ft_h36m_dbb", "gt"], "cmu": ["detected", "gt"]}
# The bundled data set has no published rows: it runs the same ones with a small network in minutes.
BUNDLED_TRAINING = ("--layers 2 --d_hid 64 -b 64 --nepoch 4 --lr 2e-3 -lrd 0.6 --stride 100 --val_stride 200 "
                    "--cameras 0 --test_stride 100")
BUNDLED_TEST = "--cameras 0 --test_stride 100"
# Keypoints with simulated detector noise, half a second of context: what a temporal unit is for.
ABLATION_PART = ("--dataset cmu -k detected -f 27 --d_hid 128 -b 128 --nepoch 12 --lr 2e-3 -lrd 0.75 "
                 "--cameras 0,2 --stride 20 --val_stride 20 --test_stride 8 --val_subjects 05,127")
ABLATION_TEST = "--dataset cmu -k detected --train 0 --reload 1 --cameras 0,2 --test_stride 8"
ABLATIONS = {"both units, 3 blocks": "--layers 3", "FPM alone": "--layers 3 --units fpm",
             "TPM alone": "--layers 3 --units tpm", "neither unit": "--layers 3 --units none",
             "element-wise filter": "--layers 3 --fpm_filter elementwise", "1 block": "--layers 1",
             "2 blocks": "--layers 2", "6 blocks": "--layers 6"}


@dataclass(frozen=True)
class Row:
    """One line of a table: how to train and evaluate its network, where its files lie, what was published.

    `weights` are files of the release, lifter and refine module, used where `folder` holds none.
    """
    label: str
    folder: Path
    train: str
    evaluate: str
    published: dict = field(default_factory=dict)
    suffix: str = ""
    weights: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """What its evaluations' folders are called: `suffix` tells rows of one training apart."""
        return self.folder.name + self.suffix

    def checkpoint(self) -> Path | None:
        """The lifter's weights in `folder`: the run's best epoch or a release file; None when absent."""
        return self.best("no_refine")

    def refine_file(self) -> Path | None:
        return self.best("refine")

    def best(self, kind: str) -> Path | None:
        """The file that last.pth names as the best; without a last.pth, the first file there of this kind."""
        names = sorted(path.name for path in self.folder.glob(f"{kind}_*.pth"))
        if (self.folder / "last.pth").is_file():
            best = checkpoint.read(self.folder / "last.pth").get("best", {})
            names = [name for name in best.get("files", []) if name.startswith(kind)]
        paths = [self.folder / name for name in names]
        paths += [path for path in self.weights if path.name.startswith(kind) and path.is_file()]
        return paths[0] if paths else None

    def evaluation(self, lifter: Path, refine_file: Path | None, output: Path) -> list[str]:
        """The arguments that score these weights into the folder `output`."""
        line = [*shlex.split(self.evaluate), "--previous_dir", str(lifter), "--output", str(output)]
        return line + (["--previous_refine_name", str(refine_file)] if "--refine" in line else [])

    def unfinished(self) -> bool:
        """Whether a training was begun here and not ended."""
        return (self.folder / "last.pth").is_file() and not (self.folder / "scores.json").is_file()


def published_rows(dataset: str, root: Path) -> list[Row]:
    """Frames 27, 81, 243, 351; both keypoint sources; tds 1 and 3; without and with refine.

    `root` is checkpoint/.
    """
    training, test = (BUNDLED_TRAINING, BUNDLED_TEST) if dataset == "cmu" else ("", "")
    rows = []
    for keypoints in KEYPOINTS[dataset]:
        for frames in (27, 81, 243, 351):
            for tds in (1, 3):
                name = f"tables_{dataset}_{keypoints}_tds{tds}"
                lifter = root / f"{name}_{frames}_no_refine"
                common = f"--dataset {dataset} -k {keypoints} -f {frames} -tds {tds}"
                published = PUBLISHED.get((keypoints, frames, tds, True), {}) if dataset == "h36m" else {}
                rows.append(Row(f"{keypoints}, {frames} frames, tds {tds}", lifter,
                                f"{common} -c {name} --train 1 {training}",
                                f"{common} --train 0 --reload 1 {test}"))
                rows.append(Row(f"{keypoints}, {frames} frames, tds {tds}, refine",
                                root / f"{name}_{frames}_refine",
                                f"{common} -c {name} --train 1 --refine --reload 1 --previous_dir "
                                f"{shlex.quote(str(lifter))}/no_refine_*.pth {training}",
                                f"{common} --train 0 --reload 1 --refine --refine_reload 1 {test}",
                                published, weights=tuple(root / name for name in PUBLISHED_WEIGHTS)
                                if published else ()))
    return rows


def ablation_rows(root: Path) -> list[Row]:
    """The variants of the network at equal data, epochs and seed on the bundled motions."""
    rows = []
    for label, variant in ABLATIONS.items():
        name = f"ablation_{label.replace(' ', '_').replace(',', '')}"
        rows.append(Row(label, root / f"{name}_27_no_refine",
                        f"{ABLATION_PART} {variant} --train 1 -c {name}", ABLATION_TEST))
    return rows


def run(rows: list[Row], folder: Path, *, trains: bool, execute: Callable[[list[str]], str | None],
        last_too: bool = True, against_first: bool = False) -> tuple[list[dict], list[dict]]:
    """Every row's figures, and the rows that could not be measured with the reason.

    `execute` runs a command of run_ftcm.py and returns None, or a sentence on what was wrong. Rows without
    weights are trained first where `trains`, else listed. A training that was begun is finished.
    Evaluations go to `folder`, with `last_too` those of the last epoch as well; one that is there, made by
    the same command from the same weights, is not repeated. With `against_first` a row has the paired
    difference of its MPJPE from the first row's.
    """
    done, missing = [], []
    first = folder / rows[0].name
    for number, row in enumerate(rows, 1):
        print(f"\nRow {number} of {len(rows)}: {row.label}")
        selected, last = folder / row.name, folder / f"{row.name}_last"
        try:
            reason = run_row(row, selected, last if last_too else None, trains=trains, execute=execute)
        except ValueError as error:                     # a damaged last.pth
            reason = str(error)
        if reason is None:
            done.append(measured(row, selected, last))
            if against_first and row is not rows[0] and (first / "scores.json").is_file():
                done[-1]["paired"] = compare.paired(*(compare.read(path / "scores.json")
                                                      for path in (first, selected)))
        else:
            missing.append({"label": row.label, "reason": reason})
    return done, missing


def run_row(row: Row, selected: Path, last: Path | None, *, trains: bool,
            execute: Callable[[list[str]], str | None]) -> str | None:
    """Train and evaluate one row where that is not done yet; None, or why it could not be done.

    The best epoch's evaluation goes to the folder `selected`, the last one's to `last` where that is named.
    """
    reason = None
    if row.unfinished():
        reason = execute([*expand(row.train), "--resume"])
    elif row.checkpoint() is None and trains:
        reason = execute(expand(row.train))
    elif row.checkpoint() is None:
        reason = f"no weights in {row.folder}; train them with: python run_ftcm.py {row.train}"
    if reason is not None:
        return reason
    last_weights = row.folder / "last.pth"
    evaluations = [(row.checkpoint(), row.refine_file(), selected)]
    if last and last_weights.is_file():
        evaluations.append((last_weights, last_weights, last))
    for weights, refine_file, output in evaluations:
        line = row.evaluation(weights, refine_file, output)
        if reason is None and not is_scored(line, weights, output):
            reason = execute(line)
    return reason


def is_scored(line: list[str], weights: Path, output: Path) -> bool:
    """Whether `output` holds the scores that the command `line` gave, newer than the weights it scored."""
    path = output / "scores.json"
    if not path.is_file() or path.stat().st_mtime < weights.stat().st_mtime:
        return False
    scores = json.loads(path.read_text(encoding="utf-8"))
    current = "by_clip" in scores and whole_cost([scores])
    return current and shlex.split(scores["command"])[2:len(line) + 2] == line


def expand(line: str) -> list[str]:
    """The arguments of a command line, wildcards in file names resolved as a shell does."""
    return [next(iter(sorted(glob.glob(word))), word) if "*" in word else word for word in shlex.split(line)]


def measured(row: Row, selected: Path, last: Path) -> dict:
    """A row's figures in mm from the scores.json in two folders: of its selected epoch, of its last one."""
    scores, last_scores = (json.loads((path / "scores.json").read_text(encoding="utf-8"))
                           if path.is_dir() else None for path in (selected, last))
    return {"label": row.label, "mpjpe": scores["average"]["mpjpe"], "p_mpjpe": scores["average"]["p_mpjpe"],
            "mpjve": scores["average"]["mpjve"], "interval": scores["interval"],
            "last_epoch_mpjpe": last_scores["average"]["mpjpe"] if last_scores else None,
            "published": row.published,
            "parameters": scores["parameters"], "selected_epoch": scores["selected_epoch"],
            "training_epochs": scores["training_epochs"],
            "training_minutes": scores["training_minutes"],
            "training_cpu_minutes": scores.get("training_cpu_minutes"),
            "frames_scored": scores["all_frames"]["frames"],
            "notes": scores["notes"], "command": scores["command"], "hardware": scores["hardware"],
            "seed": scores["seed"], "commit": scores["commit"]}


def write_tables(folder: Path, name: str, rows: list[dict], missing: list[dict]) -> list[Path]:
    """Write {name}.json and {name}.md; returns their paths. NaN becomes null."""
    plain = [{key: None if isinstance(value, float) and math.isnan(value) else value
              for key, value in row.items()}
             for row in rows]
    paths = [folder / f"{name}.json", folder / f"{name}.md"]
    write_whole(paths[0], json.dumps({"rows": plain, "missing": missing}, indent=1) + "\n")
    write_whole(paths[1], markdown(rows, missing, published=name == "results"))
    return paths
