"""Carry out the runs of a sweep as an array job of Slurm, through submitit; a preempted one is requeued and goes on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.foreign import read_json_object
from fasdata.stopping import stop_requested
from fasdata.store.atomic import write_text
from fastrain.sweep.run_process import Outcome, RunProcess, Task, noted

LOOK = 2.0  # seconds between two looks at the jobs
_JOBS = "jobs.json"
_GONE = ("UNKNOWN", "NO PROCESS AND NO RESULT")  # states of a job that nobody knows any more


@dataclass(frozen=True)
class SlurmRuns:
    """Jobs of Slurm, or with `cluster="local"` processes of this machine; `parameters` are submitit's own.

    A job that was submitted before and is not over is waited for, not submitted again: jobs outlive this process.
    """

    folder: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    cluster: str = "slurm"
    workers: int | None = None

    @classmethod
    def on(cls, sweep: Path, parameters: Mapping[str, Any] | None, workers: int | None) -> SlurmRuns:
        """Return the executor.

        Raises:
            UserError: submitit is not installed.
        """
        if find_spec("submitit") is None:
            raise UserError("--executor slurm needs the package submitit", do="pip install 'fasdata[slurm]'")
        return cls(sweep / "slurm", parameters or {}, workers=workers)

    def outcomes(self, tasks: Sequence[Task]) -> Generator[Outcome]:
        """Yield how each run ended, as they end. A stop ends the waiting alone: jobs are Slurm's.

        Raises:
            UserError: Slurm cannot be used here, or it refuses the parameters.
        """
        return self.waited(tasks, self.submitted(tasks))

    def waited(self, tasks: Sequence[Task], jobs: dict[str, Any]) -> Generator[Outcome]:
        """Yield how each run ended, by the jobs that `submitted` returned."""
        by_name = {task.name: task for task in tasks}
        while jobs:
            if stop_requested():
                print(f"{len(jobs)} jobs go on; the same command waits for them again", file=sys.stderr)
                return
            over = [name for name, job in jobs.items() if job.done()]
            for name in over:
                yield _outcome(jobs.pop(name), by_name[name])
            if not over:
                time.sleep(LOOK if self.cluster == "slurm" else 0.2)

    def submitted(self, tasks: Sequence[Task]) -> dict[str, Any]:
        """Return the job of each task, submitted now where there is none at work."""
        import submitit

        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / _JOBS
        ids: dict[str, str] = read_json_object(file) if file.is_file() else {}
        kind = submitit.SlurmJob if self.cluster == "slurm" else submitit.LocalJob
        before: dict[str, Any] = {
            task.name: kind(self.folder, str(ids[task.name])) for task in tasks if task.name in ids
        }
        jobs: dict[str, Any] = {name: job for name, job in before.items() if not job.done() and job.state not in _GONE}
        new = [task for task in tasks if task.name not in jobs]
        if new:
            try:
                executor = submitit.AutoExecutor(self.folder, cluster=self.cluster)
                shared = {"slurm_array_parallelism": self.workers} if self.workers else {}
                executor.update_parameters(name="fastrain", **shared, **self.parameters)
                submitted = executor.map_array(Preemptible(), new)
            except (RuntimeError, NameError, ValueError, TypeError, submitit.core.utils.FailedJobError) as error:
                raise UserError(
                    "no job can be submitted", found=" ".join(str(error).split())[:300], do="see sbatch and --slurm"
                ) from None
            jobs |= {task.name: job for task, job in zip(new, submitted, strict=True)}
            write_text(file, json.dumps({**ids, **{name: job.job_id for name, job in jobs.items()}}, indent=1) + "\n")
        return jobs


class Preemptible:
    """Carries out a run in a child process of the job; when the job is to end, the run saves, and is requeued."""

    _process: RunProcess | None = None

    def __call__(self, task: Task) -> Outcome:
        self._process = RunProcess(task)
        return self._process.outcome()

    def checkpoint(self, task: Task) -> Any:
        """Do what SIGTERM does, `fasdata.stopping.request_stop` in the run's process; return what is to be requeued."""
        import submitit

        if self._process is not None:
            self._process.stop()
            self._process.wait()
        return submitit.helpers.DelayedSubmission(Preemptible(), task)


def _outcome(job: Any, task: Task) -> Outcome:
    try:
        outcome: Outcome = job.result()
        return outcome
    except Exception as error:  # of submitit: the job was cancelled, ran out of time too often, or its node failed
        outcome = Outcome(task.name, "failed", " ".join(str(error).split())[:400] or type(error).__name__)
        noted(task, outcome)
        return outcome
