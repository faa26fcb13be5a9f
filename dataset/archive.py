"""Reads npz archives whose arrays hold pickled dicts, without running code from the file.

A pickle may name any function to call. This reader resolves only the few NumPy names that an array needs and
refuses all others by name; nothing of a refused file is executed.
"""
import lzma
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

# NumPy 1 and 2 write the same functions under different module names.
ALLOWED = {(f"{package}.{module}", name)
           for package in ("numpy.core", "numpy._core")
           for module, name in (("multiarray", "_reconstruct"), ("multiarray", "scalar"),
                                ("numeric", "_frombuffer"))}
ALLOWED |= {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"), ("collections", "OrderedDict")}


# What the zip, npy and pickle readers raise on bytes that make no sense.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, IndexError, KeyError, TypeError,
           AttributeError, MemoryError, OverflowError, RuntimeError, struct.error, lzma.LZMAError)


class NumpyOnlyUnpickler(pickle.Unpickler):
    """Builds dicts, lists, strings, numbers and NumPy arrays; refuses every other class or function."""

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not part of a NumPy array")
        return super().find_class(module, name)


def read_archive(path: Path, keys: list[str], *, hint: str) -> list:
    """The values of `keys` in the npz file `path`: arrays, or what a pickled object array holds.

    Raises FileNotFoundError when the file is missing, ValueError when it is damaged, hostile or lacks a key.
    `hint` ends each message and says how to get a good file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"Missing data file {path} (keys {', '.join(keys)}). {hint}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            missing = [key for key in keys if key not in names]
            if missing:
                raise ValueError(f"{path} has the keys {', '.join(names) or 'none'}; expected also "
                                 f"{', '.join(missing)}. {hint}")
            members = [archive.getinfo(key + ".npy") for key in keys]
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise ValueError(f"{path} is damaged or no npz file ({error}). {hint}") from error
    try:
        with zipfile.ZipFile(path) as archive:
            return [read_member(archive, member) for member in members]
    except pickle.UnpicklingError as error:
        raise ValueError(f"{path} is refused: {error}. {hint}") from error
    except DAMAGED as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}). {hint}") from error


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo):
    """One value of an open archive."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read_header = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                       else np.lib.format.read_array_header_2_0)
        _, _, dtype = read_header(file)
        if dtype.hasobject:
            array = NumpyOnlyUnpickler(file, encoding="latin1").load()
            return array.item() if isinstance(array, np.ndarray) and array.ndim == 0 else array
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)
