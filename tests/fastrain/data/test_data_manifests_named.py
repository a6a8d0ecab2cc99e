"""A manifest that is given by its file: which spellings of its protocol agree with it, and what a run takes of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.table import table_fingerprint
from fasdata.protocols.find_manifest import given_manifest
from fastrain.run.plan import check_settings, make_plan
from tests.fastrain.sessions import request


def renamed(library: Library, folder: Path, **changes: object) -> Path:
    """Write the library's manifest under other names."""
    built = Manifest.read(library.protocol_dir("mcio:CIO2M", "standard"))
    table, meta = built.table, {**built.meta, **changes}
    if changes.get("domains") == []:
        table = table.filter(pc.equal(table["part"], "test"))
        meta["counts"] = [tally for tally in meta["counts"] if tally["part"] == "test"]
        meta["validation"] = {**meta["validation"], "datasets": []}
    for column, key in (("protocol", "canonical"), ("protocol_alias", "alias")):
        place = table.schema.get_field_index(column)
        table = table.set_column(place, table.field(column), pa.array([meta[key]] * table.num_rows))
    return Manifest(table, {**meta, "fingerprint": table_fingerprint(table)}).write(folder)


def test_any_spelling_of_own_names_agrees(library: Library, tmp_path: Path) -> None:
    built = Manifest.read(library.protocol_dir("mcio:CIO2M", "standard")).meta
    target = [{**built["target"][0], "name": "My-Lab"}]
    canonical = "own:casia-fasd+oulu-npu+replay-attack_to_msu-mfsd"
    path = renamed(library, tmp_path, canonical=canonical, alias=canonical, pool="own", target=target)
    for spelled in ("own:casia-fasd+oulu-npu+replay-attack_to_msu-mfsd", canonical.upper().replace("OWN", "own")):
        assert given_manifest(path, spelled, None).manifest.meta["canonical"] == canonical
    with pytest.raises(UserError, match="is of another protocol"):
        given_manifest(path, "own:casia-fasd_to_mylab", None)


def test_what_is_only_tested_on_trains_nothing(library: Library, tmp_path: Path) -> None:
    path = renamed(library, tmp_path, canonical="mcio:to_M", alias="mcio:to_M", domains=[])
    wanted = request("erm", library, tmp_path / "run", protocol=None, manifest=str(path))
    with pytest.raises(UserError, match=r"mcio:to_M names what is only tested on.*eval RUN --on"):
        make_plan(wanted, check_settings(wanted))


def test_a_given_manifest_validates_as_it_was_built(library: Library, tmp_path: Path) -> None:
    path = library.protocol_dir("mcio:CIO2M", "standard") / "manifest.parquet"
    wanted = request(
        "erm", library, tmp_path / "run", "evaluate.select=last", protocol=None, manifest=str(path), val="none"
    )
    with pytest.raises(UserError, match=r"was built with --val auto; expected --val none"):
        make_plan(wanted, check_settings(wanted))
