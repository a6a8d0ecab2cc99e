"""The entry of the `fastrain` command, also as `python -m fastrain`."""

from __future__ import annotations

import sys

from fasdata.__main__ import interrupted


def main() -> None:
    """Load the command and run it; an interrupt while it is loaded ends it in a line, as a later one does."""
    try:
        from fastrain.cli import main as command

        command()
    except KeyboardInterrupt:
        sys.exit(interrupted())


if __name__ == "__main__":
    main()
