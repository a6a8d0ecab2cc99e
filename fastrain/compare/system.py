"""Group runs into systems (one configuration, one or several seeds), and check that they are of the same data."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fastrain.config import RunConfig
from fastrain.evaluation.scores import ScoreOrigin, ScoreTable
from fastrain.rundir import MANIFEST, ManifestFacts, RunDir, RunFacts


@dataclass(frozen=True)
class ScoredRun:
    """A finished run or a contestant: the content of its `run.json`, configuration and manifest, and its scores.

    A contestant (scores from outside) has no configuration, and a manifest only where it was lined up with one.
    """

    folder: Path
    about: RunFacts
    config: RunConfig | None
    manifest: ManifestFacts

    @classmethod
    def read(cls, folder: Path) -> ScoredRun:
        """Read a run folder.

        Raises:
            UserError: no finished run there.
        """
        run = RunDir(folder)
        about = run.facts()
        if about.contestant is not None:
            known = run.file(MANIFEST).is_file()
            return cls(folder, about, None, run.manifest() if known else ManifestFacts())
        if about.status not in ("finished", "evaluated"):  # evaluated: of an imported network, or on other data
            raise UserError(f"the run {folder} is not finished", found=str(about.status), do="let it end first")
        return cls(folder, about, run.config(), run.manifest())

    @cached_property
    def scores(self) -> ScoreTable:
        """Return the run's score table.

        Raises:
            UserError: it is damaged, or of another manifest than the run.
        """
        table = ScoreTable.read_csv(self.folder / "scores.csv")
        ScoreOrigin.of(table).require_manifest(self.about.manifest_fingerprint, table.source)
        return table

    @property
    def data(self) -> str:
        """Return the fingerprint of the manifest."""
        return str(self.about.manifest_fingerprint)

    @property
    def is_loose(self) -> bool:
        """Return whether these are scores from outside that no manifest vouches for."""
        return self.about.contestant is not None and not self.about.manifest_fingerprint


@dataclass(frozen=True)
class System:
    """`runs` differ in their seed alone; `name` is the method, with its preset or changed settings where needed."""

    name: str
    runs: tuple[ScoredRun, ...]

    @property
    def about(self) -> RunFacts:
        """Return the `run.json` of the first run."""
        return self.runs[0].about

    @property
    def is_loose(self) -> bool:
        """Return whether these are scores from outside that no manifest vouches for."""
        return self.runs[0].is_loose


NO_PROTOCOL = "protocol not stated"


def systems_of(runs: Sequence[ScoredRun]) -> dict[str, list[System]]:
    """Return the systems of each protocol, runs with other seeds together, in order of first appearance.

    Scores from outside that name no protocol stand in the table of the others where those are of one protocol, else in
    one of their own.

    Raises:
        UserError: a run with shuffled labels, or two runs of one configuration and seed.
    """
    stated = {str(run.about.protocol) for run in runs if not (run.is_loose and run.about.protocol is None)}
    only = stated.pop() if len(stated) == 1 else NO_PROTOCOL
    groups: dict[tuple[str, str], list[ScoredRun]] = {}
    for run in runs:
        if run.about.shuffle_labels:
            raise UserError(f"{run.folder} was trained on shuffled labels", do="leave control runs out of a comparison")
        protocol = only if run.is_loose and run.about.protocol is None else str(run.about.protocol)
        groups.setdefault((protocol, _without_seed(run)), []).append(run)
    by_protocol: dict[str, list[System]] = {}
    for (protocol, _), members in groups.items():
        seeds = [run.about.seed for run in members]
        if len(set(seeds)) < len(seeds):
            twice = next(seed for seed in seeds if seeds.count(seed) > 1)
            if twice is None:
                raise UserError(
                    f"{members[0].about.method} is given twice", found=", ".join(str(run.folder) for run in members)
                )
            raise UserError(
                f"seed {twice} of {members[0].about.method} on {protocol} is given twice",
                found=", ".join(str(run.folder) for run in members if run.about.seed == twice),
            )
        by_protocol.setdefault(protocol, []).append(System(str(members[0].about.method), tuple(members)))
    return {protocol: _named_apart(_with_training(_with_recipes(systems))) for protocol, systems in by_protocol.items()}


def _with_recipes(systems: list[System]) -> list[System]:
    """Add the recipe to the names where systems differ in it, or where it was used with parameters."""
    recipes = {system.about.recipe_text for system in systems if system.about.recipe}
    if len(recipes) < 2 and not any(system.about.recipe_parameters for system in systems):
        return systems
    return [
        System(f"{system.name} ({system.about.recipe_text})", system.runs) if system.about.recipe else system
        for system in systems
    ]


def _with_training(systems: list[System]) -> list[System]:
    """Add what networks were trained on to the names of those that were not all trained on the data of the table."""
    trained = {system.about.trained_on and system.about.trained_on.text for system in systems}
    if len(trained) < 2:
        return systems
    return [
        System(f"{system.name} ({system.about.trained_on.text})", system.runs) if system.about.trained_on else system
        for system in systems
    ]


def _without_seed(run: ScoredRun) -> str:
    if run.config is None:
        about = run.about.contestant
        networks = [network.sha256 for network in about.networks] if about else []
        return json.dumps([run.about.method, about and about.sha256, networks, run.data, about and about.notes])
    tree = run.config.model_dump(mode="json")
    del tree["train"]["seed"]
    trained = run.about.trained_on and run.about.trained_on.model_dump(mode="json")
    return json.dumps([tree, run.about.recipe, run.data, trained], sort_keys=True)


def _named_apart(systems: list[System]) -> list[System]:
    """Give systems of one method names that tell them apart: preset, changed settings, else the folder."""
    names = [system.name for system in systems]
    if len(set(names)) == len(names):
        return systems

    def longer(system: System) -> str:
        if names.count(system.name) == 1:
            return system.name
        changed = [setting for setting in system.about.overrides if not setting.startswith("train.seed=")]
        preset = [system.about.preset] if system.about.preset else []
        return f"{system.name} ({', '.join([*preset, *changed]) or 'defaults'})"

    renamed = [System(longer(system), system.runs) for system in systems]
    again = [system.name for system in renamed]
    return [
        System(f"{system.name} [{system.runs[0].folder.name}]", system.runs) if again.count(system.name) > 1 else system
        for system in renamed
    ]


# -- Whether runs may stand in one table: they have to be of the same data --------------------------------------------


def require_same_data(protocol: str, systems: Sequence[System]) -> None:
    """Check that all runs of a protocol used one manifest.

    Raises:
        UserError: they did not; says how the first two that differ do.
    """
    runs = [run for system in systems for run in system.runs if not run.is_loose]
    for other in runs[1:]:
        if other.data != runs[0].data:
            raise UserError(
                f"the runs of {protocol} are not of the same data: "
                f"{runs[0].folder} and {other.folder} differ in {'; '.join(how_they_differ(runs[0], other))}",
                do="train on the same manifest, score on the same library (fastrain eval RUN --on …), or put them "
                "side by side all the same (--allow-different-data)",
            )


def how_they_differ(run: ScoredRun, other: ScoredRun) -> list[str]:
    """Return what differs between the manifests of two runs, in words; at least one entry."""
    differences = []
    for what, path in (
        ("recipe", ("recipe", "name")),
        ("parameters of the recipe", ("recipe", "parameters")),
        ("frames", ("frame_rules",)),
        ("validation", ("validation",)),
    ):
        values = [_at(member.manifest.tree(), path) for member in (run, other)]
        if values[0] != values[1]:
            differences.append(f"{what} ({_short(values[0])} and {_short(values[1])})")
    stores = [member.manifest.stores for member in (run, other)]
    changed = [name for name in sorted({*stores[0], *stores[1]}) if stores[0].get(name) != stores[1].get(name)]
    if changed:
        differences.append(f"the extraction of {', '.join(changed)}")
    counts = [_counts(member.manifest) for member in (run, other)]
    for key in sorted({*counts[0], *counts[1]}):
        before, after = counts[0].get(key, 0), counts[1].get(key, 0)
        if before != after:
            differences.append(f"clips of {' '.join(key)} ({before} and {after})")
    return differences or ["the rows of their manifests (recipe and counts agree)"]


def _counts(manifest: ManifestFacts) -> dict[tuple[str, ...], int]:
    return {(row.part, row.dataset, row.label): row.clips for row in manifest.counts}


def _at(tree: Mapping[str, Any], path: Sequence[str]) -> Any:
    for step in path:
        tree = tree.get(step) if isinstance(tree, Mapping) else None  # type: ignore[assignment]
    return tree


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
