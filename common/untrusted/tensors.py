"""Reads what torch.save writes, tensors and plain values, without PyTorch's unpickler.

Only dense tensors of common types whose storage lies whole in the file are made, on the CPU.
"""
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from common.untrusted.pickles import interpret, ordered
from common.untrusted.values import DAMAGED, Refused, open_member, open_zip, readable

STORAGES = {"FloatStorage": np.float32, "HalfStorage": np.float16, "DoubleStorage": np.float64,
            "LongStorage": np.int64, "IntStorage": np.int32, "ByteStorage": np.uint8}
PICKLE = re.compile(r"[^/]+/data\.pkl")
ADVICE = ("Expected a whole file of tensors and plain values as torch.save of PyTorch 1.6 or later writes "
          "it. Choose another file.")


@dataclass
class Storage:
    """A row of numbers that tensors are made of."""
    numbers: torch.Tensor


@dataclass
class StorageType:
    """Stands for a class such as torch.FloatStorage."""
    dtype: np.dtype

    def __call__(self, *_):
        raise Refused("it makes a storage in another way than torch.save does")


def read(path: Path):
    """What torch.save wrote into `path`. Raises FileNotFoundError or ValueError."""
    if not path.is_file():
        raise FileNotFoundError(f"No checkpoint at {path}: expected a .pth file. Check the path.")
    try:
        with open_zip(path) as archive:
            return TensorFile(archive, path.stat().st_size).read()
    except Refused as error:
        raise ValueError(f"{path} is refused: {error}. {ADVICE}") from error
    except DAMAGED as error:
        raise ValueError(f"{path} is not a readable checkpoint ({type(error).__name__}). {ADVICE}") from error


class TensorFile:
    """An open file. All its tensors together may take as many bytes as the file has."""

    def __init__(self, archive, size: int):
        self.archive, self.left_to_read, self.left_to_make = archive, size, size
        pickles = [name for name in archive.namelist() if PICKLE.fullmatch(name)]
        if len(pickles) != 1:
            raise Refused("it has no data.pkl, or more than one")
        self.folder = pickles[0].removesuffix("data.pkl")
        self.storages = {}

    def read(self):
        """The value."""
        if self.folder + "byteorder" in self.archive.namelist() and self.content("byteorder") != b"little":
            raise Refused("its numbers are big-endian")
        file, _ = open_member(self.archive, self.folder + "data.pkl")
        names = {("torch", name): StorageType(np.dtype(kind)) for name, kind in STORAGES.items()}
        names |= {("collections", "OrderedDict"): ordered,
                  ("torch._utils", "_rebuild_tensor_v2"): self.make_tensor,
                  ("torch._utils", "_rebuild_parameter"): make_parameter}
        with file:
            return interpret(file, names, persistent=self.storage)

    def content(self, name: str) -> bytes:
        """A member's bytes."""
        file, size = open_member(self.archive, self.folder + name)
        self.left_to_read -= size
        if self.left_to_read < 0:
            raise Refused("its members unpack to more bytes than the file has")
        with file:
            return file.read()

    def storage(self, word=None, kind=None, key=None, location=None, length=None) -> Storage:
        """The storage that a persistent id names."""
        kind = getattr(kind, "rebuild", None)
        if word != "storage" or not isinstance(kind, StorageType) or type(key) is not str:
            raise Refused("a storage is described in another way than torch.save does")
        if key not in self.storages:
            content = bytearray(self.content(f"data/{key}"))
            self.storages[key] = kind.dtype, torch.from_numpy(np.frombuffer(content, kind.dtype))
        dtype, numbers = self.storages[key]
        if dtype != kind.dtype or type(length) is not int or length != len(numbers):
            raise Refused(f"the storage {readable(key)} has another type or length than stated")
        return Storage(numbers)

    def make_tensor(self, storage=None, offset=None, size=None, stride=None, *_) -> torch.Tensor:
        """Stands for _rebuild_tensor_v2: a dense part of a storage."""
        whole = [type(number) is int and number >= 0 for part in (size, stride) if type(part) is tuple
                 for number in part]
        if (not isinstance(storage, Storage) or type(offset) is not int or offset < 0 or not all(whole)
                or type(size) is not tuple or type(stride) is not tuple or not len(size) == len(stride) <= 8):
            raise Refused("a tensor is described in another way than torch.save does")
        numbers, count = storage.numbers, math.prod(size)
        last = offset + sum((length - 1) * step for length, step in zip(size, stride))
        if count > len(numbers) or count and last >= len(numbers) or max(size, default=0) > 2 ** 31:
            raise Refused(f"a tensor {size} does not lie within its storage of {len(numbers)} numbers")
        self.left_to_make -= count * numbers.itemsize
        if self.left_to_make < 0:
            raise Refused("its tensors take more bytes than the file has")
        if not count:
            return torch.empty(size, dtype=numbers.dtype)
        return numbers.as_strided(size, stride, offset).clone()      # nothing overlaps any more


def make_parameter(tensor=None, *_) -> torch.Tensor:
    """Stands for _rebuild_parameter: its tensor."""
    if not torch.is_tensor(tensor):
        raise Refused("a parameter is no tensor")
    return tensor
