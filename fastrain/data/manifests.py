"""Check that manifest and stores are still those of the library's lock file, and those that a run was made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.lock.lock import Lock, broken_locks, lock_path

if TYPE_CHECKING:
    from fastrain.rundir import RunDir


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
