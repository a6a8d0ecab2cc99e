"""The evaluations of a run on targets that lack modalities, as far as they can stand beside the complete one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fastrain.missing.same_rows import only_masked
from fastrain.missing.seen import modalities_of
from fastrain.missing.variants import masked_variants
from fastrain.report.results import HONEST, Results
from fastrain.rundir import RunDir

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
