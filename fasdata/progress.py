"""Show the progress of long work: with rich on a terminal, with tqdm where the output is a file or a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

SELDOM = 5.0  # seconds between two lines of a log file at least, which does not want one an iteration


class Bar(Protocol):
    """A progress bar: long work tells it the steps done and a few named counts to show beside them.

    `show` tells counts alone, within a step that takes long.
    """

    def advance(self, steps: int = 1, **counts: object) -> None: ...

    def show(self, **counts: object) -> None: ...


@contextmanager
def progress(title: str, total: int, unit: str = "it") -> Iterator[Bar]:
    """Show a bar for `total` steps on standard error while the block runs."""
    if sys.stderr.isatty():
        with _rich_bar(title, total, unit) as bar:
            yield bar
    else:
        with _tqdm_bar(title, total, unit) as bar:
            yield bar


@contextmanager
def late_progress(title: str, total: int, unit: str = "it") -> Iterator[Bar]:
    """Show a bar as `progress` does, once the block has taken some seconds: short work leaves no line."""
    begun = time.monotonic()
    with ExitStack() as stack:

        class LateBar:
            bar: Bar | None = None
            done = 0

            def advance(self, steps: int = 1, **counts: object) -> None:
                self.done += steps
                if self.bar is not None:
                    self.bar.advance(steps, **counts)
                elif time.monotonic() - begun >= SELDOM:
                    self.bar = stack.enter_context(progress(title, total, unit))
                    self.bar.advance(self.done, **counts)

            def show(self, **counts: object) -> None:
                self.advance(0, **counts)

        yield LateBar()


@contextmanager
def _rich_bar(title: str, total: int, unit: str) -> Iterator[Bar]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[unit]}"),
        TextColumn("{task.fields[counts]}"), TimeElapsedColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=False) as display:
        task = display.add_task(title, total=total, unit=unit, counts="")

        class RichBar:
            def advance(self, steps: int = 1, **counts: object) -> None:
                display.update(task, advance=steps, counts=_spell(counts))

            def show(self, **counts: object) -> None:
                display.update(task, counts=_spell(counts))

        yield RichBar()


@contextmanager
def _tqdm_bar(title: str, total: int, unit: str) -> Iterator[Bar]:
    from tqdm import tqdm

    with tqdm(
        total=total, desc=title, unit=unit, mininterval=SELDOM, maxinterval=30, ascii=True, file=sys.stderr
    ) as display:

        class TqdmBar:
            shown = time.monotonic()

            def advance(self, steps: int = 1, **counts: object) -> None:
                display.set_postfix_str(_spell(counts), refresh=False)
                if display.update(steps):
                    self.shown = time.monotonic()

            def show(self, **counts: object) -> None:
                display.set_postfix_str(_spell(counts), refresh=False)
                if time.monotonic() - self.shown >= SELDOM:
                    display.refresh()
                    self.shown = time.monotonic()

        yield TqdmBar()


def _spell(counts: dict[str, object]) -> str:
    return " ".join(f"{name}={value}" for name, value in counts.items() if value)  # a narrow terminal has no room for 0
