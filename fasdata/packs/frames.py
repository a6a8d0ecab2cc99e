"""The frames of a manifest that a pack is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fasdata.errors import UserError
from fasdata.packs.renderer import Frame
from fasdata.records import MODALITIES

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.manifest import Manifest

_COLUMNS = ("dataset", "clip_id", "frame_index", "region", "scale", "box", "landmarks")
_AT_ONCE = 1024


class Wanted(NamedTuple):
    """A frame to be packed: its row in the manifest and the modalities that the protocol shows of it."""

    row: int
    frame: Frame
    modalities: tuple[str, ...]


def wanted_rows(manifest: Manifest, parts: Sequence[str]) -> np.ndarray:
    """Return the rows of these parts that have an image, ascending."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = manifest.table
    wanted = pc.and_(pc.is_in(table["part"], pa.array(parts, pa.string())), pc.equal(table["status"], "ok"))
    return np.flatnonzero(wanted.combine_chunks().to_numpy(zero_copy_only=False))


def require_geometry(manifest: Manifest, rows: np.ndarray, view: View) -> None:
    """Check that these rows have what the view goes by.

    Raises:
        UserError: some lack their landmarks or their box.
    """
    what = "landmarks" if view.needs_landmarks else "box"
    lacking = manifest.table[what].take(rows).null_count
    if lacking:
        raise UserError(
            f"the view {view.name} needs the {what} of every face",
            found=f"{lacking} of {len(rows)} without",
            do="choose the view 'box'" if view.needs_landmarks else "choose a view that goes by landmarks",
        )


def frames_of(manifest: Manifest, rows: np.ndarray) -> Iterator[Wanted]:
    """Yield the frames of these rows, in their order; a thousand at a time are in memory."""
    keys = [f"key_{name}" for name in MODALITIES]
    table = manifest.table.select([*_COLUMNS, *keys])
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        for row, one in zip(some.tolist(), table.take(some).to_pylist(), strict=True):
            points = one["landmarks"]
            landmarks = list(zip(points[::2], points[1::2], strict=True)) if points else None
            frame = Frame(
                one["dataset"], one["clip_id"], one["frame_index"], one["region"], one["scale"], one["box"], landmarks
            )
            yield Wanted(row, frame, tuple(name for name, key in zip(MODALITIES, keys, strict=True) if one[key]))
