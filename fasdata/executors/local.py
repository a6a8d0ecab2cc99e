"""Local processes: each builds its detector once and extracts clips; the parent alone writes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from fasdata.clipwork import ClipWork
from fasdata.datasets.walk import locate
from fasdata.errors import UserError
from fasdata.media.frame import UnreadableMedia
from fasdata.media.readers import open_source
from fasdata.records import Clip, ClipRecord
from fasdata.settings import ExtractSettings, make_detector

Result = tuple[ClipRecord, dict[str, bytes]]
IN_FLIGHT = 3  # units a worker: enough to stay busy, few enough that results do not pile up in memory


def extract_clips(clips: Sequence[Clip], root: Path, settings: ExtractSettings, workers: int) -> Iterator[Result]:
    """Yield (record, encoded crops) for every clip, in the order in which they are finished."""
    if workers <= 1 or len(clips) <= 1:
        _start(settings, root, own_process=False)
        yield from map(_one, clips)
        return
    # The server imports the heavy libraries once; workers are forked from it before it has any thread or state.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["av", "cv2", *(["facenet_pytorch", "torch"] if settings.uses_torch else [])])
    pool = ProcessPoolExecutor(
        min(workers, len(clips)), mp_context=context, initializer=_start, initargs=(settings, root, True)
    )
    try:
        yield from _bounded(pool, clips, IN_FLIGHT * workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _bounded(pool: ProcessPoolExecutor, clips: Sequence[Clip], limit: int) -> Iterator[Result]:
    waiting: set[Future[Result]] = set()
    remaining = iter(clips)
    while True:
        for clip in remaining:
            waiting.add(pool.submit(_one, clip))
            if len(waiting) >= limit:
                break
        if not waiting:
            return
        finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in finished:
            try:
                result = future.result()
            except BrokenProcessPool:
                raise UserError(
                    "a worker process was ended from outside (out of memory?)",
                    do="run the same command again with fewer --workers: finished clips are kept",
                ) from None
            yield result


_work: ClipWork | None = None
_root = Path()


def _start(settings: ExtractSettings, root: Path, own_process: bool) -> None:
    global _work, _root
    _limit_threads(settings)
    if own_process:
        _die_with_parent()
    _work, _root = ClipWork(settings, make_detector(settings)), root


def _one(clip: Clip) -> Result:
    assert _work is not None
    try:
        form = _work.settings.form
        source = open_source(form, {name: locate(_root, relpath) for name, relpath in clip.relpaths.items()})
    except (UnreadableMedia, UserError) as error:
        return ClipRecord(clip, "failed", str(error)), {}
    return _work.extract(clip, source)


def _limit_threads(settings: ExtractSettings) -> None:
    """One thread a worker: processes are the parallelism, and the numbers do not depend on how many."""
    import cv2

    cv2.setNumThreads(1)
    if settings.uses_torch:
        import torch

        torch.set_num_threads(1)


def _die_with_parent() -> None:
    """End this worker when the parent is killed: it would otherwise wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
