"""Several seeds of one training as one line, and its paired difference from another line.

A line's figures are means over its seeds with their standard deviations. A difference is that of the means
over the seeds, clip by clip; its interval draws the test motions anew, not the seeds.
"""
from statistics import mean, stdev

from common.scores import COLUMNS
from experiments.compare import COUNTED, paired_difference, refuse_other_clips

METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")
LEGEND = ("mm, MPJVE in mm per frame step; average over actions, flip test; mean and standard deviation over "
          "seeds. Intervals (95 %, paired bootstrap, 1,000 draws) draw each action's motions anew for the "
          "mean over the seeds that both have; they know nothing of other seeds, people or data.")


def join_seeds(label: str, runs: list[dict]) -> dict:
    """One line from the figures of its seeds (rows.read_figures)."""
    values = {key: [run[key] for run in runs if run.get(key) is not None] for key in METRICS}
    return {"label": label, **{key: mean(numbers) if numbers else None for key, numbers in values.items()},
            "deviation": {key: stdev(numbers) if len(numbers) > 1 else None
                          for key, numbers in values.items()},
            "parameters": runs[0]["parameters"],
            **{key: mean(run[key] for run in runs) for key in ("training_minutes", "training_cpu_minutes")},
            "hardware": runs[0]["hardware"], "commit": runs[0]["commit"], "seeds": runs}


def average_clips(reports: list[dict]) -> dict:
    """The mean over evaluations of the same clips, as far as `compare.paired_difference` reads it.

    ValueError where they are not of the same clips.
    """
    for other in reports[1:]:
        refuse_other_clips(reports[0], other)
    errors = [{clip["clip"]: clip for clip in report["by_clip"]} for report in reports]
    return {"by_clip": [clip | {key: mean(found[clip["clip"]][key] for found in errors)
                                for key in METRICS if clip.get(key) is not None}
                        for clip in reports[0]["by_clip"]]}


def difference_of(line: dict[int, dict], reference: dict[int, dict]) -> dict | None:
    """`line` minus `reference`, both scores.json by seed, over the seeds that both have; None without one.

    The seeds, and for each of METRICS {"difference", "interval"} in mm, without MPJVE where no two scored
    frames follow each other.
    """
    seeds = sorted(line.keys() & reference.keys())
    if not seeds:
        return None
    refuse_other_clips(reference[seeds[0]], line[seeds[0]])
    first, second = (average_clips([reports[seed] for seed in seeds]) for reports in (reference, line))
    return {"seeds": seeds, **{metric: paired_difference(first, second, metric) for metric in METRICS
                               if any(clip[COUNTED.get(metric, "frames")] for clip in first["by_clip"])}}


def describe_change(change: str, difference: dict, metric: str = "mpjpe") -> str:
    """A sentence on what a change does to an error, as far as the interval supports it."""
    value, (low, high) = difference[metric]["difference"], difference[metric]["interval"]
    interval = f"({low:+.2f} to {high:+.2f})"
    if low <= 0 <= high:
        return f"{change}: {COLUMNS[metric]} {value:+.2f} mm {interval}, which may be no difference."
    return (f"{change} {'costs' if value > 0 else 'saves'} {abs(value):.2f} mm of {COLUMNS[metric]} "
            f"{interval}.")


def error_cell(line: dict, metric: str) -> str:
    """An error's cell: 61.23 or 61.23 ± 0.45."""
    if line.get(metric) is None:
        return "-"
    deviation = line["deviation"][metric]
    return f"{line[metric]:.2f}" + ("" if deviation is None else f" ± {deviation:.2f}")


def difference_cell(line: dict, metric: str) -> str:
    """A difference's cell with its interval; empty where the line has none."""
    found = line.get("difference") or {}
    if metric not in found:
        return ""
    low, high = found[metric]["interval"]
    return f"{found[metric]['difference']:+.2f} ({low:+.2f} to {high:+.2f})"


def label_cell(line: dict) -> str:
    """A line's name with its number of seeds."""
    count = len(line["seeds"])
    return line["label"] + (f" ({count} seeds)" if count > 1 else "")
