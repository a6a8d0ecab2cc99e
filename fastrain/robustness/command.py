"""`fastrain eval RUN --corrupt …`."""

from __future__ import annotations

from pathlib import Path

from fastrain.robustness.corruptions import parse_corruptions
from fastrain.robustness.shown import as_text, write_csv, write_page
from fastrain.robustness.suite import robustness


def corrupt_run(folder: Path, kinds: str, out: Path | None = None) -> str:
    """Score a run's target under corruptions; write `robustness.csv` and `robustness.html`, return the table.

    Raises:
        UserError: as `parse_corruptions` and `robustness`.
    """
    rungs = robustness(folder, parse_corruptions(kinds))
    place = out or folder
    place.mkdir(parents=True, exist_ok=True)
    write_csv(rungs, place / "robustness.csv")
    write_page(rungs, place / "robustness.html", f"Robustness of {folder.name}")
    return f"{as_text(rungs)}\n\ntable: {place / 'robustness.csv'}\npage:  {place / 'robustness.html'}"
