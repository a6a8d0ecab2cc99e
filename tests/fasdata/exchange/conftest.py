"""The libraries and manifests that the exports are made of."""

from __future__ import annotations

import pytest

from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.protocols.build import build_protocol
from fasdata.synth.world import write_world
from tests.commands import Called
from tests.fasdata.exchange.world import write_library

MM = {"casia-surf": "CASIA-SURF", "padisi-face": "PADISI-Face"}


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Library:
    """Stores of the four RGB sets."""
    return write_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def manifests(library) -> dict[str, Manifest]:
    """CIO-M by recipe, and `small`: MSU to CASIA, 28 clips."""
    made = {name: build_protocol("CIO-M", recipe=name, library=library) for name in ("standard", "hfn_mp", "gac_fas")}
    return {**made, "small": build_protocol("M2C", library=library)}


@pytest.fixture(scope="session")
def mm_library(tmp_path_factory) -> Library:
    """Stores of two multi-modal sets of a synthetic world, extracted as a user does."""
    raw, lib = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("mm")
    write_world(raw, preset="mini", datasets=list(MM), seed=3, workers=1)
    for name in MM.values():
        done = Called("fasdata", "extract", name, "--root", raw / name, "--out", lib, "-j", 1)
        assert done.code == 0, done.out
    return Library(lib)


@pytest.fixture(scope="session")
def mm_manifest(mm_library) -> Manifest:
    """SURF to PADISI, as the benchmark does it."""
    return build_protocol("S2P", recipe="mmdg", library=mm_library)
