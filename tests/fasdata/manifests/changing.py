"""Change single cells of a manifest."""

from __future__ import annotations

import pyarrow as pa

from fasdata.manifests import Manifest
from fasdata.manifests.table import SCHEMA


def change(manifest: Manifest, column: str, row: int, value: object) -> Manifest:
    """Return the manifest with one cell replaced."""
    values = manifest.table.column(column).to_pylist()
    values[row] = value
    place = manifest.table.column_names.index(column)
    changed = manifest.table.set_column(place, SCHEMA.field(column), pa.array(values, SCHEMA.field(column).type))
    return Manifest(changed, manifest.meta)


def row_where(manifest: Manifest, **where: object) -> int:
    """Return the first row with these values."""
    return next(
        place
        for place, row in enumerate(manifest.table.to_pylist())
        if all(row[key] == value for key, value in where.items())
    )
