"""In words, for whoever looks at a decision: how far the numbers of a bundle can be trusted."""

from __future__ import annotations

from fastrain.bundle.form import BundleFacts, FlipFacts, RateFacts

FEW = 30  # people


def trust(facts: BundleFacts) -> list[str]:
    """Return sentences: what the threshold rests on, how often it errs and how sure that is, what was never seen."""
    return [_threshold(facts), *_rates(facts), *_lacking(facts), *_moved(facts), _seen(facts), _use()]


def _threshold(facts: BundleFacts) -> str:
    limit = facts.threshold
    if limit is None:
        return "The threshold was given by whoever started this server; no error rate is known for it."
    if facts.place:
        kept = "; ".join(
            f"{place.promise} held for {place.people} people there, at most {place.bound:.1%} with "
            f"{place.confidence:.0%} confidence"
            for place in facts.place
        )
        return (
            f"The threshold is for one place, from clips made there ({facts.place[0].data}): {kept}. Elsewhere it "
            "promises nothing."
        )
    data = f" ({limit.data})" if limit.data else ""
    return (
        f"The threshold comes from the data that the network was developed on{data}, by {limit.policy}. At another "
        "place, with another camera or light, it may be wrong by far: calibrate it there."
    )


def _rates(facts: BundleFacts) -> list[str]:
    """Return the error rates on people that the network never saw."""
    tested = [rate for rate in facts.rates if rate.part == "test"] or list(facts.rates)
    sentences = [_rate(rate) for rate in tested if rate.metric in ("bpcer", "apcer")]
    if not sentences:
        return ["No error rate was measured at this threshold."]
    if facts.place:
        return [f"At the threshold before, {sentences[0]}" + "".join(f"; {words}" for words in sentences[1:]) + "."]
    few = min((rate.people or 0 for rate in tested), default=0)
    note = f" That is {few} people only: take the ends of the intervals, not the middles." if 0 < few < FEW else ""
    return [
        f"{sentences[0][0].upper()}{sentences[0][1:]}" + "".join(f"; {words}" for words in sentences[1:]) + f".{note}"
    ]


def _rate(rate: RateFacts) -> str:
    what = "bona fide faces were rejected" if rate.metric == "bpcer" else "attacks of the worst kind were accepted"
    rule = f", {rate.rule}" if rate.rule else ""
    people = f", {rate.people} people" if rate.people else ""
    return f"{rate.value:.1%} of {what}{_ends(rate.low, rate.high, rule)} on {rate.data or rate.part}{people}"


def _lacking(facts: BundleFacts) -> list[str]:
    others = [name for name in facts.networks[0].modalities if name != "rgb"]
    if not others:
        return []
    return [
        f"The network was made to see {' and '.join(others)} too. A picture that comes without them is judged by what "
        "there is, and none of the error rates is about that."
    ]


def _moved(facts: BundleFacts) -> list[str]:
    if facts.jitter is None or not facts.jitter.rows:
        return ["How decisions bear a face that is framed a little otherwise was not measured."]
    row = next(row for row in facts.jitter.rows if not row.label)
    kinds = [kind for kind in facts.jitter.rows if kind.label and kind.amount == row.amount]
    finest = [kind for kind in kinds if kind.species or kind.label == "bonafide" or not _has_species(kinds)]
    worst = max(finest, key=lambda kind: kind.share, default=None)
    most = f"; most often for {_faces(worst)}, {worst.share:.0%}{_ends(worst.low, worst.high)}" if worst else ""
    return [
        f"When the box of the face was moved by {row.amount:.0%} of its side, {row.share:.0%}"
        f"{_ends(row.low, row.high)} of the decisions were others{most}: a score close to the threshold means little."
    ]


def _faces(row: FlipFacts) -> str:
    if row.label == "bonafide":
        return "bona fide faces"
    return f"attacks of the species {row.species}" if row.species else "attacks"


def _has_species(rows: list[FlipFacts]) -> bool:
    return any(row.species for row in rows)


def _ends(low: float | None, high: float | None, rule: str = "") -> str:
    return "" if low is None or high is None else f" (95 % interval {low:.0%} to {high:.0%}{rule})"


def _seen(facts: BundleFacts) -> str:
    if facts.seen is None:
        return "Whether a face is unlike anything in the training data is not told."
    return (
        f"A face whose size, sharpness, brightness or pose lies outside the middle 98 % of {facts.seen.clips} training "
        f"clips is flagged; so are {facts.seen.outside:.0%} of these clips themselves."
    )


def _use() -> str:
    return (
        "Kinds of attacks that were not among the data are not in any of these numbers. A decision is one sign among "
        "others, never proof."
    )
