"""Whether runs may stand in one table: they have to be of the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fasdata.errors import UserError
from fastrain.compare.system import ScoredRun, System


def require_same_data(protocol: str, systems: Sequence[System]) -> None:
    """Check that all runs of a protocol used one manifest.

    Raises:
        UserError: they did not; says how the first two that differ do.
    """
    runs = [run for system in systems for run in system.runs]
    for other in runs[1:]:
        if other.data != runs[0].data:
            raise UserError(
                f"the runs of {protocol} are not of the same data: "
                f"{runs[0].folder} and {other.folder} differ in {'; '.join(how_they_differ(runs[0], other))}",
                do="train on the same manifest, or --allow-different-data to see them side by side all the same",
            )


def how_they_differ(one: ScoredRun, other: ScoredRun) -> list[str]:
    """Return what differs between the manifests of two runs, in words; at least one entry."""
    found = []
    for what, path in (
        ("recipe", ("recipe", "name")),
        ("frames", ("frame_rules",)),
        ("validation", ("validation",)),
    ):
        values = [_at(run.manifest, path) for run in (one, other)]
        if values[0] != values[1]:
            found.append(f"{what} ({_short(values[0])} and {_short(values[1])})")
    stores = [run.manifest.get("stores") or {} for run in (one, other)]
    changed = [name for name in sorted({*stores[0], *stores[1]}) if stores[0].get(name) != stores[1].get(name)]
    if changed:
        found.append(f"the extraction of {', '.join(changed)}")
    counts = [_counts(run.manifest) for run in (one, other)]
    for key in sorted({*counts[0], *counts[1]}):
        before, after = counts[0].get(key, 0), counts[1].get(key, 0)
        if before != after:
            found.append(f"clips of {' '.join(key)} ({before} and {after})")
    return found or ["the rows of their manifests (recipe and counts agree)"]


def _counts(manifest: Mapping[str, Any]) -> dict[tuple[str, ...], int]:
    return {
        (str(row.get("part")), str(row.get("dataset")), str(row.get("label"))): int(row.get("clips") or 0)
        for row in manifest.get("counts") or []
    }


def _at(tree: Mapping[str, Any], path: Sequence[str]) -> Any:
    for step in path:
        tree = tree.get(step) if isinstance(tree, Mapping) else None  # type: ignore[assignment]
    return tree


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
