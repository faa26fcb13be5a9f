"""Which of a detector's joints stand for which of ours: by their number, their names or a mapping file.

Shapes: J joints of a file, K joints of the layout that is made of them.
"""
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.bounds import MAX_LINE_BYTES
from common.skeleton import HUMAN36M, LIMBS, Skeleton
from dataset.keypoints.layouts import COCO17, LAYOUTS, find_layout
from dataset.reading import check_regular, describe_value, parse_json, read_bytes

# What other programs call these layouts.
OTHER_NAMES = {"coco": "coco17", "h36m": "human36m", "body_25": "body25", "blazepose": "blazepose33"}
# Layouts whose first 17 joints are COCO's: their name and their number of joints.
COCO_FIRST = {"halpe26": 26, "wholebody133": 133, "halpe136": 136}
# TensorFlow Hub's MoveNet (documentation of its outputs): COCO's 17 joints as y, x, score.
MOVENET = "movenet"
HEAD = ("nose", "left_ear", "right_ear")        # one of them must be named; `complete_head` makes the others
MAPPED = sorted({name for layout in LAYOUTS.values() for name in layout.joints})
EXAMPLE = '--layout FILE.json with {"left_hip": "its name there", ..}'
SIDES = {"l": "left", "left": "left", "r": "right", "right": "right"}


@dataclass(frozen=True)
class JointOrder:
    """How the joints (.., J, 3) of a file become those of `layout`.

    rows     K numbers of the file's joints, -1 for a joint that it lacks
    swapped  the file's first number is y
    """
    layout: Skeleton
    rows: tuple[int, ...]
    swapped: bool = False

    def take(self, points: np.ndarray) -> np.ndarray:
        """The joints (.., K, 3) x, y, score of a file's `points` (.., J, 3); NaN where it has none."""
        taken = points[..., self.rows, :]
        taken[..., np.array(self.rows) < 0, :] = np.nan
        return taken[..., [1, 0, 2]] if self.swapped else taken


def find_order(num_joints: int, given: str | None, where: str, *, stated: str | None = None,
               names: tuple[str, ...] | None = None) -> JointOrder:
    """The order for a file of so many joints, or of joints of these `names`.

    A layout's name, ours or another program's, is `given` by the user or else `stated` in the file. The user
    may give a mapping file instead. Raises ValueError that names the file.
    """
    layout = given or stated
    try:
        if given and given.lower().endswith(".json"):
            return order_by_mapping(read_mapping(Path(given)), num_joints, names, given)
        if names is not None:
            return order_by_names(names, layout)
        if layout in COCO_FIRST and num_joints not in (COCO_FIRST[layout], len(COCO17.joints)):
            raise ValueError(f"The layout {layout} has {COCO_FIRST[layout]} joints, the keypoints have "
                             f"{num_joints}. Name the layout that the detector wrote.")
        known = COCO17.name if layout in COCO_FIRST or layout == MOVENET else OTHER_NAMES.get(layout, layout)
        if num_joints in COCO_FIRST.values() and known in (None, COCO17.name):
            num_joints, known = len(COCO17.joints), COCO17.name
        found = find_layout(num_joints, known)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    return JointOrder(found, tuple(range(len(found.joints))), swapped=layout == MOVENET)


def standard_name(name: str) -> str:
    """`left_hip` for LHip, leftHip, "Left Hip", hip_l, hip.left and lefthip; other names in lower case."""
    words = re.sub(r"([a-z0-9])([A-Z])|(?<![a-zA-Z])([LR])([A-Z][a-z])", r"\1\3_\2\4", name.strip())
    words = [word for word in re.split(r"[^a-z0-9]+", words.lower()) if word]
    sides = [word for word in words if word in SIDES]
    if not sides and len(words) == 1 and (glued := re.fullmatch(r"(left|right)([a-z]+)", words[0])):
        sides, words = [glued[1]], list(glued.groups())
    if len(sides) != 1:
        return "_".join(words)
    return "_".join([SIDES[sides[0]], *(word for word in words if word not in SIDES)])


def order_by_names(names: tuple[str, ...], layout: str | None) -> JointOrder:
    """The order of joints of these names, for `layout` or else for the layout that they fit best."""
    rows = {}
    for row, name in enumerate(names):
        rows.setdefault(standard_name(name), row)
    wanted = COCO17.name if layout in COCO_FIRST or layout == MOVENET else OTHER_NAMES.get(layout, layout)
    if wanted is not None and wanted not in LAYOUTS:
        raise ValueError(f"There is no joint layout {layout!r}. Choose with --layout from: "
                         f"{', '.join([*LAYOUTS, *COCO_FIRST, MOVENET])}, or a mapping file.")
    complete = [one for one in LAYOUTS.values() if rows.keys() >= set(one.joints)]
    found = LAYOUTS[wanted] if wanted else max(complete, key=lambda one: len(one.joints), default=COCO17)
    missing = missing_joints(found, rows)
    if missing:
        shown = describe_value(dict.fromkeys(names[:8])) + (", .." if len(names) > 8 else "")
        raise ValueError(f"its joints are named {shown}; none stands for {', '.join(missing)}. Name them in "
                         f"a mapping file: {EXAMPLE}.")
    return JointOrder(found, tuple(rows.get(joint, -1) for joint in found.joints))


def missing_joints(layout: Skeleton, found) -> list[str]:
    """The joints that `layout` cannot do without and that are not in `found`."""
    if layout == HUMAN36M:
        return [joint for joint in HUMAN36M.joints if joint not in found]
    head = [] if any(joint in found for joint in HEAD) else ["nose or left_ear or right_ear"]
    return [*(joint for joint in LIMBS if joint not in found), *head]


def read_mapping(path: Path) -> dict:
    """The object of a mapping file: our joints' names -> the file's names or numbers, which begin with 0."""
    if not path.exists():
        raise FileNotFoundError(f"There is no mapping file {path}. Name a joint layout, or write {EXAMPLE}.")
    check_regular(path)
    mapping = parse_json(read_bytes(path, most=MAX_LINE_BYTES), str(path))
    good = isinstance(mapping, dict) and mapping and all(
        isinstance(value, str) or type(value) is int and value >= 0 for value in mapping.values())
    if not good:
        raise ValueError(f"a mapping file holds our joints' names with the file's names or numbers from 0, "
                         f"got {describe_value(mapping)}. Write {EXAMPLE}.")
    unknown = sorted(set(mapping) - set(MAPPED))
    if unknown:
        raise ValueError(f"there is no joint {describe_value(dict.fromkeys(unknown[:5]))}. "
                         f"Choose from: {', '.join(MAPPED)}.")
    return mapping


def order_by_mapping(mapping: dict, num_joints: int, names: tuple[str, ...] | None, path: str) -> JointOrder:
    """The order that a mapping file states: Human3.6M's joints where it names all, else COCO's."""
    rows = {}
    for joint, value in mapping.items():
        if isinstance(value, str) and names is None:
            raise ValueError(f"{path} calls {joint} {describe_value(value)}, but these keypoints have no "
                             f"names. Write its number from 0 to {num_joints - 1}.")
        if isinstance(value, str) and value not in names:
            shown = describe_value(dict.fromkeys(names))
            raise ValueError(f"{path} calls {joint} {describe_value(value)}, which is none of the names "
                             f"there: {shown}. Correct it.")
        rows[joint] = names.index(value) if isinstance(value, str) else value
        if rows[joint] >= num_joints:
            raise ValueError(f"{path} numbers {joint} {rows[joint]}, but there are {num_joints} joints, "
                             f"numbered from 0. Correct it.")
    layout = HUMAN36M if rows.keys() >= set(HUMAN36M.joints) else COCO17
    missing = missing_joints(layout, rows)
    if missing:
        raise ValueError(f"{path} has nothing for {', '.join(missing)}. Add them.")
    return JointOrder(layout, tuple(rows.get(joint, -1) for joint in layout.joints))
