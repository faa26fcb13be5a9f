"""Many runs, one table: the rows of the published tables and the ablations, as commands of run_ftcm.py."""
import json
import math
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import torch

from common.files import write_whole

# The release's README: Human3.6M, CPN, 243 frames, tds 3, mirrored test, refine with ground-truth root depth.
PUBLISHED = {("cpn_ft_h36m_dbb", 243, 3, True): {"mpjpe": 43.32, "p_mpjpe": 34.92}}
KEYPOINTS = {"h36m": ["cpn_ft_h36m_dbb", "gt"], "cmu": ["detected", "gt"]}
# The bundled data set has no published rows: it runs the same ones with a small network in minutes.
BUNDLED_TRAINING = ("--layers 2 --d_hid 64 -b 64 --nepoch 1 --stride 200 --val_stride 200 --cameras 0 "
                    "--test_stride 100")
BUNDLED_TEST = "--cameras 0 --test_stride 100"
# Keypoints with a detector's errors, half a second of context: what a temporal unit is for.
ABLATION_PART = ("--dataset cmu -k detected -f 9 -tds 3 --d_hid 64 -b 128 --nepoch 16 --lr 2e-3 -lrd 0.8 "
                 "--cameras 0,2 --stride 60 --val_stride 60 --test_stride 8 --val_subjects 05,127")
ABLATIONS = {"both units, 3 blocks": "--layers 3", "FPM alone": "--layers 3 --units fpm",
             "TPM alone": "--layers 3 --units tpm", "neither unit": "--layers 3 --units none",
             "element-wise filter": "--layers 3 --fpm_filter elementwise", "1 block": "--layers 1",
             "2 blocks": "--layers 2", "6 blocks": "--layers 6"}


@dataclass(frozen=True)
class Row:
    """One line of a table: how to train and evaluate its network, where its files lie, what was published."""
    label: str
    folder: Path
    train: str
    evaluate: str = ""
    published: dict = field(default_factory=dict)

    def checkpoint(self) -> Path | None:
        """The lifter's weights in `folder`: the run's best epoch or a release file; None when absent."""
        return self.best("no_refine")

    def refine_file(self) -> Path | None:
        return self.best("refine")

    def best(self, kind: str) -> Path | None:
        """The file that last.pth names as the best; without a last.pth, the first file there of this kind."""
        names = sorted(path.name for path in self.folder.glob(f"{kind}_*.pth"))
        if (self.folder / "last.pth").is_file():
            state = torch.load(self.folder / "last.pth", map_location="cpu", weights_only=True)
            names = [name for name in state["best"].get("files", []) if name.startswith(kind)]
        return self.folder / names[0] if names else None

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
                rows.append(Row(f"{keypoints}, {frames} frames, tds {tds}", lifter,
                                f"{common} -c {name} --train 1 {training}",
                                f"{common} --train 0 --reload 1 {test}"))
                rows.append(Row(f"{keypoints}, {frames} frames, tds {tds}, refine",
                                root / f"{name}_{frames}_refine",
                                f"{common} -c {name} --train 1 --refine --reload 1 --previous_dir "
                                f"{shlex.quote(str(lifter))}/no_refine_*.pth {training}",
                                f"{common} --train 0 --reload 1 --refine --refine_reload 1 {test}",
                                (PUBLISHED.get((keypoints, frames, tds, True), {})
                                 if dataset == "h36m" else {})))
    return rows


def ablation_rows(root: Path) -> list[Row]:
    """The variants of the network at equal data, epochs and seed on the bundled motions."""
    return [Row(label, root / f"ablation_{label.replace(' ', '_').replace(',', '')}_9_no_refine",
                f"{ABLATION_PART} {options} --train 1 -c ablation_{label.replace(' ', '_').replace(',', '')}")
            for label, options in ABLATIONS.items()]


def measured(row: Row, scores_file: Path) -> dict:
    """A row's figures in mm from the scores.json of its evaluation and the history of its training."""
    scores = json.loads(scores_file.read_text(encoding="utf-8"))
    last = row.folder / "last.pth"
    history = torch.load(last, map_location="cpu", weights_only=True)["history"] if last.is_file() else []
    return {"label": row.label, "mpjpe": scores["average"]["mpjpe"], "p_mpjpe": scores["average"]["p_mpjpe"],
            "mpjve": scores["average"]["mpjve"], "interval": scores["interval"],
            "last_epoch_mpjpe": history[-1].get("p1") if history else None, "published": row.published,
            "parameters": scores["parameters"], "training_epochs": scores["training_epochs"],
            "training_minutes": scores["training_minutes"], "frames_scored": scores["all_frames"]["frames"],
            "notes": scores["notes"], "command": scores["command"], "hardware": scores["hardware"],
            "seed": scores["seed"], "commit": scores["commit"]}


def markdown(rows: list[dict], missing: list[dict]) -> str:
    """The table: published, measured and difference side by side; then what is missing and how to get it."""
    lines = ["| row | published P1 / P2 | measured P1 / P2 | difference | 95 % interval of P1 "
             "| validation P1, last epoch | training |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        published = row["published"]
        lines.append(" | ".join([
            "| " + row["label"],
            f"{published['mpjpe']:.2f} / {published['p_mpjpe']:.2f}" if published else "not published",
            f"{row['mpjpe']:.2f} / {row['p_mpjpe']:.2f}",
            (f"{row['mpjpe'] - published['mpjpe']:+.2f} / {row['p_mpjpe'] - published['p_mpjpe']:+.2f}"
             if published else ""),
            f"{row['interval'][0]:.2f} to {row['interval'][1]:.2f}",
            "" if row["last_epoch_mpjpe"] is None else f"{row['last_epoch_mpjpe']:.2f}",
            f"{row['training_epochs']} epochs, {row['training_minutes']:.1f} min |"]))
    if rows:
        lines += ["", "mm; average over actions. The interval draws each action's clips anew (bootstrap, "
                  "1,000 draws)."]
    if missing:
        lines += ["", "Missing:", ""] + [f"- {entry['label']}: {entry['reason']}" for entry in missing]
    return "\n".join(lines) + "\n"


def write_tables(folder: Path, name: str, rows: list[dict], missing: list[dict]) -> list[Path]:
    """Write {name}.json and {name}.md; returns their paths. NaN becomes null."""
    plain = [{key: None if isinstance(value, float) and math.isnan(value) else value
              for key, value in row.items()}
             for row in rows]
    paths = [folder / f"{name}.json", folder / f"{name}.md"]
    write_whole(paths[0], json.dumps({"rows": plain, "missing": missing}, indent=1) + "\n")
    write_whole(paths[1], markdown(rows, missing))
    return paths
