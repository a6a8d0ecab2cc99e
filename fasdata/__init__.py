"""Raw face anti-spoofing datasets to aligned, packed, described faces.

`fasdata.open("data")` looks at what was extracted, `fasdata.manifest("CIO-M", data="data")` gives a protocol's frames.
Nothing is imported before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasdata.lazy_names import lazy_names

if TYPE_CHECKING:
    from fasdata.api.browse import OpenedLibrary
    from fasdata.api.browse import open_library as open
    from fasdata.api.manifest_by_name import manifest
    from fasdata.api.stored import StoredClip, StoredDataset, StoredFrame
    from fasdata.errors import UserError
    from fasdata.faces.view import View
    from fasdata.manifests.manifest import Manifest

__version__ = "0.1.0"
__all__ = [
    "Manifest", "OpenedLibrary", "StoredClip", "StoredDataset", "StoredFrame", "UserError", "View", "__version__",
    "manifest", "open",
]  # fmt: skip

_HOMES = {
    "Manifest": "fasdata.manifests.manifest:Manifest",
    "OpenedLibrary": "fasdata.api.browse:OpenedLibrary",
    "StoredClip": "fasdata.api.stored:StoredClip",
    "StoredDataset": "fasdata.api.stored:StoredDataset",
    "StoredFrame": "fasdata.api.stored:StoredFrame",
    "UserError": "fasdata.errors:UserError",
    "View": "fasdata.faces.view:View",
    "manifest": "fasdata.api.manifest_by_name:manifest",
    "open": "fasdata.api.browse:open_library",
}

__getattr__, __dir__ = lazy_names(__name__, globals(), _HOMES)
