"""`fastrain eval RUN --corrupt …`."""

from __future__ import annotations

from pathlib import Path

from fastrain.robustness.corruptions import parse_corruptions
from fastrain.robustness.shown import as_text, write_csv, write_page
from fastrain.robustness.suite import robustness


def corrupt_run(folder: Path, kinds: str, out: Path | None = None) -> str:
    """Score a run's target under corruptions; write `robustness.csv` and `robustness.html`, return the table.

    The scores themselves go beside them, one table a setting: `robustness/jpeg-3.csv`.

    Raises:
        UserError: as `parse_corruptions` and `robustness`.
    """
    rungs = robustness(folder, parse_corruptions(kinds))
    place = out or folder
    place.mkdir(parents=True, exist_ok=True)
    write_csv(rungs, place / "robustness.csv")
    (place / "robustness").mkdir(exist_ok=True)
    for rung in rungs:
        rung.scores.write_csv(place / "robustness" / f"{rung.name.replace(' ', '-')}.csv")
    write_page(rungs, place / "robustness.html", f"Robustness of {folder.name}")
    written = {"table: ": "robustness.csv", "page:  ": "robustness.html", "scores:": "robustness"}
    return "\n".join([as_text(rungs), "", *(f"{what} {place / name}" for what, name in written.items())])
