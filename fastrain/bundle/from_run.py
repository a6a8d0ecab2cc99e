"""The predictor of a run folder: its own network and scorer, and faces found as its stores found them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from fasdata.errors import UserError, naming
from fasdata.faces.view import CONTEXT, View
from fasdata.foreign import read_json_object
from fasdata.protocols.own_rules import is_own
from fastrain.bundle.finding import ACCEPTED, FRAMES, Finding
from fastrain.bundle.form import Threshold
from fastrain.bundle.predictor import Predictor, Scorer
from fastrain.data.by_dataset import Preparation
from fastrain.evaluation.thresholds import SOURCE_EER, is_oracle
from fastrain.rescore.outside_scores import has_networks
from fastrain.run.settings import own_config
from fastrain.rundir import RunDir, RunFacts
from fastrain.rundir.folder import RESULTS, RUN


def predictor_of_run(
    folder: Path, *, policy: str = "", finding: Finding | None = None, accelerator: str = "auto"
) -> Predictor:
    """Return the predictor of a finished, imported or outside run.

    Raises:
        UserError: no such run, or it has no network; a detector, a checkpoint or a package that it needs is not there.
    """
    run = RunDir(folder)
    about = run.facts()
    run.require_network(about)
    found_by = finding or finding_of_run(run, about)
    threshold = threshold_of_run(run, policy)
    if has_networks(about):
        return _outside(run, about, found_by, threshold, accelerator)
    return _trained(run, about, found_by, threshold, accelerator)


def _trained(
    run: RunDir, about: RunFacts, finding: Finding, threshold: Threshold | None, accelerator: str
) -> Predictor:
    from fastrain.config import modalities_of
    from fastrain.networks.checkpoint import Checkpoint
    from fastrain.run.assembly import Data, assembly_of_run, load_network
    from fastrain.run.plan import settled_view

    config = own_config(run)
    path = run.checkpoint(about)
    Checkpoint.read(path)  # what is missing is told before a network is built
    if about.view:
        with naming(str(run.file(RUN))):
            view = View.named(about.view, about.image_size)
    else:
        view = settled_view(config, bool(config.data.view), cast(Any, None), do="--set data.view=box")[0]
    data = Data(cast(Any, None), {}, view)  # no part of any manifest is opened
    assembly = assembly_of_run(run, about, config, data, parts=(), accelerator=accelerator)
    load_network(run, about, assembly.method, path.stem)
    return Predictor(
        str(run.path),
        finding,
        assembly.scorer,
        view,
        modalities_of(config),
        threshold,
        by_dataset=Preparation.of(config.data),
        details={"assembly": assembly},
        run=run.path,
    )


def _outside(
    run: RunDir, about: RunFacts, finding: Finding, threshold: Threshold | None, accelerator: str
) -> Predictor:
    from fastrain.outside.networks import OutsideScorer, load_networks

    assert about.contestant is not None
    networks = tuple(load_networks(run.path, about.contestant.networks, accelerator))
    scorer: Scorer = OutsideScorer(networks)
    finding = with_views(finding, [network.view for network in networks])
    return Predictor(str(run.path), finding, scorer, networks[0].view, ("rgb",), threshold, run=run.path)


def with_views(finding: Finding, views: list[View]) -> Finding:
    """Return a finding that keeps what these views show, where the region of its store may be too small for them."""
    from dataclasses import replace

    if all(view.name != CONTEXT for view in views):
        return finding
    store = {name: value for name, value in finding.store.items() if name != "context"}
    return replace(finding, store={**store, "views": sorted({str(view) for view in views} | {*store.get("views", ())})})


# -- How the faces of a run were found ---------------------------------------------------------------------------------


def finding_of_run(run: RunDir, about: RunFacts) -> Finding:
    """Return how the stores of a run found faces, and which frames of a clip its protocol tests.

    Where its stores differ, it is the first source's whose detector looks at pictures. A run whose stores are not here
    any more has the usual way of new stores; networks from outside, which never had any, see a face in all its pixels.
    """
    manifest = run.manifest().tree() if run.file("manifest.json").is_file() else {}
    store = _store(about, manifest)
    frames = (manifest.get("frame_rules") or {}).get("test") or FRAMES
    if is_own(frames.partition("@")[0]):
        raise UserError(
            f"the frames that this run was tested on were chosen by {frames}, a rule from outside",
            expected="a protocol whose --test-frames is a rule of fasdata",
            do="what predicts or is exported chooses frames as it does, and has no code of others imported",
        )
    return Finding(store, frames, _accepted(manifest))


def _store(about: RunFacts, manifest: Mapping[str, Any]) -> dict[str, Any]:
    from fasdata.extract.settings import ExtractSettings
    from fasdata.faces.detectors import DETECTORS
    from fasdata.media.readers import MediaForm
    from fasdata.protocols.sampling import FrameRule

    domains = [*(manifest.get("domains") or ()), *(manifest.get("target") or ())]
    files = [Path(about.library or ".") / str(domain.get("dataset")) / "store.json" for domain in domains]
    stores = [read_json_object(path).get("config") for path in files if path.is_file()]
    outside = [config for config in stores if isinstance(config, dict) and config.get("detector_code")]
    if outside:
        raise UserError(
            f"the faces of this run were found by {outside[0].get('detector')}, a detector from outside",
            expected="stores made with a detector of fasdata",
            do="what predicts or is exported finds faces as its stores do, and has no code of others imported",
        )
    known = [config for config in stores if isinstance(config, dict) and config.get("detector") in DETECTORS]
    looking = [config for config in known if DETECTORS[config["detector"]].searches]
    if looking or known:
        kept = dict((looking or known)[0])
        kept.pop("frames", None)
        return kept
    rules = (FrameRule.parse(FRAMES),)
    settings = ExtractSettings(rules=rules) if about.contestant is None else ExtractSettings(rules=rules, max_side=0)
    usual = settings.settled(MediaForm()).recorded()
    usual.pop("frames")
    return usual


def _accepted(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    pools = (manifest.get("recipe") or {}).get("pools") or {}
    pool: Mapping[str, Any] = pools.get(manifest.get("pool")) or next(iter(pools.values()), {})
    accepted = (pool.get("target") or {}).get("on_miss")
    return tuple(accepted) if accepted is not None else ACCEPTED


# -- Its threshold -----------------------------------------------------------------------------------------------------


def threshold_of_run(run: RunDir, policy: str = "") -> Threshold | None:
    """Return the clip threshold of a run by a policy, by default the one that its sources give; None without one.

    Raises:
        UserError: the policy looks at the data it is judged on, or the run has no threshold of that name.
    """
    wanted = policy or SOURCE_EER.name
    if is_oracle(wanted):
        raise UserError(f"the policy {wanted} looks at the labels of the data it is judged on: nobody can deploy that")
    rows = run.results().thresholds if run.file(RESULTS).is_file() else []
    row = next((row for row in rows if row.level == "clip" and row.policy == wanted), None)
    if row is None or row.value is None:
        if policy:
            names = ", ".join(row.policy for row in rows if row.level == "clip" and not is_oracle(row.policy))
            raise UserError(f"{run.path} has no threshold by {policy}", expected=names or "a number")
        return None
    manifest = run.manifest().tree() if run.file("manifest.json").is_file() else {}
    sources = ", ".join(str(domain.get("dataset")) for domain in manifest.get("domains") or ())
    data = f"held-out people of {sources}" if sources and getattr(row, "from_part", "val") == "val" else ""
    return Threshold(value=row.value, policy=wanted, data=data)
