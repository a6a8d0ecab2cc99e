"""Plan a test: how many people, presentations and species a claim takes, and what a given test can show at best.

A claim "APCER is at most 1 %" holds with a confidence where the one-sided exact bound (Clopper and Pearson 1934) of the
test's errors stays at or below the limit. Without an error that takes ln(1 - confidence) / ln(1 - limit) independent
presentations, some 3 / limit at 95 % (the rule of three); each error takes more. Presentations of one person are not
independent. Before the test nobody knows how alike they are, so a person counts once, whatever number of clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fasdata.errors import UserError
from fasdata.page.spelling import text_table
from fastrain.evaluation.statistics.proportions import clopper_pearson

CONFIDENCE = 0.95
ERRORS = (0, 1, 2, 5)  # people who err, of the plan's table
SPECIES_SHARE = 0.05  # of the kinds of attacks that a test did not show
_GOOD = (0.1, 0.25, 0.5)  # true rates of a system, as shares of the limit


def bound(errors: int, people: int, confidence: float = CONFIDENCE) -> float:
    """Return the rate that is not exceeded, with this confidence, where so many of the people err.

    >>> round(bound(0, 59), 4), round(bound(1, 59), 4)
    (0.0495, 0.0779)
    """
    return float(clopper_pearson(errors, people, 2 * confidence - 1)[1])


def people_needed(limit: float, errors: int = 0, confidence: float = CONFIDENCE) -> int:
    """Return how many people keep a claim at `limit` when so many of them err.

    >>> people_needed(0.05), people_needed(0.05, errors=1), people_needed(0.01)
    (59, 93, 299)
    """
    few, many = errors, errors + 1
    while bound(errors, many, confidence) > limit:
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if bound(errors, middle, confidence) <= limit else (middle, many)
    return many


def chance(people: int, errors: int, rate: float) -> float:
    """Return the chance that at most so many people err, each with the rate `rate`.

    >>> round(chance(59, 0, 0.005), 3)  # 0.995 ** 59
    0.744
    """
    from scipy.special import bdtr

    return float(bdtr(errors, people, rate))


def species_needed(share: float = SPECIES_SHARE, confidence: float = CONFIDENCE) -> int:
    """Return how many kinds of attacks have to keep a limit for all but `share` of such kinds to keep it.

    >>> species_needed()
    59
    """
    return people_needed(share, 0, confidence)


@dataclass(frozen=True)
class ClaimPlan:
    """What is to be claimed (limits of APCER and BPCER, None where nothing is), and the test there is, if any."""

    apcer: float | None
    bpcer: float | None
    confidence: float = CONFIDENCE
    clips: int = 1
    people: int | None = None
    species: int | None = None

    def __post_init__(self) -> None:
        for name, limit in (("--apcer", self.apcer), ("--bpcer", self.bpcer)):
            if limit is not None and not 0.0001 <= limit <= 0.5:
                raise UserError(f"{name} {limit:g}", expected="a rate from 0.0001 to 0.5, as 0.05 for 5 %")
        if not 0.5 < self.confidence <= 0.9999:
            raise UserError(f"--confidence {self.confidence:g}", expected="above 0.5 and at most 0.9999, as 0.95")
        if self.apcer is None and self.bpcer is None and self.people is None:
            raise UserError("nothing to plan", expected="--apcer or --bpcer, or --people for what a test can show")

    def text(self) -> str:
        """Return the plan for a terminal."""
        parts = [self._claim(name, limit) for name, limit in (("APCER", self.apcer), ("BPCER", self.bpcer)) if limit]
        parts += [[*self._given()]] if self.people is not None else []
        return "\n\n".join("\n".join(lines) for lines in [*parts, [NOTE]])

    def _claim(self, name: str, limit: float) -> list[str]:
        each = " of every species" if name == "APCER" else ""
        head = [
            "people who err",
            "people needed",
            "presentations",
            *(f"passes at {limit * good:.2%}" for good in _GOOD),
        ]
        rows = []
        for errors in ERRORS:
            people = people_needed(limit, errors, self.confidence)
            passing = (f"{chance(people, errors, limit * good):.0%}" for good in _GOOD)
            rows.append([errors, people, people * self.clips, *passing])
        lines = [f"{name} at most {limit:.2%}{each}, confidence {self.confidence:.1%}:", *text_table(head, rows)]
        if name == "APCER":
            kinds, others = self.species or 1, species_needed(SPECIES_SHARE, self.confidence)
            least = people_needed(limit, 0, self.confidence)
            lines.append(
                f"  {kinds} species: {least} people for each, {least * self.clips * kinds:,} attacks at least; one "
                "person may present all species. The claim is about these species."
            )
            lines.append(
                f"  About others: {others} species that all keep it say that at most {SPECIES_SHARE:.0%} of such kinds "
                f"do not; {kinds} {'says' if kinds == 1 else 'say'} {bound(0, kinds, self.confidence):.0%}."
            )
        return lines

    def _given(self) -> Iterator[str]:
        assert self.people is not None
        yield f"What a test of {self.people} people can show, confidence {self.confidence:.1%}:"
        rows = [
            [errors, f"{errors / self.people:.2%}", f"at most {bound(errors, self.people, self.confidence):.2%}"]
            for errors in ERRORS
            if errors <= self.people
        ]
        yield from text_table(["people who err", "observed", "claim"], rows)
        for name, limit in (("APCER", self.apcer), ("BPCER", self.bpcer)):
            if limit is not None:
                most = max(
                    (k for k in range(self.people) if bound(k, self.people, self.confidence) <= limit), default=None
                )
                yield (
                    f"  {name} at most {limit:.2%}: "
                    + (f"claimed with up to {most} people who err" if most is not None else "cannot be claimed")
                )


NOTE = (
    "A person who errs in some presentations counts by the share of them. More clips a person make its share surer,\n"
    "and no person more: they count once until people who err show how alike their presentations are.\n"
    "“passes at”: the chance that a system with this true rate shows no more errors than the line allows."
)
