"""Read a foreign checkpoint without running anything in it, and hold what an importer makes of it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


NUMPY_SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


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


def number(kind: Dtype, data: bytes) -> float | int | bool:
    """Stand for a NumPy scalar: return its value."""
    return np.frombuffer(data, kind.order + kind.code, count=1)[0].item()


def plain_dict(*_: object) -> dict[str, Any]:
    """Stand for the constructor of a dictionary with a default."""
    return {}


def read_foreign(path: Path, records: Sequence[str] = ()) -> Any:
    """Return what a file written by `torch.save` holds.

    Beside the types that torch allows, it may hold NumPy numbers and objects of the types named by `records`
    (`module.Class`), which become dictionaries: their own code is neither needed nor called.

    Raises:
        UserError: the file is missing, damaged, or holds anything else; names the type that it asks for.
    """
    import torch
    from torch.serialization import safe_globals

    if not path.is_file():
        raise UserError(f"no checkpoint file at {path}")
    stubs: list[Any] = [(Record, name) for name in records]
    stubs += [(number, name) for name in NUMPY_SCALARS]
    stubs += [(Dtype, "numpy.dtype"), (plain_dict, "collections.defaultdict"), (plain_dict, "builtins.dict")]
    try:
        with safe_globals(stubs):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the file is foreign: whatever its parser raises means the same to the user
        text = " ".join(str(error).split())
        asked = re.search(r"(?:GLOBAL |module )([\w.]+)", text)
        if asked and ("not an allowed global" in text or "is blocked" in text):
            raise UserError(
                f"{path} is refused: it asks for {asked[1]}, and nothing of it was run",
                expected="tensors, numbers, text and containers",
                do="take the file from where it was published, or save its state dictionaries alone",
            ) from None
        raise UserError(f"{path} is no readable checkpoint", found=text[:160] or type(error).__name__) from None


# -- Checkpoints of published code ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """A published checkpoint in our names.

    `state` is the complete state of our method; `model` the settings that it needs; `selection` how its authors chose
    it; `facts` what else the file says (epoch, metrics), as plain values.
    """

    state: Mapping[str, Tensor]
    model: Mapping[str, Any]
    selection: str
    facts: Mapping[str, Any] = field(default_factory=dict)


_CLAIM = 512 << 20  # bytes that all tensors of a file together may claim beyond the file's: numbers that are repeated


def odd_entry(state: Mapping[Any, Any]) -> str:
    """Return the first entry of a state dictionary that is no name with a plain tensor, with its type; "" for none.

    Plain is what our networks have: numbers, each in its place on the processor. A file may hold sparse or quantised
    tensors, and a single number that is said to be repeated a billion times.
    """
    import torch

    claimed = 0
    for name, value in state.items():
        kind = type(value).__name__
        if isinstance(name, str) and isinstance(value, torch.Tensor):
            kind = f"{value.layout} {value.dtype} on {value.device}".replace("torch.", "")
            in_place = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
            if in_place and not value.is_complex():
                size = value.numel() * value.element_size()
                claimed += max(0, size - value.untyped_storage().nbytes())
                if claimed <= _CLAIM:
                    continue
                kind = f"{size} bytes of {value.untyped_storage().nbytes()}"
        return f"{str(name)[:80]!r}: {kind}"
    return ""


def tensors(value: object, what: str) -> dict[str, Tensor]:
    """Check that `value` is a state dictionary, and return it without the prefix of copies for several devices.

    Raises:
        UserError: it is something else; names it.
    """
    if not isinstance(value, Mapping) or not value:
        raise UserError(f"the checkpoint has no {what}", expected="a dictionary of tensors", found=type(value).__name__)
    odd = odd_entry(value)
    if odd:
        raise UserError(f"the {what} of the checkpoint holds more than tensors", found=odd)
    named = {name.removeprefix("module."): tensor for name, tensor in value.items()}
    if len(named) < len(value):
        twice = next(name for name in value if f"module.{name}" in value)
        raise UserError(f"the {what} of the checkpoint holds {twice} twice", found=f"with and without {'module.'!r}")
    return named


def json_values(value: object) -> Any:
    """Return numbers, text and containers of them as JSON values; everything else as the name of its type."""
    if isinstance(value, Mapping):
        return {str(key): json_values(content) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [json_values(content) for content in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    return f"({type(value).__name__})"
