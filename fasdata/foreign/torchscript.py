"""Take the tensors from TorchScript archives, as OpenAI's CLIP is published, without running what is in them.

The objects and numbers of an archive are copied, without its code and constants, to a plain torch file in memory, which
is read as any other. Its classes stand for no code there: they are names under which attributes are kept.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

from fasdata.foreign.torch_objects import unpacked

if TYPE_CHECKING:
    from torch import Tensor

_MANY = 100_000


def tensors_of_torchscript(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """Return the tensors of the modules in a TorchScript archive, by their dotted names.

    Raises:
        ValueError: its entries are packed, it is no module, or keeps its weights in a form of its own.
        Exception: whatever the reader of torch files says of its objects.
    """
    from torch.serialization import get_unsafe_globals_in_checkpoint

    plain = _without_code(archive)
    wanted = get_unsafe_globals_in_checkpoint(plain)
    plain.seek(0)
    classes = [(Scripted, name) for name in wanted if name.startswith("__torch__.")]
    typed = re.compile(r"torch\.jit\._pickle\.(build_\w+|restore_type_tag)")
    lists = [(_first, name) for name in wanted if typed.fullmatch(name)]
    return _tensors_in(unpacked(plain, more=[*classes, *lists]))


class Scripted:
    """Stand for a module of a TorchScript archive: its state is kept, its class never looked for."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


def _first(value: Any = None, *_: object) -> Any:
    """Stand for the functions that give a list its type."""
    return value


def _without_code(archive: zipfile.ZipFile) -> io.BytesIO:
    """Return the objects and tensors of a TorchScript archive as a plain torch file in memory.

    Raises:
        ValueError: its entries are packed.
    """
    needed = re.compile(r"[^/]+/(data\.pkl|data/[^/]+|version|byteorder)")
    kept = [entry for entry in archive.infolist() if needed.fullmatch(entry.filename)]
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in kept):
        raise ValueError("a TorchScript archive whose entries are packed")
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_STORED) as out:
        for entry in kept:
            out.writestr("archive/" + entry.filename.partition("/")[2], archive.read(entry))
    plain.seek(0)
    return plain


def _tensors_in(root: Any) -> dict[str, Tensor]:
    """Return the tensors among the attributes of a scripted module and of those in it.

    Raises:
        ValueError: it is no module, or keeps its weights in a form of its own.
    """
    import torch

    tensors: dict[str, Tensor] = {}
    waiting, looked = [("", root)], 0
    while waiting:
        prefix, module = waiting.pop()
        looked += 1
        if looked > _MANY:
            raise ValueError(f"a TorchScript module of more than {_MANY} parts, or one inside itself")
        if not isinstance(module, Scripted) or not isinstance(module.state, dict):
            raise ValueError(f"a TorchScript module with a state of its own form at {prefix or 'its top'!r}")
        for name, value in module.state.items():
            if isinstance(value, torch.Tensor):
                tensors[f"{prefix}{name}"] = value
        inner = [(f"{prefix}{name}.", value) for name, value in module.state.items() if isinstance(value, Scripted)]
        waiting += reversed(inner)
    return tensors
