"""Presets that carry a protocol's published values."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.protocols.grammar import parse
from fasdata.resources import configs_dir
from fastrain.run.plan import preset_note
from fastrain.run.run import run
from tests.fastrain.sessions import request

NAMED = sorted(path for path in configs_dir().glob("*.yaml") if "published_for" in path.read_text())


def test_a_preset_for_any_protocol_and_one_for_this_say_nothing() -> None:
    assert preset_note(None, "mcio:CO2M", 2) == ""
    assert preset_note("CIO-M", "mcio:CIO2M", 3) == ""
    assert preset_note("OCI2M", "mcio:CIO2M", 3) == ""  # another spelling of it


def test_another_protocol_is_told_and_another_number_of_sources_refused() -> None:
    assert preset_note("CIO-M", "mcio:CMO2I", 3).endswith("published for CIO-M; this is mcio:CMO2I")
    with pytest.raises(UserError, match=r"for CIO-M, with 3 source domains; found mcio:CM2O, with 2.*--preset out"):
        preset_note("CIO-M", "mcio:CM2O", 2)


@pytest.mark.parametrize("file", NAMED, ids=lambda file: file.name)
def test_the_name_of_a_preset_file_is_the_protocol_inside(file) -> None:  # type: ignore[no-untyped-def]
    """With - for the : of a protocol inside one dataset, which is not for file names."""
    protocol = yaml.safe_load(file.read_text())["published_for"]
    assert file.name.split(".")[1] == protocol.replace(":", "-")
    assert parse(protocol).alias == protocol


def test_a_run_with_such_a_preset_never_begins(library: Library, tmp_path: Path) -> None:
    preset, out = tmp_path / "mine.yaml", tmp_path / "run"
    preset.write_text("published_for: CI2M\n")
    with pytest.raises(
        UserError, match=r"for CI2M, with 2 source domains; found mcio:CIO2M, with 3.*published_for=null"
    ):
        run(request("gac_fas", library, out, preset=str(preset)))
    assert not out.exists()
