"""Skeletons as pictures, drawn with Pillow: flat ones in an image, solid ones on a floor with their shadow.

Shapes: N frames, P people, J joints; NaN where somebody is not there. Level space: metres, y down along
gravity, the floor at y = 0. Everything is drawn SMOOTH times as large and then reduced, which smooths all
edges.
"""
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from common.skeleton import Skeleton

COLORS = {"left": "#e4572e", "right": "#2e86ab", "middle": "#4a4e57"}
PAPER, PANEL, GRID, LABEL, INK, OUTLINE = "#ffffff", "#f3f5f8", "#d3d8e0", "#8a92a0", "#4a4e57", "#2b2f36"
SHADOW = (52, 60, 74)
SMOOTH = 2
# Where solid skeletons are seen from: degrees to the side of the camera that filmed, and above it.
VIEW_TURN, VIEW_TILT = np.radians(35), np.radians(12)
DISTANCE = 5.5                  # metres from the viewer to the middle of the motion
MARGIN = 0.1                    # share of a panel that stays free on each side
FOG = 0.55                      # how far the paper's colour takes over at the far end of the motion
TILE = 0.5                      # metres between the lines of the floor
# Radius in metres where a bone leaves its parent and where it ends; by the name of the joint that ends it.
RADIUS = {"knee": (.062, .046), "ankle": (.046, .03), "elbow": (.042, .032), "wrist": (.032, .022),
          "hip": (.05, .06), "shoulder": (.045, .045), "nose": (.04, .06), "head": (.07, .078),
          "head_top": (.08, .08)}
OTHER_RADIUS = (.055, .055)


def bone_color(skeleton: Skeleton, joint: int) -> tuple:
    """Red, green, blue, 0 to 255, of the bone that ends in `joint`: the colour of its side."""
    side = skeleton.joints[joint].split("_")[0]
    return parse_color(COLORS.get(side, COLORS["middle"]))


def mix_colors(color: tuple, other: tuple, share: float) -> tuple:
    """`color` with the part `share` (0 to 1) replaced by `other`; both red, green, blue, 0 to 255."""
    return tuple(round((1 - share) * a + share * b) for a, b in zip(color, other))


def parse_color(color: str) -> tuple:
    """Red, green, blue, 0 to 255, of a "#rrggbb"."""
    return tuple(int(color[start:start + 2], 16) for start in (1, 3, 5))


class Panel:
    """One part of a picture: its size in pixels, its title and its background, which never moves."""

    def __init__(self, width: int, height: int, title: str):
        self.width, self.height = width * SMOOTH, height * SMOOTH
        self.background = Image.new("RGB", (self.width, self.height), PANEL)
        pen = ImageDraw.Draw(self.background)
        self.prepare(pen)
        pen.text((self.width / 2, 8 * SMOOTH), title, anchor="mt", fill=INK,
                 font=ImageFont.load_default(14 * SMOOTH))

    def prepare(self, pen) -> None:
        """Draw the background."""

    def fit(self, points: np.ndarray) -> tuple[float, np.ndarray]:
        """The factor and the shift (2,) that bring points (.., 2), y down, into the panel below its title."""
        flat = points.reshape(-1, 2)
        low, high = np.nanmin(flat, axis=0), np.nanmax(flat, axis=0)
        top = 26 * SMOOTH
        room = np.array([self.width, self.height - top]) * (1 - 2 * MARGIN)
        factor = (room / np.maximum(high - low, 1e-6)).min()
        return factor, np.array([self.width, self.height + top]) / 2 - factor * (low + high) / 2


class FlatPanel(Panel):
    """Skeletons (N, J, 2) or (N, P, J, 2) in an image, x right, y down.

    `size`, pixels, adds the image's edge and a scale.
    """

    def __init__(self, width, height, title, *, points: np.ndarray, skeleton: Skeleton, size=None):
        self.points, self.skeleton, self.size = each_person(points), skeleton, size
        super().__init__(width, height, title)

    def prepare(self, pen):
        self.factor, self.shift = self.fit(self.points)
        height = np.nanmedian(np.ptp(self.points[..., 1], axis=-1)) * self.factor
        self.stroke = float(np.clip(0.012 * height, SMOOTH, 3 * SMOOTH))
        if self.size is None:
            return
        x0, y0 = self.shift
        x1, y1 = self.shift + self.factor * np.array(self.size)
        pen.rectangle((x0, y0, x1, y1), outline=GRID, width=2 * SMOOTH)
        step = next(step for step in (50, 100, 200, 500, 1000, 10 ** 9) if step * self.factor > 60 * SMOOTH)
        bottom, style = self.height - 4 * SMOOTH, {"fill": LABEL, "font": ImageFont.load_default(10 * SMOOTH)}
        for value in range(0, max(self.size) + 1, step):
            x, y = self.shift + self.factor * value
            if value <= self.size[0]:
                pen.text((x, bottom), str(value), anchor="mb", **style)
            if value <= self.size[1] and y < self.height - 24 * SMOOTH:
                pen.text((6 * SMOOTH, y), str(value), anchor="lm", **style)
        pen.text((self.width - 6 * SMOOTH, bottom - 14 * SMOOTH), "pixels", anchor="rb", **style)

    def draw(self, frame: int) -> Image.Image:
        picture = self.background.copy()
        pen = ImageDraw.Draw(picture)
        for placed in those_there(self.points[frame]) * self.factor + self.shift:
            for parent, child in self.skeleton.bones:
                pen.line((*placed[parent], *placed[child]), width=round(self.stroke),
                         fill=bone_color(self.skeleton, child))
            for joint, (x, y) in enumerate(placed):
                reach = 1.07 * self.stroke
                pen.ellipse((x - reach, y - reach, x + reach, y + reach), outline=PANEL, width=SMOOTH // 2,
                            fill=bone_color(self.skeleton, joint))
        return picture


class SolidPanel(Panel):
    """Skeletons (N, J, 3) or (N, P, J, 3), level space, with depth and shadow.

    They are seen from beside the camera that filmed.
    """

    def __init__(self, width, height, title, *, poses: np.ndarray, skeleton: Skeleton):
        self.poses, self.skeleton = each_person(poses), skeleton
        low, high = (bound(self.poses, axis=(0, 1, 2)) for bound in (np.nanmin, np.nanmax))         # (3,)
        self.middle, self.way = (low + high) / 2, (high - low)[[0, 2]].max()
        self.scale = max(1.0, self.way / 2.5)                   # long ways are seen from afar
        super().__init__(width, height, title)

    def prepare(self, pen):
        on_floor = self.poses * [1, 0, 1]
        flat, depth = self.project(np.concatenate([self.poses, on_floor]))
        self.factor, self.shift = self.fit(flat)
        self.near, self.far = np.nanmin(depth), np.nanmax(depth)
        reach = TILE * np.ceil(self.way / 2 / TILE + 1)
        x, _, z = self.middle
        for offset in np.arange(-reach, reach + TILE / 2, TILE):
            for ends in ([(offset, -reach), (offset, reach)], [(-reach, offset), (reach, offset)]):
                points = np.array([[x + a, 0, z + b] for a, b in ends])
                placed = self.place_in_panel(points)[0]
                pen.line((*placed[0], *placed[1]), fill=GRID, width=SMOOTH)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Perspective picture coordinates (.., 2), y down, of points (.., 3), and depths (..,), metres."""
        x, y, z = np.moveaxis(points - self.middle * [1, 0, 1], -1, 0)
        across = np.cos(VIEW_TURN) * x + np.sin(VIEW_TURN) * z
        ahead = np.cos(VIEW_TURN) * z - np.sin(VIEW_TURN) * x
        up = -y - 0.9                                           # the viewer looks at a standing person's hips
        depth = DISTANCE * self.scale + np.cos(VIEW_TILT) * ahead - np.sin(VIEW_TILT) * up
        height = np.cos(VIEW_TILT) * up + np.sin(VIEW_TILT) * ahead
        return np.stack([across / depth, -height / depth], -1), depth

    def place_in_panel(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Panel coordinates (.., 2) and depths (..,), metres, of points (.., 3)."""
        flat, depth = self.project(points)
        return flat * self.factor + self.shift, depth

    def draw(self, frame: int) -> Image.Image:
        picture = self.background.copy()
        people = those_there(self.poses[frame])                                     # (P, J, 3)
        places, depths = self.place_in_panel(people)
        for ground in people * [1, 0, 1]:
            self.draw_shadow(picture, *self.place_in_panel(ground))
        pen = ImageDraw.Draw(picture)
        bones = [(person, *bone) for person in range(len(people)) for bone in self.skeleton.bones]
        for person, parent, child in sorted(bones, key=lambda bone: -depths[bone[0], list(bone[1:])].sum()):
            placed, depth = places[person], depths[person]
            middle = depth[[parent, child]].mean()
            fog = FOG * (middle - self.near) / max(self.far - self.near, 1e-6)
            color, outline = (mix_colors(near, parse_color(PANEL), fog)
                              for near in (bone_color(self.skeleton, child), parse_color(OUTLINE)))
            ends, radii = placed[[parent, child]], self.find_radii(child) / depth[[parent, child]]
            draw_bone(pen, ends, radii + 1.2 * SMOOTH, outline)
            draw_bone(pen, ends, radii, color)
            draw_bone(pen, ends - 0.3 * radii[:, None], 0.35 * radii, mix_colors(color, (255, 255, 255), 0.4))
        return picture

    def find_radii(self, child: int) -> np.ndarray:
        """(2,) radii, in the panel's units at a depth of 1 m, of the bone that ends in `child`."""
        name = self.skeleton.joints[child].removeprefix("left_").removeprefix("right_")
        return np.array(RADIUS.get(name, OTHER_RADIUS)) * self.factor

    def draw_shadow(self, picture: Image.Image, placed: np.ndarray, depth: np.ndarray) -> None:
        """Darken `picture` where the bones, straight above, hide the floor at `placed` (J, 2)."""
        mask = Image.new("L", picture.size, 0)
        pen = ImageDraw.Draw(mask)
        for parent, child in self.skeleton.bones:
            radii = self.find_radii(child) / depth[[parent, child]]
            draw_bone(pen, placed[[parent, child]], radii, 88)
        picture.paste(SHADOW, mask=mask.filter(ImageFilter.GaussianBlur(3 * SMOOTH)))


def each_person(points: np.ndarray) -> np.ndarray:
    """(N, P, J, ..) of points of one person (N, J, ..) or of several."""
    return points[:, None] if points.ndim == 3 else points


def those_there(points: np.ndarray) -> np.ndarray:
    """The people of points (P, J, ..) who are there."""
    return points[np.isfinite(points).all(axis=(1, 2))]


def draw_bone(pen, ends: np.ndarray, radii: np.ndarray, fill) -> None:
    """A bone: two discs of `radii` (2,) at `ends` (2, 2) and what lies between."""
    along = ends[1] - ends[0]
    length = np.linalg.norm(along)
    if length > 1e-6:
        across = np.array([-along[1], along[0]]) / length * radii[:, None]          # (2, 2)
        corners = (ends[0] + across[0], ends[1] + across[1], ends[1] - across[1], ends[0] - across[0])
        pen.polygon([tuple(corner) for corner in corners], fill=fill)
    for (x, y), radius in zip(ends, radii):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def compose(panels: list[Panel], frame: int, heading: str) -> Image.Image:
    """The panels side by side at `frame`, below a line of text."""
    top, gap = 24 * SMOOTH, 8 * SMOOTH
    width = sum(panel.width + gap for panel in panels) + gap
    picture = Image.new("RGB", (width, panels[0].height + top + gap), PAPER)
    ImageDraw.Draw(picture).text((width / 2, top / 2), heading, anchor="mm", fill=INK,
                                 font=ImageFont.load_default(12 * SMOOTH))
    left = gap
    for panel in panels:
        picture.paste(panel.draw(frame), (left, top))
        left += panel.width + gap
    return picture.reduce(SMOOTH)
