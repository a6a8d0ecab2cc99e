"""`fasdata.manifest`: a file, a folder, or the protocol of that name, which is built where it is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

import fasdata
from fasdata.library import Library
from tests.fasdata.protocols.building import write_store
from tests.fasdata.protocols.conftest import PEOPLE, dataset


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The four datasets of colour, in stores."""
    library = Library(tmp_path_factory.mktemp("named"))
    for slug in PEOPLE:
        write_store(library, slug, dataset(slug).clip_records)
    return library


def test_a_protocol_is_built_once_and_then_the_same(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASDATA_DATA", str(library.root))
    built = fasdata.manifest("O&C&I to M")
    assert built.meta["canonical"] == "mcio:CIO2M" and built.meta["recipe"]["name"] == "standard"
    folder = library.protocol_dir("mcio:CIO2M", "standard")
    before = (folder / "manifest.parquet").stat().st_mtime_ns
    with fasdata.open(library.root) as opened:
        again = fasdata.manifest("CIO-M", data=opened)
    assert again.fingerprint == built.fingerprint
    assert (folder / "manifest.parquet").stat().st_mtime_ns == before
    for path in (folder, str(folder), folder / "manifest.parquet", str(folder / "manifest.parquet")):
        assert fasdata.manifest(path).fingerprint == built.fingerprint


def test_parameters_are_those_of_the_command(library: Library) -> None:
    two = fasdata.manifest("CIO-M", data=library.root, frames="linspace(2)@with_face", val="none")
    assert two.meta["recipe"]["parameters"] == {"frames": "linspace(2)@with_face", "val": "none"}
    assert not (two.frame()["part"] == "val").any()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        (Path("nowhere"), {}, "no manifest at nowhere"),
        ("nowhere/manifest.parquet", {}, "no manifest at nowhere/manifest.parquet"),
        ("XYZ-M", {}, "XYZ-M"),
        ("CIO-M", {"recipe": "hfn_pm"}, "did you mean 'hfn_mp'"),
        ("CIO-M", {"val": "some"}, "unknown validation rule 'some'"),
        ("CIO-M", {"frames": "lots(2)"}, "lots"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_line(library: Library, name, options: dict, words: str) -> None:
    with pytest.raises(fasdata.UserError, match=words) as raised:
        fasdata.manifest(name, data=library.root, **options)
    assert "\n" not in str(raised.value)
