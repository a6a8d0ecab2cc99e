"""Read untrusted HDF5 files: plain members of the expected form, and nothing else."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fasdata.media.frame import UnreadableMedia, one_line

MAX_CHUNK = 256 << 20  # bytes that one piece of a dataset may take in memory
_MOST_PIECES = 10_000  # of one frame
_PACKED = 1100  # bytes that deflate makes of one, at most
_SLACK = 64  # bytes that a filter may add to a piece: check sums


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
        _require_honest_pieces(dataset, at)
        return np.asarray(dataset[at])
    except (OSError, ValueError, RuntimeError, KeyError, zlib.error) as error:
        raise UnreadableMedia(f"{dataset.name} is damaged: {one_line(error)}") from None


def _require_honest_pieces(dataset: h5py.Dataset, at: Any) -> None:
    """Check that no packed piece of a dataset, at an index, unpacks to more than it stands for.

    HDF5 unpacks whatever is there, and a few megabytes can become gigabytes.

    Raises:
        UnreadableMedia: a piece does, or is packed twice; the pieces are too many.
    """
    filters = dataset.id.get_create_plist()
    packings = [number for i in range(filters.get_nfilters()) if (number := filters.get_filter(i)[0]) in _PACKINGS]
    if dataset.chunks is None or not packings:
        return
    if len(packings) > 1:
        raise UnreadableMedia(f"{dataset.name} is packed twice")
    first = [at if at != () and not axis else None for axis in range(dataset.ndim)]
    places = [
        range(0, length, step) if index is None else range(index // step * step, index + 1, step)
        for index, length, step in zip(first, dataset.shape, dataset.chunks, strict=True)
    ]
    if math.prod(map(len, places)) > _MOST_PIECES:
        raise UnreadableMedia(f"{dataset.name}: {math.prod(map(len, places))} pieces of a frame are too many")
    whole = math.prod(dataset.chunks) * dataset.dtype.itemsize + _SLACK
    for place in product(*places):
        size = dataset.id.get_chunk_info_by_coord(place).size
        if packings == [h5py.h5z.FILTER_DEFLATE] and size * _PACKED > MAX_CHUNK:  # a smaller one cannot do harm
            _, packed = dataset.id.read_direct_chunk(place)
            if len(zlib.decompressobj().decompress(packed, whole + 1)) > whole:
                raise UnreadableMedia(f"{dataset.name}: a piece unpacks to more than {whole} bytes")


_PACKINGS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SZIP, h5py.h5z.FILTER_LZF)
