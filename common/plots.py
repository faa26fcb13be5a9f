"""Pictures: training curves; a clip's 2D input, prediction and truth side by side as an animation.

Camera space is x right, y down, z forward; pictures show it seen from beside the camera, up is up.
"""
import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from common.clips import Clip
from common.files import write_whole
from common.metrics import upright

COLORS = {"left": "#e4572e", "right": "#2e86ab", "middle": "#4a4e57"}
GRID = "#d9dce1"
# Where the 3D panels are seen from, relative to the camera.
VIEW_TURN, VIEW_TILT = np.radians(35), np.radians(12)


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


def from_beside(pose):
    """Picture coordinates (.., 2), x right, y up, metres, of points (.., 3) seen from beside the camera."""
    x, y, z = pose[..., 0], pose[..., 1], pose[..., 2]
    across = np.cos(VIEW_TURN) * x + np.sin(VIEW_TURN) * z
    ahead = np.cos(VIEW_TURN) * z - np.sin(VIEW_TURN) * x
    return np.stack([across, -np.cos(VIEW_TILT) * y + np.sin(VIEW_TILT) * ahead], -1)


def side(skeleton, child: int) -> str:
    """left, right or middle: the side of the bone that ends in joint `child`."""
    return skeleton.joints[child].split("_")[0] if "_" in skeleton.joints[child] else "middle"


class SkeletonPanel:
    """One panel of the animation: a skeleton that moves, drawn from points (J, 2)."""

    def __init__(self, axes, skeleton, title):
        self.bones = skeleton.bones
        self.lines = [axes.plot([], [], color=COLORS.get(side(skeleton, child), COLORS["middle"]),
                                linewidth=2.4, solid_capstyle="round")[0] for _, child in self.bones]
        self.joints, = axes.plot([], [], "o", color="#22252b", markersize=2.6)
        axes.set_title(title, fontsize=10)
        axes.set_aspect("equal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color(GRID)

    def draw(self, points):
        for line, (parent, child) in zip(self.lines, self.bones):
            line.set_data(*points[[parent, child]].T)
        self.joints.set_data(*points.T)


def draw_floor(axes, height: float):
    """A square grid at camera-space height y = `height`, metres, under the root."""
    for offset in np.linspace(-0.9, 0.9, 7):
        for a, b in (((offset, -0.9), (offset, 0.9)), ((-0.9, offset), (0.9, offset))):
            ends = from_beside(np.array([[a[0], height, a[1]], [b[0], height, b[1]]]))
            axes.plot(*ends.T, color=GRID, linewidth=0.8, zorder=0)


def clip_animation(clip: Clip, predicted: np.ndarray, path: Path, *, every: int = 2, most: int = 75) -> None:
    """A GIF of up to `most` frames, every `every`-th of the clip.

    It shows the 2D input, the prediction (N, J, 3) in metres and the truth if known.
    """
    titles = ["2D input", "prediction"] + (["ground truth"] if clip.pose is not None else [])
    figure = Figure(figsize=(3.1 * len(titles), 3.5), dpi=90, layout="constrained", facecolor="white")
    canvas = FigureCanvasAgg(figure)
    panels = [SkeletonPanel(axes, clip.skeleton, title)
              for axes, title in zip(figure.subplots(1, len(titles)), titles)]
    heading = figure.suptitle("", fontsize=9, color=COLORS["middle"])
    frames = np.arange(0, len(clip), every)[:most]
    flat = clip.keypoints[frames]
    center, reach = (flat.max((0, 1)) + flat.min((0, 1))) / 2, 0.55 * np.ptp(flat, axis=(0, 1)).max()
    figure.axes[0].set(xlim=center[0] + reach * np.array([-1, 1]), ylim=center[1] + reach * np.array([1, -1]))
    level = upright(clip.up).T                              # up is up, where the clip knows it
    shown = [poses[frames] @ level                          # (frames, J, 3)
             for poses in (predicted, clip.pose) if poses is not None]
    floor = np.percentile(shown[-1][..., 1].max(1), 90)
    for axes in figure.axes[1:]:
        axes.set(xlim=(-1.3, 1.3), ylim=(-1.35, 1.25))
        draw_floor(axes, floor)
    heading.set_text(clip.name)
    canvas.draw()
    figure.set_layout_engine("none")  # the layout stays as it is: computing it anew is most of a frame's time
    images = []
    for number, frame in enumerate(frames):
        panels[0].draw(clip.keypoints[frame])
        for panel, poses in zip(panels[1:], shown):
            panel.draw(from_beside(poses[number]))
        if clip.pose is not None:
            error = 1000 * np.linalg.norm(predicted[frame] - clip.pose[frame], axis=-1).mean()
            heading.set_text(f"{clip.action}  {clip.name}  frame {frame}   MPJPE {error:.0f} mm")
        else:
            heading.set_text(f"{clip.name}  frame {frame}")
        canvas.draw()
        images.append(Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(48))
    buffer = io.BytesIO()
    images[0].save(buffer, format="GIF", save_all=True, append_images=images[1:], loop=0,
                   duration=round(1000 * every / clip.fps))
    write_whole(path, buffer.getvalue())
