"""Raw MPI-INF-3DHP annotations -> P-STMO's two npz files, which dataset/mpi_inf_3dhp.py loads.

    python -m dataset.prepare_3dhp RAW_FOLDER

RAW_FOLDER holds S1/Seq1/annot.mat to S8/Seq2/annot.mat and TS1/annot_data.mat to TS6/annot_data.mat, directly
or within one more folder (mpi_inf_3dhp_test_set). No video is needed. Numbers stay as they are: pixels, and
millimetres in camera space, in the precision of the raw files.

Shapes: N frames; the 17 joints of skeleton.MPI_INF_3DHP.
"""
import argparse
import importlib
import math
import shutil
import sys
from pathlib import Path

import numpy as np

from common.files import whole
from common.terminal import open_streams, progress
from dataset.mpi_inf_3dhp import CAMERAS, FILES, SUBJECTS, USABLE

RAW_JOINTS = 28
JOINTS = [7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6]     # the 17 of the 28, from 0
COORDINATES = {"annot2": ("data_2d", 2), "univ_annot3": ("data_3d", 3)}     # raw name -> ours, axes per joint
HINT = "Download the annotations again from the data set's page (dataset/README.md)."


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is 2 when the input is refused."""
    parser = argparse.ArgumentParser(prog="dataset.prepare_3dhp", description=__doc__.split("\n")[0])
    parser.add_argument("raw_folder", type=Path, help="the unpacked data set (S1/Seq1/annot.mat and so on)")
    parser.add_argument("--output", type=Path, default=Path("dataset"),
                        help="folder for the npz files; earlier ones are replaced (default: dataset)")
    parser.add_argument("--allow_missing", type=int, choices=(0, 1), default=0,
                        help="1: convert what is there, list what is left out; 0: refuse (default: 0)")
    heard = open_streams()
    options = parser.parse_args(arguments)
    try:
        written, gaps = convert(options.raw_folder, options.output, allow_missing=bool(options.allow_missing))
    except (OSError, ValueError, ImportError) as error:
        print(f"{parser.prog}: {error}", file=heard)
        return 2
    if gaps:
        print(f"Left out: {'; '.join(gaps)}.")
    for path in written:
        print(f"Wrote {path} ({path.stat().st_size / 1e6:.1f} MB).")
    return 0


def convert(raw_folder: Path, output: Path, *, allow_missing: bool = False) -> tuple[list[Path], list[str]]:
    """Read everything, then write the npz files. Returns their paths and what was left out, in words."""
    found, missing = find_files(raw_folder)
    if missing and not allow_missing:
        raise FileNotFoundError(f"{raw_folder} lacks {len(missing)} of {len(found) + len(missing)} files: "
                                f"{', '.join(missing)}. Add them, or convert the rest: --allow_missing 1.")
    check_space(found, output)
    contents, gaps = {"train": {}, "test": {}}, missing
    for name, path in progress(found.items(), desc="convert", unit="file"):
        if name in USABLE:
            contents["train"][name], gap = read_training(name, path, allow_short=allow_missing)
            gaps += gap
        else:
            contents["test"][name] = read_test(path)
    written = []
    for split, expected in (("train", list(USABLE)), ("test", SUBJECTS["test"])):
        if contents[split]:
            left_out = [name for name in expected if name not in found]
            written.append(write_archive(output / FILES[split], contents[split], left_out))
    return written, gaps


def find_files(raw_folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Sequence -> its annotation file, and the relative paths of the missing ones."""
    if not raw_folder.is_dir():
        raise FileNotFoundError(f"{raw_folder} is no folder; expected the unpacked data set. Check the path.")
    wanted = {name: Path(*name.split(" "), "annot.mat") for name in USABLE}
    wanted |= {name: Path(name, "annot_data.mat") for name in SUBJECTS["test"]}
    found = {}
    for name, relative in wanted.items():
        inside = [raw_folder / relative, *sorted(folder / relative for folder in raw_folder.iterdir())]
        matches = [path for path in inside if path.is_file()]
        if len(matches) > 1:
            raise ValueError(f"{raw_folder} holds {relative} twice: {matches[0]}, {matches[1]}. Keep one.")
        if matches:
            found[name] = matches[0]
    if not found:
        raise FileNotFoundError(f"{raw_folder} has nothing to convert; expected {wanted['S1 Seq1']} to "
                                f"{wanted['TS6']}. Name the folder that holds S1 and TS1.")
    return found, [wanted[name].as_posix() for name in wanted if name not in found]


def check_space(found: dict[str, Path], output: Path) -> None:
    """Refuse when the disk of `output` cannot hold the npz files; double precision is assumed."""
    bytes_per_frame = len(CAMERAS) * len(JOINTS) * (2 + 3) * 8
    needed = sum(USABLE[name][0] * bytes_per_frame if name in USABLE else path.stat().st_size
                 for name, path in found.items())
    existing = next(folder for folder in (output.absolute(), *output.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise OSError(f"{output} needs up to {needed / 1e6:.0f} MB, but {free / 1e6:.0f} MB are free. "
                      f"Make room or name another folder with --output.")


def read_training(name: str, path: Path, *, allow_short: bool) -> tuple[list, list[str]]:
    """P-STMO's entry [{camera: {"data_2d" (N, 17, 2), "data_3d" (N, 17, 3)}}, fps], and missing frames."""
    (expected, fps), raw = USABLE[name], read_mat(path, list(COORDINATES))
    views, shortest = {camera: {} for camera in CAMERAS}, expected
    for key, (new_key, width) in COORDINATES.items():
        for camera in CAMERAS:
            joints = raw[key].flatten()[int(camera)] if raw[key].size > int(camera) else raw[key]
            if joints.ndim != 2 or joints.shape[1] != RAW_JOINTS * width or joints.dtype.kind not in "fiu":
                raise ValueError(f"{path}: expected camera {camera}'s cell of {key} to be frames x "
                                 f"{RAW_JOINTS * width}, got {joints.shape}. {HINT}")
            shortest = min(shortest, len(joints))
            views[camera][new_key] = joints.reshape(-1, RAW_JOINTS, width)[:expected, JOINTS]
    if shortest == expected:
        return [views, fps], []
    if not allow_short or shortest == 0:
        raise ValueError(f"{path}: expected {expected} frames from each camera, got {shortest}. {HINT} "
                         f"Or convert what is there with --allow_missing 1.")
    for view in views.values():
        view.update({key: array[:shortest] for key, array in view.items()})
    return [views, fps], [f"frames {shortest} to {expected - 1} of {name}"]


def read_test(path: Path) -> dict[str, np.ndarray]:
    """P-STMO's entry: data_2d (N, 17, 2), data_3d (N, 17, 3), valid (N,) 0 or 1; and activity (N,) 1 to 7."""
    raw, entry = read_mat(path, [*COORDINATES, "valid_frame", "activity_annotation"]), {}
    for key, (new_key, width) in COORDINATES.items():
        joints = join_cells(raw[key])                       # (width, 17, 1, N); MATLAB drops a last axis of 1
        if joints.shape[:2] != (width, len(JOINTS)) or math.prod(joints.shape[2:-1]) != 1:
            raise ValueError(f"{path}: expected {key} of shape {width} x {len(JOINTS)} x 1 x frames, "
                             f"got {joints.shape}. {HINT}")
        entry[new_key] = joints.reshape(width, len(JOINTS), -1).transpose(2, 1, 0)
    entry["valid"] = (join_cells(raw["valid_frame"]).flatten() == 1).astype(np.uint8)
    entry["activity"] = join_cells(raw["activity_annotation"]).flatten().astype(np.int64)
    counts = {key: len(array) for key, array in entry.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise ValueError(f"{path}: expected the same number of frames in each array, got {counts}. {HINT}")
    return entry


def read_mat(path: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Variables of a MATLAB file, version 5 or 7.3 (HDF5), in MATLAB's axes; cells as arrays of objects."""
    with open(path, "rb") as file:
        is_hdf5 = b"\x89HDF" in file.read(520)          # MATLAB puts 512 bytes of its own first
    try:
        library = importlib.import_module("h5py" if is_hdf5 else "scipy.io")
    except ImportError as error:
        raise ModuleNotFoundError(f"Reading {path} needs more packages: pip install scipy h5py") from error
    try:
        if is_hdf5:
            with library.File(path, "r") as file:
                found = {name: read_hdf5(file, file[name]) for name in names if name in file}
        else:
            found = library.loadmat(path, variable_names=names)
    except Exception as error:                          # a damaged file can raise nearly anything
        raise ValueError(f"{path} cannot be read ({type(error).__name__}: {error}). {HINT}") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f"{path} lacks the variables {', '.join(missing)}. {HINT}")
    return found


def read_hdf5(file, node) -> np.ndarray:
    """An HDF5 dataset with its axes reversed to MATLAB's; object references are followed, as cells."""
    value = np.asarray(node[()])
    if value.dtype != object:
        return value.T
    cells = np.empty(value.shape, object)
    for index, reference in np.ndenumerate(value):
        cells[index] = read_hdf5(file, file[reference]) if reference else np.empty((0, 0))
    return cells.T


def join_cells(value: np.ndarray) -> np.ndarray:
    """The array itself, or the content of its cells: of the only cell, or of one cell a frame (last axis)."""
    if value.dtype != object:
        return value
    return value.item() if value.size == 1 else np.stack([cell.squeeze() for cell in value.flatten()], -1)


def write_archive(path: Path, data: dict, left_out: list[str]) -> Path:
    """Write P-STMO's npz, whole or not at all. `left_out` names the sequences that it lacks."""
    with whole(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, data=np.array(data, object), **({"left_out": left_out} if left_out else {}))
    return path


if __name__ == "__main__":
    sys.exit(main())
