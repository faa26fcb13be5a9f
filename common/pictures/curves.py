"""The errors of a training over its epochs, as a picture."""
import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from common.files import write_whole
from common.pictures.skeletons import COLORS, GRID


def save_picture(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    write_whole(path, buffer.getvalue())


def save_training_curves(history: list[dict], path: Path, *, selection: str | None) -> None:
    """Write training MPJPE and validation MPJPE and P-MPJPE, mm, over the epochs of `history` as PNG.

    Of a pre-training, which fills in keypoints, the training error in screen units.
    `selection` names the people of the validation; None without one.
    """
    figure = Figure(figsize=(7.5, 4.2), layout="constrained", dpi=110)
    axes = figure.subplots()
    epochs = [row["epoch"] for row in history]
    series = [("train_mpjpe", "training MPJPE (with dropout)", COLORS["middle"]),
              ("p1", f"MPJPE, {selection}", COLORS["right"]), ("p2", f"P-MPJPE, {selection}", COLORS["left"])]
    filled_in = "train_mpjpe" not in history[0]         # a pre-training, which knows no poses
    if filled_in:
        series = [("loss", "training error of the keypoints", COLORS["middle"])]
    for key, label, color in series:
        if key in history[0]:
            axes.plot(epochs, [row[key] for row in history], color=color, label=label, marker="o",
                      markersize=3)
    axes.set(xlabel="epoch", ylabel="screen units" if filled_in else "mm", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    save_picture(figure, path)
