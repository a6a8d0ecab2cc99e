"""Manifests: one row a frame, with what a loader, a score table and an audit need."""

from fasdata.manifests.manifest import Manifest

__all__ = ["Manifest"]
