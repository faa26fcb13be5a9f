"""Charts of what experiments/limits.py measured: one picture for each condition, and all of them in one."""
from pathlib import Path

from matplotlib.figure import Figure

from common.pictures.curves import COLORS, GRID, save_picture
from experiments.conditions import AXES

LINES = {"mpjpe": ("MPJPE", COLORS["left"], "o"), "n_mpjpe": ("N-MPJPE", COLORS["middle"], "s"),
         "p_mpjpe": ("P-MPJPE", COLORS["right"], "^")}
BARS = {"by_joint": "by joint", "by_action": "by kind of motion"}


def save_limits(report: dict, folder: Path) -> list[Path]:
    """limits.png with all conditions, limits_{condition}.png with each one; returns their paths."""
    paths = []
    for name in (*BARS, *AXES):
        figure = Figure(figsize=(5.2, 3.8), layout="constrained", dpi=100)
        axes = figure.subplots()
        draw_condition(axes, report, name)
        axes.legend(frameon=False, fontsize=8)
        axes.set_ylabel("mm")
        axes.set_ylim(bottom=0)
        paths.append(folder / f"limits_{name.removeprefix('by_')}.png")
        save_picture(figure, paths[-1])
    paths.append(folder / "limits.png")
    save_picture(draw_overview(report), paths[-1])
    return paths


def draw_overview(report: dict) -> Figure:
    """All conditions as small charts; one scale of mm above, one below."""
    figure = Figure(figsize=(11, 7.6), layout="constrained", dpi=100)
    rows = figure.subfigures(2, 1, height_ratios=(1.1, 2))
    top = rows[0].subplots(1, 2, width_ratios=(17, 8), sharey=True)
    below = rows[1].subplots(2, 3, sharey=True)
    for axes, name in zip((*top, *below.flat), (*BARS, *AXES)):
        draw_condition(axes, report, name)
    for axes in (top[0], below[0, 0], below[1, 0]):
        axes.set_ylabel("mm")
        axes.set_ylim(bottom=0)
    rows[0].legend(*top[0].get_legend_handles_labels(), frameon=False, fontsize=8, ncols=3,
                   loc="outside upper center")
    return figure


def draw_condition(axes, report: dict, name: str) -> None:
    """One condition: bars for names, lines over numbers; mm upwards from 0."""
    rows = report[name]
    places = range(len(rows))
    for number, (metric, (label, color, marker)) in enumerate(LINES.items()):
        heights = [row[metric] for row in rows]
        if name in BARS:
            axes.bar([place + 0.27 * (number - 1) for place in places], heights, width=0.27, color=color,
                     label=label)
        else:
            axes.plot([row["value"] for row in rows], heights, color=color, marker=marker, markersize=4,
                      label=label)
    if name in BARS:
        axes.set_xticks(places, [shorten_name(row["value"]) for row in rows],
                        rotation=90 if len(rows) > 10 else 45, fontsize=8)
        axes.set_title(BARS[name], fontsize=9)
    else:
        axes.set_xlabel(AXES[name], fontsize=8)
        axes.set_xlim(left=min(0, *axes.get_xlim()))
    axes.tick_params(labelsize=8)
    axes.grid(color=GRID, axis="y")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def shorten_name(name: str) -> str:
    """A joint's or action's name without underscores, sides as one letter."""
    return name.replace("left_", "l. ").replace("right_", "r. ").replace("_", " ")
