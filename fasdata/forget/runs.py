"""Which runs a person's recordings went into."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError
from fasdata.forget.plan import ForgetPlan, fingerprints

DEFAULT = Path("runs")


@dataclass(frozen=True)
class Use:
    """A run folder, the parts of its data in which the person stood, and the rows of its score table on that person."""

    folder: Path
    parts: tuple[str, ...]
    scores: int


def runs_with(plan: ForgetPlan, folders: list[Path] | None) -> list[Use]:
    """Return the runs below these folders (default `./runs`) whose manifest or scores held the person.

    Raises:
        UserError: a named folder does not exist.
    """
    for folder in folders or ():
        if not folder.is_dir():
            raise UserError(f"no folder {folder}", expected="a folder with runs in it")
    known = fingerprints(plan)
    found = []
    for folder in folders if folders is not None else [DEFAULT]:
        for path in sorted(folder.rglob("run.json")):
            parts = known.get(str(_facts(path).get("manifest_fingerprint")), [])
            scores = _scored(path.with_name("scores.csv"), plan)
            if parts or scores:
                found.append(Use(path.parent, tuple(parts), scores))
    return found


def _facts(path: Path) -> dict[str, object]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a half-written run says nothing; its scores may
    return data if isinstance(data, dict) else {}


def _scored(path: Path, plan: ForgetPlan) -> int:
    if not path.is_file():
        return 0
    clips = set(plan.clips)
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return sum(
            row.get("dataset") == plan.dataset and (row.get("subject") == plan.subject or row.get("clip_id") in clips)
            for row in csv.DictReader(file)
        )
