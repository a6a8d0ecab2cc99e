"""Read what `torch.save` wrote: what a file may ask for, and what stands for it."""

from __future__ import annotations

import io
import re
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


class Record:
    """Stand for a foreign object: its items and attributes become those of a plain ordered dictionary."""

    def __new__(cls, *args: object) -> OrderedDict[str, Any]:  # type: ignore[misc]
        return OrderedDict()


class Dtype:
    """Stand for a NumPy type: its code (`f8`) and its byte order."""

    def __init__(self, code: str, *_: object) -> None:
        if not (isinstance(code, str) and re.fullmatch(r"[fiub]\d", code)):
            raise ValueError(f"a NumPy scalar of type {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1] if len(state) > 1 and state[1] in ("<", ">", "=", "|") else "="

    @property
    def numpy(self) -> np.dtype[Any]:
        """The type itself."""
        return np.dtype(self.order + self.code)


class Array(np.ndarray):
    """Stand for a NumPy array; its numbers come with its state, which may be no more than their bytes."""

    def __new__(cls, *_: object) -> Array:
        """Return an empty array."""
        return np.ndarray.__new__(cls, 0, np.uint8)

    def __setstate__(self, state: tuple[Any, ...]) -> None:  # type: ignore[override]
        _, shape, kind, fortran, data = state[:5]
        if not isinstance(kind, Dtype) or not isinstance(data, bytes):
            raise ValueError("a NumPy array of other than numbers")
        values = (1, tuple(int(size) for size in shape), kind.numpy, bool(fortran), data)
        super().__setstate__(values)  # type: ignore[arg-type]  # NumPy itself takes no boolean of its own


def number(kind: Dtype, data: bytes) -> float | int | bool:
    """Stand for a NumPy scalar: return its value."""
    return np.frombuffer(data, kind.numpy, count=1)[0].item()


def plain_dict(*_: object) -> dict[str, Any]:
    """Stand for the constructor of a dictionary with a default."""
    return {}


def no_bytes(*content: object) -> bytes:
    """Stand for the constructor of bytes, which old pickles call for an empty array."""
    if content:
        raise ValueError("bytes made of something")
    return b""


_NUMPY = ("numpy.core.multiarray.", "numpy._core.multiarray.")
_STUBS: list[tuple[Any, str]] = [
    *((number, f"{module}scalar") for module in _NUMPY),
    *((Array, f"{module}_reconstruct") for module in _NUMPY),
    *((Array, "numpy.ndarray"), (Dtype, "numpy.dtype")),
    *((plain_dict, "collections.defaultdict"), (plain_dict, "builtins.dict")),
    *((no_bytes, "builtins.bytes"), (no_bytes, "__builtin__.bytes")),
]


def unpacked(file: Path | io.BytesIO, records: Sequence[str] = (), more: Sequence[tuple[Any, str]] = ()) -> Any:
    """Return the content of a torch file, read by torch's own reader that calls nothing but what is listed."""
    import torch
    from torch.serialization import safe_globals

    with safe_globals([*((Record, name) for name in records), *_STUBS, *more]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice about the form of the file
        return torch.load(file, map_location="cpu", weights_only=True)
