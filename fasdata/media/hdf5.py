"""Read untrusted HDF5 files: plain members of the expected form, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fasdata.media.frame import UnreadableMedia, one_line

MAX_CHUNK = 256 << 20  # bytes that one piece of a dataset may take in memory


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open an HDF5 file for reading.

    Raises:
        UnreadableMedia: it is missing, empty, or not an HDF5 file.
    """
    if not path.is_file():
        raise UnreadableMedia(f"{path.name}: the file is missing")
    if path.stat().st_size == 0:
        raise UnreadableMedia(f"{path.name}: the file is empty (0 bytes)")
    try:
        file = h5py.File(path, "r", locking=False)  # datasets may lie on shared file systems without locks
    except (OSError, ValueError, RuntimeError) as error:
        reason = one_line(error).replace(str(path), path.name)  # the record is the same wherever the file lies
        raise UnreadableMedia(f"{path.name} is not a readable HDF5 file: {reason}") from None
    with file:
        yield file


def member(group: Any, path: str, kind: type) -> Any:
    """Return the member of a group at `path` (`a/b`), which must be of `kind` (`h5py.Group` or `h5py.Dataset`).

    Links to other files or places are not followed, and data in other files are not read.

    Raises:
        UnreadableMedia: it is missing, or of another kind.
    """
    node = group
    for step in path.split("/"):
        try:
            link = node.get(step, getlink=True) if isinstance(node, h5py.Group) else None
            node = node[step] if isinstance(link, h5py.HardLink) else None
        except (KeyError, OSError, RuntimeError, ValueError):
            node = None
        if node is None:
            raise UnreadableMedia(f"there is no {path} in the file")
    if not isinstance(node, kind):
        raise UnreadableMedia(f"{path} is no {kind.__name__.lower()}")
    if isinstance(node, h5py.Dataset) and (node.is_virtual or node.external):
        raise UnreadableMedia(f"{path} points outside the file")
    return node


def require(dataset: h5py.Dataset, shape: tuple[int | None, ...], dtype: Any) -> h5py.Dataset:
    """Return the dataset if it has this shape and type; None in the shape is any positive length.

    Raises:
        UnreadableMedia: it has another shape or type, or its chunks are too large to read.
    """
    fits = len(dataset.shape or ()) == len(shape) and all(
        length > 0 if wanted is None else length == wanted for length, wanted in zip(dataset.shape, shape, strict=True)
    )
    if not fits or dataset.dtype != np.dtype(dtype):
        expected = "x".join("n" if length is None else str(length) for length in shape)
        raise UnreadableMedia(
            f"{dataset.name}: expected {np.dtype(dtype)} of {expected}, found {dataset.dtype} of {dataset.shape}"
        )
    if np.prod(dataset.chunks or (1,), dtype=float) * dataset.dtype.itemsize > MAX_CHUNK:
        raise UnreadableMedia(f"{dataset.name}: pieces of {dataset.chunks} are too large to read")
    return dataset


def read_values(dataset: h5py.Dataset, at: Any = ()) -> np.ndarray:
    """Return a dataset, or the part of it at an index.

    Raises:
        UnreadableMedia: it is damaged, or larger than any frame.
    """
    length = np.prod(dataset.shape[1:] if at != () else dataset.shape, dtype=float)
    if length * dataset.dtype.itemsize > MAX_CHUNK:
        raise UnreadableMedia(f"{dataset.name}: {dataset.shape} is too large for a frame")
    try:
        return np.asarray(dataset[at])
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise UnreadableMedia(f"{dataset.name} is damaged: {one_line(error)}") from None
