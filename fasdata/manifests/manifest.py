"""Read, check and write the manifest of a protocol: a table of frames and its description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from fasdata.errors import UserError
from fasdata.foreign import json_of, read_parquet, read_parquet_notes
from fasdata.library import Library
from fasdata.manifests.meta import Meta
from fasdata.manifests.table import table_fingerprint

if TYPE_CHECKING:
    import pandas as pd

    from fasdata.store.reader import Store

TABLE = "manifest.parquet"
TEXT = "manifest.json"
_META = b"fasdata.manifest"
_REBUILD = "build it again with 'fasdata build-protocol'"


@dataclass(frozen=True, eq=False)
class Manifest:
    """A table with one row a frame (`table.SCHEMA`) and its description (`meta.Meta`, as a plain dictionary).

    `manifest.parquet` holds both, so that it is one file, replaced in one step; `manifest.json` repeats the
    description for people. `path` is the parquet file, where there is one.
    """

    table: pa.Table
    meta: dict[str, Any]
    path: Path | None = None

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read and check a manifest: the parquet file, or the folder that holds it.

        Raises:
            UserError: missing, not a manifest, changed since it was built, or breaking an invariant.
        """
        file = path / TABLE if path.is_dir() else path
        if not file.is_file():
            raise UserError(f"no manifest at {path}", expected=f"a file {TABLE}", do=_REBUILD)
        table = read_parquet(file, do=_REBUILD)
        manifest = cls(table.replace_schema_metadata(None), _read_meta(file, table.schema.metadata), file)
        manifest.check()
        if manifest.meta["fingerprint"] != table_fingerprint(manifest.table):
            raise UserError(f"the rows of {file} were changed after it was built", do=_REBUILD)
        return manifest

    def write(self, folder: Path) -> Path:
        """Check, then write `manifest.parquet` and `manifest.json` into `folder`; return the parquet file's path.

        Each file is either the old one or the new one.

        Raises:
            UserError: an invariant is broken; nothing is written.
        """
        from fasdata.store.atomic import replacing, write_text

        self.check()
        text = json.dumps(self.meta, ensure_ascii=False, sort_keys=True)
        with replacing(folder / TABLE) as temporary:
            pq.write_table(self.table.replace_schema_metadata({_META: text.encode()}), temporary, compression="zstd")
        write_text(folder / TEXT, json.dumps(self.meta, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        return folder / TABLE

    @staticmethod
    def description(folder: Path) -> dict[str, Any]:
        """Return the description of a manifest alone; the rows are neither read nor checked.

        Raises:
            UserError: missing, or not a manifest.
        """
        return _read_meta(folder / TABLE, read_parquet_notes(folder / TABLE, do=_REBUILD))

    def check(self) -> None:
        """Raise UserError unless every invariant holds: schema, words, keys, no leakage, both labels in every part."""
        from fasdata.manifests.invariants import check_table

        where = str(self.path) if self.path else f"the manifest of {self.meta.get('canonical')}"
        _described(self.meta, where)
        check_table(self.table, self.meta, where)

    @property
    def fingerprint(self) -> str:
        """The sha256 of the rows."""
        return table_fingerprint(self.table)

    def frame(self) -> pd.DataFrame:
        """Return the rows as a pandas DataFrame; box, landmarks and region are arrays, None where absent."""
        table: pd.DataFrame = self.table.to_pandas()
        return table

    def in_use(self, library: Library) -> ExitStack:
        """Claim the datasets for a command that reads them, and check that the stores are as when it was built.

        Raises:
            UserError: a person is being removed from one of them, or was since; as `open_stores`.
        """
        with library.in_use(self.meta["stores"]) as claims:
            self.open_stores(library)
            return claims.pop_all()

    def open_stores(self, library: Library) -> dict[str, Store]:
        """Return the opened store of every dataset by slug.

        Raises:
            UserError: a store is missing from the library, or is not the one the manifest was built from.
        """
        from fasdata.store.reader import Store

        stores: dict[str, Store] = {}
        for dataset, recorded in self.meta["stores"].items():
            store = Store.open(library.require_store(dataset))
            content = store.content_hash()
            if content != recorded:
                raise UserError(
                    f"the store of {dataset} changed since the manifest of {self.meta['canonical']} was built",
                    expected=f"content {recorded[:12]}",
                    found=f"{content[:12]} in {library.root}",
                    do=_REBUILD,
                )
            stores[dataset] = store
        return stores


def _read_meta(file: Path, notes: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    packed = (notes or {}).get(_META)
    if packed is None:
        raise UserError(f"{file} carries no description", expected="a manifest that fasdata wrote", do=_REBUILD)
    meta = json_of(packed, f"the description inside {file}", do=_REBUILD)
    if not isinstance(meta, dict):
        raise UserError(f"the description inside {file} is not an object", do=_REBUILD)
    return _described(meta, str(file)).model_dump(mode="json")  # with what an older version did not write


def _described(meta: dict[str, Any], where: str) -> Meta:
    try:
        return Meta.model_validate(meta)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UserError(
            f"{where}: description, {'.'.join(map(str, first['loc']))}: {first['msg']}", do=_REBUILD
        ) from None
