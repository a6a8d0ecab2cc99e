"""The sheet of ISO/IEC 30107-3: what a test of presentation attack detection has to state, from results and facts.

Whatever is not known is `Absent`, with the reason; `IsoSheet.unknown` lists it. `fastrain.report.iso_sheet` draws it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from statistics import median
from typing import Any, TypeAlias

from fasdata.page.spelling import Absent, count, is_number, metric, percent, score
from fasdata.records import ATTACK, BONAFIDE
from fasdata.species import DIGITAL, PHYSICAL, family_of
from fastrain.evaluation.measures import measured
from fastrain.evaluation.results_lookup import HONEST, TEST, Results
from fastrain.evaluation.thresholds import is_oracle

Known: TypeAlias = str | Absent
"""Words, or the reason why there are none."""

NOT_STATED = Absent("not stated")
NO_BUNDLE = Absent("no bundle is named (--bundle)")
APCER, BPCER = "APCER max, worst species", "BPCER"
NAMELESS = ("", "unknown")
TO_BE_TOLD = "score the presentation attacks alone to have it"
NO_SPECIES = "species are not named, so all attacks count as one and the worst is not known"


@dataclass(frozen=True)
class ItemUnderTest:
    """What was tested, on what and when; each is in words or `Absent` with its reason.

    >>> ItemUnderTest(product="Gate 3").lines()[0], len(ItemUnderTest().lines())
    (('Product or run', 'Gate 3'), 9)
    """

    product: Known = NOT_STATED
    method: Known = NOT_STATED
    network: Known = NOT_STATED
    """Which seed of how many, and by what its checkpoint was selected."""
    detector: Known = NOT_STATED
    bundle: Known = NO_BUNDLE
    """The SHA-256 of the file that is deployed."""
    dataset: Known = NOT_STATED
    protocol: Known = NOT_STATED
    date: Known = NOT_STATED
    scores: Known = NOT_STATED
    """How a presentation got its score."""

    def lines(self) -> list[tuple[str, Known]]:
        """Return the title and the words of each, in the order of a sheet."""
        titles = ("Product or run", "Method", "Network", "Face detector", "Bundle, SHA-256", "Dataset", "Protocol",
                  "Tested on", "Score of a presentation")  # fmt: skip
        return [(title, getattr(self, field.name)) for title, field in zip(titles, fields(self), strict=True)]


@dataclass(frozen=True)
class Rate:
    """A rate from 0 to 1 with the ends of its 95 % interval and its rule, or `why` it is not known.

    >>> str(Rate("bpcer", 0.25, (0.1, 0.5), "exact").shown())
    '25.00 % [10.00, 50.00] exact'
    """

    name: str
    value: float | None = None
    ends: tuple[float, float] | None = None
    rule: str = ""
    why: str = "not among these results"

    @classmethod
    def of(cls, name: str, row: dict[str, Any], value: str = "value", why: str = "not among these results") -> Rate:
        """Return the rate of a row of `results.json`, {} where there is none; `value` is the key of its value."""
        if not is_number(row.get(value)):
            return cls(name, why=str(row.get("reason") or why))
        ends = (row.get("low"), row.get("high"))
        whole = (float(ends[0]), float(ends[1])) if is_number(ends[0]) and is_number(ends[1]) else None  # type: ignore[arg-type]
        return cls(name, float(row[value]), whole, str(row.get("rule") or ""))

    def shown(self, *, rule: bool = True) -> Known:
        """Return it as a page prints it, with its interval and the rule of that, or the reason why there is none."""
        return metric(self.name, self.value, self.why, ends=self.ends, rule=self.rule if rule else "")


@dataclass(frozen=True)
class SpeciesLine:
    """The attacks of a PAI species: presentations, people, how many were accepted, and the APCER."""

    name: str
    presentations: int
    people: int | None
    apcer: Rate

    def accepted(self) -> Known:
        """Return how many of how many presentations were accepted; in a mean over networks the number is none."""
        if self.apcer.value is None:
            return Absent(self.apcer.why)
        number = self.apcer.value * self.presentations
        if abs(number - round(number)) > 1e-6:
            return Absent("a mean over networks")
        return f"{round(number)} of {count(self.presentations)}"


@dataclass(frozen=True)
class OperatingPoint:
    """An error rate, where its threshold comes from, and its median over the runs that stand beside this one."""

    title: str
    policy: str
    rate: Rate
    over_runs: Known = ""


@dataclass(frozen=True)
class IsoSheet:
    """The sheet: what was tested, what was presented, and the error rates at `policy`, with intervals over people."""

    tested: ItemUnderTest
    part: str
    """What the tested part of the scores is called."""
    people: Known
    bonafide: Known
    attacks: Known
    species_by: str
    policy: str
    threshold: Known
    threshold_from: Known
    species: tuple[SpeciesLine, ...]
    why_no_species: str
    apcer: Rate
    bpcer: Rate
    apnrr: Rate
    bpnrr: Rate
    points: tuple[OperatingPoint, ...]
    runs: int = 1
    """How many runs the medians of `points` are over."""
    non_response: str = ""
    """How presentations without a response count in the rates."""
    basis: tuple[str, ...] = ()
    """What the intervals rest on, in words."""
    outside: Known = ""
    """The digital attacks among the tested, which are no presentations; "" where there are none."""

    def presented(self) -> list[tuple[str, Known]]:
        """Return title and words of what was presented, and of the threshold."""
        names = ", ".join(line.name for line in self.species)
        return [
            ("People", self.people),
            ("Bona fide presentations", self.bonafide),
            ("Attack presentations", self.attacks),
            ("PAI species", f"{len(self.species)}: {names}" if names else Absent(self.why_no_species)),
            *([("Digital attacks", self.outside)] if self.outside else []),
            ("Threshold", self.threshold),
            ("Threshold from", self.threshold_from),
        ]

    def rates(self) -> list[tuple[str, Known]]:
        """Return title and words of the rates that the standard asks for."""
        rates = ((APCER, self.apcer), (BPCER, self.bpcer), ("APNRR", self.apnrr), ("BPNRR", self.bpnrr))
        return [(title, rate.shown()) for title, rate in rates]

    def unknown(self) -> dict[str, str]:
        """Return the title of each line that is not known, and why it is not."""
        points = ((point.title, point.rate.shown()) for point in self.points)
        lines = [*self.tested.lines(), *self.presented(), *self.rates(), *points]
        return {title: words.why for title, words in lines if isinstance(words, Absent)}


# -- From results and facts --------------------------------------------------------------------------------------------

# Title, metric, threshold policy ("" stands for that of the sheet).
_POINTS = (
    ("HTER, all species together", "hter", ""),
    ("ACER max, worst species", "acer_max", ""),
    ("APCER at a BPCER of 5 %", "apcer_at_bpcer_5", measured("apcer_at_bpcer_5").policy),
    *((name.upper(), name, measured(name).policy) for name in ("bpcer10", "bpcer20", "bpcer100")),
    ("EER", "eer", "the same part (oracle)"),
)
_FREE = ("eer",)
_COUNTED = {"count": "counted: rejected, an error of a bona fide", "exclude": "left out of the rates"}


def iso_sheet(results: Results, tested: ItemUnderTest, *, policy: str = "", beside: Sequence[Results] = ()) -> IsoSheet:
    """Return the sheet of results: the tested part, clip level, at a threshold policy.

    `policy`: that of the sources where the results have it, else the first one that does not look at the tested labels.
    `beside` are results of further runs of the same training: each point then has its median over all of them.
    """
    at = policy or _policy(results)
    row = results.threshold_row("clip", at)
    species, why = _species(results, at)
    apcer = Rate.of("apcer", _metric(results, "apcer", at))
    if apcer.value is not None and not species and why:
        apcer = Rate("apcer", why=f"{why}; all together: {apcer.shown()}")
    reason = str(row.get("reason") or results.absent or f"no threshold {at}")
    people, bonafide, attacks = _presented(results)

    def rate(name: str, at_policy: str = "") -> Rate:
        return Rate.of(name, _metric(results, name, at_policy))

    sheet = IsoSheet(
        tested=tested,
        part=results.named(TEST),
        people=people,
        bonafide=bonafide,
        attacks=attacks,
        species_by=str(results.data.get("species_by") or "attack_type"),
        policy=at,
        threshold=score(row.get("value"), reason),
        threshold_from=_origin(row, at, reason),
        species=species,
        why_no_species=why,
        apcer=apcer,
        bpcer=rate("bpcer", at),
        apnrr=rate("non_response_attack"),
        bpnrr=rate("non_response_bonafide"),
        points=tuple(_points(results, at, beside)),
        runs=1 + len(beside),
        non_response=_COUNTED[results.fta],
        basis=tuple(basis_of(results)),
    )
    return _of_presentations(sheet, results)


def _of_presentations(sheet: IsoSheet, results: Results) -> IsoSheet:
    """Return the sheet without its digital attacks: what is no presentation to a sensor is outside the standard.

    Of the rates that count attacks only the APCER is known of presentation attacks alone.
    """
    where = {"part": TEST, "level": "clip", "threshold_policy": sheet.policy}
    families = {row.get("family"): row for row in results.rows("families", **where)}
    digital = families.get(DIGITAL)
    if digital is None:
        return sheet
    apart = set(map(str, digital.get("species") or ()))
    species = tuple(line for line in sheet.species if line.name not in apart)
    other = "" if species else "no presentation attack was tested, digital attacks alone"
    apcer = Rate.of("apcer", families.get(PHYSICAL, {}), "apcer", other or NO_SPECIES)
    if any(line.name in NAMELESS or not family_of(line.name) for line in species) and sheet.species_by == "attack_type":
        apcer = Rate("apcer", why="attacks of unknown type are among the presentations")
    whole = Absent(f"digital attacks are counted in it ({', '.join(sorted(apart))}); {TO_BE_TOLD}")
    points = []
    for point in sheet.points:
        if point.rate.name not in ("apcer", "bpcer"):
            point = replace(point, rate=Rate(point.rate.name, why=whole.why))
        elif point.rate.name == "apcer":
            point = replace(point, rate=apcer)
        known = point.rate.name == "bpcer" or not point.over_runs
        points.append(point if known else replace(point, over_runs=whole))
    return replace(
        sheet,
        attacks=count(sum(line.presentations for line in species)),
        species=species,
        why_no_species=other or sheet.why_no_species,
        apcer=apcer,
        apnrr=Rate("non_response_attack", why=whole.why),
        points=tuple(points),
        outside=f"{count(digital.get('n'))}: {', '.join(sorted(apart))}; outside ISO/IEC 30107, see the error rates",
    )


def _policy(results: Results) -> str:
    names = list(dict.fromkeys(str(row.get("policy")) for row in results.rows("thresholds", level="clip")))
    if HONEST in names or not names:
        return HONEST
    return next((name for name in names if not is_oracle(name)), names[0])


def _metric(results: Results, name: str, policy: str) -> dict[str, Any]:
    where = {"part": TEST, "level": "clip", "metric": name, "threshold_policy": policy}
    return next(results.rows("metrics", **where), {"reason": results.absent} if results.absent else {})


def _presented(results: Results) -> tuple[Known, Known, Known]:
    """Return the people, the bona fide presentations and the attacks of the tested part."""
    counts = list(results.rows("counts", part=TEST))
    if not counts:
        nothing = Absent(results.absent or "nothing was tested")
        return nothing, nothing, nothing
    live, spoof = (
        count(sum(row.get("clips") or 0 for row in counts if row.get("label") == label)) for label in (BONAFIDE, ATTACK)
    )
    about = (results.data.get("uncertainty") or {}).get(TEST) or {}
    people, loose = about.get("subjects"), about.get("clips_of_unknown_subject")
    if people is None:  # results without intervals: at least as many as are named of either label
        of_label = [sum(row.get("subjects") or 0 for row in counts if row.get("label") == label)
                    for label in (BONAFIDE, ATTACK)]  # fmt: skip
        people, loose = max(of_label), 0
    words: Known = f"{count(people)}" if people else Absent("people are not named")
    return f"{words} and {count(loose)} presentations of people not named" if people and loose else words, live, spoof


def _origin(row: dict[str, Any], policy: str, reason: str) -> Known:
    """Say in words where the threshold of a row comes from."""
    if not row or (row.get("value") is None and "everything" not in reason):
        return Absent(reason)
    if is_oracle(policy):
        return f"{policy}: found on the labels of the tested presentations themselves"
    part = row.get("from_part")
    return f"{policy}: " + ("given beforehand" if part == "" else f"found on other presentations (part {part})")


def _species(results: Results, policy: str) -> tuple[tuple[SpeciesLine, ...], str]:
    """Return a line a species, worst first, and where there is none the reason."""
    rows = list(results.rows("species", part=TEST, level="clip", threshold_policy=policy))
    names = {str(row.get("species")) for row in results.rows("species", part=TEST, level="clip")}
    if names and names <= set(NAMELESS):
        return (), NO_SPECIES
    lines = [
        SpeciesLine(str(row.get("species")), int(row.get("n") or 0), row.get("people"), Rate.of("apcer", row, "apcer"))
        for row in rows
    ]
    why = str(results.threshold_row("clip", policy).get("reason") or results.absent or "no attack was scored")
    return tuple(sorted(lines, key=lambda line: -(line.apcer.value or 0.0))), why


def _points(results: Results, policy: str, beside: Sequence[Results]) -> Iterator[OperatingPoint]:
    for title, name, own in ((APCER, "apcer", ""), (BPCER, "bpcer", ""), *_POINTS):
        at = "" if name in _FREE else own or policy
        # What finds its own threshold has no policy in its row of results.
        in_row = "" if name in _FREE else at
        rate = Rate.of(name, _metric(results, name, in_row))
        values = [of.value for of in (rate, *(Rate.of(name, _metric(o, name, in_row)) for o in beside))]
        known = [value for value in values if value is not None]
        over: Known = ""
        if beside:
            low, high = (str(percent(end, unit="")) for end in (min(known), max(known))) if known else ("", "")
            over = f"{percent(median(known))} ({low} to {high})" if known else Absent("no run has it")
        yield OperatingPoint(title, own or policy, rate, over)


def basis_of(results: Results) -> Iterator[str]:
    """Yield in words what the intervals rest on: people, resamples, and how often intervals over as few have held."""
    about, averaged = (results.data.get("uncertainty") or {}).get(TEST), results.data.get("averaged_over")
    if averaged:
        yield f"each number is the mean over {averaged} networks"
    if not isinstance(about, dict):
        yield "no intervals were computed"
        return
    yield f"intervals rest on {about.get('note')}; {about.get('resamples')} resamples"
    if about.get("coverage"):
        yield str(about["coverage"])
