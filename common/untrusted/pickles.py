"""Reads pickles that strangers wrote: nothing of them is executed, and what they describe is bounded.

A pickle is a program for a small machine. `interpret` knows the instructions that plain values need. A name
in the pickle stands for a function of the caller's table, never for a real class or function.
"""
import pickletools

from common.untrusted.values import LARGEST, Refused, readable

MOST_STEPS = 5_000_000      # instructions of a pickle
DEEPEST = 30                # containers within containers
OVERHEAD = 100              # bytes that a value which is no array counts for


class Pending:
    """A value that a pickle creates in two steps."""

    def build(self, state) -> None:
        """Take what the second step says. Raises Refused."""
        raise NotImplementedError

    def finish(self, settle) -> tuple:
        """The value and its bytes; `settle` gives these of a value that it consists of."""
        raise NotImplementedError


class Unread(Pending):
    """Stands for an object that nothing here needs, such as a random source: None comes out of it."""

    def __init__(self, *_):
        pass

    def build(self, state) -> None:
        pass

    def finish(self, settle) -> tuple:
        return None, OVERHEAD


class UnreadPart(Unread):
    """A part of such an object, refused elsewhere."""

    def finish(self, settle) -> tuple:
        raise Refused("it holds an array, a type or bytes of NumPy where a plain value belongs")


class Name:
    """What a module and a name in a pickle become: it can only be called with a tuple, by REDUCE."""

    def __init__(self, text, rebuild):
        self.text, self.rebuild = text, rebuild


# Instructions that push the value which stands beside them.
LITERALS = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE",
            "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "BINSTRING",
            "SHORT_BINSTRING"}
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


def interpret(file, names: dict, persistent=None):
    """The plain value that the pickle in the binary stream `file` describes.

    `names`: (module, name) -> a function of this project that checks its arguments and returns a plain value,
    something with `nbytes` or a Pending. `persistent` does the same for persistent ids; without it they are
    refused. Text of Python 2 is read as Latin-1. Raises Refused, or one of DAMAGED.
    """
    return Machine(names, persistent).run(file)


class Machine:
    """A pickle's stack, the stacks below its marks and its memo. `on_x` carries out the instruction X."""

    def __init__(self, names, persistent):
        self.names, self.persistent = names, persistent
        self.stack, self.below, self.memo = [], [], {}

    def run(self, file):
        for step, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if step == MOST_STEPS:
                raise Refused(f"it takes more than {MOST_STEPS:,} steps to read")
            name = opcode.name
            if name in LITERALS:
                self.push(argument)
            elif name in CONSTANTS:
                self.push(CONSTANTS[name])
            elif name == "STOP":
                return Settling().settle(self.pop(object), 0)[0]
            elif name not in ("PROTO", "FRAME"):
                instruction = getattr(self, "on_" + name.lower(), None)
                if instruction is None:
                    raise Refused(f"it uses the pickle instruction {name}, which plain values do not need")
                instruction(argument)

    def push(self, value):
        if type(value) is int and value.bit_length() > 64:
            raise Refused("it holds a whole number of more than 64 bits")
        self.stack.append(value)

    def top(self, kind):
        if not isinstance(self.stack[-1], kind):
            raise Refused(f"it uses a {type(self.stack[-1]).__name__} as a {kind.__name__}")
        return self.stack[-1]

    def pop(self, kind):
        self.top(kind)
        return self.stack.pop()

    def pop_mark(self) -> list:
        """The values above the last mark."""
        values, self.stack = self.stack, self.below.pop()
        return values

    def on_mark(self, _):
        self.below.append(self.stack)
        self.stack = []

    def on_empty_list(self, _):
        self.push([])

    def on_empty_dict(self, _):
        self.push({})

    def on_tuple(self, _):
        self.push(tuple(self.pop_mark()))

    def on_tuple1(self, _):
        self.push((self.pop(object),))

    def on_tuple2(self, _):
        self.stack[-2:] = [(self.stack[-2], self.stack[-1])]

    def on_tuple3(self, _):
        self.stack[-3:] = [(self.stack[-3], self.stack[-2], self.stack[-1])]

    def on_append(self, _):
        value = self.pop(object)
        self.top(list).append(value)

    def on_appends(self, _):
        values = self.pop_mark()
        self.top(list).extend(values)

    def on_setitem(self, _):
        value, key = self.pop(object), self.pop(object)
        self.set_items([key, value])

    def on_setitems(self, _):
        self.set_items(self.pop_mark())

    def set_items(self, items):
        """Fill the dict on top with `items`: key, value, key, value, .."""
        if any(type(key) is not int and not (type(key) is str and key.isprintable()) for key in items[::2]):
            raise Refused("it has keys other than printable text and whole numbers")
        self.top(dict).update(zip(items[::2], items[1::2], strict=True))

    def on_binput(self, place):
        if place > MOST_STEPS:
            raise Refused(f"it numbers a value {place:,}")
        self.memo[place] = self.stack[-1]

    on_long_binput = on_binput

    def on_memoize(self, _):
        self.memo[len(self.memo)] = self.stack[-1]

    def on_binget(self, place):
        self.push(self.memo[place])

    on_long_binget = on_binget

    def on_global(self, text):
        self.push_name(*text.split(" ", 1))

    def on_stack_global(self, _):
        name, module = self.pop(str), self.pop(str)
        self.push_name(module, name)

    def push_name(self, module, name):
        if (module, name) not in self.names:
            raise Refused(f"it asks for {readable(f'{module}.{name}')}, which plain values do not need")
        self.push(Name(name, self.names[module, name]))

    def on_reduce(self, _):
        arguments, name = self.pop(tuple), self.pop(Name)
        self.push(name.rebuild(*arguments))

    def on_build(self, _):
        state = self.pop(object)
        if type(self.stack[-1]) is not dict:            # an OrderedDict's attributes are left out
            self.top(Pending).build(state)

    def on_binpersid(self, _):
        if self.persistent is None:
            raise Refused("it refers to objects outside the file")
        self.push(self.persistent(*self.pop(tuple)))


def ordered(pairs=()) -> dict:
    """Stands for OrderedDict: empty, or filled with a list of key-value pairs as Python 2 writes it."""
    if type(pairs) not in (list, tuple) or any(type(pair) not in (list, tuple) or len(pair) != 2
                                               or type(pair[0]) not in (str, int) for pair in pairs):
        raise Refused("an OrderedDict is described in another way than Python does")
    return dict(pairs)


class Settling:
    """Makes values plain and bounds what they would take if nothing in them were shared."""

    def __init__(self):
        self.known = {}                                 # id -> the plain value, its bytes, the raw value

    def settle(self, value, depth: int) -> tuple:
        """The plain value and its bytes."""
        if value is None or type(value) in (bool, int, float):
            return value, OVERHEAD
        if type(value) in (str, bytes, bytearray):
            return value, OVERHEAD + len(value)
        if depth > DEEPEST:
            raise Refused(f"it nests values more than {DEEPEST} deep or within themselves")
        if id(value) not in self.known:
            plain, size = self.unfold(value, depth + 1)
            if size > LARGEST:
                raise Refused(f"its values take more than {LARGEST:,} bytes")
            self.known[id(value)] = plain, size, value
        return self.known[id(value)][:2]

    def unfold(self, value, depth: int) -> tuple:
        """`settle` for what holds other values."""
        if type(value) is dict:
            parts = {key: self.settle(part, depth) for key, part in value.items()}
            return ({key: part for key, (part, _) in parts.items()},
                    sum(2 * OVERHEAD + size for _, size in parts.values()) + OVERHEAD)
        if type(value) in (list, tuple):
            parts = [self.settle(part, depth) for part in value]
            return type(value)(part for part, _ in parts), sum(size for _, size in parts) + OVERHEAD
        if isinstance(value, Pending):
            return value.finish(lambda part: self.settle(part, depth))
        if hasattr(value, "nbytes"):                    # an array or a tensor
            return value, OVERHEAD + value.nbytes
        raise Refused(f"it holds a {type(value).__name__} where a value belongs")
