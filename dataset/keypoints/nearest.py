"""Says of a file in no known format which known one it is nearest to, and what differs."""
from itertools import islice
from pathlib import Path

from dataset.reading import describe_value

# A format and the keys that its objects have, at any depth.
JSON_FORMATS = {
    "COCO results": ("image_id", "keypoints"),
    "COCO annotations": ("images", "annotations", "image_id", "keypoints"),
    "AlphaPose": ("image_id", "keypoints", "idx"),
    "MMPose": ("instance_info", "instances", "keypoints", "keypoint_scores"),
    "OpenPose": ("people", "pose_keypoints_2d"),
    "Ultralytics' to_json": ("keypoints", "x", "y", "visible", "box"),
    "MediaPipe": ("landmarks", "x", "y", "visibility"),
    "TF.js": ("keypoints", "x", "y", "score", "name")}
SLEAP = "It is a SLEAP project: write its table with sleap-convert --format analysis.csv."
DEEPEST, MOST_KEYS = 8, 200
FILM = ("is a film. Make keypoints of it first: python -m dataset.detect_keypoints {path} --output "
        "keypoints.npz")
TABLES = ("is read as CSV. DeepLabCut writes it with save_as_csv=True or analyze_videos_converth5_to_csv, "
          "SLEAP with sleap-convert --format analysis.csv")
PICTURES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}
# What else people have -> how to get a file that is read.
ENDINGS = {
    **dict.fromkeys((".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"), FILM),
    **dict.fromkeys(PICTURES, FILM.replace("a film", "a picture")),
    ".slp": TABLES,
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".pth"), "can run code, so it is not read. Save its keypoints "
                    "as npz: np.savez('keypoints.npz', keypoints=array, layout='coco17')"),
    ".txt": "is nearest to one of Ultralytics' label files. Name the folder that holds them, one for each "
            "frame",
    ".c3d": "holds a body in space; expected 2D keypoints in pixels",
    ".mat": "is nearest to npz. Save its keypoints as npz or CSV",
    ".xml": "is nearest to COCO annotations. Export keypoints as JSON",
    ".tsv": "is nearest to CSV. Separate its cells by commas"}


def describe_ending(path: Path, known: list[str]) -> str:
    """What follows the path of a file whose name ends in none of `known`."""
    advice = ENDINGS.get(path.suffix.lower(), "")
    return f"ends in none of {', '.join(known)}." + (f" It {advice.format(path=path)}." if advice else "")


def describe_folder(folder: Path) -> str:
    """A sentence on what a folder holds instead, and a space; empty where it holds nothing known."""
    endings = {path.suffix.lower() for path in islice(folder.iterdir(), 1000)}
    if endings & PICTURES:
        return (f"It holds pictures. Make keypoints of them first: python -m dataset.detect_keypoints "
                f"{folder} --fps RATE --output keypoints.npz. ")
    return "Its JSON is of another kind: put all frames into one list. " if ".json" in endings else ""


def keys_of(data) -> set[str]:
    """The keys of the first objects at each depth of a JSON value."""
    keys, level = set(), [data]
    for _ in range(DEEPEST):
        keys |= {key for value in level if isinstance(value, dict) for key in value if isinstance(key, str)}
        inside = [list(value.values())[:20] if isinstance(value, dict) else value[:2]
                  for value in level if isinstance(value, (dict, list))]
        level = [value for values in inside for value in values][:MOST_KEYS]
    return keys


def nearest_json(data) -> str:
    """A sentence on the nearest known format of a JSON value that is in none."""
    keys = keys_of(data)
    if {"skeletons", "labels"} <= keys:
        return SLEAP
    share = {name: len(keys & set(known)) / len(known) for name, known in JSON_FORMATS.items()}
    name = max(share, key=share.get)
    if not keys or not share[name]:
        return ("The nearest known format is a plain list of frames, each a list of joints [x, y, score]; "
                f"here {nesting(data)}.")
    missing = [key for key in JSON_FORMATS[name] if key not in keys]
    extra = describe_value(dict.fromkeys(sorted(keys - set(JSON_FORMATS[name]))[:6]))
    differs = f"here {', '.join(missing)} is missing" if missing else "here they are nested in another way"
    return (f"The nearest known format is {name}, which has {', '.join(JSON_FORMATS[name])}; {differs}, and "
            f"there is {extra}.")


def nesting(data) -> str:
    """What a JSON value without known keys is, in words: `lists of 300, 17, 4 numbers`."""
    lengths = []
    while isinstance(data, list) and data and len(lengths) < DEEPEST:
        lengths.append(str(len(data)))
        data = data[0]
    if lengths and isinstance(data, (int, float)):
        return f"are lists of {', '.join(lengths)} numbers"
    return "is " + (f"a list of {' lists of '.join(lengths)} of {describe_value(data)}" if lengths
                    else f"{describe_value(data)}")


def nearest_table(header: list[str], joints: set[str], known: dict[str, set[str]]) -> str:
    """A sentence on the nearest known table, given a header, the joints that it names and layouts' joints."""
    shown = describe_value(dict.fromkeys(header[:4]))
    name = max(known, key=lambda name: len(joints & known[name]))
    missing = sorted(known[name] - joints)
    if len(missing) == len(known[name]):
        return f"the columns {shown}, .."
    return (f"the columns {shown}, ..; nearest is {name}, of whose {len(known[name])} joints these are "
            f"missing: {', '.join(missing[:5]) or 'none'}")
