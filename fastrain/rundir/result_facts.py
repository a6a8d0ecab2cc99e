"""The forms of what was measured of a run: `results.json`, `probe.json`, `jitter.json`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, FiniteFloat

from fastrain.rundir.facts import Count, Facts, Number

# -- results.json -----------------------------------------------------------------------------------------------------


class ThresholdRow(Facts):
    """The value of a threshold policy at a level, or the reason why it has none."""

    policy: str
    level: str
    value: Number = None
    reason: str | None = None


class MetricRow(Facts):
    """The value of a metric on a part at a level; `threshold_policy` is empty for those without a threshold."""

    part: str
    level: str
    metric: str
    threshold_policy: str = ""
    value: Number = None
    std: Number = None


class BesideRows(Facts):
    """The metrics of what another policy would have selected."""

    selection: str
    metrics: list[MetricRow]


class TargetRows(Facts):
    """The numbers of one of several targets, judged on its own."""

    thresholds: list[ThresholdRow] = Field(default_factory=list)
    metrics: list[MetricRow] = Field(default_factory=list)


class ResultFacts(Facts):
    """What `results.json` says; the tables that a summary and a report look numbers up in.

    With `targets` (by dataset), what is said of part test is their mean.
    """

    thresholds: list[ThresholdRow] = Field(default_factory=list)
    metrics: list[MetricRow] = Field(default_factory=list)
    species: list[dict[str, Any]] = Field(default_factory=list)
    families: list[dict[str, Any]] = Field(default_factory=list)
    counts: list[dict[str, Any]] = Field(default_factory=list)
    groups: list[dict[str, Any]] = Field(default_factory=list)
    differentials: list[dict[str, Any]] = Field(default_factory=list)
    species_groups: list[dict[str, Any]] = Field(default_factory=list)
    roc: dict[str, dict[str, Any]] = Field(default_factory=dict)
    uncertainty: dict[str, dict[str, Any]] = Field(default_factory=dict)
    averaged_over: Count | None = None
    targets: dict[str, TargetRows] = Field(default_factory=dict)
    beside: BesideRows | None = None
    changed_data: list[str] = Field(default_factory=list)


# -- probe.json -------------------------------------------------------------------------------------------------------


class ProbeFacts(Facts):
    """The AUC of the colour probe by part, and where there is none the reason."""

    auc: dict[str, Number] = Field(default_factory=dict)
    reason: dict[str, str | None] = Field(default_factory=dict)


# -- jitter.json ------------------------------------------------------------------------------------------------------

JITTER = "jitter.json"


class JitterRow(Facts):
    """The share of decisions of a group of clips that flip at an amount, and of its clips that ever do."""

    amount: FiniteFloat
    group: Literal["all", "label", "species"]
    name: str = ""
    clips: Count
    share: FiniteFloat
    ever: FiniteFloat
    low: Number = None
    high: Number = None


class JitterFacts(Facts):
    """What became of a run's decisions when the boxes of its target were moved."""

    threshold: FiniteFloat
    clips: Count
    moves: Count
    rows: list[JitterRow] = Field(default_factory=list)
