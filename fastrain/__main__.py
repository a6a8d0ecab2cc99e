"""The entry of the `fastrain` command, also as `python -m fastrain`."""

from __future__ import annotations

from collections.abc import Callable

from fasdata.__main__ import entered


def main() -> None:
    """Load the command and run it."""
    entered(_load)


def _load() -> Callable[[], None]:
    from fastrain.cli import main as command

    return command


if __name__ == "__main__":
    main()
