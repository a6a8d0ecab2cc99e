"""A small manifest, and the small datasets of the protocol tests."""

from __future__ import annotations

import pytest

from fasdata.manifests import Manifest
from fasdata.protocols.build import assemble
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import load_recipe
from tests.fasdata.protocols.conftest import make, mm_stores, stores

__all__ = ["make", "manifest", "mm_stores", "stores"]


@pytest.fixture(scope="session")
def manifest(make) -> Manifest:
    """A protocol with one clip of the target in which no face was found; never changed in place."""
    stores = {slug: make.dataset(slug) for slug in make.slugs}
    lost = make.record(stores["msu-mfsd"].clip_records[0].clip, dict.fromkeys(range(20), "skip"))
    stores["msu-mfsd"].change(0, frames=lost.frames, status=lost.status, reason=lost.reason)
    return assemble(make_plan(parse("CIO-M"), load_recipe("standard")), stores)
