"""Reads what torch.save writes, tensors and plain values, without PyTorch's unpickler.

Only dense tensors of common types whose storage lies whole in the file are made, on the CPU. NumPy's random
sources, which some published files hold beside the weights, are read as None.
"""
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from common.untrusted.pickles import Unread, UnreadPart, interpret, ordered
from common.untrusted.values import DAMAGED, Refused, open_member, open_zip, readable

STORAGES = {"FloatStorage": np.float32, "HalfStorage": np.float16, "DoubleStorage": np.float64,
            "LongStorage": np.int64, "IntStorage": np.int32, "ByteStorage": np.uint8}
PICKLE = re.compile(r"[^/]+/data\.pkl")
# How a file of PyTorch before 1.6 begins: two pickles, a magic number and the format's version.
OLD = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."
# What the pickle of a numpy.random.RandomState asks for in the versions of NumPy, and what for its parts.
RANDOM_STATE = {("numpy.random", "__RandomState_ctor"): Unread,
                ("numpy.random._pickle", "__randomstate_ctor"): Unread} | dict.fromkeys([
                    ("numpy.random._pickle", "__bit_generator_ctor"), ("numpy.random._mt19937", "MT19937"),
                    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"),
                    ("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")], UnreadPart)
ADVICE = ("Expected a whole file of tensors and plain values as torch.save writes it. Choose another file.")


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


def read_tensors(path: Path):
    """What torch.save wrote into `path`. Raises FileNotFoundError or ValueError."""
    if not path.is_file():
        raise FileNotFoundError(f"No checkpoint at {path}: expected a .pth file. Check the path.")
    size = path.stat().st_size
    try:
        with open(path, "rb") as file:
            if file.read(len(OLD)) == OLD:
                return OldTensorFile(file, size).read()
        with open_zip(path) as archive:
            return TensorFile(archive, size).read()
    except Refused as error:
        raise ValueError(f"{path} is refused: {error}. {ADVICE}") from error
    except DAMAGED as error:
        raise ValueError(f"{path} is not a readable checkpoint ({type(error).__name__}). {ADVICE}") from error


class Tensors:
    """The tensors of an open file. All together may take as many bytes as the file has."""

    def __init__(self, size: int):
        self.left_to_read, self.left_to_make, self.storages = size, size, {}

    def interpret(self, file, storage, make_tensor):
        """The value of the pickle in `file`. The functions make what it says of storages and tensors."""
        names = {("torch", name): StorageType(np.dtype(kind)) for name, kind in STORAGES.items()}
        names |= RANDOM_STATE
        names |= {("collections", "OrderedDict"): ordered,
                  ("torch._utils", "_rebuild_tensor_v2"): make_tensor,
                  ("torch._utils", "_rebuild_parameter"): make_parameter}
        return interpret(file, names, persistent=storage)

    def storage(self, word=None, kind=None, key=None, location=None, length=None, view=None) -> Storage:
        """The storage that a persistent id names."""
        kind = getattr(kind, "rebuild", None)
        if word != "storage" or not isinstance(kind, StorageType) or type(key) is not str or view is not None:
            raise Refused("a storage is described in another way than torch.save does")
        if key not in self.storages:
            self.storages[key] = kind.dtype, self.numbers(key, kind.dtype, length)
        dtype, numbers = self.storages[key]
        if dtype != kind.dtype or type(length) is not int or length != len(numbers):
            raise Refused(f"the storage {readable(key)} has another type or length than stated")
        return Storage(numbers)

    def numbers(self, key: str, dtype: np.dtype, length) -> torch.Tensor:
        """The numbers of a storage that is named for the first time."""
        raise NotImplementedError

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


class TensorFile(Tensors):
    """An open file of PyTorch 1.6 or later: a zip with a pickle and a member for each storage."""

    def __init__(self, archive, size: int):
        super().__init__(size)
        self.archive = archive
        pickles = [name for name in archive.namelist() if PICKLE.fullmatch(name)]
        if len(pickles) != 1:
            raise Refused("it has no data.pkl, or more than one")
        self.folder = pickles[0].removesuffix("data.pkl")

    def read(self):
        """The value."""
        if self.folder + "byteorder" in self.archive.namelist() and self.content("byteorder") != b"little":
            raise Refused("its numbers are big-endian")
        file, _ = open_member(self.archive, self.folder + "data.pkl")
        with file:
            return self.interpret(file, self.storage, self.make_tensor)

    def content(self, name: str) -> bytes:
        """A member's bytes."""
        file, size = open_member(self.archive, self.folder + name)
        self.left_to_read -= size
        if self.left_to_read < 0:
            raise Refused("its members unpack to more bytes than the file has")
        with file:
            return file.read()

    def numbers(self, key, dtype, length):
        return torch.from_numpy(np.frombuffer(bytearray(self.content(f"data/{key}")), dtype))


class OldTensorFile(Tensors):
    """An open file of PyTorch before 1.6, read up to the version: pickles, then the storages' bytes.

    The value's pickle stands before the storages, so it is read twice: for their types, then for the value.
    """

    def __init__(self, file, size: int):
        super().__init__(size)
        self.file = file

    def read(self):
        """The value."""
        if interpret(self.file, {}).get("little_endian") is not True:
            raise Refused("its numbers are big-endian")
        begin = self.file.tell()
        self.interpret(self.file, self.storage, lambda *_: torch.empty(0))
        keys = interpret(self.file, {})
        if type(keys) is not list or set(keys) != self.storages.keys():
            raise Refused("it lists other storages than its tensors have")
        for key in keys:
            self.fill(self.storages[key][1])
        self.file.seek(begin)
        return self.interpret(self.file, self.storage, self.make_tensor)

    def numbers(self, key, dtype, length):
        size = length * dtype.itemsize if type(length) is int and length >= 0 else math.inf
        self.left_to_read -= size
        if self.left_to_read < 0:
            raise Refused("its storages have more bytes than the file")
        return torch.from_numpy(np.zeros(length, dtype))

    def fill(self, numbers: torch.Tensor) -> None:
        """Take a storage's numbers from the file: their count, then the numbers."""
        count, content = self.file.read(8), self.file.read(numbers.nbytes)
        if int.from_bytes(count, "little") != len(numbers) or len(content) != numbers.nbytes:
            raise Refused("a storage has another length than stated")
        numbers.copy_(torch.from_numpy(np.frombuffer(bytearray(content), numbers.numpy().dtype)))


def make_parameter(tensor=None, *_) -> torch.Tensor:
    """Stands for _rebuild_parameter: its tensor."""
    if not torch.is_tensor(tensor):
        raise Refused("a parameter is no tensor")
    return tensor
