"""Look numbers up in `results.json`, and spell them as a report prints them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fasdata.page.spelling import Absent, is_number, metric
from fastrain.evaluation.thresholds import SOURCE_EER, TARGET_EER, TARGET_MIN_HTER, is_oracle

# The policies that a report leads with: as a deployment would see it, and as papers print it.
HONEST = SOURCE_EER.name
ORACLE = TARGET_EER.name
BEST_ORACLE = TARGET_MIN_HTER.name

# Said wherever digital attacks are counted.
OUTSIDE_30107 = (
    "Digital attacks (swapped, reenacted or generated faces, adversarial changes) are no presentations to a sensor, so "
    "outside ISO/IEC 30107; their APCER is computed alike, the share accepted of the worst species"
)

VAL, TEST = "val", "test"
PARTS = {TEST: "unseen domain", VAL: "held-out source"}
OUTSIDE_PARTS = {TEST: "test part", VAL: "development part"}
LEVELS = ("clip", "frame")


def ends_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the interval of a row and its rule, as `fasdata.page.spelling` takes them."""
    return {"ends": (row.get("low"), row.get("high")), "rule": str(row.get("rule") or "")}


@dataclass(frozen=True)
class Results:
    """The content of a run's `results.json`; `absent` says why there is none, "" where there is one."""

    data: dict[str, Any]
    absent: str = ""

    @property
    def fta(self) -> str:
        """Return how clips without a usable face were counted: `count` or `exclude`."""
        return "exclude" if self.data.get("fta") == "exclude" else "count"

    @property
    def species_by(self) -> str:
        """Return what tells PAI species apart: `attack_type` or `pai`."""
        return "pai" if self.data.get("species_by") == "pai" else "attack_type"

    def targets(self) -> dict[str, Results]:
        """Return the results of each of several targets, by dataset, with those of part val; none of a single one."""
        return {name: Results(self._with_val(block)) for name, block in (self.data.get("targets") or {}).items()}

    def _with_val(self, block: Mapping[str, Any]) -> dict[str, Any]:
        tables = ("metrics", "species", "families", "counts")
        rows = {name: [*self.rows(name, part=VAL), *block.get(name, [])] for name in tables}
        curves = {name: of for name, of in (self.data.get("roc") or {}).items() if name.startswith(VAL)}
        people = {part: of for part, of in (self.data.get("uncertainty") or {}).items() if part == VAL}
        shared: dict[str, Any] = {
            name: self.data[name] for name in ("averaged_over", "part_names") if name in self.data
        }
        return {
            **block,
            **shared,
            **rows,
            "roc": {**curves, **(block.get("roc") or {})},
            "uncertainty": {**people, **(block.get("uncertainty") or {})},
        }

    def named(self, part: str, *, pooled: bool = False) -> str:
        """Return what a part is called: of scores from outside nobody knows which domain took no part in training.

        The numbers of several targets are those of their mean; what shows their clips says so with `pooled`.
        """
        if part == TEST and self.data.get("targets"):
            return f"{'all' if pooled else 'mean of'} {len(self.data['targets'])} targets"
        return str((self.data.get("part_names") or {}).get(part) or PARTS[part])

    def metric(self, part: str, level: str, name: str, policy: str = "") -> float | None:
        """Return a metric, None where it is undefined; `policy` is "" for those without a threshold."""
        value = self._metric(part, level, name, policy).get("value")
        return value if is_number(value) else None

    def ends(self, part: str, name: str, policy: str = "") -> tuple[float, float] | None:
        """Return the ends of the interval of a metric of clips, None where there is none."""
        row = self._metric(part, "clip", name, policy)
        low, high = row.get("low"), row.get("high")
        return (float(low), float(high)) if is_number(low) and is_number(high) else None  # type: ignore[arg-type]

    def shown(self, part: str, level: str, name: str, policy: str = "", *, interval: bool = False) -> str | Absent:
        """Return a metric as a report prints it, with deviation and interval if asked, or why it is undefined."""
        row = self._metric(part, level, name, policy)
        scored = any(True for _ in self.rows("metrics", part=part, level=level))
        absent = "not among these results" if scored else f"no {self.named(part)} scores"
        why = self.absent or (row.get("reason") or "undefined" if row else absent)
        return metric(name, row.get("value"), str(why), **{"sd": row.get("std"), **ends_of(row)} if interval else {})

    def threshold(self, level: str, policy: str) -> float | None:
        """Return the value of a threshold, None where there is none."""
        value = self.threshold_row(level, policy).get("value")
        return value if is_number(value) else None

    def threshold_row(self, level: str, policy: str) -> dict[str, Any]:
        """Return the row of a threshold, with its `value` or the `reason` for its absence; {} without a row."""
        return next(self.rows("thresholds", level=level, policy=policy), {})

    def lines(self) -> list[tuple[str, str, str]]:
        """Return each part, level and threshold policy that has error rates; those to read first come first."""
        policies = dict.fromkeys(str(row.get("policy")) for row in self.rows("thresholds"))
        order = sorted(policies, key=lambda policy: (is_oracle(policy), policy != HONEST))
        every = ((part, level, policy) for part in PARTS for level in LEVELS for policy in order)
        return [line for line in every if self._metric(line[0], line[1], "hter", line[2])]

    def roc(self, part: str, level: str) -> tuple[list[float], list[float]]:
        """Return false and true positive rates of a ROC curve; empty where there is none."""
        curve = (self.data.get("roc") or {}).get(f"{part}/{level}") or {}
        pairs = zip(curve.get("fpr") or [], curve.get("tpr") or [], strict=False)
        points = [(x, y) for x, y in pairs if is_number(x) and is_number(y)]
        return [x for x, _ in points], [y for _, y in points]

    def rows(self, table: str, **where: Any) -> Iterator[dict[str, Any]]:
        """Yield the rows of `thresholds`, `metrics`, `species` or `counts` that match."""
        for row in self.data.get(table) or []:
            if isinstance(row, dict) and all(row.get(key) == value for key, value in where.items()):
                yield row

    def _metric(self, part: str, level: str, name: str, policy: str) -> dict[str, Any]:
        return next(self.rows("metrics", part=part, level=level, metric=name, threshold_policy=policy), {})
