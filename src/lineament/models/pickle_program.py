"""The program that a pickle is, read opcode by opcode into inert values.

Nothing is imported or called, and no value has behaviour: what the program makes are numbers, text, bytes,
lists, tuples, dictionaries with plain keys, and :class:`Inert`, which only remembers. So there is nothing
that it could alter or wait for. Its length, the depth of its values and the size of its memo are bounded.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lineament.errors import ModelError

MAX_OPCODES = 2_000_000
MAX_DEPTH = 100  # of values in values
MAX_LENGTH = 10_000_000  # items that all lists, tuples and dictionaries have together

# What face models are made of, and what each stands for here.
_KNOWN = {
    "numpy.ndarray": "numpy.ndarray",
    "numpy.dtype": "numpy.dtype",
    "numpy.core.multiarray._reconstruct": "numpy._reconstruct",
    "numpy._core.multiarray._reconstruct": "numpy._reconstruct",
    "numpy.core.multiarray.scalar": "numpy.scalar",
    "numpy._core.multiarray.scalar": "numpy.scalar",
    "numpy.core.numeric._frombuffer": "numpy._frombuffer",
    "numpy._core.numeric._frombuffer": "numpy._frombuffer",
    "_codecs.encode": "encode",
    **{f"{module}._reconstructor": "object" for module in ("copy_reg", "copyreg")},
    **{f"{module}.{name}": "object" for module in ("__builtin__", "builtins") for name in ("object", "set")},
    "collections.OrderedDict": "object",
}


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function that the program names."""

    kind: str


@dataclass(slots=True, eq=False)
class Inert:
    """What stands for an object: of which kind, what it was made of, and its state."""

    kind: str
    arguments: tuple[Any, ...] = ()
    state: Any = None


_MARK = object()


def run_inertly(content: bytes, *, name: str) -> object:
    """The value that a pickle describes.

    Args:
        content: of the file.
        name: of the file, for messages.

    Raises:
        ModelError: it asks for an object that no face model needs, or is longer or deeper than one.
        Exception: whatever a damaged program provokes; the caller's door has to turn it into a ModelError.
    """
    machine = _Machine(name)
    for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        if count > MAX_OPCODES:
            raise ModelError(f"{name} is a program of more than {MAX_OPCODES:,} steps; no face model is.")
        if opcode.name == "STOP":
            return machine.stack.pop()
        machine.step(opcode.name, argument)
    raise ValueError("it has no end")


class _Machine:
    """A stack, a memo and what each opcode does to them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.length = 0
        self.depths: dict[int, int] = {}  # of containers, by identity; all are kept alive by `alive`
        self.alive: list[Any] = []

    def step(self, opcode: str, argument: Any) -> None:  # noqa: ANN401 - pickletools'
        if opcode in _VALUES:
            self.stack.append(_CONSTANTS.get(opcode, argument))
        elif opcode in ("PROTO", "FRAME"):
            pass
        elif opcode in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[int(argument)] = self.stack[-1]
        elif opcode == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif opcode in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[int(argument)])
        elif opcode == "GLOBAL":
            self.stack.append(self.named(str(argument).replace(" ", ".", 1)))
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self)
        else:
            raise ValueError(f"it uses {opcode}, which no face model does")

    def named(self, full_name: str) -> Name:
        """What a name stands for; refused where no face model needs it."""
        if full_name in _KNOWN:
            return Name(_KNOWN[full_name])
        if full_name.split(".")[0] == "chumpy" or full_name.split(".")[:2] == ["scipy", "sparse"]:
            return Name("object")
        raise ModelError(
            f"{self.name} asks for {full_name}, which no face model needs; it was refused and nothing "
            f"was run. "
            "Do not open this file with an ordinary unpickler unless you trust it."
        )

    def above_mark(self) -> list[Any]:
        """What was pushed since the last mark."""
        place = next(n for n in range(len(self.stack) - 1, -1, -1) if self.stack[n] is _MARK)
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def contained(self, container: Any, items: list[Any]) -> Any:  # noqa: ANN401 - any container
        """The container, once its depth and the length of all are within bounds."""
        self.length += len(items)
        depth = max(
            [self.depths.get(id(container), 1), *(self.depths.get(id(item), 0) + 1 for item in items)]
        )
        if depth > MAX_DEPTH or self.length > MAX_LENGTH:
            raise ModelError(f"{self.name} holds values that are nested or long as in no face model.")
        if id(container) not in self.depths:
            self.alive.append(container)
        self.depths[id(container)] = depth
        return container

    def push_tuple(self, items: list[Any]) -> None:
        self.stack.append(self.contained(tuple(items), items))

    def push_dict(self) -> None:
        items = self.above_mark()
        made: dict[Any, Any] = {}
        self.stack.append(made)
        self.set_items(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, Inert):  # an ordered dictionary, or another's child
            return
        if not isinstance(target, dict):
            raise TypeError("it sets items of what has none")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | bytes | int | float | None):
                raise TypeError("a dictionary's key is no text or number")
            target[key] = value
        self.contained(target, items)

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(items)
            self.contained(target, items)
        elif not isinstance(target, Inert):
            raise TypeError("it appends to what is no list")

    def reduce(self) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise TypeError("it calls what is no function")
        self.stack.append(_made(function.kind, arguments))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Inert):
            raise TypeError("it gives a state to what has none")
        target.state = state
        self.contained(target, [state])


def _made(kind: str, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401 - bytes, or something inert
    if kind == "encode":
        text, codec = (*arguments, "latin1")[:2]
        if not isinstance(text, str) or codec != "latin1":
            raise ValueError(f"bytes are written as latin1 text, not as {codec!r}")
        return text.encode("latin1")
    if kind == "numpy._reconstruct":
        return Inert("numpy.ndarray")
    return Inert(kind, arguments)


def _called(machine: _Machine, *, keywords: bool = False) -> None:
    if keywords:
        machine.stack.pop()
    machine.reduce()


def _instance(machine: _Machine) -> None:
    function, *arguments = machine.above_mark()
    machine.stack += [function, tuple(arguments)]
    machine.reduce()


def _global_from_stack(machine: _Machine) -> None:
    attribute, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.named(f"{module}.{attribute}"))


def _take(machine: _Machine, count: int) -> list[Any]:
    if len(machine.stack) < count:
        raise IndexError("its stack is empty")
    items = machine.stack[len(machine.stack) - count :]
    del machine.stack[len(machine.stack) - count :]
    return items


def _inert_set(machine: _Machine) -> None:
    machine.above_mark()
    machine.stack.append(Inert("object"))


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = frozenset(
    {
        "INT",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG",
        "LONG1",
        "LONG4",
        "FLOAT",
        "BINFLOAT",
        "STRING",
        "BINSTRING",
    }
    | {"SHORT_BINSTRING", "UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE", "BINBYTES", "BINBYTES8"}
    | {"SHORT_BINBYTES", "BYTEARRAY8", *_CONSTANTS}
)
_ACTIONS: dict[str, Callable[[_Machine], object]] = {
    "MARK": lambda m: m.stack.append(_MARK),
    "POP": lambda m: m.stack.pop(),
    "POP_MARK": lambda m: m.above_mark(),
    "EMPTY_LIST": lambda m: m.stack.append([]),
    "EMPTY_DICT": lambda m: m.stack.append({}),
    "EMPTY_SET": lambda m: m.stack.append(Inert("object")),
    "EMPTY_TUPLE": lambda m: m.push_tuple([]),
    "LIST": lambda m: m.stack.append(m.contained(items := m.above_mark(), items)),
    "DICT": lambda m: m.push_dict(),
    "TUPLE": lambda m: m.push_tuple(m.above_mark()),
    "TUPLE1": lambda m: m.push_tuple(_take(m, 1)),
    "TUPLE2": lambda m: m.push_tuple(_take(m, 2)),
    "TUPLE3": lambda m: m.push_tuple(_take(m, 3)),
    "FROZENSET": _inert_set,
    "ADDITEMS": lambda m: m.append(m.above_mark()),
    "APPEND": lambda m: m.append(_take(m, 1)),
    "APPENDS": lambda m: m.append(m.above_mark()),
    "SETITEM": lambda m: m.set_items(_take(m, 2)),
    "SETITEMS": lambda m: m.set_items(m.above_mark()),
    "STACK_GLOBAL": _global_from_stack,
    "REDUCE": _called,
    "NEWOBJ": _called,
    "NEWOBJ_EX": lambda m: _called(m, keywords=True),
    "OBJ": _instance,
    "BUILD": lambda m: m.build(),
}
