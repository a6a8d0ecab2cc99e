"""Break error rates down by groups of clips: by a field of them, by the people they show, by species and device.

A difference between groups is the more surprising the more groups there are, and groups of few people differ by chance.
So each rate has its interval over people, and the largest difference has one that knows how many groups were compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fasdata.errors import UserError, unknown_name
from fasdata.quality import GRADED, grades_of
from fasdata.records import ATTACK, BONAFIDE
from fasdata.species import species_of
from fastrain.evaluation.score_rules import FIELD_PREFIX
from fastrain.evaluation.statistics.clusters import FEW, Clusters
from fastrain.evaluation.statistics.differences import furthest_apart
from fastrain.evaluation.statistics.proportions import LEVEL, Interval, corrected, proportion_interval

if TYPE_CHECKING:
    import pandas as pd

MOST = 15  # values; a field with more (a serial number) is no way to group by itself
MOST_ASKED = 200  # groups of a field that was asked for by name
UNKNOWN = "unknown"
DEVICES = ("device", "camera", "sensor")  # what datasets call the device that recorded
RATES = {"bpcer": BONAFIDE, "apcer": ATTACK}
SPECIES_BY = "species"


@dataclass(frozen=True)
class Rate:
    """A share of clips decided wrongly, NaN where there is none, with its interval and the people behind it."""

    value: float
    clips: int
    people: int
    interval: Interval

    @property
    def few(self) -> bool:
        """Tell whether fewer people stand behind it than tell anything."""
        return self.people < FEW


@dataclass(frozen=True)
class Differential:
    """The largest difference of a rate between two groups, and its interval; `highest` and `lowest` name the groups.

    `small` are the groups of too few people to tell: they are left out where two others are there. `shown`: the
    interval leaves out 0, and the two groups have people enough.
    """

    rate: str
    value: float
    interval: Interval
    highest: str
    lowest: str
    small: tuple[str, ...]
    shown: bool


@dataclass(frozen=True)
class Breakdown:
    """The rates `bpcer` and `apcer` (all species together) of each group of a field, in the order to read them.

    `differentials` has a rate where at least two groups have clips for it.
    """

    field: str
    groups: Mapping[str, Mapping[str, Rate]]
    differentials: tuple[Differential, ...]

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return the breakdown as rows for `results.json`, in two tables: `groups` and `differentials`."""
        rates = [
            {"by": self.field, "group": name, "metric": metric, **_plain(rate)}
            for name, of in self.groups.items()
            for metric, rate in of.items()
            if rate.clips
        ]
        differences = [
            {"by": self.field, "metric": of.rate, "value": of.value, "low": of.interval.low, "high": of.interval.high,
             "rule": of.interval.rule, "highest": of.highest, "lowest": of.lowest, "few": list(of.small)}
            for of in self.differentials
        ]  # fmt: skip
        return {"groups": rates, "differentials": differences}


@dataclass(frozen=True)
class Matrix:
    """The APCER of each (species, group) that has attacks."""

    species: tuple[str, ...]
    groups: tuple[str, ...]
    cells: Mapping[tuple[str, str], Rate]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the cells as rows for `results.json`; `name` is the field that the groups are of."""
        return [
            {"by": name, "species": species, "group": group, "metric": "apcer", **_plain(rate)}
            for (species, group), rate in self.cells.items()
        ]


# -- Fields to group by ------------------------------------------------------------------------------------------------


def groupings(frame: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield name and column of what the clips can be grouped by: columns of 2 to 15 values."""
    for name, column in columns_of(frame).items():
        if 1 < frame[column][frame[column] != ""].nunique() <= MOST:
            yield name, column


def columns_of(frame: pd.DataFrame) -> dict[str, str]:
    """Return the column of every field that clips may have; `species` is a field of attacks alone, see `by_species`."""
    fields = {name.removeprefix(FIELD_PREFIX): name for name in frame.columns if name.startswith(FIELD_PREFIX)}
    return {"dataset": "dataset", "instrument": "pai", **fields}


def column_named(frame: pd.DataFrame, name: str) -> str:
    """Return the column of a field that was asked for.

    Raises:
        UserError: the clips have no such field, or it tells too many of them apart.
    """
    known = columns_of(frame) | {"subject": "subject"}
    if name not in known:
        raise unknown_name("field to group by", name, [*known, SPECIES_BY])
    values = frame[known[name]].nunique()
    if values > MOST_ASKED:
        raise UserError(f"the field {name} has {values:,} values", expected=f"at most {MOST_ASKED} groups")
    return known[name]


# -- Rates of groups ---------------------------------------------------------------------------------------------------


def breakdown(clips: pd.DataFrame, name: str, column: str, threshold: float, fields: int = 1) -> Breakdown:
    """Return the rates of the groups of `column`, of one row a clip; a clip without a score is rejected.

    `fields` is how many fields are looked at: the more, the more a difference has to be for it to count as shown.
    """
    groups: dict[str, dict[str, Rate]] = {}
    strict: dict[str, dict[str, Rate]] = {}
    values = _ordered(name, clips[column])
    level = corrected(LEVEL, len(values) * (len(values) - 1) // 2 * len(RATES) * fields)
    for value in values:
        members = clips[clips[column] == value]
        shown = value or UNKNOWN
        groups[shown] = {rate: _rate(members, label, threshold) for rate, label in RATES.items()}
        strict[shown] = {rate: _rate(members, label, threshold, level) for rate, label in RATES.items()}
    found_rates = (_differential(rate, groups, strict) for rate in RATES)
    return Breakdown(name, groups, tuple(of for of in found_rates if of is not None))


def broken_down(clips: pd.DataFrame, threshold: float, species: str = "attack_type") -> dict[str, list[dict[str, Any]]]:
    """Return the tables of `results.json`: every grouping of the clips, and species by the device that recorded."""
    tables: dict[str, list[dict[str, Any]]] = {"groups": [], "differentials": [], "species_groups": []}
    fields = dict(groupings(clips))
    for name, column in fields.items():
        for table, rows in breakdown(clips, name, column, threshold, len(fields)).rows().items():
            tables[table] += rows
        if name in DEVICES:
            tables["species_groups"] += by_species(clips, column, threshold, species).rows(name)
    return tables


def by_species(clips: pd.DataFrame, column: str, threshold: float, species: str = "attack_type") -> Matrix:
    """Return the APCER of every species in every group of `column`."""
    attacks = clips[clips["label"] == ATTACK]
    pairs = attacks[["attack_type", "pai"]].astype(str).itertuples(index=False, name=None)
    named = attacks.assign(_species=[species_of(kind, instrument, species) for kind, instrument in pairs])
    cells = {
        (str(kind), str(value) or UNKNOWN): _rate(those, ATTACK, threshold)
        for (kind, value), those in named.groupby(["_species", column], sort=True)
    }
    return Matrix(
        tuple(sorted({kind for kind, _ in cells})),
        tuple(value or UNKNOWN for value in _ordered(column, attacks[column])),
        cells,
    )


def _rate(clips: pd.DataFrame, label: str, threshold: float, level: float = LEVEL) -> Rate:
    of_label = clips[clips["label"] == label].reset_index(drop=True)
    if not len(of_label):
        return Rate(math.nan, 0, 0, Interval(math.nan, math.nan))
    accepted = of_label["score"].fillna(-math.inf).to_numpy(np.float64) >= threshold
    wrong, unit = accepted if label == ATTACK else ~accepted, Clusters.of(of_label).unit
    interval = proportion_interval(wrong, unit, level=level)
    return Rate(float(wrong.mean()), len(wrong), len(np.unique(unit)), interval)


def _differential(
    rate: str, groups: Mapping[str, Mapping[str, Rate]], strict: Mapping[str, Mapping[str, Rate]]
) -> Differential | None:
    present = [name for name in groups if name != UNKNOWN and groups[name][rate].clips]
    if len(present) < 2:
        return None
    small = tuple(name for name in present if groups[name][rate].few)
    large = [name for name in present if name not in small]
    names = large if len(large) > 1 else present
    values = [groups[name][rate].value for name in names]
    intervals = ([of[name][rate].interval for name in names] for of in (groups, strict))
    interval, high, low = furthest_apart(values, *intervals)
    pair = names[high], names[low]
    return Differential(rate, values[high] - values[low], interval, *pair, small, interval.low > 0 and names is large)


def _ordered(name: str, values: pd.Series) -> Sequence[str]:
    """Return the values in the order to read them: grades from low to high, all others by name, unknown last."""
    present = sorted({str(value) for value in values} - {""})
    field = name.removeprefix(FIELD_PREFIX)
    if field in GRADED:
        grades = [grade for grade in grades_of(field) if grade in present]
        present = [*grades, *(value for value in present if value not in grades)]
    return [*present, *([""] if (values == "").any() else [])]


def _plain(rate: Rate) -> dict[str, Any]:
    return {
        "value": rate.value, "low": rate.interval.low, "high": rate.interval.high, "rule": rate.interval.rule,
        "clips": rate.clips, "subjects": rate.people, "few": rate.few,
    }  # fmt: skip
