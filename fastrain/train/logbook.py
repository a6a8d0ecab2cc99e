"""Write what training logs: `metrics.jsonl`, and trackers that show it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

from fasdata.store.atomic import write_text
from fastrain.rundir import read_log

if TYPE_CHECKING:
    from torch import Tensor

    from fastrain.train.trackers import Trackers


OpenWindow: TypeAlias = Mapping[str, tuple[float | None, int]]  # sum (None: not finite) and count of each loss


class Logbook:
    """Appends one JSON object a line; numbers that are not finite become null.

    Losses are averaged over a window of iterations. A window never reaches across a checkpoint that every run writes
    (`flush` is called there); that of a stop carries the `open_window`, so a resumed run writes the same lines as one
    that was never stopped.
    """

    def __init__(
        self,
        metrics: Path,
        trackers: Trackers,
        *,
        window: int,
        start: int = 0,
        open_window: OpenWindow | None = None,
    ) -> None:
        import torch

        keep_until(metrics, start)
        self._file = metrics.open("a", encoding="utf-8")
        self._trackers = trackers
        self._window = window
        carried = open_window or {}
        self._sums: dict[str, Tensor] = {
            name: torch.tensor(math.nan if total is None else total, dtype=torch.float32)
            for name, (total, _) in carried.items()
        }
        self._counts = {name: count for name, (_, count) in carried.items()}

    def train(self, iteration: int, epoch: int, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of an iteration."""
        for name, loss in losses.items():
            # Sums stay on the device: reading a number waits for all work before it.
            value = loss.detach().float()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1
        if iteration % self._window == 0:
            self.flush(iteration, epoch)

    def open_window(self) -> OpenWindow:
        """Return sum and count of each loss since the last line."""
        totals = {name: total.item() for name, total in self._sums.items()}
        return {name: (total if math.isfinite(total) else None, self._counts[name]) for name, total in totals.items()}

    def flush(self, iteration: int, epoch: int) -> None:
        """Write the window that is open, if any."""
        means = {name: total.item() / self._counts[name] for name, total in self._sums.items()}
        self._sums.clear()
        self._counts.clear()
        if means:
            self._write("train", iteration, epoch, means)

    def validation(self, iteration: int, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write the metrics of a validation."""
        self._write("val", iteration, epoch, metrics)

    def __enter__(self) -> Logbook:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def _write(self, kind: str, iteration: int, epoch: int, values: Mapping[str, float]) -> None:
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        line: dict[str, Any] = {"kind": kind, "iteration": iteration, "epoch": epoch, **finite}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        self._trackers.log({f"{kind}/{name}": value for name, value in values.items()}, iteration)


def keep_until(metrics: Path, iteration: int) -> None:
    """Drop the lines of `metrics.jsonl` after `iteration`, and a damaged end.

    Raises:
        UserError: a damaged line stands before one that is kept.
    """
    if metrics.is_file():
        kept = read_log(metrics, iteration)
        write_text(metrics, "".join(json.dumps(line.tree()) + "\n" for line in kept))
