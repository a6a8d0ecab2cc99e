"""Mutators that know tables and key-value files: parquet and LMDB, through the library or by page."""

from __future__ import annotations

import io
import json
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from fuzz_bytes import BINARY, NUMBERS
from fuzz_pictures import png_chunk
from fuzz_trees import in_tree, odd_value

# -- Parquet ----------------------------------------------------------------------------------------------------------


def parquet_table(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a cell, a column, its type or the description of a parquet file; a fingerprint in it is set right."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(data))
    metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key.startswith(b"fasdata")}
    if metadata and random.random() < 0.5:
        (key,) = metadata
        table = table.replace_schema_metadata({key: json.dumps(in_tree(json.loads(metadata[key]), random)).encode()})
    else:
        table = _table(table, random)
        table = table.replace_schema_metadata(_fingerprinted(metadata, table))
    file = io.BytesIO()
    try:
        pq.write_table(table, file)
    except (pa.ArrowException, OverflowError):
        raise ValueError("not writable") from None
    return file.getvalue()


def _table(table: Any, random: Random) -> Any:
    import pyarrow as pa

    at = random.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    match random.randrange(7):
        case 0 | 1 | 2:
            values = column.to_pylist()
            values[random.randrange(len(values))] = odd_value(random)
            try:
                return table.set_column(at, table.schema.field(at), pa.array(values, column.type))
            except (pa.ArrowException, TypeError, ValueError, OverflowError):
                return table.set_column(
                    at, name, pa.array([str(value)[:99].encode("utf-8", "replace").decode() for value in values])
                )
        case 3:
            return table.drop_columns([name])
        case 4:
            return table.set_column(at, name, pa.nulls(table.num_rows, column.type))
        case 5:
            return random.choice((table.slice(0, 0), table.slice(1), pa.concat_tables([table, table])))
        case _:
            other = random.randrange(table.num_columns)
            return table.set_column(at, name, table.column(other))


def _fingerprinted(metadata: dict[bytes, bytes], table: Any) -> dict[bytes, bytes]:
    from fasdata.manifests.table import table_fingerprint

    try:
        return {
            key: json.dumps({**json.loads(value), "fingerprint": table_fingerprint(table)}).encode()
            for key, value in metadata.items()
        }
    except Exception:  # the table is odd on purpose: it keeps its old fingerprint
        return metadata


# -- LMDB -------------------------------------------------------------------------------------------------------------


def lmdb_page(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a field of a page of an LMDB file: its header, a pointer to a node, a node's own header, the meta page."""
    pages = len(data) // 4096
    start = random.choice((0, 1, random.randrange(pages), random.randrange(pages))) * 4096
    changed = bytearray(data)
    lower = struct.unpack_from("<H", data, start + 12)[0]
    nodes = [
        struct.unpack_from("<H", data, start + 16 + 2 * place)[0] for place in range(max(0, min(lower, 400) - 16) // 2)
    ]
    match random.randrange(6):
        case 0:
            struct.pack_into("<Q", changed, start, random.choice((0, 1, 2, 3, pages - 1, pages, *NUMBERS)))
        case 1:
            struct.pack_into("<H", changed, start + random.choice((8, 10, 12, 14)), random.choice(NUMBERS) % 65536)
        case 2 if nodes:
            struct.pack_into(
                "<H",
                changed,
                start + 16 + 2 * random.randrange(len(nodes)),
                random.choice((*nodes, 0, 16, 4095, 65535)),
            )
        case 3 if nodes and max(nodes) < 4080:
            struct.pack_into(
                "<H",
                changed,
                start + random.choice(nodes) + random.choice((0, 2, 4, 6)),
                random.choice(NUMBERS) % 65536,
            )
        case 4:
            struct.pack_into(
                "<I",
                changed,
                start + random.choice((12, 16, 24, 32, 40)),
                random.choice((0, 1, 2, pages, *NUMBERS)) % (1 << 32),
            )
        case _:
            other = random.randrange(pages) * 4096
            changed[start : start + 4096] = data[other : other + 4096]
    return bytes(changed)


def lmdb_value(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """Change a record or a crop of an LMDB file through the library."""
    import lmdb

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard"
        path.write_bytes(data)
        with lmdb.open(str(path), subdir=False, lock=False, sync=False) as env, env.begin(write=True) as writing:
            key, value = random.choice([(bytes(key), bytes(value)) for key, value in writing.cursor()])
            if value.startswith(b"{"):
                value = json.dumps(in_tree(json.loads(value), random)).encode()
            elif random.random() < 0.7:
                value = random.choice((png_chunk, *BINARY))(value, random, [value])
            else:
                writing.delete(key)
                key = random.choice((key + b"x", b"a", b"\xff", b"clip/", b"crop/x"))
            writing.put(key, value)
        return path.read_bytes()
