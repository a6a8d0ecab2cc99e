"""A copy of this process, for what has to happen to a process of its own."""

from __future__ import annotations

import gc
import os


def fork() -> int:
    """Fork; return 0 in the child, else its number.

    Decoders of earlier tests may lie in cycles. Collected in the child, they would wait for threads that it does not
    have.
    """
    gc.collect()
    child = os.fork()
    if child == 0:
        gc.freeze()
    return child
