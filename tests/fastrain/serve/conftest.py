from pathlib import Path

import pytest

from fastrain.bundle.form import RangeFacts, SeenFacts
from tests.fastrain.bundle.small import small_bundle


@pytest.fixture(scope="session")
def pad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that takes bright faces for bona fide: a rendered face scores 0.489, at half its light 0.244."""
    seen = SeenFacts(ranges={"brightness": RangeFacts(low=80, high=200)}, clips=100, outside=0.02)
    return small_bundle(tmp_path_factory.mktemp("small") / "pad.fasb", threshold=0.4, seen=seen)
