"""Charts of networks: error against the cost of a pose; what the units change over training and noise."""
from pathlib import Path

from matplotlib.figure import Figure

from common.pictures.curves import GRID, save_picture

# Colours that stay apart for colour-blind readers (Okabe and Ito 2008), with markers beside them.
STYLES = [("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "^"), ("#CC79A7", "D"), ("#E69F00", "v"),
          ("#56B4E9", "P"), ("#000000", "X"), ("#999999", "*"), ("#B8A500", "<")]


def save_cost_chart(lines: list[dict], path: Path) -> None:
    """MPJPE in mm over multiply-accumulates a pose (log axis) as PNG: the lines of one curve are joined.

    Bars are standard deviations over seeds. The points of a curve say their hop, or their window where there
    are no hops.
    """
    figure = Figure(figsize=(8.6, 5), layout="constrained", dpi=110)
    axes = figure.subplots()
    curves: dict[str, list[dict]] = {}
    for line in lines:
        if line["macs_per_frame"] and line["mpjpe"] is not None:
            curves.setdefault(line["curve"], []).append(line)
    for number, (curve, points) in enumerate(curves.items()):
        color, marker = STYLES[number % len(STYLES)]
        points = sorted(points, key=lambda line: line["macs_per_frame"])
        axes.errorbar([line["macs_per_frame"] / 1e6 for line in points], [line["mpjpe"] for line in points],
                      yerr=[line["deviation"]["mpjpe"] or 0 for line in points], color=color, marker=marker,
                      markersize=6, capsize=3, label=curve)
        for line in points if len(points) > 1 else []:
            text = f"hop {line['hop']}" if line["hop"] else f"{line['frames']} fr."
            axes.annotate(text, (line["macs_per_frame"] / 1e6, line["mpjpe"]), xytext=(5, 6),
                          textcoords="offset points", fontsize=7, color=color)
    axes.set_xscale("log")
    axes.set(xlabel="multiply-accumulates a pose, millions (log axis)",
             ylabel="MPJPE, mm", title="test people; mean and standard deviation over seeds")
    finish(axes)
    if curves:
        axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    save_picture(figure, path)


def finish(axes) -> None:
    """Grid and frame as in all charts."""
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8)
    axes.title.set_fontsize(9)
    axes.spines[["top", "right"]].set_visible(False)


def save_units_chart(lines: list[dict], path: Path) -> None:
    """What both units change, as PNG; `lines` are those of units.json, one for each window.

    Left MPJPE on held-out training people over training, with both units (solid) and without (dashed). Right
    the difference on the test people over the strength of the detector's noise, with its interval.
    """
    figure = Figure(figsize=(10, 4.4), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    for number, line in enumerate(lines):
        color, marker = STYLES[number % len(STYLES)]
        for units, dashes in (("both", "-"), ("none", "--")):
            curve = line["curves"][units]
            left.plot([point["epoch"] for point in curve], [point["p1"] for point in curve], dashes,
                      color=color, marker=".", label=f"{line['frames']} frames, "
                      f"{'both units' if units == 'both' else 'neither unit'}")
        points = line["noise"]
        middle = [point["difference"]["mpjpe"]["difference"] for point in points]
        low, high = zip(*[point["difference"]["mpjpe"]["interval"] for point in points])
        right.errorbar([point["strength"] + 0.03 * (number - 1) for point in points], middle,
                       yerr=[[value - end for value, end in zip(middle, low)],
                             [end - value for value, end in zip(middle, high)]],
                       color=color, marker=marker, capsize=3, label=f"{line['frames']} frames")
    left.set_xscale("log")
    left.xaxis.set_major_formatter("{x:g}")
    left.set(xlabel="epochs of training (log axis)", ylabel="MPJPE on held-out training people, mm")
    right.axhline(0, color="black", linewidth=0.8)
    right.set(xlabel="simulated detector noise, times the model's",
              ylabel="MPJPE, both units minus neither, mm",
              title="test people; below 0 the units pay",
              xticks=sorted({point["strength"] for line in lines for point in line["noise"]}))
    for axes in (left, right):
        finish(axes)
        if lines:
            axes.legend(frameon=False, fontsize=8)
    save_picture(figure, path)
