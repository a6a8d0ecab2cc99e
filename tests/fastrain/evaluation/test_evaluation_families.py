"""Rates of families of attacks, and when they rest on few clips."""

from __future__ import annotations

import pytest

from fastrain.evaluation.families import apcer_by_family
from fastrain.evaluation.scores import Samples, ScoreTable
from tests.fastrain.evaluation.tables import frame, row


@pytest.mark.parametrize(("few", "expected"), [(2, [False, False]), (3, [True, False]), (4, [True, True])])
def test_a_family_is_few_where_a_species_has_fewer_clips_than_that(few: int, expected: list[bool]) -> None:
    """Two prints of two frames each, and three swapped faces, of which two are accepted."""
    prints = [row(f"p{clip}", 0.1, "attack:print", frame_index=index) for clip in range(2) for index in range(2)]
    swaps = [row(f"s{clip}", 0.3 * clip + 0.3, "attack:face-swap") for clip in range(3)]
    samples = Samples.of(ScoreTable(frame(row("b0", 0.9), *prints, *swaps)), "count")
    rows = apcer_by_family(samples, 0.5, few)
    assert [of["few"] for of in rows] == expected
    assert {of["family"]: (of["species"], of["n"], of["apcer"]) for of in rows} == {
        "physical": (["print"], 4, 0.0), "digital": (["face-swap"], 3, pytest.approx(2 / 3)),
    }  # fmt: skip


def test_without_digital_attacks_there_are_no_families() -> None:
    samples = Samples.of(ScoreTable(frame(row("b0", 0.9), row("p0", 0.1, "attack:print"))), "count")
    assert apcer_by_family(samples, 0.5, 2) == []
