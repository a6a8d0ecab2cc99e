"""Find the evaluations of a run on targets that lack modalities, and tell which are comparable with its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.manifests.meta import recipe_key
from fastrain.config import modalities_of
from fastrain.evaluation.results_lookup import HONEST, Results
from fastrain.rundir import RunDir, RunFacts

# -- The protocols that take modalities from the target of a trained one ----------------------------------------------

_SAME = ("domains", "target", "frame_rules", "modalities", "validation", "counts", "stores")


def masked_variants(trained: Mapping[str, Any], modalities: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the `@miss-*` variants of a manifest's protocol, each with what a network of `modalities` loses by it.

    `trained` is the manifest's meta. Left out are variants that take nothing from the network, all it sees, or the same
    as one before. A protocol that is a variant itself or stays inside one dataset has none.

    Raises:
    """
    from fasdata.protocols.dataset_names import OWN
    from fasdata.protocols.planning import MASKS
    from fasdata.protocols.vocabulary import cross

    canonical = str(trained.get("canonical"))
    prefix = canonical.partition(":")[0]
    if "@" in canonical or prefix not in (*cross().pools, OWN):
        return {}
    lost_by: dict[str, tuple[str, ...]] = {}
    for variant, masked in MASKS.items():
        lost = tuple(modality for modality in modalities if modality in masked)
        held = set(masked) <= set(trained.get("modalities") or ())
        if held and lost and len(lost) < len(modalities) and lost not in lost_by.values():
            lost_by[f"{canonical}@{variant}"] = lost
    return lost_by


def only_masked(trained: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether `now` is a `@miss-*` variant of the protocol of `trained`, built alike; both are manifests' meta.

    Built alike: the same recipe, stores, validation (its seed and people included) and counts.
    """
    from fasdata.protocols.planning import MASKS

    name, _, variant = str(now.get("canonical")).partition("@")
    return (
        variant in MASKS
        and name == trained.get("canonical")
        and recipe_key(trained.get("recipe") or {}) == recipe_key(now.get("recipe") or {})
        and all(trained.get(key) == now.get(key) for key in _SAME)
    )


# -- The evaluations on them ------------------------------------------------------------------------------------------

TOLERANCE = 1e-4  # of a threshold on scores: the same network on the same pictures, perhaps on another device


@dataclass(frozen=True)
class TargetResults:
    """The results on a target whose faces lack the modalities `lost`; () for the complete target."""

    lost: tuple[str, ...]
    results: Results
    folder: Path

    @property
    def threshold(self) -> float | None:
        """Return the clip-level threshold of the held-out sources that this evaluation took."""
        return self.results.threshold("clip", HONEST)


@dataclass(frozen=True)
class MaskedTargets:
    """`targets`: the complete one first, then those with less; `unfit` says why other evaluations are left out."""

    targets: tuple[TargetResults, ...]
    unfit: tuple[str, ...]

    @property
    def complete(self) -> TargetResults:
        """Return the results on the complete target."""
        return self.targets[0]

    @classmethod
    def of(cls, folder: Path) -> MaskedTargets | None:
        """Read a finished run and the evaluations below it; None where nothing can be lost.

        That is so where the network sees one modality, where the protocol has no variant that takes one of several
        away, and in the folder of an evaluation, which has no network of its own.

        Raises:
            UserError: a file of the run itself is missing or damaged.
        """
        run = RunDir(folder)
        about, trained = run.facts(), run.manifest().tree()
        variants = masked_variants(trained, modalities_of(run.config()))
        if not variants or (about.evaluation_of is not None and not run.checkpoints.is_dir()):
            return None
        complete = TargetResults((), Results(run.results().tree()), folder)
        latest: dict[str, tuple[str, TargetResults]] = {}
        unfit = []
        for path in sorted((folder / "evaluations").glob("*/run.json")):
            evaluation = RunDir(path.parent)
            try:
                facts = evaluation.facts()
                protocol = str(facts.protocol)
                if protocol not in variants:
                    continue
                results = Results(evaluation.results().tree())
                target = TargetResults(variants[protocol], results, evaluation.path)
                why = _why_unfit(about, trained, complete, facts, target)
            except UserError as error:
                why = str(error)
            if why:
                unfit.append(f"{evaluation.path.name}: {why}")
                continue
            finished = str(facts.finished)
            if protocol not in latest or finished > latest[protocol][0]:
                latest[protocol] = finished, target
        return cls((complete, *(latest[name][1] for name in variants if name in latest)), tuple(unfit))

    def largest_shift(self) -> float:
        """Return how far apart the thresholds of the evaluations are at most."""
        thresholds = [target.threshold for target in self.targets if target.threshold is not None]
        return max(thresholds) - min(thresholds) if thresholds else 0.0


def _why_unfit(
    about: RunFacts,
    trained: Mapping[str, Any],
    complete: TargetResults,
    facts: RunFacts,
    target: TargetResults,
) -> str:
    """Return why an evaluation with these `facts` is not comparable with the run's own, "" where it is."""
    if facts.changed_data or not only_masked(trained, RunDir(target.folder).manifest().tree()):
        return "its clips are not those of this run"
    if facts.view_geometry != about.view_geometry:
        return "its pictures were cut by another version of the view's geometry than those of the run"
    if facts.selection != about.selection:
        return "it was made with another checkpoint"
    if target.results.data.get("fta") != complete.results.data.get("fta"):
        return "it counts clips without a usable face otherwise"
    own, other = complete.threshold, target.threshold
    if (own is None) != (other is None) or (own is not None and abs(own - (other or 0.0)) > TOLERANCE):
        return f"its threshold from the sources is {other}, that of the run is {own}"
    return ""
