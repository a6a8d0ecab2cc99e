"""Judge files as they come: faces are found in child processes, and scored as many at a time as have waited."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from fasdata.extract.child import Limits as ClipLimits
from fasdata.extract.child import Lost, Work
from fasdata.extract.jobs import Job
from fasdata.extract.processes import ClipProcess
from fastrain.bundle.finding import Recording
from fastrain.bundle.found import FoundClip
from fastrain.bundle.predictor import Judged, Predictor

AT_ONCE = 16  # recordings that are scored together


@dataclass(frozen=True)
class _Found:
    recording: Recording
    clip: FoundClip
    seconds: float
    future: Future[Judged]


class Judge:
    """Judges recordings with a predictor; a file that ends the process which decodes it costs its own answer alone.

    `finders` are processes that look for faces. A recording that yields no frame for `clip_seconds` is given up.
    `batched` is told how many recordings were scored together.
    """

    def __init__(
        self,
        predictor: Predictor,
        finders: int = 1,
        clip_seconds: float = 60.0,
        batched: Callable[[int], object] = lambda size: None,
    ) -> None:
        """Start the processes; `close` ends them."""
        settings = predictor.finding.settings()
        work = Work(settings, Path(Path.cwd().anchor), ClipLimits(clip_timeout=clip_seconds))
        self._predictor, self._batched = predictor, batched
        self._processes = [ClipProcess(work) for _ in range(finders)]
        self._free: SimpleQueue[ClipProcess] = SimpleQueue()
        self._finding = ThreadPoolExecutor(finders, thread_name_prefix="find")
        for process in self._processes:  # whoever asks first does not wait for libraries and detector to be loaded
            self._finding.submit(self._begin, process)
        self._waiting: queue.SimpleQueue[_Found | None] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._scoring = threading.Thread(target=self._score, name="score", daemon=True)
        self._scoring.start()

    def judge(self, recording: Recording) -> Future[Judged]:
        """Return the future of a recording's answer."""
        future: Future[Judged] = Future()
        self._finding.submit(self._find, recording, future)
        return future

    def close(self) -> None:
        """End the processes and wait for what is being scored."""
        self._finding.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.close()
        self._waiting.put(None)
        self._scoring.join(10)

    def _begin(self, process: ClipProcess) -> None:
        """Let a process take recordings once it can: until then the others do."""
        process.start()
        self._free.put(process)

    def _find(self, recording: Recording, future: Future[Judged]) -> None:
        before = time.perf_counter()
        job = Job(recording.clip(next(self._numbers) % 10**8))
        process = self._free.get()
        try:
            record, crops = process.run(job)
        except Lost as lost:
            record, crops = lost.record(job)
        except BaseException as error:  # whoever waits is told, whatever it was
            future.set_exception(error)
            return
        finally:
            self._free.put(process)
        try:
            clip = FoundClip.of(record, crops, self._predictor.finding)
        except BaseException as error:
            future.set_exception(error)
            return
        self._waiting.put(_Found(recording, clip, time.perf_counter() - before, future))

    def _score(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < AT_ONCE and batch[-1] is not None:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            clips = [waiting for waiting in batch if waiting is not None]
            if clips:
                self._batched(len(clips))
                self._answer(clips)
            if len(clips) < len(batch):
                return

    def _answer(self, batch: list[_Found]) -> None:
        """Score recordings together; where that fails, one by one, so that none answers for another."""
        try:
            places = [(place, waiting.clip, waiting.seconds) for place, waiting in enumerate(batch)]
            judged = self._predictor.judged([waiting.recording for waiting in batch], places, smaller=False)
        except BaseException as error:
            if len(batch) == 1:
                batch[0].future.set_exception(error)
            else:
                for waiting in batch:
                    self._answer([waiting])
            return
        for place, waiting in enumerate(batch):
            waiting.future.set_result(judged[place])
