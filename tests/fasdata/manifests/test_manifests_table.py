"""The fingerprint of a table: it sees content and not the file."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from fasdata.manifests.table import table_fingerprint
from tests.fasdata.manifests.changing import change


def test_the_fingerprint_sees_content_and_not_the_file(manifest, tmp_path):
    table = manifest.table
    chunked = pa.concat_tables([table.slice(0, 3), table.slice(3)])
    assert table_fingerprint(chunked) == manifest.fingerprint
    for options in ({"compression": "none"}, {"row_group_size": 2}, {"use_dictionary": False, "version": "1.0"}):
        pq.write_table(table, tmp_path / "t.parquet", **options)
        assert table_fingerprint(pq.ParquetFile(tmp_path / "t.parquet").read()) == manifest.fingerprint
    for column, value in (
        ("frame_index", 7),
        ("subject", "someone"),
        ("box", [0.0, 0.0, 1.0, 1.0]),
        ("box", None),
        ("scale", 0.5),
    ):
        assert change(manifest, column, 0, value).fingerprint != manifest.fingerprint
    assert table_fingerprint(table.slice(1)) != manifest.fingerprint
    assert table_fingerprint(table.take(pa.array([1, 0, *range(2, table.num_rows)]))) != manifest.fingerprint


def test_text_that_moves_between_cells_changes_the_fingerprint():
    def column(*texts: str) -> pa.Table:
        return pa.table({"a": pa.array(texts, pa.string())})

    assert table_fingerprint(column("ab", "c")) != table_fingerprint(column("a", "bc"))
    assert table_fingerprint(column("x", "ab", "c").slice(1)) == table_fingerprint(column("ab", "c"))
    assert table_fingerprint(column()) == table_fingerprint(column("a").slice(1))
