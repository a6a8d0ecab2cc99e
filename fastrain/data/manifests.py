"""Find the manifest of a run, and check that manifest and stores are still those that the run was made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import Lock, broken_locks, lock_path
from fasdata.manifest.meta import recipe_key, recipe_text
from fasdata.protocols.built import Wanted

if TYPE_CHECKING:
    from fasdata.manifest import Manifest
    from fastrain.rundir import RunDir


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
    from fasdata.manifest import Manifest
    from fasdata.manifest.manifest import TABLE
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
    from fasdata.manifest import Manifest
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


# -- Changed data: against the library's lock file, and against the run's own past ------------------------------------

ALLOW = "--allow-changed-data"


def against_library(library: Library, now: Lock, *, allowed: bool) -> list[str]:
    """Return the differences between the library's lock file and the data of a run; empty without such a file.

    Raises:
        UserError: they differ, and that was not `allowed`.
    """
    changed = broken_locks(library, now)
    if changed and not allowed:
        raise UserError(
            f"the data are not those of {lock_path(library)}",
            found=_listed(changed),
            do=f"restore them, or write the lock again (fasdata lock --data {library.root}), or {ALLOW}",
        )
    return changed


def require_same_data(run: RunDir, now: Lock) -> None:
    """Check that a run continues with the data it was begun with.

    Raises:
        UserError: they differ; no option allows this, because the results would belong to neither data.
    """
    before = run.facts().lock
    changed = Lock.parse(before, f"the lock in {run.file('run.json')}").differences(now) if before else []
    if changed:
        raise UserError(
            f"the data have changed since the run in {run.path} was begun",
            found=_listed(changed),
            do="restore them to continue it, or start a new run with another --out",
        )


def against_training(
    trained_on: Mapping[str, Any] | None, now: Lock, *, where: str, allowed: bool, masked: bool = False
) -> list[str]:
    """Return the differences between data to be scored and those that a checkpoint was made with.

    `trained_on` is the lock that the checkpoint carries, None where it carries none; `where` names it. `masked`: the
    rows are those that it was made with, less modalities of the test rows (`fastrain.report.masked_targets`), which is
    no change of the data; another store is.

    Raises:
        UserError: they differ, and that was not `allowed`.
    """
    if trained_on is None:
        changed = ["the checkpoint does not say what data it was made with"]
    else:
        before = Lock.parse(trained_on, f"the lock in {where}")
        changed = (before.model_copy(update={"protocols": now.protocols}) if masked else before).differences(now)
    if changed and not allowed:
        raise UserError(
            f"these are not the data that {where} was made with",
            found=_listed(changed),
            do=f"name the run's own library and protocol, or {ALLOW} (the results will say so)",
        )
    return changed


def with_changes(results: Mapping[str, Any], changed: Sequence[str]) -> dict[str, Any]:
    """Return `results` with the allowed changes of the data, if any."""
    return {**results, **({"changed_data": list(changed)} if changed else {})}


def _listed(changed: Sequence[str], shown: int = 4) -> str:
    more = f" and {len(changed) - shown} more" if len(changed) > shown else ""
    return ", ".join(changed[:shown]) + more
