"""A hash of what a table says, whatever its chunks, its encoding or the version that wrote the file."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa


def table_fingerprint(table: pa.Table) -> str:
    """Return the sha256 of column names, types and values, in column and row order."""
    digest = hashlib.sha256()
    for field in table.schema:
        digest.update(f"{field.name}:{_spell(field.type)}:{table.num_rows}\n".encode())
        column = table.column(field.name).combine_chunks()
        _update(digest, pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column)
    return digest.hexdigest()


def _spell(kind: pa.DataType) -> str:
    """Return the type without the inner name of lists, which a file changes from item to element."""
    return f"{kind.value_type}[{kind.list_size}]" if pa.types.is_fixed_size_list(kind) else str(kind)


def _update(digest: hashlib._Hash, column: pa.Array) -> None:
    if column.null_count:
        digest.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_string(column.type):
        _update_text(digest, column)
    elif pa.types.is_fixed_size_list(column.type):
        _update(digest, column.flatten())  # leaves out what stands under a null
    else:
        values = column.drop_null().to_numpy(zero_copy_only=False)
        digest.update(np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes())


def _update_text(digest: hashlib._Hash, column: pa.Array) -> None:
    """Hash lengths and bytes; a slice of a larger column counts like a column of its own."""
    _, offsets_buffer, data = column.buffers()
    offsets = (
        np.frombuffer(offsets_buffer, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
        if len(column)
        else np.zeros(1, np.int32)
    )
    digest.update(np.diff(offsets).astype("<i4").tobytes())
    if data is not None:
        digest.update(memoryview(data)[int(offsets[0]) : int(offsets[-1])])
