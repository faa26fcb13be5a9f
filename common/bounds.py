"""What is plausible and what is too much: the bounds of options, files, folders and streams.

A pair is the lowest and the highest value that is accepted. `where` names the source in messages.
"""
import numpy as np

FPS = (1, 1000)                     # frames per second of a video
IMAGE_SIDE = (16, 65536)            # pixels: the width and the height of a video
FIELD_OF_VIEW = (5, 170)            # degrees, horizontal
BODY_HEIGHT = (0.5, 2.5)            # metres: a person's
BODY = (0.01, 10)                   # metres from the root joint to a person's other joints, median of a clip
DISTANCE = (0.2, 200)               # metres from the camera to a person's root joint, median of a clip

NORMALISED = 2                      # pixels: coordinates that all lie this near 0 are no pixels
MAX_OUTSIDE = 0.1                   # share of a user's keypoints that may lie far outside the image
MAX_OUTSIDE_RECORDED = 0.5          # the same of a data set's clip, where people may pass close to a camera

MAX_FRAMES = 1_000_000              # frames of a clip; people in all frames of a file
MAX_JOINTS = 400                    # joints of one person
MAX_NUMBERS = 100_000_000           # numbers in one array that nested lists describe
MAX_LEVELS = 5                      # levels of nested lists that describe one array
MAX_FILES = 500_000                 # files in a folder of frames
MAX_UNPACKED_BYTES = 1_500_000_000  # bytes of an unpacked npz of keypoints
MAX_TEXT_BYTES = 256_000_000        # bytes of a text file, JSON or CSV
MAX_FILM_BYTES = 200_000_000        # bytes of a film inside a page
MAX_LINE_BYTES = 1_000_000          # bytes of one frame: a line of a stream or table, a file of a folder
MAX_COLUMNS = 3000                  # columns of a table
MAX_NAME = 200                      # characters of a name
MAX_DEPTH = 20                      # levels of nested lists and objects in JSON
MAX_PARTS = 20_000_000              # brackets, braces and quotes in JSON


def check_range(value: float, bounds: tuple[float, float], what: str, advice: str = "Correct it") -> None:
    """Refuse a number that is not within `bounds`, both ends included."""
    if not bounds[0] <= value <= bounds[1]:
        raise ValueError(f"{what} must lie between {bounds[0]:g} and {bounds[1]:g}, got {value:g}. {advice}.")


def far_outside(points: np.ndarray, *, width: int, height: int) -> np.ndarray:
    """(..) bool: which points (.., 2), pixels, lie more than one image's size outside the image."""
    size = np.array([width, height])
    return ((points < -size) | (points > 2 * size)).any(axis=-1)


def refuse_outside(points: np.ndarray, where: str, *, width: int, height: int, most: float) -> None:
    """Refuse points (K, 2), pixels, of which more than the share `most` lie far outside the image."""
    share = far_outside(points, width=width, height=height).mean() if len(points) else 0
    if share > most:
        raise ValueError(f"{where}: {share:.0%} of the keypoints lie far outside an image of {width} x "
                         f"{height} pixels. Correct the size (--width and --height) or the keypoints.")


def refuse_normalised(points: np.ndarray, where: str, *, width: int, height: int) -> None:
    """Refuse points (K, 2) that all lie so near 0 that they are no pixels."""
    if len(points) and np.abs(points).max() <= NORMALISED:
        raise ValueError(f"{where}: all coordinates lie within {NORMALISED} pixels of 0; expected pixels of "
                         f"an image of {width} x {height}. Multiply normalised coordinates by the width and "
                         f"the height.")
