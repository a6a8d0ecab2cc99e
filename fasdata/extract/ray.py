"""Run jobs as tasks on the nodes of a Ray cluster. The driver alone writes, so that a lost node loses no result."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fasdata import __version__
from fasdata.datasets.tree import locate
from fasdata.errors import UserError
from fasdata.extract.child import USUAL, Limits, Lost, Work
from fasdata.extract.jobs import Job, Result
from fasdata.extract.local import IN_FLIGHT, WAKE, Grace
from fasdata.extract.processes import ClipProcess, persevere
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import detector_identity
from fasdata.ray_cluster import RETRIES, ray_cluster
from fasdata.ray_cluster import require_ray as require_package

PATIENCE = 30.0  # seconds without a result, after which the cluster is checked for nodes


@dataclass(frozen=True)
class Shared:
    """What every task needs: the work, the sha256 of the detector's weights, and our version."""

    work: Work
    detector: str
    version: str = __version__


def require_ray(settings: ExtractSettings) -> None:
    """Check that Ray is installed and can place the detector.

    Raises:
        UserError: it is not, or the device has a number (Ray itself deals out the GPUs).
    """
    require_package()
    if ":" in settings.device:
        raise UserError(f"--device {settings.device} with --executor ray", expected="cuda: Ray deals out the GPUs")


def extract_clips(
    jobs: Sequence[Job],
    root: Path,
    settings: ExtractSettings,
    workers: int,
    address: str,
    limits: Limits = USUAL,
) -> Generator[Result]:
    """Yield (record, encoded crops) for every job, in the order in which they are finished.

    Every node reads the recordings at the path that `root` has here, and has the same version of this package. A clip
    is worked on in a child process of Ray's: one that ends it is tried once more in a fresh one, then recorded as
    failed. Once a stop is requested no clip is begun, and what is not finished after a while is left out.

    Raises:
        UserError: no cluster at `address`, a node that does not see the recordings or has another version, what the
            detector needs is missing.
    """
    with ray_cluster(address, workers or None) as ray:
        task = ray.remote(run_job).options(
            num_cpus=1, num_gpus=0 if settings.device == "cpu" else 1, max_retries=RETRIES, scheduling_strategy="SPREAD"
        )
        identity = detector_identity(settings.detector, settings.detector_request)
        shared = ray.put(Shared(Work(settings, root.resolve(), limits), identity["detector_weights_sha256"]))
        remaining = iter(jobs)
        at_work: dict[Any, Job] = {}
        grace, last = Grace(), time.monotonic()
        while True:
            if not grace.begun():
                room = (workers or IN_FLIGHT * max(1, _cores(ray))) - len(at_work)
                at_work |= {task.remote(shared, job): job for _, job in zip(range(room), remaining, strict=False)}
            if not at_work or grace.over():
                return
            finished, _ = ray.wait(list(at_work), num_returns=1, timeout=WAKE)
            if finished:
                last = time.monotonic()
            elif time.monotonic() - last > PATIENCE:
                last = time.monotonic()
                if not _cores(ray):
                    print("no node of the Ray cluster is left; waiting for one to join", file=sys.stderr)
            while finished:
                reference = finished.pop()
                yield result_of(ray, reference, at_work.pop(reference))
                del reference  # lets the cluster forget the crops


def run_job(shared: Shared, job: Job) -> Result:
    """Run one job, in a process of some node."""
    node = platform.node()
    if shared.version != __version__:
        raise UserError(f"the node {node} has another version of fasdata", expected=shared.version, found=__version__)
    for relpath in job.clip.relpaths.values():
        if not locate(shared.work.root, relpath).exists():
            raise UserError(
                f"the node {node} of the Ray cluster does not see {shared.work.root / relpath}",
                expected="the raw dataset at the same path on every node (a shared file system)",
            )
    try:
        detector = _detector(shared.work.settings)
        if detector == shared.detector:
            return persevere(_process(shared.work), job)
    except UserError as error:
        raise UserError(f"on the node {node}: {error}") from None
    raise UserError(
        f"the node {node} has other weights or faces of the detector {shared.work.settings.detector}",
        expected=shared.detector[:12],
        found=detector[:12],
    )


@lru_cache(maxsize=1)
def _detector(settings: ExtractSettings) -> str:
    """Return the sha256 of the weights that this node has."""
    return str(detector_identity(settings.detector, settings.detector_request)["detector_weights_sha256"])


@lru_cache(maxsize=1)
def _process(work: Work) -> ClipProcess:
    """Build the detector once: Ray keeps its processes for the next task, and they their children."""
    return ClipProcess(work)


def result_of(ray: Any, reference: Any, job: Job) -> Result:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UserError):
            raise UserError(str(error.cause)) from None
        raise
    except ray.exceptions.RayError:
        return Lost(f"its node, or Ray's process there, was lost {RETRIES + 1} times").record(job)


def _cores(ray: Any) -> int:
    return int(ray.cluster_resources().get("CPU", 0))
