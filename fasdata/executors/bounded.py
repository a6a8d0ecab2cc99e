"""A bounded number of jobs at work in a pool of processes or threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait

from fasdata.executors.unit import Job, Result

IN_FLIGHT = 3  # jobs a worker: enough to stay busy, few enough that results do not pile up in memory


def bounded(pool: Executor, run: Callable[[Job], Result], jobs: Sequence[Job], workers: int) -> Iterator[Result]:
    """Yield the results of `run` over all jobs as they are finished; what `run` raises is raised here."""
    waiting: set[Future[Result]] = set()
    remaining = iter(jobs)
    while True:
        for job in remaining:
            waiting.add(pool.submit(run, job))
            if len(waiting) >= IN_FLIGHT * workers:
                break
        if not waiting:
            return
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        while finished:  # a result is let go before the next is looked at
            yield finished.pop().result()
