"""The entry of the `fasdata` command, also as `python -m fasdata`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable


def main() -> None:
    """Load the command and run it."""
    entered(_load)


def entered(load: Callable[[], Callable[[], None]]) -> None:
    """Load a command and run it, so that an interrupt ends it in a line even while it is loaded.

    Once it has ended, an interrupt ends the process without a word: all that is left is taking the interpreter apart.
    Charts are drawn into files: the backend of a notebook that started the command may not even be installed here.
    """
    os.environ["MPLBACKEND"] = "Agg"
    try:
        load()()
    except KeyboardInterrupt:
        print("error: interrupted; finished work is kept, run the same command again to continue", file=sys.stderr)
        sys.exit(130)
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


def _load() -> Callable[[], None]:
    from fasdata.cli import main as command

    return command


if __name__ == "__main__":
    main()
