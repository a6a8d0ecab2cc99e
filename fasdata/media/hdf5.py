"""Reading HDF5 files that may come from anywhere: plain members of the expected form, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fasdata.media.frame import UnreadableMedia

MAX_CHUNK = 256 << 20  # bytes that one piece of a dataset may take in memory


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading.

    Raises:
        UnreadableMedia: it is missing, empty, or no HDF5 file.
    """
    if not path.is_file():
        raise UnreadableMedia(f"{path.name}: the file is missing")
    if path.stat().st_size == 0:
        raise UnreadableMedia(f"{path.name}: the file is empty (0 bytes)")
    try:
        file = h5py.File(path, "r", locking=False)  # data sets lie on shares that know no locks
    except (OSError, ValueError, RuntimeError) as error:
        told = _plain(error).replace(str(path), path.name)  # what is recorded is the same wherever the file lies
        raise UnreadableMedia(f"{path.name} is not a readable HDF5 file: {told}") from None
    with file:
        yield file


def member(group: Any, path: str, kind: type) -> Any:
    """Return the member of a group at `path` (`a/b`), a `h5py.Group` or `h5py.Dataset`.

    Links to other files or places are not followed, and data kept in other files are not read.

    Raises:
        UnreadableMedia: it is missing, or of another kind.
    """
    found = group
    for step in path.split("/"):
        try:
            link = found.get(step, getlink=True) if isinstance(found, h5py.Group) else None
            found = found[step] if isinstance(link, h5py.HardLink) else None
        except (KeyError, OSError, RuntimeError, ValueError):
            found = None
        if found is None:
            raise UnreadableMedia(f"there is no {path} in the file")
    if not isinstance(found, kind):
        raise UnreadableMedia(f"{path} is no {kind.__name__.lower()}")
    if isinstance(found, h5py.Dataset) and (found.is_virtual or found.external):
        raise UnreadableMedia(f"{path} points outside the file")
    return found


def require(dataset: h5py.Dataset, shape: tuple[int | None, ...], dtype: Any) -> h5py.Dataset:
    """Return the dataset if it has this form; None stands for any positive length.

    Raises:
        UnreadableMedia: another shape or type, or pieces too large to read.
    """
    fits = len(dataset.shape or ()) == len(shape) and all(
        found > 0 if wanted is None else found == wanted for found, wanted in zip(dataset.shape, shape, strict=True)
    )
    if not fits or dataset.dtype != np.dtype(dtype):
        expected = "x".join("n" if length is None else str(length) for length in shape)
        raise UnreadableMedia(
            f"{dataset.name}: expected {np.dtype(dtype)} of {expected}, found {dataset.dtype} of {dataset.shape}"
        )
    if np.prod(dataset.chunks or (1,), dtype=float) * dataset.dtype.itemsize > MAX_CHUNK:
        raise UnreadableMedia(f"{dataset.name}: pieces of {dataset.chunks} are too large to read")
    return dataset


def values(dataset: h5py.Dataset, at: Any = ()) -> np.ndarray:
    """Return (part of) a dataset.

    Raises:
        UnreadableMedia: it is damaged, or larger than a frame can be.
    """
    length = np.prod(dataset.shape[1:] if at != () else dataset.shape, dtype=float)
    if length * dataset.dtype.itemsize > MAX_CHUNK:
        raise UnreadableMedia(f"{dataset.name}: {dataset.shape} is too large for a frame")
    try:
        return np.asarray(dataset[at])
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise UnreadableMedia(f"{dataset.name} is damaged: {_plain(error)}") from None


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())
