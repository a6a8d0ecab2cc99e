"""Reading a foreign checkpoint: tensors, numbers, text and containers; nothing in the file is run."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fasdata.errors import UserError

NUMPY_SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")


class Record:
    """Stands for a foreign object: its items and its attributes become those of a plain ordered dictionary."""

    def __new__(cls, *args: object) -> OrderedDict[str, Any]:  # type: ignore[misc]
        return OrderedDict()


class Dtype:
    """Stands for a NumPy type: its code (`f8`) and its byte order."""

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
    """Stand for the making of a dictionary with a default."""
    return {}


def read_foreign(path: Path, records: Sequence[str] = ()) -> Any:
    """Return what a file written by `torch.save` holds.

    Beside what torch itself takes for harmless, NumPy numbers are read, and objects of the types named by `records`
    (`module.Class`), which become dictionaries: their own code is neither needed nor called.

    Raises:
        UserError: no such file, a damaged one, or one that holds anything else; names the type it asks for.
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
