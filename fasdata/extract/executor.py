"""Choose where clips are extracted: on this machine, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError, unknown_name
from fasdata.extract.child import USUAL, Limits, Seen, nobody
from fasdata.extract.jobs import Job, Result
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.detectors import require_detector

EXECUTORS = ("local", "ray")


@dataclass(frozen=True)
class Executor:
    """Runs jobs here (`local`) or on a Ray cluster (`ray`); the results are the same, and the caller writes them.

    `workers` are child processes or, with a detector on a GPU, clips extracted at once by one of them; 0 stands for
    this process itself, which a recording may then take down. For Ray they are jobs at once on the cluster, where 0
    stands for all of its cores. `limits` hold for child processes, wherever they run. Without `ray_address` (and
    `$RAY_ADDRESS`) Ray is started on this machine, and stopped at the end.
    """

    name: str = "local"
    workers: int = 0
    ray_address: str = ""
    limits: Limits = USUAL

    def __post_init__(self) -> None:
        if self.name not in EXECUTORS:
            raise unknown_name("value of --executor", self.name, EXECUTORS)
        if self.ray_address and self.name != "ray":
            raise UserError("--ray-address means nothing here", expected="--executor ray", found=self.name)

    def require(self, settings: ExtractSettings) -> None:
        """Check what can be known before anything is written.

        Raises:
            UserError: the detector's model or device is not on this machine, Ray is not installed, or the system has no
                such limits. The GPUs of a Ray cluster are its own matter.
        """
        self.limits.require()
        if self.name == "ray":
            from fasdata.extract.ray import require_ray

            require_ray(settings)
        if self.name == "local" or settings.device == "cpu":
            require_detector(settings.detector, settings.detector_request)

    def extract_clips(
        self, jobs: Sequence[Job], root: Path, settings: ExtractSettings, seen: Seen = nobody
    ) -> Generator[Result]:
        """Yield (record, encoded crops) for every job, in the order in which they are finished.

        Those that a stop request left no time for are missing. `seen` is told how many frames are decoded on this
        machine, while a clip is in hand too; nodes of a cluster do not tell.
        """
        if self.name == "ray":
            from fasdata.extract.ray import extract_clips

            return extract_clips(jobs, root, settings, self.workers, self.ray_address, self.limits)
        from fasdata.extract import local

        return local.extract_clips(jobs, root, settings, self.workers, self.limits, seen)


LOCAL = Executor()
