"""The manifest file: read back as written, refused when it was changed, compared with its stores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.table import SCHEMA
from fasdata.store.reader import Store
from tests.fasdata.manifests.changing import change, row_where


def test_what_is_written_is_read_back(manifest, tmp_path):
    path = manifest.write(tmp_path / "deep" / "er")
    again = Manifest.read(path)
    assert again.table.equals(manifest.table)
    assert again.meta == manifest.meta == json.loads((path.parent / "manifest.json").read_text())
    assert again.path == path
    assert Manifest.read(path.parent).fingerprint == manifest.fingerprint
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["manifest.json", "manifest.parquet"]


def written_with(manifest: Manifest, folder: Path, **meta: object) -> Path:
    """Write the file with other entries of the description, None for none, as any program could."""
    folder.mkdir()
    changed = {key: value for key, value in {**manifest.meta, **meta}.items() if value is not None}
    packed = manifest.table.replace_schema_metadata({b"fasdata.manifest": json.dumps(changed).encode()})
    pq.write_table(packed, folder / "manifest.parquet")
    return folder


def test_what_a_description_may_lack_is_filled_in(manifest, tmp_path):
    bare = {"notes": None, "lists": None, "masked": None, "leakage": None, "recipe": {"name": "standard"}}
    meta = Manifest.read(written_with(manifest, tmp_path / "m", **bare)).meta
    assert (meta["notes"], meta["masked"], meta["leakage"]) == ([], [], None)
    assert meta["recipe"] == {"name": "standard", "title": "", "pools": {}}


def test_a_part_without_its_frame_rule_is_refused(manifest, tmp_path):
    rules = {part: rule for part, rule in manifest.meta["frame_rules"].items() if part != "train"}
    with pytest.raises(UserError, match="frame_rules: there is no rule for the part train"):
        Manifest.read(written_with(manifest, tmp_path / "m", frame_rules=rules))


@pytest.mark.parametrize(
    ("recipe", "place"),
    [
        ({"name": "standard", "title": 3}, "recipe.title"),
        ({"name": "standard", "pools": {"mcio": []}}, "recipe.pools.mcio"),
        (
            {"name": "standard", "pools": {"mcio": {"scoring": {"selection": []}}}},
            "recipe.pools.mcio.scoring.selection",
        ),
        ({"name": "../up"}, "recipe.name"),
    ],
)
def test_a_recipe_of_another_form_is_refused_by_its_key(manifest, tmp_path, recipe, place):
    with pytest.raises(UserError, match=f"description, {place}: "):
        Manifest.read(written_with(manifest, tmp_path / "m", recipe=recipe))


def test_a_folder_whose_name_has_an_equals_sign_adds_no_column(manifest, tmp_path):
    path = manifest.write(tmp_path / "seed=1")
    assert Manifest.read(path).table.column_names == SCHEMA.names


def test_the_pandas_view(manifest):
    frame = manifest.frame()
    assert list(frame.columns) == SCHEMA.names
    assert frame["label"].isin(["bonafide", "attack"]).all()
    usable, lost = frame[frame["status"] == "ok"].iloc[0], frame[frame["status"] == "fta"].iloc[0]
    assert usable["box"].dtype == np.float32 and usable["region"].dtype == np.int32
    assert lost["box"] is None and np.isnan(lost["scale"])


def test_files_that_are_no_manifest_are_one_clear_line(manifest, tmp_path):
    def refused(match: str, path: Path = tmp_path / "m.parquet") -> None:
        with pytest.raises(UserError, match=match) as error:
            Manifest.read(path)
        assert "\n" not in str(error.value)

    refused("no manifest at .*build-protocol")
    refused("no manifest at", tmp_path)
    (tmp_path / "m.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    refused("is not a readable parquet file")
    pq.write_table(manifest.table, tmp_path / "m.parquet")
    refused("carries no description")
    for packed, match in (
        (b"{", "expected JSON"),
        (b"[" * 99_999, "too deeply"),
        (b"[]", "is not an object"),
        (b"{}", "description"),
    ):
        pq.write_table(manifest.table.replace_schema_metadata({b"fasdata.manifest": packed}), tmp_path / "m.parquet")
        refused(match)


def test_rows_changed_after_building_are_noticed(manifest, tmp_path):
    path = manifest.write(tmp_path)
    file = pq.ParquetFile(path).read()
    row = row_where(manifest, part="train")
    changed = change(Manifest(file, manifest.meta), "pai", row, "print-1").table
    pq.write_table(changed.replace_schema_metadata(file.schema.metadata), path)
    with pytest.raises(UserError, match="were changed after it was built"):
        Manifest.read(path)


def test_a_broken_manifest_is_not_written_and_the_old_one_stays(manifest, tmp_path):
    path = manifest.write(tmp_path)
    before = path.read_bytes()
    with pytest.raises(UserError):
        change(manifest, "label", 0, "real").write(tmp_path)
    assert path.read_bytes() == before


def test_stores_are_compared_with_what_was_built(manifest, stores, tmp_path, monkeypatch):
    library = Library(tmp_path)
    with pytest.raises(UserError, match="no store of casia-fasd"):
        manifest.open_stores(library)
    for slug in stores:
        library.store_dir(slug).mkdir()
        (library.store_dir(slug) / "store.json").write_text("{}")
        (library.store_dir(slug) / "clips.parquet").write_bytes(b"")
    monkeypatch.setattr(Store, "open", lambda folder: stores[folder.name])
    assert set(manifest.open_stores(library)) == set(stores)
    stores["oulu-npu"].content = "extracted again"
    with pytest.raises(
        UserError, match=r"store of oulu-npu changed since the manifest of mcio:CIO2M was built.*build it again"
    ):
        manifest.open_stores(library)
