"""`fastrain run`: from a request to a folder with scores, results and a report."""

from __future__ import annotations

import math
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasdata import __version__
from fasdata.errors import EXIT_USER_ERROR, UserError
from fasdata.manifests.meta import parameters_of, recipe_key
from fasdata.stopping import Stopped, StoppedExit, ending_at_once, leave, stoppable
from fastrain.config import config_hash
from fastrain.data.manifests import with_changes
from fastrain.run.code import code_facts, keep_code
from fastrain.run.plan import RunPlan, check_settings, make_plan
from fastrain.run.request import RunRequest
from fastrain.run.summary import summary
from fastrain.rundir import ResultFacts, RunDir, RunFacts

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from fastrain.run.session import Session
    from fastrain.train.trackers import Trackers

_VERSIONED = (
    "torch",
    "torchvision",
    "timm",
    "open_clip_torch",
    "lightning-fabric",
    "numpy",
    "opencv-python",
    "opencv-python-headless",
)


def run(request: RunRequest) -> Path | None:
    """Train, score, evaluate and report; continue what was begun; return the run folder (None after a dry run).

    Raises:
        UserError: something in the request, the library or the run folder does not fit, or a loss is not finite.
        SystemExit: training was stopped by a signal; what was done is saved.
    """
    whole = request.completed()
    plan = make_plan(whole, check_settings(request))
    if whole.dry_run and is_first_process():
        from fastrain.run.describe import describe_plan

        print(describe_plan(plan))
    if plan.state == "finished":
        print(f"{plan.run.path} is finished already; nothing to do")
        if whole.dry_run:
            return None
        if not plan.run.file("report.html").is_file():  # stopped between the results and the page
            _report(plan)
        show(plan.run)
        return plan.run.path
    fabric, session = made_ready(plan)
    if whole.dry_run:
        if fabric.is_global_zero:
            print(f"nothing stands in the way of this run{_after(session.restored)}; nothing was written")
            session.loader.close()
        return None
    claimed = plan.manifest_file.manifest.in_use(plan.library)
    with claimed, plan.run.locked() if fabric.is_global_zero else _silent():
        fabric.barrier()
        with stoppable():
            try:
                _carry_out(plan, fabric, session)
            except Stopped as stopped:
                if fabric.is_global_zero:
                    leave(stopped, f"fastrain run --resume {plan.run.path}")
                raise StoppedExit(stopped.exit_code) from None
    return plan.run.path


def made_ready(plan: RunPlan) -> tuple[Fabric, Session]:
    """Open the devices and build all that training needs, up to its first iteration; write nothing.

    A run and a dry run both come through here, so that one refuses what the other does. What needs pretrained weights
    comes last.

    Raises:
        UserError: another process trains in the folder; the machine cannot do what is asked; what the images lack;
            weights that cannot be had or read; a checkpoint or a log that cannot be gone on from.
    """
    from fastrain.run.session import Session
    from fastrain.train.devices import open_devices

    request = plan.request
    if is_first_process():  # the others start when it holds the lock
        plan.run.require_free()
    fabric = open_devices(
        request.accelerator or "auto", request.devices or "1", request.precision or "32-true", request.threads
    )
    with nullcontext() if fabric.is_global_zero else _silent():
        session = Session(plan, fabric)
        session.restored  # noqa: B018 (the last checkpoint is loaded, or refused, now)
    return fabric, session


def is_first_process() -> bool:
    """Tell whether this is the process that the user started, and not one of further devices."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def _after(iteration: int) -> str:
    return f", which goes on after iteration {iteration}" if iteration else ""


def show(run: RunDir) -> None:
    """Print the summary of a run that has results."""
    print(summary(run.facts(), run.results()))
    if run.file("report.html").is_file():
        print(f"\nreport: {run.file('report.html')}")


def evaluate_run(folder: Path, fta: str | None = None) -> None:
    """Compute `results.json` of a run again from its `scores.csv`, and print the summary.

    With `fta` the other rule's numbers are printed only: what the folder says stays what the run was configured for.

    Raises:
        UserError: no run, no scores, a damaged table, one of another manifest.
    """
    from fastrain.evaluation.averaged import run_results
    from fastrain.evaluation.scores import ScoreOrigin, ScoreTable

    run = RunDir(folder)
    about, own = run.facts(), run.config().evaluate.fta
    table = ScoreTable.read_csv(run.file("scores.csv"))
    ScoreOrigin.of(table).require_manifest(about.manifest_fingerprint, table.source)
    results = finite(run_results(table, selection=about.selection.policy or "", fta=fta or own))
    if fta in (None, own):
        run.write_json("results.json", with_changes(results, about.changed_data))
        show(run)
    else:
        print(f"failure to acquire: {fta} (the run's own results, with {own}, stay as they are)")
        print(summary(about, ResultFacts.model_validate(results)))


def finite(value: Any) -> Any:
    """Replace numbers that are not finite by None in JSON data."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _carry_out(plan: RunPlan, fabric: Fabric, session: Session) -> None:
    from fastrain.train.devices import peak_memory

    first = fabric.is_global_zero
    if first:
        view = f"view {plan.view.geometry} at {plan.view.size} pixels"
        print(f"{plan.manifest_file.note}; {view}; run folder {plan.run.path}")
        if plan.view_note:
            print(f"note: {plan.view_note}; so the view is {plan.view.name}")
        if plan.preset_note:
            print(f"note: {plan.preset_note}")
        print(f"images {plan.images.note}")
        for note in (*plan.sampling.notes, *plan.sampling.deviations):
            print(f"note: {note}")
    about = _begun(plan, session, fabric) if first else {}
    with _status(plan.run, about) if first else nullcontext(), _tracked(plan, session, about) as trackers:
        outcome = session.train(trackers)
        with ending_at_once(outcome.iterations, "iterations"):  # all is saved; what follows is done again from there
            begun = time.monotonic()
            scored = session.score()
            iteration = session.engine.load_selected()
            if first:
                about["train_seconds"] = round(outcome.seconds, 1)
                about["cost"] = {
                    "device_seconds": round((outcome.seconds + time.monotonic() - begun) * fabric.world_size, 1),
                    "peak_memory_bytes": peak_memory(fabric),
                    "images_per_second": outcome.rate and round(outcome.rate, 1),
                }
                about["selection"]["iteration"] = iteration
                results = _conclude(plan, session, scored, about)
                trackers.conclude(_of_target(results), outcome.iterations)
    if first:
        show(plan.run)
    fabric.barrier()


def _begun(plan: RunPlan, session: Session, fabric: Fabric) -> dict[str, Any]:
    """Write the files that a run folder has from its start: configuration, manifest, `run.json`."""
    from fastrain.train.training_state import fixed_weights

    run, config, manifest = plan.run, plan.config, plan.manifest_file.manifest
    before = run.facts() if plan.state != "new" else None
    if before is None:
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        run.write_config(config)
        run.write_json("manifest.json", manifest.meta)
        keep_code(run, config)
    about = {
        "method": config.method,
        "protocol_alias": manifest.meta["alias"],
        **plan.facts(),
        "recipe_parameters": parameters_of(manifest.meta["recipe"]),
        "lock": plan.lock.as_json(),
        "changed_data": plan.changed_data,
        "manifest_path": str(plan.manifest_file.path),
        "library": str(plan.library.root),
        "code": [*code_facts(config, before), *manifest.meta.get("code", ())],
        "seed": config.train.seed,
        "preset": plan.request.preset,
        "overrides": list(plan.request.overrides),
        "shuffle_labels": config.data.shuffle_labels,
        "images": plan.images.note,
        "drawing": list(plan.sampling.notes),
        "not_applied": list(plan.sampling.deviations),
        "color_order": config.model.get("color_order", "rgb"),
        "device": _device_name(fabric),
        "config_hash": config_hash(config),
        "selection": session.about_selection(),
        "n_parameters": sum(parameter.numel() for parameter in session.method.parameters()),
        "n_trained": sum(parameter.numel() for parameter in session.method.parameters() if parameter.requires_grad),
        "fixed_weights": [
            weights.tree() for weights in (before.fixed_weights if before else fixed_weights(session.method))
        ],
        "train_seconds": None,
        "started": (before and before.started) or _now(),
        "finished": None,
        "status": "running",
        "versions": _versions(),
        "tool_version": __version__,
        "request": plan.request.kept(),
    }
    run.write_json("run.json", about)
    return about


@contextmanager
def _tracked(plan: RunPlan, session: Session, about: dict[str, Any]) -> Iterator[Trackers]:
    """Give the trackers that the run was asked to tell; of several devices the first one alone tells any."""
    from fastrain.train.trackers import Tracked, Trackers, opened, trackers_named

    if not about:
        yield Trackers({})
        return
    meta = plan.manifest_file.manifest.meta
    names = {"protocol": meta["canonical"], "recipe": recipe_key(meta["recipe"])}
    settings = {**names, **plan.config.model_dump(mode="json")}
    tracked = Tracked.of(plan.run.path, f"{about['started']} {about['config_hash']}", settings)
    with opened(trackers_named(plan.request.track), tracked, session.restored) as trackers:
        yield trackers


def _of_target(results: Mapping[str, Any]) -> dict[str, float]:
    """Return what trackers are told at the end: the clips of the target, at a threshold of the sources."""
    from fastrain.evaluation.results_lookup import HONEST, TEST, Results

    numbers = {"auc": "", "hter": HONEST}
    values = {name: Results(dict(results)).metric(TEST, "clip", name, policy) for name, policy in numbers.items()}
    return {f"{TEST}/{name}": value for name, value in values.items() if value is not None}


def _conclude(plan: RunPlan, session: Session, scored: Any, about: dict[str, Any]) -> dict[str, Any]:
    """Write scores, results and page of a run; return the results."""
    from fastrain.evaluation.averaged import run_results
    from fastrain.evaluation.scores import ScoreOrigin
    from fastrain.run.conclude import probe, score_table, trained_clips, with_fields

    run = plan.run
    manifest = plan.manifest_file.manifest
    table = with_fields(score_table(manifest, scored), plan.stores, trained_clips(manifest))
    table = ScoreOrigin.of_run(RunFacts.model_validate(about)).on(table)
    table.write_csv(run.file("scores.csv"))
    judged = run_results(table, selection=about["selection"]["policy"], fta=plan.config.evaluate.fta)
    results: dict[str, Any] = finite(with_changes(judged, plan.changed_data))
    run.write_json("results.json", results)
    run.write_json("probe.json", finite(probe(session.true_images)))
    about |= {"status": "finished", "finished": _now()}
    run.write_json("run.json", about)
    _report(plan)
    return results


def _report(plan: RunPlan) -> None:
    if not plan.request.report:
        return
    from fastrain.report.run_report import write_report

    write_report([plan.run.path], plan.run.file("report.html"), faces=plan.request.faces)


@contextmanager
def _silent() -> Iterator[None]:
    """Let the first device alone report an error that all devices meet."""
    try:
        yield
    except UserError:
        sys.exit(EXIT_USER_ERROR)


@contextmanager
def _status(run: RunDir, about: dict[str, Any]) -> Iterator[None]:
    """Record in `run.json` why a run ended early."""
    try:
        yield
    except BaseException as error:
        if about["status"] == "finished":  # and only its page was being written
            raise
        about |= {"status": "stopped", "reason": " ".join(str(error).split()) or type(error).__name__}
        run.write_json("run.json", about)
        raise


def _device_name(fabric: Fabric) -> str:
    import torch

    kind = fabric.device.type
    return f"cuda ({torch.cuda.get_device_name(fabric.device)})" if kind == "cuda" else kind


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _VERSIONED:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
