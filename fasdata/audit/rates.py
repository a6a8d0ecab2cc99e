"""Losses that differ between labels: a detector that loses one of them more often biases every number."""

from __future__ import annotations

from collections.abc import Mapping

from fasdata.audit.finding import Finding
from fasdata.records import ATTACK, BONAFIDE

LIMIT = 0.05  # difference between the two labels' shares of lost clips

Cell = tuple[str, str]  # part, dataset


def uneven_losses(cells: Mapping[Cell, Mapping[str, tuple[int, int]]]) -> list[Finding]:
    """Return findings where the share of clips without a usable frame differs by more than 5 points.

    `cells` gives (lost, all) by label for each part and dataset.
    """
    findings = []
    for (part, dataset), by_label in cells.items():
        rates = {label: lost / every for label, (lost, every) in by_label.items() if every}
        if len(rates) == 2 and abs(rates[BONAFIDE] - rates[ATTACK]) > LIMIT:
            said = " and ".join(f"{by_label[label][0]} of {by_label[label][1]} {label}" for label in (BONAFIDE, ATTACK))
            lost = sum(one for one, _ in by_label.values())
            findings.append(
                Finding(
                    "uneven losses", "warning", lost, f"clips of {dataset} in {part} without a usable frame: {said}"
                )
            )
    return findings
