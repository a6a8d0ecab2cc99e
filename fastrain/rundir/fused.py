"""The form of `fusion.json`: what stands in the folder of a fused decision beside its scores and results."""

from __future__ import annotations

from pydantic import FiniteFloat

from fastrain.rundir.facts import Facts
from fastrain.rundir.result_facts import ResultFacts

FUSION = "fusion.json"


class FusedRun(Facts):
    """A run that was fused: its folder's name, its weight in a mean, the hash of its scores, and its own rates."""

    name: str
    folder: str
    weight: FiniteFloat | None = None
    sha256: str = ""
    results: ResultFacts


class FusionFacts(Facts):
    """The rule as given and in words, and the runs, each with its rates; those of all together are the folder's own."""

    rule: str
    words: str
    runs: list[FusedRun]
