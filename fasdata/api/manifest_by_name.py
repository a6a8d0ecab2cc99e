"""Manifests in Python: one that is there, or that of a protocol, which is built where the library lacks it."""

from __future__ import annotations

from pathlib import Path

from fasdata.api.browse import OpenedLibrary
from fasdata.library import Library
from fasdata.manifests.manifest import TABLE, Manifest
from fasdata.protocols.built import Wanted
from fasdata.protocols.find_manifest import find_manifest
from fasdata.protocols.own_rules import name_rule
from fasdata.protocols.recipe import DEFAULT


def manifest(
    name: str | Path,
    *,
    data: str | Path | OpenedLibrary | None = None,
    recipe: str = DEFAULT,
    frames: str = "",
    test_frames: str = "",
    val: str | None = None,
) -> Manifest:
    """Return a manifest: of the file or folder `name`, or of the protocol of that name. Known as `fasdata.manifest`.

    A protocol's manifest is taken from the library (`data`, else `$FASDATA_DATA`, else `./data`), or built and written
    there; `recipe`, `frames`, `test_frames` and `val` are as for `fasdata build-protocol`. A path is a parquet file, or
    a folder with a `manifest.parquet`.

    Raises:
        UserError: no such file; unknown protocol, recipe or rule of frames; a store is missing; the manifest is
            damaged, or another one stands in its place.

    >>> import fasdata
    >>> manifest = fasdata.manifest("CIO-M", data="data")
    >>> manifest.meta["canonical"], manifest.table.num_rows
    ('mcio:CIO2M', 80)
    >>> rows = manifest.frame()  # a pandas frame, one row a frame
    >>> rows.groupby(["part", "label"]).size().to_dict()[("test", "attack")]
    10
    >>> fasdata.manifest("data/protocols/mcio-CIO2M/standard").fingerprint == manifest.fingerprint
    True
    """
    if _is_path(name):
        return Manifest.read(Path(name))
    library = data.library if isinstance(data, OpenedLibrary) else Library.locate(Path(data) if data else None)
    trained, tested = (name_rule(rule) if rule else "" for rule in (frames, test_frames))
    return find_manifest(library, str(name), Wanted(recipe, trained, tested, val)).manifest


def _is_path(name: str | Path) -> bool:
    """Tell whether a manifest itself is named; the file of a protocol (YAML) is the name of that protocol."""
    path = Path(name)
    if path.suffix == ".parquet" or (path / TABLE).is_file():
        return True
    return isinstance(name, Path) and path.suffix not in (".yaml", ".yml")
