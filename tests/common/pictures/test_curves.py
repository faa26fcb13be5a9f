from matplotlib.colors import to_rgb
from PIL import Image

from common.pictures import curves


def test_curves_show_the_three_errors_over_the_epochs(tmp_path, monkeypatch):
    figures, save = [], curves.save_picture
    monkeypatch.setattr(curves, "save_picture",
                        lambda figure, path: (figures.append(figure), save(figure, path)))
    history = [{"epoch": i, "train_mpjpe": 90.0 - i, "p1": 80.0 - i, "p2": 60.0} for i in (1, 2, 3)]
    curves.save_training_curves(history, tmp_path / "curves.png", selection="held-out subjects S8")
    axes, = figures[0].axes
    shown = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}
    assert shown == {"training MPJPE (with dropout)": ([1, 2, 3], [89, 88, 87]),
                     "MPJPE, held-out subjects S8": ([1, 2, 3], [79, 78, 77]),
                     "P-MPJPE, held-out subjects S8": ([1, 2, 3], [60, 60, 60])}
    assert axes.get_ylim()[0] == 0 and axes.get_ylabel() == "mm"
    with Image.open(tmp_path / "curves.png") as picture:
        seen = {color for _, color in picture.convert("RGB").getcolors(1 << 24)}
    assert {tuple(round(255 * part) for part in to_rgb(line.get_color())) for line in axes.lines} <= seen


def test_curves_of_a_training_without_validation_show_one_line(tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(curves, "save_picture", lambda figure, path: figures.append(figure))
    curves.save_training_curves([{"epoch": 1, "train_mpjpe": 90.0}], tmp_path / "curves.png", selection=None)
    assert [line.get_label() for line in figures[0].axes[0].lines] == ["training MPJPE (with dropout)"]
