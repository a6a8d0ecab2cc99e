"""Read published results from `manifests/results/*.yaml`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from fasdata.foreign import read_declared
from fasdata.protocols.grammar import parse
from fasdata.resources import manifests_dir

Percent = Annotated[float, Field(ge=0, le=100)]
NOT_STATED = "not stated"


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    method: str
    protocol: str
    hter: Percent
    auc: Percent | None = None
    hter_sd: Percent | None = None
    auc_sd: Percent | None = None
    tpr_at_fpr_1: Percent | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    paper: str
    quoted_in: str
    source: str
    verified: bool
    selection: str
    threshold: str
    own: list[str]
    """The paper's own methods. By what the checkpoints of the others were selected, a table that quotes them leaves
    open."""
    rows: list[_Row]


@dataclass(frozen=True)
class PublishedResult:
    """One published result; rates are shares (not percent), None where the paper prints none.

    `quoted_in` names in short the paper whose table prints it, `paper` in full, `source` where that table was read;
    `selection` and `threshold` say how it came about, as far as that paper does; `verified` whether it was read from
    its source.
    """

    method: str
    protocol: str
    hter: float
    auc: float | None
    hter_sd: float | None
    auc_sd: float | None
    paper: str
    quoted_in: str
    source: str
    verified: bool
    selection: str
    threshold: str

    @property
    def name(self) -> str:
        """Return the method, the paper that prints the number, and whether nobody could check it."""
        return f"{self.method} ({self.quoted_in}{'' if self.verified else '; recalled, not checked'})"


def sources_of(results: Iterable[PublishedResult]) -> list[str]:
    """Return a line for each table that results are quoted from: the paper, and where its table was read."""
    return list(dict.fromkeys(f"{result.quoted_in}: {result.paper} ({result.source})" for result in results))


def load_published(folder: Path | None = None) -> list[PublishedResult]:
    """Return all published results; protocols in their canonical names.

    Raises:
        UserError: a file has another form, or names a protocol that does not exist.
    """
    results = []
    for path in sorted((folder or manifests_dir() / "results").glob("*.yaml")):
        file = read_declared(path, _File)
        about: dict[str, Any] = {
            name: getattr(file, name) for name in ("paper", "quoted_in", "source", "verified", "threshold")
        }
        for row in file.rows:
            rates: dict[str, Any] = {
                name: None if value is None else value / 100
                for name in ("hter", "auc", "hter_sd", "auc_sd")
                for value in [getattr(row, name)]
            }
            about["selection"] = file.selection if row.method in file.own else NOT_STATED
            results.append(PublishedResult(row.method, parse(row.protocol).canonical, **rates, **about))
    return results
