"""Read parquet files from outside: regular ones, and no more rows than the bytes of the file can hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.foreign.opening import in_words, opened

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_PARQUET = 64 << 30  # bytes
_ROWS_A_BYTE = 16  # rows differ in names at least, which take more; a file of a kilobyte may claim a billion
_HARMLESS = 1 << 20  # rows


def _ours(metadata: dict[bytes, bytes] | None) -> dict[bytes, bytes] | None:
    """Return the metadata without those of pandas, which it would believe: the columns say what they hold."""
    return metadata and {key: value for key, value in metadata.items() if key != b"pandas"}


def read_parquet(path: Path, *, do: str = "", checksums: bool = False) -> pa.Table:
    """Return the table that a parquet file holds; `do` says in an error what helps.

    With `checksums` those of its pages are compared, where its writer put any.

    Raises:
        UserError: as `opened`; it is no parquet file, or claims more rows than it can hold.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(path, largest=LARGEST_PARQUET) as file:
        size = os.fstat(file.fileno()).st_size
        try:
            parquet = pq.ParquetFile(
                path, page_checksum_verification=checksums
            )  # Arrow reads a file of its own faster than one of Python's
            rows = parquet.metadata.num_rows
            if rows > max(_HARMLESS, _ROWS_A_BYTE * size):
                raise UserError(f"{path} claims {rows:,} rows", expected=f"as many as {size:,} bytes can hold", do=do)
            table = parquet.read()
            # Else what is no UTF-8, or points outside of a column, shows wherever its cell is looked at.
            table.validate(full=True)
            table.column_names  # noqa: B018 - decodes them
            return table.replace_schema_metadata(_ours(table.schema.metadata))
        except MemoryError:
            raise
        except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
            raise UserError(f"{path} is not a readable parquet file", found=in_words(error), do=do) from None


def read_parquet_notes(path: Path, *, do: str = "") -> dict[bytes, bytes]:
    """Return what a parquet file says about itself beside its columns, without reading them.

    Raises:
        UserError: as `opened`; it is no parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(path, largest=LARGEST_PARQUET):
        try:
            return dict(_ours(pq.read_schema(path).metadata) or {})
        except (pa.ArrowException, OSError, ValueError, KeyError, OverflowError) as error:
            raise UserError(f"{path} is not a readable parquet file", found=in_words(error), do=do) from None
