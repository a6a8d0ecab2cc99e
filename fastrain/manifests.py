"""The manifest of a run and the stores it points to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.library import Library

if TYPE_CHECKING:
    from fasdata.manifest import Manifest


@dataclass(frozen=True)
class FoundManifest:
    """A manifest, where its file lies, and in words whether it was there before."""

    manifest: Manifest
    path: Path
    note: str


def manifest_path(library: Library, protocol: str, recipe: str) -> Path:
    """Return where the library keeps a built protocol.

    Raises:
        UserError: the protocol's name cannot be read.
    """
    from fasdata.protocols.grammar import parse

    return library.protocol_dir(parse(protocol).canonical, recipe) / "manifest.parquet"


def find_manifest(library: Library, protocol: str, recipe: str, val: str | None) -> FoundManifest:
    """Return the built manifest of the library, or build it; `val` None takes whatever was built.

    What is there is never replaced: other runs may stand on it.

    Raises:
        UserError: unknown protocol or recipe, a store is missing, the manifest is damaged or has another validation.
    """
    from fasdata.manifest import Manifest

    path = manifest_path(library, protocol, recipe)
    if not path.is_file():
        from fasdata.protocols.build import build_protocol

        manifest = build_protocol(protocol, recipe=recipe, library=library, validation=val or "auto")
        return FoundManifest(manifest, path, f"manifest {path} (built now)")
    manifest = Manifest.read(path)
    built = manifest.meta["validation"]["mode"]
    if val not in (None, built):
        raise UserError(
            f"{path} was built with --val {built}",
            expected=f"--val {val}",
            do=f"replace it: fasdata build-protocol {protocol!r} --recipe {recipe} --val {val} --data {library.root}",
        )
    return FoundManifest(manifest, path, f"manifest {path} (built before)")


def given_manifest(path: Path, protocol: str | None, recipe: str | None) -> FoundManifest:
    """Return the manifest at `path`.

    Raises:
        UserError: it cannot be read, or is of another protocol or recipe than the one named.
    """
    from fasdata.manifest import Manifest
    from fasdata.protocols.grammar import parse

    manifest = Manifest.read(path)
    if protocol is not None and parse(protocol).canonical != manifest.meta["canonical"]:
        raise UserError(
            f"{path} is of another protocol", expected=parse(protocol).canonical, found=manifest.meta["canonical"]
        )
    if recipe not in (None, manifest.meta["recipe"]["name"]):
        raise UserError(f"{path} is of another recipe", expected=recipe or "", found=manifest.meta["recipe"]["name"])
    return FoundManifest(manifest, path, f"manifest {path} (given)")
