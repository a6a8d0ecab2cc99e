"""Manifests: one row a frame, with everything a loader, a score table and an audit need to know of it."""

from fasdata.manifest.manifest import Manifest

__all__ = ["Manifest"]
