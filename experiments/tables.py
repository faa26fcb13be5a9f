"""The rows of the published tables, each with its published figure where there is one.

`python -m experiments.tables` measures every row for which data and weights are there. Where Human3.6M is
absent it trains the same rows on the bundled motions, with a small network, in minutes.
"""
import shlex
import sys
from pathlib import Path

from experiments.commands import Study, parse_study, run_study
from experiments.rows import Row, measure_rows, row_table
from experiments.table_text import write_results

# The release's README: Human3.6M, CPN, 243 frames, tds 3, flip test, refine with ground-truth root depth.
PUBLISHED = {("cpn_ft_h36m_dbb", 243, 3, True): {"mpjpe": 43.32, "p_mpjpe": 34.92}}
# The release's weights of that row, lifter and refine module, where the release's own command has them.
PUBLISHED_WEIGHTS = ("model_243_refine/no_refine_6_4331.pth", "model_351_refine/refine_6_4331.pth")
CPN = "cpn_ft_h36m_dbb"
# Other networks on Human3.6M: network and size, keypoints, frames; the options of their authors' protocol;
# MPJPE and P-MPJPE in mm, from READMEs and file names, or papers (strided, with the root's true depth; the
# larger pstmo); the authors' weights.
PEERS = [
    ("stcformer", CPN, 27, "-tds 3 --every_frame 0", 44.08, 34.76, "no_refine_6_4406.pth"),
    ("stcformer", CPN, 81, "-tds 3 --every_frame 0", 41.72, 32.94, "no_refine_6_4172.pth"),
    ("videopose3d", CPN, 27, "--keep_root 1", 48.8, 38.0, None),
    ("videopose3d", CPN, 81, "--keep_root 1", 47.7, 37.2, None),
    ("videopose3d", CPN, 243, "--keep_root 1", 46.8, 36.5, "pretrained_h36m_cpn.bin"),
    ("videopose3d", "gt", 243, "--keep_root 1", 37.2, 27.2, None),
    ("strided", CPN, 351, "--refine --refine_reload 1", 43.6, 35.2, None),
    ("pstmo", CPN, 243, "-tds 2", 43.06, None, "PSTMOS_no_refine_28_4306_h36m_cpn.pth"),
    ("pstmo --layers 4", CPN, 243, "-tds 2", 42.8, 34.4, "PSTMO_no_refine_11_4288_h36m_cpn.pth"),
    ("pstmo", "gt", 243, "-tds 2", 29.36, None, "PSTMOS_no_refine_15_2936_h36m_gt.pth")]
PUBLISHED_KEYPOINTS = {"h36m": ["cpn_ft_h36m_dbb", "gt"], "cmu": ["detected", "gt"]}
BUNDLED_TRAINING = ("--layers 2 --d_hid 64 -b 64 --nepoch 4 --lr 2e-3 -lrd 0.6 --stride 100 --val_stride 200 "
                    "--cameras 0 --test_stride 100")
BUNDLED_TEST = "--cameras 0 --test_stride 100"


def make_published_rows(dataset: str, root: Path) -> list[Row]:
    """Frames 27, 81, 243, 351; both keypoint sources; tds 1 and 3; without and with refine.

    `root` is checkpoint/.
    """
    training, test = (BUNDLED_TRAINING, BUNDLED_TEST) if dataset == "cmu" else ("", "")
    rows = []
    for keypoints in PUBLISHED_KEYPOINTS[dataset]:
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


def make_peer_rows(root: Path) -> list[Row]:
    """The rows of PEERS, scored as their authors score them; their weights go to a folder of their own.

    A training that follows on another one names that one's folder.
    """
    rows = []
    for network, keypoints, frames, protocol, mpjpe, p_mpjpe, weights in PEERS:
        name = f"tables_h36m_{keypoints}_{network.replace(' --', '_').replace(' ', '')}"
        common = f"--dataset h36m -k {keypoints} --network {network} -f {frames}"
        kind = "refine" if "--refine" in protocol else "no_refine"
        before = (f"{name}_pretraining_{frames}_no_refine/last.pth" if network.startswith("pstmo") else
                  f"{name}_{frames}_no_refine/no_refine_*.pth" if kind == "refine" else None)
        stage = f" --reload 1 --previous_dir {shlex.quote(str(root))}/{before}" if before else ""
        stage += " --refine --lr 1e-5" if kind == "refine" else ""
        rows.append(Row(f"{network}, {keypoints}, {frames} frames, {protocol}",
                        root / f"{name}_{frames}_{kind}",
                        f"{common} -c {name} --train 1 --recipe published{stage}",
                        f"{common} --train 0 --reload 1 {protocol}", {"mpjpe": mpjpe, "p_mpjpe": p_mpjpe},
                        weights=(root / network.split()[0] / weights,) if weights else ()))
    return rows


def measure_published_rows(study: Study) -> str:
    """Measure the rows and write tables.json and tables.md; returns the table.

    Networks are trained on the bundled motions only, the peers not at all.
    """
    licensed = (study.root_path / "data_3d_h36m.npz").is_file()
    rows = make_published_rows("h36m" if licensed else "cmu", study.runs)
    done, missing = measure_rows(rows + (make_peer_rows(study.runs) if licensed else []), study,
                                 trains=not licensed, last_too=True)
    text = row_table(done, missing)
    path = write_results(study.output, "tables",
                         {"command": study.command, "rows": done, "missing": missing}, text)
    return f"\n{text}\nTable: {path}"


def execute(argv: list[str]) -> None:
    """Do what the arguments say."""
    print(measure_published_rows(parse_study("tables", "Measure the rows of the published tables.", argv)))


if __name__ == "__main__":
    sys.exit(run_study(execute))
