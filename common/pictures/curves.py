"""Pictures: training curves; a clip's 2D input, prediction and truth side by side as an animation."""
import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from common.clips import Clip
from common.pictures.skeletons import COLORS, GRID, FlatPanel, Panel, SolidPanel, compose
from common.files import write_whole
from common.video.level import level, on_floor
from common.metrics import mpjpe
from common.pictures.movies import save_gif

PANEL_WIDTH, PANEL_HEIGHT = 380, 380        # pixels of one panel of an animation


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_whole(path, buffer.getvalue())


def training_curves(history: list[dict], path: Path, *, selection: str) -> None:
    """curves.png: training MPJPE and validation P1, P2 in mm over epochs.

    `selection` says what was validated on.
    """
    figure = Figure(figsize=(7.5, 4.2), layout="constrained", dpi=110)
    axes = figure.subplots()
    epochs = [row["epoch"] for row in history]
    series = [("train_mpjpe", "training MPJPE (with dropout)", COLORS["middle"]),
              ("p1", f"MPJPE, {selection}", COLORS["right"]), ("p2", f"P-MPJPE, {selection}", COLORS["left"])]
    for key, label, color in series:
        if key in history[0]:
            axes.plot(epochs, [row[key] for row in history], color=color, label=label, marker="o",
                      markersize=3)
    axes.set(xlabel="epoch", ylabel="mm", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_picture(figure, path)


def animation_panels(clip: Clip, poses: list[np.ndarray], titles: list[str], *, up, pixels=None,
                     size=None) -> list[Panel]:
    """The panels of an animation: the clip's 2D input, then each of `poses` (N, J, 3), metres, upright.

    `up` (3,) is the vertical in the axes of `poses`, None where that is -y. Every pose touches the floor. The
    input is drawn in `pixels` (N, J, 2) of an image of `size`, where they are given.
    """
    flat = FlatPanel(PANEL_WIDTH, PANEL_HEIGHT, "2D input", skeleton=clip.skeleton, size=size,
                     points=clip.keypoints if pixels is None else pixels)
    return [flat, *(SolidPanel(PANEL_WIDTH, PANEL_HEIGHT, title, skeleton=clip.skeleton,
                               poses=on_floor(level(shown, up))) for shown, title in zip(poses, titles))]


def clip_animation(clip: Clip, predicted: np.ndarray, path: Path, *, every: int = 2, most: int = 75) -> None:
    """A GIF of up to `most` frames, every `every`-th of the clip.

    It shows the 2D input, the prediction (N, J, 3) in metres and the truth if known.
    """
    rows = slice(0, every * most, every)
    part, predicted = clip.cut(rows), predicted[rows]
    truth = [] if part.pose is None else [part.pose]
    panels = animation_panels(part, [predicted, *truth], ["prediction", "ground truth"], up=clip.up)
    headings = [f"{clip.name}   frame {every * number}" for number in range(len(part))]
    if truth:
        headings = [f"{clip.action}   {heading}   MPJPE {1000 * error:.0f} mm"
                    for heading, error in zip(headings, mpjpe(predicted, part.pose))]
    save_gif(path, [compose(panels, *numbered) for numbered in enumerate(headings)], fps=part.fps)
