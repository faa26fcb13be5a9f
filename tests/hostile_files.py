"""Hostile and forged files, and a batch that feeds them to the program.

`python -m tests.hostile_files FOLDER` runs every case of CASES in one process and prints a JSON line before
and after each, so that a crash of the interpreter is seen by whoever started the batch.
"""
import contextlib
import copy
import functools
import io
import json
import pickle
import re
import resource
import shutil
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

PROJECT = Path(__file__).parents[1]
CANARY = "canary"       # what a payload that runs leaves in the working folder
RUNS = f"open({CANARY!r}, 'w')"


# Parts of pickles. A payload is the instructions of one value.

def name(module: str, function: str) -> bytes:
    return f"c{module}\n{function}\n".encode()


def text(value: str | bytes) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(value)) + value


def data(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def call(module: str, function: str, *arguments: bytes) -> bytes:
    return name(module, function) + b"(" + b"".join(arguments) + b"tR"


def whole(number: int) -> bytes:
    return b"\x8a\x08" + number.to_bytes(8, "little", signed=True)


def kind(code: str, order: str = "<", fields: bytes = b"NNN",
         sizes: bytes = b"J\xff\xff\xff\xffJ\xff\xff\xff\xff",
         flags: bytes = b"K\0") -> bytes:
    """numpy.dtype with the state of BUILD."""
    return call("numpy", "dtype", text(code), b"\x89",
                b"\x88") + b"(K\3" + text(order) + fields + sizes + flags + b"tb"


def array(dtype: bytes, shape: bytes, content: bytes, version: bytes = b"K\1",
          subtype: bytes = name("numpy", "ndarray"),
          order: bytes = b"\x89") -> bytes:
    """numpy.ndarray with the state of BUILD."""
    return (call("numpy.core.multiarray", "_reconstruct", subtype, b"K\0\x85", data(b"b"))
            + b"(" + version + shape + dtype + order + content + b"tb")


SYSTEM = text(f"touch {CANARY}")
POINTERS = struct.pack("<4Q", 0x4141414141414141, 0xdeadbeef, 8, 16)
FIELD_OBJECT = b"N(" + text("x") + b"t}(" + text("x") + kind("O8", "|", flags=b"K?") + b"K\0\x86u"
PAYLOADS = {
    "os.system": call("os", "system", SYSTEM),
    "posix.system": call("posix", "system", SYSTEM),
    "eval": call("builtins", "eval", text(RUNS)),
    "eval of Python 2": call("__builtin__", "eval", text(RUNS)),
    "exec": call("builtins", "exec", text(RUNS)),
    "io.open": call("io", "open", text(CANARY), text("w")),
    "subprocess": call("subprocess", "Popen", b"]" + text("touch") + b"a" + text(CANARY) + b"a"),
    "stack_global": text("builtins") + text("exec") + b"\x93(" + text(RUNS) + b"tR",
    "stack_global with dots": text("numpy") + text("ndarray.__class__") + b"\x93",
    "getattr": call("builtins", "getattr", name("os", "path"), text("os")),
    "__import__": call("builtins", "__import__", text("os")),
    "importlib": call("importlib", "import_module", text("this")),
    "functools.partial": call("functools", "partial", name("os", "system"), SYSTEM),
    "operator.attrgetter": call("operator", "attrgetter", text("__class__")),
    "copyreg": call("copyreg", "_reconstructor", name("builtins", "object"), name("builtins", "object"),
                    b"N"),
    "numpy.load": call("numpy", "load", text(CANARY)),
    "numpy.fromfile": call("numpy", "fromfile", text("/dev/zero")),
    "runstring": call("numpy.testing._private.utils", "runstring", text(RUNS), b"}"),
    "torch.load": call("torch", "load", text(CANARY)),
    "torch.hub": call("torch.hub", "load", text("a/b")),
    "ctypes": call("ctypes", "string_at", whole(16)),
    "types.CodeType": call("types", "CodeType", b"K\0"),
    "INST": b"(" + SYSTEM + b"ios\nsystem\n",
    "OBJ": b"(" + name("os", "system") + SYSTEM + b"o",
    "NEWOBJ": name("subprocess", "Popen") + SYSTEM + b"\x85\x81",
    "NEWOBJ of an allowed name": name("numpy", "ndarray") + b"K\3\x85\x85\x81",
    "NEWOBJ_EX": name("subprocess", "Popen") + SYSTEM + b"\x85}\x92",
    "EXT1": b"\x82\x01", "EXT2": b"\x83\x01\0", "EXT4": b"\x84\x01\0\0\0",
    "PERSID": b"Pos.system\n", "BINPERSID": text("os.system") + b"Q",
    "BINPERSID of a tuple": SYSTEM + b"\x85Q",
    "BUILD on a list": b"]}b",
    "BUILD on a name": name("numpy", "ndarray") + b"}(" + text("__setstate__") + name("numpy",
                                                                                      "dtype") + b"ub",
    "BUILD on a name, slots": name("numpy", "dtype") + b"N}(" + text("newbyteorder") + b"Nu\x86b",
    "REDUCE of a text": SYSTEM + SYSTEM + b"\x85R",
    "REDUCE with a list": name("numpy", "ndarray") + b"]R",
    "SETITEMS on a list": b"](K\1K\2u", "APPEND on a dict": b"}K\1a", "APPEND on a tuple": b")K\1a",
    "a list as key": b"}]K\1s", "a tuple as key": b"}K\1\x85K\1s", "an odd number of items": b"}(K\1u",
    "a key with an escape sequence": b"}" + text("\x1b]0;a\x07\nb") + b"K\1s",
    "a list in itself": b"]q\x09h\x09a", "a dict in itself": b"}q\x09" + text("a") + b"h\x09s",
    "a tuple in itself": b"]q\x09h\x09\x85a",
    "lists nested 3,000 times": b"]" * 3000 + b"a" * 2999, "tuples nested 3,000 times": b")" + b"\x85" * 3000,
    "billion laughs": b"]q\x09K\1a" + b"".join(b"](" + b"h" + bytes([level]) + (b"h" + bytes([level])) * 20
                                              + b"eq" + bytes([level + 1]) for level in range(9, 30)),
    "memo at 4 billion": b"Nr\xff\xff\xff\xff", "memo of nothing": b"h\xc8",
    "mark without values": b"(a", "tuple without mark": b"tttt", "stack underflow": b"\x87\x87R",
    "bytes of 2 ** 62": b"\x8e" + struct.pack("<Q", 2 ** 62) + b"a",
    "bytearray of 2 ** 40": b"\x96" + struct.pack("<Q", 2 ** 40) + b"a",
    "text of 4 GiB": b"X\xff\xff\xff\xffab", "text that is no UTF-8": text(b"\xff\xfe"),
    "frame of 2 ** 63": b"\x95" + b"\xff" * 8, "protocol 255": b"\x80\xff\x82\x01",
    "a number of 100 bytes": b"\x8a\x64" + b"\x7f" * 100, "LONG4 of 2 GiB": b"\x8b\xff\xff\xff\x7f\1",
    "negative LONG4": b"\x8b\xff\xff\xff\xff", "a text opcode": b"S'a'\n",
    "I of 5,000 digits": b"I" + b"9" * 5000 + b"\n",
    "unknown opcode": b"\xfe", "GLOBAL without end": b"cos", "NEXT_BUFFER": b"\x97",
    "READONLY_BUFFER": b"N\x98",
    "sets": b"\x8f(K\1\x90", "frozensets": b"(K\1\x91", "DUP": b"]2a",
    "unknown encoding": call("_codecs", "encode", text("a"), text("unknown")),
    "encode a number": call("_codecs", "encode", b"K\1", text("latin1")),
    "encode to hex": call("_codecs", "encode", text("ab"), text("hex")),
    "encode beyond Latin-1": call("_codecs", "encode", text("☃"), text("latin1")),
    "bytes of 2 ** 60 zeros": call("builtins", "bytes", whole(2 ** 60)),
    "OrderedDict of a name": call("collections", "OrderedDict", name("numpy", "ndarray")),
    "OrderedDict with lists as keys": call("collections", "OrderedDict", b"]]]aK\1aa"),
    "ndarray called": call("numpy", "ndarray", whole(2 ** 40) + b"\x85"),
    "a name as value": name("numpy", "ndarray"), "a type as value": kind("f4"),
    "an array without BUILD": call("numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"),
                                   b"K\0\x85", data(b"b")),
    "an array of another class": array(kind("f4"), b"K\1\x85", data(b"abcd"),
                                       subtype=name("numpy", "matrix")),
    "an array of a dict": array(kind("f4"), b"K\1\x85", data(b"abcd"),
                                subtype=name("collections", "OrderedDict")),
    "pointers as objects": array(kind("O8", "|", flags=b"K?"), b"K\4\x85", data(POINTERS)),
    "pointers through a field": array(kind("V8", "|", FIELD_OBJECT, b"K\x08K\x01", b"K\0"), b"K\4\x85",
                                      data(POINTERS)),
    "plain numbers with a field of objects": array(kind("f8", "<", FIELD_OBJECT), b"K\4\x85", data(POINTERS)),
    "a scalar of pointers": call("numpy.core.multiarray", "scalar", kind("O8", "|", flags=b"K?"),
                                 data(POINTERS[:8])),
    "a scalar that is too short": call("numpy.core.multiarray", "scalar", kind("f8"), data(b"abc")),
    "a scalar without type": call("numpy.core.multiarray", "scalar", text("f8"), data(b"abcdefgh")),
    "a subarray type": array(kind("V16", "|", b"(" + kind("f8") + b"K\2\x85tNN"), b"K\1\x85",
                             data(POINTERS[:16])),
    "void": array(kind("V8", "|"), b"K\1\x85", data(b"abcdefgh")),
    "dates": array(kind("M8"), b"K\1\x85", data(b"abcdefgh")),
    "complex": array(kind("c16"), b"K\1\x85", data(b"a" * 16)),
    "a type with commas": array(kind("f4,O"), b"K\1\x85", data(b"a" * 12)),
    "text of 2 ** 31 characters": array(kind("U2147483647"), b"K\1\x85", data(b"")),
    "text beyond Unicode": array(kind("U1"), b"K\1\x85", data(b"\xff\xff\xff\x7f")),
    "bytes shorter than the shape": array(kind("f8"), b"M\x10\x27\x85", data(b"abcdefgh")),
    "bytes longer than the shape": array(kind("f8"), b"K\0\x85", data(b"abcdefgh")),
    "negative shape": array(kind("f8"), b"J\xff\xff\xff\xff\x85", data(b"abcdefgh")),
    "shape product of 2 ** 64": array(kind("u1"), whole(2 ** 32) + whole(2 ** 32) + b"\x86", data(b"")),
    "shape of 2 ** 62 zeros": array(kind("u1"), b"K\0" + whole(2 ** 62) + b"\x86", data(b"")),
    "shape of 100 axes": array(kind("u1"), b"(" + b"K\1" * 100 + b"t", data(b"a")),
    "shape of floats": array(kind("u1"), b"G?\xf0\0\0\0\0\0\0\x85", data(b"a")),
    "content as a number": array(kind("f8"), b"K\1\x85", b"K\1"),
    "content as objects": array(kind("f8"), b"K\1\x85", b"]Na"),
    "another version": array(kind("f8"), b"K\1\x85", data(b"abcdefgh"), version=b"K\2"),
    "list shorter than the shape": array(kind("O8", "|"), b"K\x09\x85", b"]Na"),
    "an array in itself": array(kind("O8", "|"), b"K\1\x85", b"]q\x09h\x09a"),
    "a buffer in another order": call("numpy.core.numeric", "_frombuffer", data(b"abcdefgh"), kind("f8"),
                                      b"K\1\x85", text("Z")),
    "a buffer with wrong axes": call("numpy.core.numeric", "_frombuffer", data(b"abcdefgh"), kind("f8"),
                                     b"K\1\x85", text("K"), b"K\7K\7\x86"),
    "a buffer with huge shape": call("numpy.core.numeric", "_frombuffer", data(b"abcdefgh"), kind("O8"),
                                     whole(2 ** 61) + b"\x85", text("C")),
}

# Storages and tensors, which only checkpoints have. The file has one storage, "0", of four float32 numbers.


def storage(kind: str = "FloatStorage", key: str = "0", length: bytes = b"K\4",
            word: str = "storage") -> bytes:
    return b"(" + text(word) + name("torch", kind) + text(key) + text("cpu") + length + b"tQ"


def tensor(store: bytes = storage(), offset: bytes = b"K\0", size: bytes = b"K\4\x85",
           stride: bytes = b"K\1\x85") -> bytes:
    return call("torch._utils", "_rebuild_tensor_v2", store, offset, size, stride, b"\x89", b"}")


MINUS = b"J\xff\xff\xff\xff"
TENSORS = {
    "strides beyond the storage": tensor(stride=whole(2 ** 40) + b"\x85"),
    "negative stride": tensor(stride=MINUS + b"\x85"), "negative offset": tensor(offset=MINUS),
    "offset beyond the storage": tensor(offset=whole(2 ** 40)),
    "offset of a float": tensor(offset=b"G?\xf0\0\0\0\0\0\0"),
    "size beyond the storage": tensor(size=whole(2 ** 40) + b"\x85"),
    "size without strides": tensor(size=whole(2 ** 40) + b"\x85", stride=b"K\0\x85"),
    "negative size": tensor(size=MINUS + b"\x85"),
    "size of 2 ** 64": tensor(size=whole(2 ** 32) + whole(2 ** 32) + b"\x86",
                                                                               stride=b"K\0K\0\x86"),
    "no numbers of 2 ** 62": tensor(size=b"K\0" + whole(2 ** 62) + b"\x86", stride=b"K\1K\1\x86"),
    "fewer strides than axes": tensor(stride=b")"), "size as a list": tensor(size=b"]K\4a"),
    "a tensor of a number": tensor(store=b"K\0"),
    "100 axes": tensor(size=b"(" + b"K\1" * 100 + b"t", stride=b"(" + b"K\1" * 100 + b"t"),
    "a storage of another length": tensor(storage(length=whole(2 ** 40))),
    "a storage of another type": tensor(storage("DoubleStorage")),
    "a storage that is not there": tensor(storage(key="7")),
    "a storage outside": tensor(storage(key="../../../../etc/passwd")),
    "a module as storage": tensor(storage(word="module")),
    "a storage of negative length": tensor(storage(length=MINUS)), "a storage as value": storage(),
    "a storage called": call("torch", "FloatStorage", whole(2 ** 40)),
    **{kind: tensor(storage(kind)) for kind in ("UntypedStorage", "QInt8Storage", "ComplexFloatStorage",
                                                "BFloat16Storage", "Storage")},
    **{function: call("torch._utils", function, storage(), b"K\0", b"K\4\x85", b"K\1\x85", b"N", b"N", b"N")
       for function in ("_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_nested_tensor",
                        "_rebuild_tensor_v3",
                        "_rebuild_meta_tensor_no_storage", "_rebuild_wrapper_subclass", "_rebuild_tensor",
                        "_rebuild_device_tensor_from_numpy", "_rebuild_sparse_csr_tensor")},
    "a parameter of a text": call("torch._utils", "_rebuild_parameter", text("a"), b"\x89", b"}"),
    "_load_from_bytes": call("torch.storage", "_load_from_bytes", data(b"abc")),
    "torch.device": call("torch", "device", text("meta")), "a dtype": name("torch", "float32"),
    "a tensor's own BUILD": tensor() + b"}(" + text("data") + b"Nub",
}


# Members of npz files: a header that lies.

def member(description: str, content: bytes = b"", *, version: bytes = b"\1\0",
           length: int | None = None) -> bytes:
    size = len(description) if length is None else length
    return (b"\x93NUMPY" + version + size.to_bytes(2 if version == b"\1\0" else 4,
                                                   "little") + description.encode()
            + content)


def header(kind: str = "'<f8'", shape: str = "(2,)", order: str = "False") -> str:
    return f"{{'descr': {kind}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


TWO = bytes(16)
MEMBERS = {
    "a type with fields": member(header("[('x', 'O'), ('y', '<f8')]"), TWO),
    "a type in a tuple": member(header("('<f8', (1000000,))"), TWO),
    "a type with commas": member(header("'f4,O'"), TWO), "void": member(header("'|V8'"), TWO),
    "dates": member(header("'<M8[s]'"), TWO), "complex": member(header("'<c16'"), bytes(32)),
    "long double": member(header("'<f16'"), bytes(32)),
    "a type that is none": member(header("'nonsense'"), TWO),
    "a type that is a number": member(header("8"), TWO), "no type": member(header("''"), TWO),
    "more than it has": member(header(shape="(3,)"), TWO),
    "less than it has": member(header(shape="(1,)"), TWO),
    "2 ** 60 numbers": member(header(shape=f"({2 ** 60},)"), TWO),
    "2 ** 64 numbers": member(header(shape=f"({2 ** 32}, {2 ** 32})"), TWO),
    "negative shape": member(header(shape="(-2,)"), TWO),
    "shape of floats": member(header(shape="(2.0,)"), TWO),
    "shape of truth": member(header(shape="(True, 2)"), TWO),
    "shape as a list": member(header(shape="[2]"), TWO),
    "100 axes": member(header(shape="(" + "1, " * 100 + ")"), bytes(8)),
    "order as text": member(header(order="'a'"), TWO),
    "nested brackets": member("(" * 5000, TWO), "nested minus": member("-" * 9000 + "1", TWO),
    "nested lists": member("[" * 90 + "]" * 90, TWO), "a call": member(header(shape="exit()"), TWO),
    "code": member(f"__import__('os').system('touch {CANARY}')\n", TWO),
    "a power": member(header(shape="(9 ** 9 ** 9,)")),
    "header of 4 GiB": member(header(), TWO, version=b"\2\0", length=2 ** 32 - 1),
    "header of 60,000 bytes": member(header() + " " * 60_000, TWO),
    "version 9": member(header(), TWO, version=b"\x09\0"),
    "another file": b"GIF89a" + TWO, "nothing": b"", "half a header": member(header())[:30],
    "objects without a pickle": member(header("'|O'"), TWO), "objects, nothing": member(header("'|O'")),
    "text beyond Unicode": member(header("'<U1'"), b"\xff" * 8),
    "text with line breaks": member(header("'<U1'"), b"\n\0\0\0" * 2),
}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method, compresslevel=1) as archive:
        for key, content in members.items():
            archive.writestr(key, content)
    return file.getvalue()


def raw_zip(key: str, packed: bytes, size: int, *, method: int = 0, flags: int = 0, crc: int | None = None,
            packed_size: int | None = None, offset: int = 0) -> bytes:
    """A zip file of one member that is described as it likes."""
    packed_size = len(packed) if packed_size is None else packed_size
    facts = struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, zlib.crc32(packed) if crc is None else crc,
                        packed_size, size, len(key), 0)
    local = b"PK\3\4" + facts + key.encode() + packed
    directory = b"PK\1\2" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0,
                                                                        offset) + key.encode()
    return local + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), len(local), 0)


def zeros(size: int) -> bytes:
    return member(header("'|u1'", f"({size},)")) + bytes(size)


@functools.cache
def packed_bomb(start: bytes, filling: bytes) -> bytes:
    """120 MB, deflated to about 120 kB."""
    deflate = zlib.compressobj(9, wbits=-15)
    parts = [deflate.compress(start), *[deflate.compress(filling * 1_000_000) for _ in range(120)]]
    return b"".join([*parts, deflate.flush()])


def bomb(key: str, start: bytes, filling: bytes, **lies) -> bytes:
    return raw_zip(key, packed_bomb(start, filling), len(start) + 120_000_000, method=8, crc=0, **lies)


def bombs(key: str) -> dict:
    """Zip files in which reading `key` is dear or impossible. A value is made when it is needed."""
    few, start = zeros(1000), member(header("'|u1'", "(120000000,)"))
    return {
        "120 MB of zeros": lambda: bomb(key, start, b"\0"),
        "120 MB of zeros, stated as packed in 2 GB": lambda: bomb(key, start, b"\0", packed_size=2 ** 31),
        "120 MB of empty lists": lambda: bomb(key, member(header("'|O'", "()"), b"\x80\2"), b"]"),
        "stated as 4 GB": lambda: raw_zip(key, few, 2 ** 32 - 1),
        "stated as packed in 2 GB": lambda: raw_zip(key, few, 2 ** 31, packed_size=2 ** 31),
        "bzip2": lambda: zipped({key: zeros(10_000_000)}, zipfile.ZIP_BZIP2),
        "lzma": lambda: zipped({key: zeros(10_000)}, zipfile.ZIP_LZMA),
        "an unknown method": lambda: raw_zip(key, few, len(few), method=99),
        "encrypted": lambda: raw_zip(key, few, len(few), flags=1),
        "another checksum": lambda: raw_zip(key, few, len(few), crc=7),
        "an offset outside": lambda: raw_zip(key, few, len(few), offset=2 ** 31),
        "deflate of nonsense": lambda: raw_zip(key, few, len(few), method=8),
        "20,001 members": many_members,
        "no member": lambda: zipped({}), "a member of another name": lambda: zipped({"\x1b[2J\n.npy": b""}),
        "half a file": lambda: zipped({key: few})[:-30], "no zip file": lambda: b"hello",
        "an empty file": lambda: b"",
        "a pickle alone": lambda: b"\x80\2" + PAYLOADS["eval"] + b".",
    }


@functools.cache
def many_members() -> bytes:
    return zipped({f"{number}.npy": b"" for number in range(20_001)})


# Checkpoints that say what they must not: each function alters a whole one.

def setting(*places, value):
    """What sets state[place][place].. to `value`."""
    def change(state):
        for place in places[:-1]:
            state = state[place]
        state[places[-1]] = value
    return change


NAN = float("nan")
FORGED = {
    f"{'.'.join(map(str, places))} = {str(value)[:40]!r}": setting(*places, value=value) for *places,
    value in [
        ("network", "os"), ("network", ["ftcm"]), ("network", "temporal_conv"), ("format", 1),
        ("network", "videopose3d"), ("network", "stcformer"), ("model_args", "widths", [5]),
        ("model_args", "widths", [1, 10 ** 9]), ("model_args", "dense", 1), ("model_args", "variant", "x"),
        ("model_args", "millimetres", 1), ("model_args", "target", "first"),
        ("model_args", None), ("model_args", [1]), ("model_args", {}), ("model_args", "frames", 6),
        ("model_args", "frames", 10 ** 9 + 1), ("model_args", "frames", "5"), ("model_args", "frames", 5.0),
        ("model_args", "frames", -5), ("model_args", "frames", True), ("model_args", "frames", 19681),
        ("model_args", "dim", 8 * 10 ** 9), ("model_args", "dim", 0), ("model_args", "dim", 65536),
        ("model_args", "dim", 12),
        ("model_args", "depth", 10 ** 9), ("model_args", "depth", -1), ("model_args", "depth", 999),
        ("model_args", "depth", NAN), ("model_args", "dropout", 1.0), ("model_args", "dropout", NAN),
        ("model_args", "units", "all"), ("model_args", "fpm_filter", None),
        ("model_args", "every_frame", "yes"),
        ("model_args", "num_joints", 10 ** 9), ("model_args", "num_joints", 16),
        ("model_args", "device", "cuda"),
        ("model_args", "self", 1), ("model_args", 5, 1),
        ("data", "text"), ("data", "keypoints", "x/../../.."), ("data", "keypoints", "..\\x"),
        ("data", "keypoints", ".."),
        ("data", "keypoints", "a\nb"), ("data", "keypoints", "k" * 1000), ("data", "keypoints", 1),
        ("data", "flip_test", False),
        ("data", "amp", True), ("data", "test_stride", 1000), ("data", "output", "elsewhere"),
        ("data", "root_path", "/"),
        ("data", "dataset", "ucf"), ("data", "dataset", None), ("data", "tds", 0), ("data", "tds", 10 ** 12),
        ("data", "tds", 1.5),
        ("data", "target", "first"), ("data", {"tds": 1}),
        ("fps", 0), ("fps", -50), ("fps", NAN), ("fps", float("inf")), ("fps", 1e300), ("fps", "50"),
        ("fps", None), ("fps", True),
        ("selection", 5), ("selection", "a\n\x1b[2Jb"), ("selection", "s" * 100_000),
        ("epoch", -1), ("epoch", "1"), ("epoch", 10 ** 18), ("epoch", None),
        ("history", "text"), ("history", {}), ("history", [1]), ("history", [{}]),
        ("history", [{"epoch": 1, "seconds": "1"}]),
        ("history", 0, "seconds", NAN), ("history", 0, "p1", None), ("history", 0, "epoch", 0),
        ("best", "text"), ("best", {"files": []}), ("best", "epoch", "1"), ("best", "p1", NAN),
        ("best", "files", ["../../victim"]), ("best", "files", ["victim.pth"]),
        ("best", "files", [str(PROJECT / "no such file")]),
        ("best", "files", ["no_refine_1_1.pth/../../victim"]), ("best", "files", ["no_refine_1_1.pth\n"]),
        ("best", "files", "no_refine_1_1.pth"), ("best", "files", ["no_refine_1_1.pth"] * 3),
        ("best", "files", [1]),
        ("options", "text"), ("options", {}), ("options", "epochs", "many"), ("options", "epochs", None),
        ("options", "seed", NAN), ("options", "cameras", 5), ("options", "cameras", [1]),
        ("options", "actions", {}),
        ("options", "val_subjects", "S1"), ("options", "stride", None), ("options", "subset", "all"),
        ("options", "previous_dir", 5), ("options", "anything", {"a": [1]}),
        ("mean_pose", 5), ("mean_pose", torch.zeros(16, 3)), ("mean_pose", torch.full((17, 3), NAN)),
        ("mean_pose", torch.zeros(17, 3).long()),
        ("model", 5), ("model", {}), ("model", [1]), ("model", "head.bias", 5),
        ("model", "head.bias", torch.full((51,), NAN)),
        ("model", "head.bias", torch.zeros(50)), ("model", "head.bias", torch.zeros(51).double()),
        ("model", "head.bias", torch.zeros(51).long()), ("model", "extra", torch.zeros(1)),
        ("model", "a\nb", torch.zeros(1)), ("model", "head.bias", torch.zeros(51, 1)),
        ("model", 5, torch.zeros(1)),
    ]}
LAST = {
    f"{'.'.join(map(str, places))} = {str(value)[:40]!r}": setting(*places, value=value) for *places,
    value in [
        ("epoch", 2), ("epoch", 0), ("history", []), ("history", 0, {"epoch": 1, "seconds": 1.0}),
        ("best", {}), ("best", "files", []),
        ("best", "files", ["no_refine_1_1.pth", "refine_1_1.pth"]), ("options", "lr", 5.0),
        ("options", "frames", "a\n" * 500),
        ("optimizer", None), ("optimizer", {}), ("optimizer", "state", 5), ("optimizer", "state", {0: {}}),
        ("optimizer", "state", {"a": {}}), ("optimizer", "state", 0, 5),
        ("optimizer", "state", 0, "exp_avg", torch.zeros(7)),
        ("optimizer", "state", 0, "exp_avg", torch.full((2,), NAN)), ("optimizer", "state", 0, "exp_avg", 5),
        ("optimizer", "state", 0, "step", torch.zeros(7)), ("optimizer", "state", 0, "step", "1"),
        ("optimizer", "state", 10 ** 6, {}), ("rng", None), ("rng", {}), ("rng", "cpu", torch.zeros(3)),
        ("rng", "cpu", torch.zeros(5056, dtype=torch.uint8)),
        ("rng", "cpu", torch.zeros(3, dtype=torch.uint8)),
        ("rng", "shuffle", torch.zeros(5056, dtype=torch.uint8)), ("rng", "shuffle", 5), ("rng", "cuda", 5),
    ]}
LAST["without rng.cuda"] = lambda state: state["rng"].pop("cuda")
LAST |= {f"without {name}": lambda state, name=name: state.pop(name)
         for name in ("optimizer", "rng", "epoch", "history", "best", "options", "model", "model_args",
                      "data")}
REFINE = {"refine = 5": 5, "refine = {}": {},
          "refine of other shapes": {"post_refine.0.weight": torch.zeros(3)},
          "refine of text": {"post_refine.0.weight": "a"},
          "refine of nested dicts": {"a": {"b": torch.zeros(1)}}}
MARKER = text("MARKER")
READERS = ["h36m", "cmu", "3dhp", "predict", "read_archive", "checkpoint", "refine", "resume", "tensor_file"]
NPZ, PTH = READERS[:5], READERS[5:]
KEYS = {"h36m": ("data_3d_h36m.npz", "positions_3d.npy"), "cmu": ("cmu_mocap.npz", "d2.npy"),
        "3dhp": ("data_test_3dhp.npz", "data.npy"), "predict": ("video.npz", "keypoints.npy"),
        "read_archive": ("a.npz", "x.npy")}
CASES = [(reader, kind, case) for kind, cases, readers in (
    ("pickle", PAYLOADS, READERS), ("member", MEMBERS, NPZ), ("zip", bombs(""), READERS),
    ("tensor", TENSORS, PTH),
    ("field", FORGED, ["checkpoint", "resume"]), ("last", LAST, ["resume"]),
    ("refine", REFINE, ["refine"])) for reader in readers for case in cases]


def npz_content(reader: str, kind: str, case: str) -> bytes:
    """The bytes of an npz file with a hostile member."""
    key = KEYS[reader][1]
    if kind == "zip":
        return bombs(key)[case]()
    if kind == "pickle":
        table = pickle.dumps(np.array({"S9": "MARKER"}, object), protocol=2)
        assert table.count(MARKER) == 1
        content = member(header("'|O'", "()"), table.replace(MARKER, PAYLOADS[case]))
    else:
        content = MEMBERS[case]
    others = ["d2", "frames", "name", "subject", "split", "fps"] if reader == "cmu" else []
    return zipped({**{f"{name}.npy": zeros(1) for name in others}, key: content}, zipfile.ZIP_DEFLATED)


def pth_content(kind: str, case: str, state: dict) -> bytes:
    """The bytes of a hostile checkpoint; `state` is a whole one."""
    if kind == "zip":
        return bombs("archive/data.pkl")[case]()
    if kind in ("pickle", "tensor"):
        value = {**PAYLOADS, **TENSORS}[case] if kind == "tensor" else PAYLOADS[case]
        whole = b"\x80\2}(" + text("format") + text("ftcm-1") + text("x") + value + b"u."
        return zipped({"archive/data.pkl": whole,
                       "archive/byteorder": b"little", "archive/data/0": bytes(16),
                       "archive/version": b"3\n"})
    state = copy.deepcopy(state)
    if kind == "refine":
        state["refine"] = REFINE[case]
    else:
        {**FORGED, **LAST}[case](state)
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def prepare(folder: Path) -> dict:
    """Fill the folder with good files; returns the command of each reader."""
    from model.refine import Refine
    from tests.helpers import write_human36m
    for name in ("h36m", "cmu", "3dhp", "good", "weights"):
        (folder / name).mkdir()
    lengths = {(subject, "Walking"): 6 for subject in ("S1", "S5", "S6", "S7", "S8", "S9", "S11")}
    write_human36m(folder / "good", lengths=lengths)
    shutil.copy(folder / "good" / "data_2d_h36m_gt.npz", folder / "h36m")
    shutil.copy(PROJECT / "dataset" / "cmu_mocap.csv", folder / "cmu")
    torch.save(Refine().state_dict(), folder / "weights" / "good_refine.pth")
    train = ["--train", "1", "-f", "5", "--d_hid", "16", "--layers", "1", "-b", "16", "-k", "gt", "--device",
             "cpu",
             "--root_path", str(folder / "good"), "--output", str(folder / "run")]
    status, printed = run([*train, "--nepoch", "1"])
    assert status == 0, printed
    shutil.copy(next((folder / "run").glob("no_refine_*.pth")), folder / "weights" / "good.pth")
    use = ["--device", "cpu", "--output", str(folder / "out"), "--reload", "1", "--previous_dir"]
    good, bad = str(folder / "weights" / "good.pth"), str(folder / "weights" / "bad.pth")
    sets = {name: ["--train", "0", *use, good, "--dataset", name, "-k", "gt", "--root_path",
                   str(folder / name)]
            for name in ("h36m", "cmu", "3dhp")}
    data = ["-k", "gt", "--root_path", str(folder / "good")]
    return {**sets, "checkpoint": ["--train", "0", *use, bad, *data],
            "resume": [*train, "--nepoch", "2", "--resume"],
            "predict": ["--predict", str(folder / "video.npz"), *use, good, "--width", "1920", "--height",
                        "1080"],
            "refine": ["--train", "0", *use, good, *data, "--refine", "--refine_reload", "1",
                       "--previous_refine_name", bad]}


def run(argv: list[str]) -> tuple[int, str]:
    """The exit status of one command and what it said on standard error."""
    import run_ftcm
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            status = run_ftcm.main(argv)
        except SystemExit as stop:
            status = stop.code
        except Exception as error:                      # noqa: BLE001
            status, _ = 1, print(f"traceback: {type(error).__name__}: {error}", file=said)
    return status, said.getvalue()


def read(reader: str, path: Path) -> tuple[int, str]:
    """As `run`, for the functions that read a file."""
    from common.untrusted import tensors
    from dataset.archive import read_archive
    try:
        value = read_archive(path, ["x"], hint="") if reader == "read_archive" else tensors.read_tensors(path)
    except ValueError as error:
        return 2, f"error: {error}\n"
    except Exception as error:                          # noqa: BLE001
        return 1, f"traceback: {type(error).__name__}: {error}"
    return 0, f"read: {type(value)}"


def main(folder: Path) -> None:
    """Run every case; a JSON line before and one after each."""
    commands = prepare(folder)
    state = torch.load(folder / "run" / "last.pth", weights_only=True)
    (folder / "victim").touch()
    (folder / "run" / "victim.pth").touch()
    for reader, kind, case in CASES:
        path = {"checkpoint": folder / "weights" / "bad.pth", "refine": folder / "weights" / "bad.pth",
                "resume": folder / "run" / "last.pth", "tensor_file": folder / "a.pth",
                "predict": folder / "video.npz",
                "read_archive": folder / "a.npz"}.get(reader)
        path = path or folder / reader / KEYS[reader][0]
        path.write_bytes(npz_content(reader, kind, case) if reader in NPZ else pth_content(kind, case, state))
        print(json.dumps([reader, kind, case]), flush=True)
        status, said = read(reader, path) if reader in ("read_archive",
                                                        "tensor_file") else run(commands[reader])
        lines = [line for line in said.splitlines() if "error:" in line or "traceback:" in line]
        print(json.dumps({"status": status, "lines": lines, "all": said[-300:]}), flush=True)
    print(json.dumps({"peak": own_peak()}), flush=True)


def own_peak() -> int:
    """The most memory of this process so far, KiB. getrusage would count the one that started it, too."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(re.search(r"VmHWM:\s*(\d+) kB", status.read_text())[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
