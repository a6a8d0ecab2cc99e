"""`fastrain landscape RUN`: measure the loss around a run's weights, keep it point by point, and show it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from fasdata.errors import UserError
from fasdata.progress import progress
from fasdata.stopping import Stopped, leave, stop_requested, stoppable
from fastrain.landscape.surfaces import FILE, BatchNorm, Domain, Landscape
from fastrain.report.landscape_section import FOLDER
from fastrain.rescore.finished_run import FinishedRun
from fastrain.rescore.landscape_images import batches_of, domain_images, parts_of, require_memory
from fastrain.rescore.landscape_request import LandscapeRequest
from fastrain.rescore.landscape_text import dry_words, summary
from fastrain.rundir import RunDir, older_views, selected_checkpoint

if TYPE_CHECKING:
    from torch import Tensor

    from fastrain.methods.base import Batch

EVERY = 1.0  # seconds between two writings of the file: killed, a run loses no more


def landscape_of_run(request: LandscapeRequest) -> str:
    """Measure what is missing of a run's landscape, write its files and the run's report; return the summary.

    The points of a landscape that was begun with the same request are kept. With `dry_run` nothing is computed or
    written, and the text says what would be.

    Raises:
        UserError: a value, a run or data that do not fit; a landscape of another request is there; too little memory.
        SystemExit: a signal stopped it; the points made so far are kept.
    """
    request.checked()
    run = FinishedRun.opened(request.folder, parts=("train", "test"), accelerator=request.device)
    size = request.batch_size or run.own_scorer.batch_size
    chosen = domain_images(run, request.images, request.seed)
    if request.batchnorm == "refit" and any(
        len(each.members) // parts_of(len(each.members), size) < 2 for each in chosen if not each.domain.target
    ):
        raise UserError("--batchnorm refit needs two images in every batch", do="another --batch-size")
    place = request.folder / FOLDER / FILE
    landscape = _begun(request, _facts(request, run, size), [each.domain for each in chosen], place)
    folder, device, note = RunDir(request.folder), run.own_scorer.fabric.device, older_views(run.about)
    folder.require_free()
    if landscape.points_left() or _unsharp(landscape):
        require_memory(chosen, device)
    if request.dry_run:
        return dry_words(landscape, place, str(device), size, note)
    with folder.locked():
        try:
            with stoppable(), _saved(landscape, place) as save:
                if landscape.points_left() or _unsharp(landscape):
                    _measure(request, run, landscape, batches_of(run, chosen, size), save)
        except Stopped as stopped:
            leave(stopped, "run the same command again")
        surfaces = _surfaces(landscape, place.parent)
        report = _report(request.folder)
    return summary(landscape, place, surfaces, report, "fastrain landscape", note)


def _facts(request: LandscapeRequest, run: FinishedRun, batch_size: int) -> dict[str, Any]:
    """Return everything that decides the numbers; what differs makes another landscape."""
    from fasdata.faces.view import View

    checkpoint = selected_checkpoint(request.folder)
    with checkpoint.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    about = run.about
    assert about.view  # no run is opened without
    geometry = View.named(about.view, about.image_size).geometry_version  # of this version, not of training
    return {
        "range": request.reach, "steps": request.steps, "images": request.images, "seed": request.seed,
        "batchnorm": request.batchnorm, "rho": list(request.rho), "method": about.method,
        "protocol": run.manifest.meta["canonical"], "manifest": run.manifest.meta["fingerprint"],
        "checkpoint": checkpoint.stem, "iteration": about.selection.iteration, "weights": digest[:16],
        "view": about.view, "view_geometry": geometry, "image_size": about.image_size, "precision": about.precision,
        **({"batch_size": batch_size} if request.batchnorm == "refit" else {}),
    }  # fmt: skip


def _begun(request: LandscapeRequest, facts: dict[str, Any], domains: Sequence[Domain], place: Path) -> Landscape:
    """Return the landscape to go on with: that of the file, if it is of this request, else a blank one.

    With `again` a file of another request, a finished one and a damaged one are replaced; an unfinished one of this
    request is gone on with, since a stopped command is told to be run again as it is.
    """
    blank = Landscape.blank(facts, domains, reach=request.reach, steps=request.steps, rho=request.rho)
    if not place.is_file():
        return blank
    try:
        before = Landscape.read(place)
    except UserError:
        if request.again:
            return blank
        raise
    differing = before.differences(facts)
    if request.again and (differing or not before.points_left()):
        return blank
    if differing:
        raise UserError(
            f"{place} holds another landscape",
            found="; ".join(differing),
            do="repeat its options to go on with it, or replace it by --again",
        )
    return before


def _unsharp(landscape: Landscape) -> list[int]:
    """Return the domains whose sharpness is not measured yet."""
    return [k for k, length in enumerate(landscape.gradient) if length != length]


@contextmanager
def _saved(landscape: Landscape, place: Path) -> Iterator[Any]:
    """Give a function that writes the file if it was not written for a while; at the end it is, if it has anything."""
    last = time.monotonic()

    def save() -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY:
            landscape.write(place)
            last = time.monotonic()

    try:
        yield save
    finally:
        if landscape.done.any() or len(_unsharp(landscape)) < len(landscape.domains):
            landscape.write(place)


def _measure(
    request: LandscapeRequest, run: FinishedRun, landscape: Landscape, batches: Sequence[Sequence[Batch]], save: Any
) -> None:
    import torch

    from fastrain.landscape.directions import Plane, refit_statistics
    from fastrain.landscape.gauge import Gauge

    method, fabric = run.own_scorer.method.eval(), run.own_scorer.fabric

    def log_odds(batch: Batch) -> Tensor:
        with fabric.autocast():
            return method.log_odds(batch)

    gauge = Gauge(method, log_odds)
    plane = Plane.random(method, request.seed, cast(BatchNorm, request.batchnorm))
    sources = [batches[k] for k, domain in enumerate(landscape.domains) if not domain.target]
    left, unsharp = landscape.points_left(), _unsharp(landscape)
    try:
        with progress(f"landscape of {request.folder.name}", len(left) + len(unsharp), "points") as bar:
            for k in unsharp:
                landscape.gradient[k], landscape.sharpness[k] = gauge.sharpness(batches[k], landscape.rho.tolist())
                _next(landscape, save, bar, sharpness=landscape.domains[k].name)
            for i, j in left:
                begun = time.perf_counter()
                with plane.at(float(landscape.axis[i]), float(landscape.axis[j])):
                    if request.batchnorm == "refit":
                        refit_statistics(method, lambda: [log_odds(batch) for domain in sources for batch in domain])
                    values = [gauge.measured(domain) for domain in batches]
                landscape.put((i, j), values, time.perf_counter() - begun)
                _next(landscape, save, bar, loss=" ".join(f"{loss:.3g}" for loss, _ in values))
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"{fabric.device} has too little memory", found=str(error).partition(".")[0], do="a smaller --batch-size"
        ) from None


def _next(landscape: Landscape, save: Any, bar: Any, **counts: object) -> None:
    save()
    bar.advance(**counts)
    by = stop_requested()
    if by is not None:
        raise Stopped(by, int(landscape.done.sum()), "points")


def _surfaces(landscape: Landscape, folder: Path) -> list[Path]:
    """Write a VTK file for each domain that has a finite loss; return their paths."""
    import numpy as np

    from fastrain.landscape.vtk import write_surface

    paths = []
    for k, domain in enumerate(landscape.domains):
        name = re.sub(r"[^a-z0-9]+", "-", domain.name.lower()).strip("-") or f"domain-{k}"
        path = folder / f"{'target-' if domain.target else ''}{name}.vts"
        if np.isfinite(landscape.loss[k]).any():
            write_surface(path, landscape.axis, landscape.loss[k], landscape.accuracy[k])
            paths.append(path)
    return paths


def _report(folder: Path) -> Path:
    """Write the run's report again; without pictures of people if it was so before."""
    from fastrain.report.mistakes import shows_people
    from fastrain.report.run_report import write_report

    page = RunDir(folder).file("report.html")
    write_report([folder], page, faces=shows_people(page))
    return page
