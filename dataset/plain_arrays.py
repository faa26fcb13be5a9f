"""Stands for the parts of NumPy that pickles of arrays name, and makes only arrays of plain types.

Plain are truth values, whole numbers, floats, text of fixed length and lists of values. An array's bytes must
be as many as its shape and type say.
"""
import math
import re

import numpy as np

from common.untrusted.pickles import OVERHEAD, Pending, ordered
from common.untrusted.values import LARGEST, Refused, readable

# Truth values, whole numbers, floats, text of fixed length.
PLAIN = re.compile(r"b1|[iu][1248]|f[248]|[US][1-9][0-9]{0,5}")
# What protocol 5 says of an array's memory: rows or columns first, or its axes in another order.
ORDERS = {("C", type(None)), ("F", type(None)), ("K", tuple)}


def plain_type(code, order) -> np.dtype:
    """The type with this code ("f4") and byte order ("<", ">", "|", "=" or ""); Refused if not plain."""
    if type(code) is not str or type(order) is not str or order not in ("<", ">", "|", "=", ""):
        raise Refused("an array's type is no text")
    if code in ("O", "O4", "O8"):
        return np.dtype(object)
    if not PLAIN.fullmatch(code):
        raise Refused(f"it holds an array of type {readable(code)}, expected plain numbers or text")
    return np.dtype(order + code)


def count(shape, dtype: np.dtype) -> int:
    """The bytes of an array. Refused where `shape` is none."""
    if type(shape) is not tuple or len(shape) > 32 or any(type(n) is not int or not 0 <= n <= LARGEST
                                                         for n in shape):
        raise Refused("an array's shape is no short row of whole numbers from 0")
    return math.prod(shape) * dtype.itemsize


def make_array(data, dtype: np.dtype, shape, order: str) -> np.ndarray:
    """The array of these bytes; read-only where they are. Refused where they do not fit the shape."""
    if type(data) not in (bytes, bytearray) or dtype.kind == "O" or len(data) != count(shape, dtype):
        raise Refused(f"an array's content is not the {dtype.name} of its shape")
    array = np.ndarray(shape, dtype, buffer=data, order=order)
    if dtype.kind == "U":
        check_text(array)
    return array


def check_text(array: np.ndarray) -> None:
    """Refused where a text array holds what is no printable character."""
    codes = np.frombuffer(array.tobytes(), np.dtype("u4").newbyteorder(array.dtype.byteorder))
    if codes.size and codes.max() > 0x10FFFF or not all(map(str.isprintable, array.flat)):
        raise Refused("it holds text with control characters")


class Kind(Pending):
    """Stands for numpy.dtype. The byte order comes with BUILD."""

    def __init__(self, code=None, align=False, copy=False):
        self.code, self.dtype = code, plain_type(code, "")

    def build(self, state):
        plain = type(state) is tuple and len(state) == 8 and state[0] == 3 and state[2:5] == (None,) * 3
        if not plain:
            raise Refused("an array's type has fields, a shape or metadata")
        self.dtype = plain_type(self.code, state[1])

    def finish(self, settle):
        raise Refused("it holds a type where a value belongs")


class Array(Pending):
    """Stands for numpy.ndarray. Shape, type, order and content come with BUILD."""
    state = None

    def build(self, state):
        if type(state) is not tuple or len(state) != 5 or state[0] != 1 or not isinstance(state[2], Kind):
            raise Refused("an array is described in another way than NumPy does")
        _, shape, kind, fortran, data = state
        if kind.dtype.kind == "O" and (type(data) is not list or len(data) != count(shape, np.dtype("u1"))):
            raise Refused("an array's list of values does not fit its shape")
        if kind.dtype.kind != "O":
            data = make_array(to_bytes(data), kind.dtype, shape, "F" if fortran else "C")
        self.state = shape, data

    def finish(self, settle):
        if self.state is None:
            raise Refused("it holds an array without content")
        shape, data = self.state
        if type(data) is not list:
            return settle(data)
        array, size = np.empty(len(data), object), OVERHEAD
        for index, value in enumerate(data):
            array[index], part = settle(value)
            size += part
        return array.reshape(shape), size


def to_bytes(data):
    """Bytes as they are; text of Python 2 as the bytes that it stands for."""
    return data.encode("latin1") if type(data) is str else data


def from_reconstruct(subtype=None, shape=None, code=None) -> Array:
    """Stands for numpy's _reconstruct: an array that BUILD fills."""
    if getattr(subtype, "rebuild", None) is not refuse_array:
        raise Refused("it holds an array of another class than NumPy's")
    return Array()


def from_buffer(data=None, kind=None, shape=None, order="C", axes=None) -> np.ndarray:
    """Stands for numpy's _frombuffer, which protocol 5 uses."""
    if not isinstance(kind, Kind) or (order, type(axes)) not in ORDERS:
        raise Refused("an array is described in another way than NumPy does")
    array = make_array(data, kind.dtype, shape, "F" if order == "F" else "C")
    return array.transpose(axes) if order == "K" else array


def from_scalar(kind=None, data=None):
    """Stands for numpy's scalar: one number of a plain type."""
    if not isinstance(kind, Kind):
        raise Refused("a number is described in another way than NumPy does")
    return make_array(to_bytes(data), kind.dtype, (), "C")[()]


def refuse_array(*_):
    """Stands for numpy.ndarray, which may only be named."""
    raise Refused("it makes an array in another way than NumPy does")


def encode(text=None, encoding=None) -> bytes:
    """Stands for _codecs.encode, by which protocol 2 writes bytes."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise Refused("it encodes text in another way than NumPy does")
    return text.encode("latin1")


def empty_bytes() -> bytes:
    """Stands for bytes(), by which protocol 2 writes no bytes."""
    return b""


# NumPy 1 and 2 write the same functions under different module names.
NAMES = {(f"{package}.{module}", name): function
         for package in ("numpy.core", "numpy._core")
         for module, name, function in (("multiarray", "_reconstruct", from_reconstruct),
                                        ("multiarray", "scalar", from_scalar),
                                        ("numeric", "_frombuffer", from_buffer))}
NAMES |= {("numpy", "ndarray"): refuse_array, ("numpy", "dtype"): Kind, ("_codecs", "encode"): encode,
          ("__builtin__", "bytes"): empty_bytes, ("builtins", "bytes"): empty_bytes,
          ("collections", "OrderedDict"): ordered}
