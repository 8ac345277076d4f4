"""Arrays by name out of a pickle, such as NWM's traj_data.pkl, which is read as a text and never run.

Unpickling calls whatever the file names. Here `pickletools` of the standard library only lists the instructions, and a
dictionary of NumPy arrays is put together from the few that one needs. Anything else in the file is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.data.recording import RecordingError

LARGEST = 64 << 20  # bytes; an hour at 4 Hz has half a megabyte
MOST_INSTRUCTIONS = 10_000  # a dictionary of two arrays has about sixty
KINDS = "biuf"  # of arrays: truth values, whole numbers, numbers

_TEXTS = {"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE"}
_OCTETS = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1", "INT"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_MARK = object()


class ForeignPickleError(RecordingError):
    """A pickle that names something which is not a NumPy array, as one does that is to run code."""


@dataclass(frozen=True)
class _Name:
    """A thing that the file names; it is never looked up."""

    module: str
    name: str


@dataclass
class _Dtype:
    kind: str = ""
    order: str = "<"


@dataclass
class _Array:
    """What will be an array when its state is told."""

    values: np.ndarray | None = None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a pickled dictionary by their names; nothing in the file is run.

    Raises ForeignPickleError where it holds anything but NumPy arrays of numbers, and RecordingError where it is
    damaged.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise RecordingError(
            f"{path} has {size >> 20} MB, and at most {LARGEST >> 20} are read: is it the right file?"
        )
    try:
        found = _built(path.read_bytes(), path)
    except RecordingError:
        raise
    # What a damaged file makes of the instructions is not to be foreseen.
    except (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError) as error:
        raise RecordingError(f"{path} is damaged, or no pickle: {error}; copy it again") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ForeignPickleError(f"{path} holds no dictionary of arrays by name: it is not read")
    arrays = {name: value.values for name, value in found.items() if isinstance(value, _Array)}
    strange = [name for name in found if arrays.get(name) is None]
    if strange:
        raise ForeignPickleError(
            f"{path}: entry {strange[0]!r} is no NumPy array, and nothing else is read: write it with "
            "numpy arrays alone"
        )
    return {name: values for name, values in arrays.items() if values is not None}


def _built(data: bytes, path: Path) -> Any:
    """What the instructions put together, with stand-ins for everything that the file names."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    listed: Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]] = pickletools.genops(data)
    for count, (opcode, arg, _) in enumerate(listed):
        name = opcode.name
        if count > MOST_INSTRUCTIONS:
            raise ForeignPickleError(
                f"{path} has more than {MOST_INSTRUCTIONS} instructions: no such file has"
            )
        if name in ("PROTO", "FRAME"):
            continue
        if name == "STOP":
            return stack.pop()
        if name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(arg)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[int(arg)])
        elif name == "MARK":
            stack.append(_MARK)
        elif name in _TEXTS or name in _OCTETS or name in _NUMBERS:
            stack.append(arg)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            parts = [stack.pop() for _ in range(_TUPLES[name])]
            stack.append(tuple(reversed(parts)))
        elif name == "TUPLE":
            stack.append(tuple(_since_mark(stack)))
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            stack[-1][key] = value
        elif name == "SETITEMS":
            items = _since_mark(stack)
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        elif name == "GLOBAL":
            stack.append(_Name(*arg.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            last, module = stack.pop(), stack.pop()
            stack.append(_Name(module, last))
        elif name == "REDUCE":
            arguments, called = stack.pop(), stack.pop()
            stack.append(_called(called, arguments, path))
        elif name == "BUILD":
            _told(stack[-2], stack.pop(), path)
        else:
            raise ForeignPickleError(
                f"{path} holds more than NumPy arrays by name (instruction {name}), and nothing else is read: "
                "save its entries as arrays of numbers"
            )
    raise ValueError("it ends too early")


def _since_mark(stack: list[Any]) -> list[Any]:
    """What was put on the stack since the last mark, which is taken off with it."""
    at = len(stack) - 1
    while stack[at] is not _MARK:
        at -= 1
    found = stack[at + 1 :]
    del stack[at:]
    return found


def _called(called: Any, arguments: Any, path: Path) -> Any:
    """What a call that pickled arrays have stands for."""
    if not isinstance(called, _Name):
        raise ForeignPickleError(f"{path} calls {type(called).__name__}: it is not read")
    within = called.module.replace("numpy._core", "numpy.core")
    known = f"{within}.{called.name}"
    if known == "numpy.core.multiarray._reconstruct":
        return _Array()
    if known == "numpy.dtype":
        return _Dtype(str(arguments[0]))
    if known == "_codecs.encode" and arguments[1] == "latin1":  # octets in the oldest protocols
        return arguments[0].encode("latin1")
    if known == "numpy.core.numeric._frombuffer":
        octets, dtype, shape, order = arguments
        return _Array(_values(octets, dtype, shape, order == "F", path))
    raise ForeignPickleError(
        f"{path} calls {called.module}.{called.name}, and only NumPy arrays are read: nothing of this file was run. "
        "Get the set from where it comes from, or save its entries as arrays of numbers"
    )


def _told(what: Any, state: Any, path: Path) -> None:
    """What a pickled dtype or array is told of itself after its call."""
    if isinstance(what, _Dtype):
        what.order = state[1]
    elif isinstance(what, _Array):
        _, shape, dtype, by_columns, octets = state
        what.values = _values(octets, dtype, shape, by_columns, path)
    else:
        raise ForeignPickleError(f"{path} changes {type(what).__name__}: it is not read")


def _values(octets: Any, dtype: Any, shape: Any, by_columns: bool, path: Path) -> np.ndarray:
    if not isinstance(dtype, _Dtype) or dtype.kind[:1] not in KINDS or not dtype.kind[1:].isdigit():
        found = dtype.kind if isinstance(dtype, _Dtype) else type(dtype).__name__
        raise ForeignPickleError(
            f"{path}: an array of type {found!r} is not read, only one of plain numbers: save it as float64"
        )
    kind = np.dtype(f">{dtype.kind}" if dtype.order == ">" else f"<{dtype.kind}")
    flat = np.frombuffer(octets, kind)
    return flat.reshape(shape, order="F" if by_columns else "C")
