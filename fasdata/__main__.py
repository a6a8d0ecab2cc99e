"""The entry of the `fasdata` command, also as `python -m fasdata`."""

from __future__ import annotations

import sys


def main() -> None:
    """Load the command and run it; an interrupt while it is loaded ends it in a line, as a later one does."""
    try:
        from fasdata.cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(interrupted())


def interrupted() -> int:
    """Say that the command was interrupted; return the exit code."""
    print("error: interrupted; finished work is kept, run the same command again to continue", file=sys.stderr)
    return 130


if __name__ == "__main__":
    main()
