"""What a bundle says of the run that it is made of: licences, error rates at its threshold, and provenance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.faces.detectors import DETECTORS, detector_licence
from fastrain.bundle.finding import Finding
from fastrain.bundle.form import LicenceFacts, RateFacts, Threshold
from fastrain.bundle.opened import Bundle
from fastrain.report.ledger import entries
from fastrain.report.run_folder import RunFolder
from fastrain.rundir import RunDir, RunFacts

OUTSIDE = "network from outside"


def licences_of(folder: Path, about: RunFacts, finding: Finding) -> list[LicenceFacts]:
    """Return the licences of the run's data, weights and packages, of networks from outside, and of the detector."""
    parts = [
        LicenceFacts(what=part.what, name=part.name, licence=part.licence, research_only=part.research_only)
        for part in entries(RunFolder.read(folder))
    ]
    if about.contestant is not None:
        parts += [
            LicenceFacts(what=OUTSIDE, name=network.origin or network.kind, licence="as its owner says")
            for network in about.contestant.networks
        ]
    name = str(finding.store.get("detector"))
    if not any(part.what == "face detector" and part.name == name for part in parts):
        barred = DETECTORS[name].research_only
        parts.append(
            LicenceFacts(what="face detector", name=name, licence=detector_licence(name), research_only=barred)
        )
    return parts


def require_licences(licences: Sequence[LicenceFacts], commercial: bool) -> None:
    """Stop where a bundle is for `commercial` use and some part bars it.

    Raises:
        UserError: names every such part.
    """
    barred = [f"{part.what} {part.name}: {part.licence}" for part in licences if part.research_only]
    if commercial and barred:
        raise UserError("the terms of this run's parts bar commercial use", found="; ".join(barred))


def rates_of(folder: Path, threshold: Threshold | None) -> list[RateFacts]:
    """Return the error rates of clips at the threshold, of each part that was scored."""
    run = RunDir(folder)
    if threshold is None or not run.file("results.json").is_file():
        return []
    results = run.results()
    tree = results.tree()
    rates = []
    for row in results.metrics:
        if row.level != "clip" or row.threshold_policy != threshold.policy or row.value is None:
            continue
        if row.metric not in ("apcer", "bpcer", "hter", "acer_max"):
            continue
        counts = [count for count in tree.get("counts", ()) if count.get("part") == row.part]
        people = (tree.get("uncertainty", {}).get(row.part) or {}).get("subjects")
        rates.append(
            RateFacts(
                part=row.part,
                data=", ".join(dict.fromkeys(str(count["dataset"]) for count in counts)),
                metric=row.metric,
                value=row.value,
                low=_known(row, "low"),
                high=_known(row, "high"),
                rule=str(getattr(row, "rule", None) or ""),
                people=people if isinstance(people, int) else None,
                clips=sum(int(c.get("clips", 0)) for c in counts),
            )
        )
    return rates


def _known(row: Any, name: str) -> float | None:
    value = getattr(row, name, None)
    return float(value) if isinstance(value, (int, float)) else None


def provenance_of(about: RunFacts) -> dict[str, Any]:
    """Return where a run comes from, without any path."""
    names = (
        "method", "protocol", "protocol_alias", "recipe", "manifest_fingerprint", "config_hash", "seed", "finished",
        "tool_version", "versions", "color_order", "code",
    )  # fmt: skip
    tree = about.tree()
    kept = {name: tree[name] for name in names if tree.get(name) is not None}
    return {**kept, "selection": dict(tree.get("selection") or {})}


def bundle_of_run(bundle: Path, run: Path) -> str:
    """Return the SHA-256 of a bundle that was made of a run, and the threshold that it decides at.

    Raises:
        UserError: it is no bundle, or was made of another run.
    """
    opened, of_run = Bundle.read(bundle), provenance_of(RunDir(run).facts())
    names = ("method", "manifest_fingerprint", "config_hash", "seed", "finished")
    other = [name for name in names if opened.facts.provenance.get(name) != of_run.get(name)]
    if other:
        raise UserError(f"{bundle} was not made of the run {run}", found=f"another {', '.join(other)}",
                        do=f"export it: fastrain export {run} --out pad.fasb")  # fmt: skip
    threshold = opened.facts.threshold
    return f"{opened.sha256}, deciding at {threshold}" if threshold else opened.sha256
