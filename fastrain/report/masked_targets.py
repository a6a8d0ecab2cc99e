"""The evaluations of a run on targets that lack modalities, as far as they can stand beside the complete one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fastrain.evaluation.results_lookup import HONEST, Results
from fastrain.rundir import RunDir

# -- Whether one manifest is another with modalities of its test rows taken away --------------------------------------


_SAME = ("recipe", "domains", "target", "frame_rules", "modalities", "validation", "counts", "stores")


def only_masked(trained: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Tell whether `now` is a `@miss-*` variant of the protocol of `trained`, built alike; both are manifests' meta.

    Built alike: the same recipe, stores, validation (its seed and people included) and counts.
    """
    from fasdata.protocols.planning import MASKS

    name, _, variant = str(now.get("canonical")).partition("@")
    return (
        variant in MASKS and name == trained.get("canonical") and all(trained.get(key) == now.get(key) for key in _SAME)
    )


# -- What the network of a run sees -----------------------------------------------------------------------------------


def modalities_of(run: RunDir) -> tuple[str, ...]:
    """Return the modalities that a run was configured for; methods without that setting see colour.

    Raises:
        UserError: the configuration is missing or damaged.
    """
    model = run.read_config().get("model")
    named = model.get("modalities") if isinstance(model, dict) else None
    return tuple(map(str, named)) if isinstance(named, list) and named else ("rgb",)


# -- The protocols that differ from a trained one in what the target's faces lack -------------------------------------


def masked_variants(trained: Mapping[str, Any], modalities: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the `@miss-*` variants of a manifest's protocol, each with what a network of `modalities` loses by it.

    `trained` is the manifest's meta. Left out are variants that take nothing from the network, all it sees, or the same
    as one before. A protocol that is a variant itself or stays inside one dataset has none.

    Raises:
        UserError: the protocol's name cannot be read.
    """
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.planning import MASKS

    name = parse(str(trained.get("canonical")))
    if name.intra or name.variant:
        return {}
    found: dict[str, tuple[str, ...]] = {}
    for variant, masked in MASKS.items():
        lost = tuple(one for one in modalities if one in masked)
        held = set(masked) <= set(trained.get("modalities") or ())
        if held and lost and len(lost) < len(modalities) and lost not in found.values():
            found[f"{name.canonical}@{variant}"] = lost
    return found


# -- The evaluations of a run on targets that lack modalities, as far as they can stand beside the complete one -------


TOLERANCE = 1e-4  # of a threshold on scores: the same network on the same pictures, perhaps on another device


@dataclass(frozen=True)
class Rung:
    """The results on a target whose faces lack the modalities `lost`; none for the complete one."""

    lost: tuple[str, ...]
    results: Results
    folder: Path

    @property
    def threshold(self) -> float | None:
        """Return the clip-level threshold of the held-out sources, as this evaluation found it."""
        return self.results.threshold("clip", HONEST)


@dataclass(frozen=True)
class Degradation:
    """The complete target first, then those found with less; `unfit` says of the other evaluations what is wrong."""

    rungs: tuple[Rung, ...]
    unfit: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> Degradation | None:
        """Read a finished run and the evaluations below it; None where nothing can be lost.

        That is so where the network sees one modality, where the protocol has no variant that takes one of several
        away, and in the folder of an evaluation, which has no network of its own.

        Raises:
            UserError: a file of the run itself is missing or damaged.
        """
        run = RunDir(folder)
        about, trained = run.read_json("run.json"), run.read_json("manifest.json")
        variants = masked_variants(trained, modalities_of(run))
        if not variants or ("evaluation_of" in about and not run.checkpoints.is_dir()):
            return None
        complete = Rung((), Results(run.read_json("results.json")), folder)
        found: dict[str, tuple[str, Rung]] = {}
        unfit = []
        for place in sorted((folder / "evaluations").glob("*/run.json")):
            try:
                told = RunDir(place.parent).read_json("run.json")
                protocol = str(told.get("protocol"))
                if protocol not in variants:
                    continue
                rung = Rung(variants[protocol], Results(RunDir(place.parent).read_json("results.json")), place.parent)
                why = _why_unfit(about, trained, complete, told, rung)
            except UserError as error:
                why = str(error)
            if why:
                unfit.append(f"{place.parent.name}: {why}")
            else:
                found[protocol] = max(found.get(protocol, ("", rung)), (str(told.get("finished")), rung), key=_when)
        return cls((complete, *(found[name][1] for name in variants if name in found)), tuple(unfit))

    def largest_shift(self) -> float:
        """Return how far the threshold of an evaluation is from the complete one at most."""
        thresholds = [rung.threshold for rung in self.rungs if rung.threshold is not None]
        return max(thresholds) - min(thresholds) if thresholds else 0.0


def _when(found: tuple[str, Rung]) -> str:
    return found[0]


def _why_unfit(
    about: Mapping[str, Any], trained: Mapping[str, Any], complete: Rung, told: Mapping[str, Any], rung: Rung
) -> str:
    if told.get("changed_data") or not only_masked(trained, RunDir(rung.folder).read_json("manifest.json")):
        return "its clips are not those of this run"
    if told.get("selection") != about.get("selection"):
        return "it was made with another checkpoint"
    if rung.results.data.get("fta") != complete.results.data.get("fta"):
        return "it counts clips without a usable face otherwise"
    mine, other = complete.threshold, rung.threshold
    if (mine is None) != (other is None) or (mine is not None and abs(mine - (other or 0.0)) > TOLERANCE):
        return f"its threshold from the sources is {other}, that of the run is {mine}"
    return ""
