"""The official MPI-INF-3DHP evaluation: PCK, AUC and MPJPE by sequence, by activity and overall.

PCK and AUC count 14 joints in 8 groups, MPJPE all 17; the pelvis is subtracted first. Everything is in
millimetres; `scored_millimetres` alone converts. Source: the data set's own script (Mehta et al. 2017).

Shapes: N scored frames, J = 17 joints of skeleton.MPI_INF_3DHP.
"""
from pathlib import Path

import numpy as np

from common.clips import Clip
from common.files import whole
from common.skeleton import MPI_INF_3DHP

JOINT_GROUPS = {            # under the official column names; pelvis, spine and head are in none
    "Head": ("head_top",), "Neck": ("neck",), "Shou": ("right_shoulder", "left_shoulder"),
    "Elbow": ("right_elbow", "left_elbow"), "Wrist": ("right_wrist", "left_wrist"),
    "Hip": ("right_hip", "left_hip"), "Knee": ("right_knee", "left_knee"),
    "Ankle": ("right_ankle", "left_ankle")}
THRESHOLDS = np.arange(0, 151, 5)               # mm, 31 of them; PCK uses the last, AUC all
PERFECT_AUC = 100 * np.mean(THRESHOLDS > 0)     # 96.77: no error is strictly below 0 mm
ACTIVITIES = {1: "Standing/Walking", 2: "Exercising", 3: "Sitting", 4: "Reaching/Crouching",
              5: "On The Floor", 6: "Sports", 7: "Miscellaneous"}
OVERALL = {"PCK": "Total", "AUC": "Total", "MPJPE": "Average"}      # metric -> its column over all joints
WEIGHTED, PLAIN = "frame-weighted mean", "mean over sequences"
NOTE = (f"PCK: % of errors below {THRESHOLDS[-1]} mm. AUC: mean % below {len(THRESHOLDS)} thresholds, 0 to "
        f"{THRESHOLDS[-1]} mm; a perfect\nprediction has {PERFECT_AUC:.2f}. Both over 14 joints. "
        f"MPJPE: mm, over 17 joints. All relative to the pelvis.")


def scored_millimetres(clips: list[Clip], poses: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Action -> (N, J, 3) mm: the valid frames of `poses`, (frames, J, 3) in metres for each clip."""
    return by_action(clips, in_millimetres(poses), [clip.valid for clip in clips])


def in_millimetres(poses: list[np.ndarray]) -> list[np.ndarray]:
    """Poses in metres as double-precision millimetres."""
    return [1000 * np.asarray(array, np.float64) for array in poses]


def by_action(clips: list[Clip], arrays: list[np.ndarray], chosen: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Action -> the frames `chosen`, (frames,) bool, of its clips' arrays; actions without any are absent."""
    parts = {}
    for clip, array, rows in zip(clips, arrays, chosen, strict=True):
        if not len(array) == len(rows) == len(clip):
            raise ValueError(f"{clip.name}: {len(array)} poses or activities for {len(clip)} frames. "
                             f"Give one for each frame; shorten activities and clips alike.")
        if rows.any():
            parts.setdefault(clip.action, []).append(array[rows])
    return {action: np.concatenate(part) for action, part in parts.items()}


def evaluate_clips(clips: list[Clip], predicted: list[np.ndarray], activities: dict | None = None) -> dict:
    """The report (see `evaluate`) of `predicted`, (frames, J, 3) in metres for each clip.

    Scored are the valid frames; a frame that is NaN throughout was not predicted and does not count.
    `activities`: clip's name -> (frames,) numbers 1 to 7; None or empty leaves the activity table out.
    """
    chosen = [~np.isnan(array).all((1, 2)) for array in predicted]
    chosen = [rows & clip.valid if len(rows) == len(clip) else rows for clip, rows in zip(clips, chosen)]
    numbers = [np.asarray((activities or {}).get(clip.name, ())) for clip in clips]
    return evaluate(by_action(clips, in_millimetres(predicted), chosen),
                    by_action(clips, in_millimetres([clip.pose for clip in clips]), chosen),
                    by_action(clips, numbers, chosen) if activities else None)


def evaluate(predicted: dict, pose: dict, activity: dict | None = None) -> dict:
    """All scores as plain values: report[table][metric][row][column].

    predicted, pose   sequence -> (N, J, 3) mm
    activity          sequence -> (N,) numbers 1 to 7; None or empty when unknown

    Tables: "sequence"; "mean", over all frames and over sequences; "activity" with the row "All" for all
    frames, where an activity without frames has no row. Metrics: "MPJPE" in mm, a column for each joint and
    "Average"; "PCK" and "AUC" in per cent, a column for each joint group and "Total".
    report["frames"][table][row] counts.
    """
    if not pose or predicted.keys() != pose.keys():
        raise ValueError(f"Expected predictions for the sequences {', '.join(pose) or '(none)'}, got "
                         f"{', '.join(predicted) or 'none'}. Predict valid frames of each of them.")
    errors = {name: joint_errors(predicted[name], pose[name], name=name) for name in pose}
    everything = np.concatenate(list(errors.values()))              # (N, J) over all sequences
    tables = {"sequence": errors}
    if activity:
        numbers = np.concatenate([np.asarray(activity[name]) for name in errors])
        rows = {label: everything[numbers == number] for number, label in ACTIVITIES.items()}
        tables["activity"] = {label: part for label, part in rows.items() if len(part)} | {"All": everything}
    report = {}
    for name, rows in tables.items():
        report[name] = by_metric({row: scores(part) for row, part in rows.items()})
    plain = {metric: mean_row(list(rows.values())) for metric, rows in report["sequence"].items()}
    report["mean"] = by_metric({WEIGHTED: scores(everything), PLAIN: plain})
    report["frames"] = {name: {row: len(part) for row, part in rows.items()} for name, rows in tables.items()}
    report["frames"]["mean"] = {WEIGHTED: len(everything), PLAIN: len(everything)}
    return report


def joint_errors(predicted: np.ndarray, pose: np.ndarray, *, name: str = "poses") -> np.ndarray:
    """(N, J) distances, mm, between `predicted` and `pose` (N, J, 3), mm, each relative to its own pelvis."""
    predicted, pose = np.asarray(predicted, np.float64), np.asarray(pose, np.float64)
    expected = (len(pose), len(MPI_INF_3DHP.joints), 3)
    if predicted.shape != expected or pose.shape != expected or len(pose) == 0:
        raise ValueError(f"{name}: expected predicted and true poses of shape (frames, 17, 3), got "
                         f"{predicted.shape} and {pose.shape}. Predict each valid frame once.")
    root = MPI_INF_3DHP.root
    errors = np.linalg.norm((predicted - predicted[:, [root]]) - (pose - pose[:, [root]]), axis=-1)
    bad = ~np.isfinite(errors).all(1)
    if bad.any():
        raise ValueError(f"{name}: expected finite poses, got NaN or infinity in {bad.sum()} of {len(bad)}. "
                         f"Use a checkpoint whose training converged.")
    return errors


def scores(errors: np.ndarray) -> dict[str, dict[str, float]]:
    """metric -> column -> value for errors (N, J) in mm: MPJPE in mm, PCK and AUC in per cent."""
    below = 100 * np.stack([(errors < threshold).mean(0) for threshold in THRESHOLDS])      # (31, J)
    distances = dict(zip(MPI_INF_3DHP.joints, errors.mean(0).tolist()))
    return {"MPJPE": distances | {"Average": float(errors.mean())},
            "PCK": by_group(below[-1]), "AUC": by_group(below.mean(0))}


def by_group(values: np.ndarray) -> dict[str, float]:
    """Joint group -> mean of `values` (J,) over its joints; "Total" is over all joints of all groups."""
    index = MPI_INF_3DHP.joints.index
    members = {group: [index(name) for name in names] for group, names in JOINT_GROUPS.items()}
    members["Total"] = sum(members.values(), [])
    return {group: float(values[joints].mean()) for group, joints in members.items()}


def by_metric(rows: dict[str, dict]) -> dict[str, dict]:
    """metric -> row -> columns, from row -> metric -> columns."""
    return {metric: {row: columns[metric] for row, columns in rows.items()} for metric in OVERALL}


def mean_row(rows: list[dict[str, float]]) -> dict[str, float]:
    """The plain mean of each column."""
    return {column: float(np.mean([row[column] for row in rows])) for column in rows[0]}


def report_text(report: dict) -> str:
    """The report of `evaluate` as aligned tables: by sequence with both means, activity, joint group."""
    blocks = [table("sequence", overall_rows(report, "sequence"), overall_rows(report, "mean"))]
    if "activity" in report:
        blocks.append(table("activity", overall_rows(report, "activity")))
    blocks.append(table("joint group", group_rows(report)))
    return "\n\n".join(blocks + [NOTE]) + "\n"


def overall_rows(report: dict, name: str) -> list[tuple]:
    """(row, frames, PCK, AUC, MPJPE) of each row of the table `name`, over all joints of each metric."""
    return [(row, frames, *(report[name][metric][row][column] for metric, column in OVERALL.items()))
            for row, frames in report["frames"][name].items()]


def group_rows(report: dict) -> list[tuple]:
    """(joint group, frames, PCK, AUC, MPJPE) over all frames."""
    pck, auc, errors = (report["mean"][metric][WEIGHTED] for metric in OVERALL)
    return [(group, report["frames"]["mean"][WEIGHTED], pck[group], auc[group],
             sum(errors[joint] for joint in joints) / len(joints)) for group, joints in JOINT_GROUPS.items()]


def table(title: str, *parts: list[tuple]) -> str:
    """Aligned text of rows (name, frames, PCK, AUC, MPJPE), a rule above each part."""
    width = max(len(row[0]) for part in parts for row in part + [(title,)])
    lines = [f"{title:<{width}}{'frames':>9}{'PCK':>8}{'AUC':>8}{'MPJPE':>9}"]
    for part in parts:
        lines.append("-" * len(lines[0]))
        lines += [f"{row:<{width}}{frames:>9}{pck:>8.2f}{auc:>8.2f}{error:>9.2f}"
                  for row, frames, pck, auc, error in part]
    return "\n".join(lines)


def export_mat(path: Path, predictions: dict[str, np.ndarray]) -> None:
    """Write `predictions`, sequence -> (N, J, 3) mm, for the official script: a variable 3 x 17 x 1 x N each.

    It expects the valid frames alone (`scored_millimetres`), as in P-STMO's inference_data.mat. Needs scipy.
    """
    variables = {}
    for name, poses in predictions.items():
        if poses.ndim != 3 or poses.shape[1:] != (len(MPI_INF_3DHP.joints), 3):
            raise ValueError(f"{name}: expected poses of shape (frames, 17, 3), got {poses.shape}. "
                             f"Export poses of MPI-INF-3DHP's joints.")
        if not np.isfinite(poses).all():
            raise ValueError(f"{name}: expected finite poses, got NaN. Predict every valid frame.")
        variables[name] = np.asarray(poses, np.float64).transpose(2, 1, 0)[:, :, None]      # (3, J, 1, N)
    try:
        from scipy.io import savemat
    except ImportError as error:
        raise ModuleNotFoundError("Writing a .mat file needs one more package: pip install scipy") from error
    with whole(path) as temporary:
        savemat(temporary, variables, appendmat=False)
