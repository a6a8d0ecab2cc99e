"""Read files of weights from outside (torch, TorchScript, safetensors) without running anything in them.

Both packages come here; torch is imported where it is used. Which tensors are meant is the matter of
`fasdata.foreign.states`.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasdata.errors import UserError, raise_if_memory_is_short
from fasdata.foreign.opening import opened
from fasdata.foreign.torch_objects import unpacked
from fasdata.foreign.torchscript import tensors_of_torchscript

LARGEST_HEADER = 100 << 20  # bytes, the limit of safetensors itself
_LARGEST = 1 << 40  # bytes of a file: weights are not read as text is
_PACKED = 1 << 30  # bytes that the entries of an archive together may claim beyond the file's
_HEAD = 4096
_PICKLES = 32 << 20  # bytes in which the objects of a file of torch's old form stand, before its numbers
_ADVICE = ("weights_only", "torch.load", "torch.jit", "safe_globals", "allowlist")  # words of torch's advice
_PERHAPS = "take the file from where it was published, or save its state dictionaries alone"


def read_weights(path: Path, records: Sequence[str] = ()) -> Any:
    """Return what a file of weights holds: tensors, numbers, text, NumPy arrays, and containers of them.

    A file written by `torch.save` may beside these hold objects of the types named by `records` (`module.Class`), which
    become dictionaries: their own code is neither needed nor called. Of a safetensors file, and of a TorchScript
    archive, the tensors come back by name. The code in such an archive is left out before the rest is read.

    Raises:
        UserError: the file is missing, damaged, no file of weights, or asks for anything else to be called; says which.
    """
    if not path.is_file():
        raise UserError(f"no checkpoint file at {path}")
    with opened(path, largest=_LARGEST) as file:
        head = file.read(_HEAD)
    _require_weights(path, head)
    try:
        if _says_safetensors(path, head):
            from safetensors.torch import load_file

            return load_file(path)
        if head.startswith(b"\x80"):
            return unpacked(path, records)  # torch's form before 1.6
        if not head.startswith(b"PK"):
            raise UserError(f"{path} is no readable checkpoint", expected="a safetensors or torch file")
        with zipfile.ZipFile(path) as archive:
            names = {name.partition("/")[2]: name for name in archive.namelist()}
            if "data.pkl" not in names:
                raise UserError(f"{path} is a zip archive of something else", expected="a file of weights")
            claimed, size = sum(entry.file_size for entry in archive.infolist()), path.stat().st_size
            if claimed > size + _PACKED:  # torch does not pack what it saves; some pack it afterwards
                raise ValueError(f"entries that claim {claimed} bytes in a file of {size}")
            if "constants.pkl" in names or any(name.startswith("code/") for name in names):
                return tensors_of_torchscript(archive)
        return unpacked(path, records)
    except UserError:
        raise
    except Exception as error:  # the file is foreign: whatever its parser raises means the same to the user
        raise_if_memory_is_short(error)
        raise _refusal(path, error, head) from None


# -- What is no file of weights ---------------------------------------------------------------------------------------


def _require_weights(path: Path, head: bytes) -> None:
    """Refuse by name what people have in place of weights."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if not head:
        raise UserError(f"{path} is no readable checkpoint", found="an empty file", do="get the file again")
    if start.startswith(b"version https://git-lfs"):
        raise UserError(
            f"{path} is no readable checkpoint",
            found="a Git LFS pointer, which stands for the file",
            do="git lfs pull, in the repository it is from, gets the file itself",
        )
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml", b"<script")):
        raise UserError(
            f"{path} is no readable checkpoint",
            found="a web page, saved in its place",
            do="open the address in a browser and save the file itself",
        )
    packed = {b"\x1f\x8b": "a gzip archive", b"\x89HDF": "an HDF5 file", b"7z\xbc\xaf": "a 7z archive"}
    packed |= {b"Rar!": "a rar archive", b"\xfd7zXZ": "an xz archive"}
    kind = next((words for mark, words in packed.items() if head.startswith(mark)), "")
    if kind or head[257:262] == b"ustar":
        raise UserError(
            f"{path} is no readable checkpoint",
            expected="a safetensors or torch file",
            found=kind or "a tar archive",
            do="give the file inside it" if "archive" in (kind or "archive") else "",
        )


def _says_safetensors(path: Path, head: bytes) -> bool:
    """Tell whether a file is of safetensors, by its content; its header may not be larger than the file, or 100 MiB."""
    if head[8:9] != b"{" and path.suffix != ".safetensors":
        return False
    if head.startswith((b"PK\x03\x04", b"\x80")) and head[8:9] != b"{":
        return False  # a file of torch under another name
    size, length = path.stat().st_size, int.from_bytes(head[:8], "little")
    if length > min(LARGEST_HEADER, size - 8):
        raise UserError(
            f"{path} is no readable checkpoint",
            expected=f"a header of at most {LARGEST_HEADER >> 20} MiB, inside the file",
            found=f"one that claims {length} bytes in a file of {size}",
        )
    return True


def _refusal(path: Path, error: Exception, head: bytes) -> UserError:
    """Return the error for what a parser raised, in our words: those of torch advise to load without looking."""
    text = " ".join(re.sub(r"\x1b(\[[0-9;]*[A-Za-z])?", "", str(error)).split())
    asked = re.search(r"(?:GLOBAL |module |call reduce for unrecognized function )([\w.]+)", text)
    if asked and ("not an allowed global" in text or "is blocked" in text):
        if _holds_module(path, head):
            return UserError(
                f"{path} is refused: it is a whole pickled network (it asks for {asked[1]}), and nothing of it was run",
                expected="its state dictionary",
                do="load it with the code it is from, where you trust it, and save its weights alone:"
                " torch.save(network.state_dict(), FILE)",
            )
        return UserError(
            f"{path} is refused: it asks for {asked[1]}, and nothing of it was run",
            expected="tensors, numbers, text and containers",
            do=_PERHAPS,
        )
    cause = text.rpartition("WeightsUnpickler error: ")[2]
    cause = re.split(r"Check the documentation|Please file|Please use", cause)[0].strip(" .")
    if any(word in cause for word in _ADVICE):
        cause = "it cannot be read as tensors alone"
    return UserError(f"{path} is no readable checkpoint", found=cause[:160] or type(error).__name__)


def _holds_module(path: Path, head: bytes) -> bool:
    """Tell whether the objects in a file of torch are a network with its code's classes: by the names of its parts."""
    try:
        if head.startswith(b"PK"):
            with zipfile.ZipFile(path) as archive:
                name = next(name for name in archive.namelist() if name.partition("/")[2] == "data.pkl")
                with archive.open(name) as file:
                    text = file.read(_PICKLES)
        else:
            with opened(path, largest=_LARGEST) as file:
                text = file.read(min(_PICKLES, path.stat().st_size))
    except (zipfile.BadZipFile, StopIteration, OSError, NotImplementedError, RuntimeError, ValueError):
        return False
    return all(part in text for part in (b"_parameters", b"_buffers", b"_modules"))
