"""Read published claims from `manifests/results/*.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from fasdata.errors import UserError
from fasdata.foreign import read_declared
from fasdata.protocols.grammar import parse
from fasdata.resources import manifests_dir

Percent = Annotated[float, Field(ge=0, le=100)]
Year = Annotated[int, Field(ge=1990, le=2100)]
NOT_STATED = "not stated"
_RATES = ("hter", "auc", "hter_sd", "auc_sd", "acer")


class _Row(BaseModel):
    """A number; what a row states itself comes before what its file states."""

    model_config = ConfigDict(extra="forbid")
    method: str
    row: str = ""
    """The name that the table prints, where it is another one."""
    protocol: str
    hter: Percent | None = None
    auc: Percent | None = None
    acer: Percent | None = None
    hter_sd: Percent | None = None
    auc_sd: Percent | None = None
    tpr_at_fpr_1: Percent | None = None
    paper: str = ""
    year: Year | None = None
    recipe: str = ""
    remarks: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    paper: str
    year: Year | None = None
    quoted_in: str
    table: str = ""
    source: str
    verified: bool
    second_hand: bool = False
    checked: str = ""
    """By what the numbers were checked."""
    selection: str
    threshold: str
    recipe: str = ""
    remarks: str = ""
    own: list[str]
    """The paper's own methods. By what the checkpoints of the others were selected, a table that quotes them leaves
    open."""
    rows: list[_Row]


@dataclass(frozen=True)
class Claim:
    """One published number; rates are shares (not percent), None where the paper prints none.

    `paper` and `year` are those of the paper whose claim it is, "" and None where the table that quotes it does not
    say; `quoted_in` names in short the paper that prints it, `table` and `row` where, `source` where that table was
    read. `selection` and `threshold` say how it came about, as far as that paper does, `recipe` which data. `verified`:
    it was read from its source; `second_hand`: from somebody who quotes that; `checked` by what.
    """

    method: str
    protocol: str
    hter: float | None
    auc: float | None
    hter_sd: float | None
    auc_sd: float | None
    acer: float | None
    paper: str
    year: int | None
    table: str
    row: str
    recipe: str
    quoted_in: str
    printed_by: str
    """The paper that prints it, in full."""
    source: str
    verified: bool
    second_hand: bool
    checked: str
    selection: str
    threshold: str
    remarks: str

    @property
    def name(self) -> str:
        """Return the method, the paper that prints the number, and whether nobody could check it."""
        marks = [self.quoted_in, *([self.standing] if self.standing not in ("", self.quoted_in) else [])]
        return f"{self.method} ({'; '.join(marks)})"

    @property
    def standing(self) -> str:
        """Return what is wrong with the number's standing, "" where it was read from its source."""
        if self.second_hand:
            return "second-hand"
        return "" if self.verified else "recalled, not checked"


def sources_of(claims: Iterable[Claim], *, checked: bool = False) -> list[str]:
    """Return a line for each table that claims are quoted from: the paper, where it was read, and what checked it."""
    lines = {}
    for claim in claims:
        line = f"{claim.quoted_in}: {claim.printed_by} ({claim.source})"
        lines[line] = f"{line}; checked by: {claim.checked}" if checked and claim.checked else line
    return list(lines.values())


def load_published(folder: Path | None = None) -> list[Claim]:
    """Return all claims, in the order of the files and their rows; protocols in their canonical names.

    Raises:
        UserError: a file has another form, names a protocol that does not exist, or has a row without a number.
    """
    claims = []
    for path in sorted((folder or manifests_dir() / "results").glob("*.yaml")):
        file = read_declared(path, _File)
        for row in file.rows:
            if row.hter is None and row.acer is None:
                raise UserError(
                    f"{path}: a row of {row.method} on {row.protocol} has no number", expected="hter or acer"
                )
            claims.append(_claim(file, row))
    return claims


def _claim(file: _File, row: _Row) -> Claim:
    own = row.method in file.own
    rates: dict[str, Any] = {
        name: None if value is None else value / 100 for name in _RATES for value in [getattr(row, name)]
    }
    return Claim(
        method=row.method,
        protocol=parse(row.protocol).canonical,
        **rates,
        paper=row.paper or (file.paper if own else ""),
        year=row.year or (file.year if own else None),
        table=file.table,
        row=row.row or row.method,
        recipe=row.recipe or file.recipe,
        quoted_in=file.quoted_in,
        printed_by=file.paper,
        source=file.source,
        verified=file.verified,
        second_hand=file.second_hand,
        checked=file.checked,
        selection=file.selection if own else NOT_STATED,
        threshold=file.threshold,
        remarks=" ".join(words for words in (row.remarks, file.remarks if own else "") if words),
    )


# -- Claims that contradict each other ---------------------------------------------------------------------------------

RECIPES = (
    "Numbers of different recipes (frames, extra data, selection on the target or not) do not compare, even on a "
    "protocol of one name; where claims of one name disagree, nobody's table settles which was measured how."
)


def disagreements(claims: Sequence[Claim]) -> list[str]:
    """Return a sentence for each method and protocol whose claims differ, with the spread of their HTER.

    Names are compared without regard to case.
    """
    groups: dict[tuple[str, str], list[Claim]] = {}
    for claim in claims:
        if claim.hter is not None:
            groups.setdefault((claim.method.lower(), claim.protocol), []).append(claim)
    sentences = []
    for (_, protocol), group in groups.items():
        rates = [100 * (claim.hter or 0.0) for claim in group]
        low, high = min(rates), max(rates)
        if round(high - low, 2) > 0:
            places = ", ".join(f"{rate:.2f} in {claim.quoted_in}" for rate, claim in zip(rates, group, strict=True))
            sentences.append(
                f"{group[0].method} on {protocol}: {len(group)} claims of HTER from {low:.2f} to {high:.2f} %, "
                f"{high - low:.2f} points apart ({places})"
            )
    return sentences
