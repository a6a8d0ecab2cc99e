"""The small datasets of the protocol tests."""

from tests.fasdata.protocols.conftest import make, mm_stores, stores

__all__ = ["make", "mm_stores", "stores"]
