"""Run networks from outside (ONNX) within bounds: a few bytes of a file can ask for all memory that there is.

The limit is the kernel's, on what this process holds as data, so that it holds for whatever a runtime does: folding
constants while it loads a file, tensors whose size depends on values, memory for its own use. Elsewhere than on Linux,
and on a GPU, whose driver sets terabytes aside, there is none.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

MOST = 4 << 30  # bytes beyond what the process holds when a network begins
PROCESSOR = "CPUExecutionProvider"
_lock = threading.Lock()
_inside = 0
_before = (-1, -1)


def session_of(graph: bytes, *, threads: int = 0, providers: Sequence[str] = (PROCESSOR,)) -> Any:
    """Load a graph into onnxruntime, of which somebody made sure that it points at no other file.

    What a run needed is given back after it: an arena would keep it, and grow with each run that needs other pieces.
    `threads` 0 are as many as there are cores. It raises whatever onnxruntime raises.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # A thread that waits for the next picture by spinning takes the core from whoever finds faces meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level, options.intra_op_num_threads, options.enable_cpu_mem_arena = 4, threads, False
    with bounded_allocation(providers[0]):
        return onnxruntime.InferenceSession(graph, options, providers=list(providers))


def outputs_of(session: Any, fed: Mapping[str, np.ndarray], provider: str = PROCESSOR) -> list[np.ndarray]:
    """Return all outputs of a graph. It raises whatever onnxruntime raises."""
    with bounded_allocation(provider):
        return [np.asarray(output) for output in session.run(None, dict(fed))]


@contextmanager
def bounded_allocation(provider: str = PROCESSOR) -> Iterator[None]:
    """Let allocations of the block fail beyond `MOST` bytes more than the process holds.

    The promise is about growth. Memory that was given back to the allocator and not to the kernel counts as held, and
    a block may use it again: with a gibibyte of it a network may take `MOST` and a gibibyte, and the process ends no
    larger than by `MOST`. Nothing can tell such memory from memory in use, so that no lower limit would be right.

    Blocks of several threads share the limit of the first of them, and all other threads feel it.
    """
    global _inside
    if sys.platform != "linux" or provider != PROCESSOR:
        yield
        return
    with _lock:
        if _inside == 0:
            _limit()
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _release()


def most_in_words() -> str:
    """Return the limit as an error says it.

    >>> most_in_words()
    '4 GiB'
    """
    return f"{MOST / 2**30:g} GiB"


def _limit() -> None:
    import resource

    global _before
    soft, hard = _before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = min(limit for limit in (_held() + MOST, soft, hard) if limit != resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def _release() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_DATA, _before)


def _held() -> int:
    """Return how many bytes of data this process holds, its stack among them."""
    descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        return int(os.read(descriptor, 200).split()[5]) * os.sysconf("SC_PAGE_SIZE")
    finally:
        os.close(descriptor)
