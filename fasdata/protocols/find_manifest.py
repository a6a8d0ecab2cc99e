"""Find the manifest of a protocol in a library, build it where it is missing, or take the one that is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests.meta import recipe_key, recipe_text
from fasdata.protocols.built import Wanted

if TYPE_CHECKING:
    from fasdata.manifests import Manifest


@dataclass(frozen=True)
class ManifestFile:
    """A manifest, its path, and a note that says whether it was built now, before, or given."""

    manifest: Manifest
    path: Path
    note: str


def find_manifest(library: Library, protocol: str, wanted: Wanted, *, write: bool = True) -> ManifestFile:
    """Return the built manifest of the library, or build it.

    Without `write` one that is built now is not saved. A manifest that was built before is never replaced: other runs
    may depend on it.

    Raises:
        UserError: unknown protocol, recipe or rule of frames; a store is missing; the manifest is damaged, or another
            one stands in its place.
    """
    from fasdata.manifests import Manifest
    from fasdata.manifests.manifest import TABLE
    from fasdata.protocols.build import build_protocol
    from fasdata.protocols.built import find_built
    from fasdata.protocols.grammar import parse_in

    folder = find_built(library, parse_in(library, protocol).canonical, wanted)
    if folder is not None:
        manifest, note = Manifest.read(folder), "built before"
    else:
        # Runs that are started together need the same manifest: one of them builds it.
        rules = wanted.parameters
        manifest = build_protocol(
            protocol, recipe=wanted.recipe, library=library, validation=rules.val, frames=rules.frames,
            test_frames=rules.test_frames, write=write, reuse=True,
        )  # fmt: skip
        note = "built now" if write else "would be built"
    path = (
        manifest.path or library.protocol_dir(manifest.meta["canonical"], recipe_key(manifest.meta["recipe"])) / TABLE
    )
    built = manifest.meta["validation"]["mode"]
    if wanted.val not in (None, built):  # of a version that had one place for both
        raise UserError(
            f"{path} was built with --val {built}",
            expected=f"--val {wanted.val}",
            do=f"replace it: fasdata build-protocol {protocol!r} --recipe {wanted.recipe} --val {wanted.val} "
            f"--data {library.root}",
        )
    return ManifestFile(manifest, path, f"manifest {path} ({note})")


def given_manifest(path: Path, protocol: str | None, recipe: str | None) -> ManifestFile:
    """Return the manifest at `path`.

    Raises:
        UserError: it cannot be read, or is of another protocol or recipe than the one named.
    """
    from fasdata.manifests import Manifest
    from fasdata.protocols.dataset_names import Names
    from fasdata.protocols.grammar import parse

    manifest = Manifest.read(path)
    if protocol is not None and protocol not in (manifest.meta["canonical"], manifest.meta["alias"]):
        roles = (*manifest.meta["domains"], *manifest.meta["target"])
        canonical = parse(protocol, names=Names.among({role["dataset"]: role["name"] for role in roles})).canonical
        if canonical != manifest.meta["canonical"]:
            raise UserError(f"{path} is of another protocol", expected=canonical, found=manifest.meta["canonical"])
    built = manifest.meta["recipe"]
    if recipe not in (None, built["name"], recipe_key(built)):
        raise UserError(f"{path} is of another recipe", expected=recipe or "", found=recipe_text(built))
    return ManifestFile(manifest, path, f"manifest {path} (given)")
