"""The model card of a bundle: Markdown for people, made of what the bundle says of itself and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from fasdata.errors import UserError, in_line
from fasdata.page.table_forms import markdown_escaped, markdown_table
from fasdata.store.atomic import write_text
from fastrain.bundle.archive import is_bundle
from fastrain.bundle.form import BundleFacts, RateFacts
from fastrain.bundle.opened import Bundle

CARD = "card.md"
_FEW = 20  # people
_RATES = {
    "apcer": "APCER of the worst species", "bpcer": "BPCER", "hter": "HTER, all attacks pooled",
    "acer_max": "ACER of ISO/IEC 30107-3",
}  # fmt: skip


def model_card(facts: BundleFacts) -> str:
    """Return the card of what a bundle says of itself."""
    sections = [
        _head(facts),
        f"# {_safe(facts.name)}\n",
        "Presentation attack detection: of a picture or a video it finds the face, scores it (higher = bona fide) and "
        "decides. Without a face that it can score it gives no answer.\n",
        _section("What it is", _items(_networks(facts))),
        _section("What it was trained on", _items(_training(facts))),
        _section("Decision", _items(_decision(facts))),
        _section("Error rates", _rates(facts)),
        _section("What else was measured", _items(_measured(facts))),
        _section("Licences", _licences(facts)),
        _section("Uses", _items(_uses(facts))),
        _section("Limits", _items(_limits(facts))),
        _section("People", _items(_people(facts))),
        f"Written by fasdata {_safe(facts.tool_version)} with the bundle, of what bundle.json says.\n",
    ]
    return "\n".join(text for text in sections if text)


def write_card(bundle: Path, out: Path) -> str:
    """Write the card of a bundle into a file of its own; return what was done in a line.

    Raises:
        UserError: it is no bundle, or damaged.
    """
    if not is_bundle(bundle):
        raise UserError(f"{bundle} is no bundle", expected="--out FILE, the bundle to write beside its card")
    write_text(out, model_card(Bundle.read(bundle).facts))
    return f"model card  {out}"


# -- Its sections -----------------------------------------------------------------------------------------------------


def _head(facts: BundleFacts) -> str:
    head = {
        "license": "other", "license_name": "see-licences", "library_name": "fastrain",
        "tags": ["face-anti-spoofing", "presentation-attack-detection"],
    }  # fmt: skip
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n"


def _networks(facts: BundleFacts) -> list[str]:
    lines = []
    for network in facts.networks:
        sees = f"sees {' and '.join(network.modalities)} in the view {network.view}"
        lines.append(f"Network {network.name}, ONNX opset {network.opset}, {network.precision}; {sees}.")
    inside = "in the bundle" if facts.finding.files else "not in the bundle: its licence or its form keeps it out"
    lines.append(f"Face detector {facts.finding.store.get('detector')} ({inside}); frames {facts.finding.frames}.")
    return lines


def _training(facts: BundleFacts) -> list[str]:
    of = facts.provenance
    rows = (
        ("Method", of.get("method")), ("Protocol", of.get("protocol_alias") or of.get("protocol")),
        ("Recipe", of.get("recipe")), ("Datasets", ", ".join(facts.seen.datasets) if facts.seen else None),
        ("Seed", of.get("seed")), ("Selection of the checkpoint", _selection(of.get("selection"))),
        ("Manifest", of.get("manifest_fingerprint")), ("Configuration", of.get("config_hash")),
    )  # fmt: skip
    known = [f"{name}: {value}." for name, value in rows if value not in (None, "")]
    return known or ["Not known: networks from outside, whose owner says it."]


def _selection(selection: Any) -> str:
    if not isinstance(selection, dict):
        return ""
    policy, checkpoint, at = (selection.get(name) for name in ("policy", "checkpoint", "iteration"))
    where = f"{checkpoint}{'' if at is None else f', iteration {at}'}" if checkpoint else ""
    return " ".join(filter(None, [str(policy or ""), f"({where})" if where else ""]))


def _decision(facts: BundleFacts) -> list[str]:
    if facts.threshold is None:
        return ["There is no threshold: whoever predicts gives one."]
    lines = [f"Threshold {facts.threshold}{f', on {facts.threshold.data}' if facts.threshold.data else ''}."]
    if facts.source_threshold is not None:
        lines.append(f"Before it was that of the sources: {facts.source_threshold}.")
    return [*lines, *(f"Of a place: {place}." for place in facts.place)]


def _rates(facts: BundleFacts) -> str:
    if not facts.rates:
        return "Not known: no results came with the run.\n"
    rows = [
        [_RATES.get(rate.metric, rate.metric), f"{rate.part}: {rate.data}", f"{rate.value:.1%}", _interval(rate),
         str(rate.people) if rate.people else "not known", "" if rate.clips is None else str(rate.clips)]
        for rate in facts.rates
    ]  # fmt: skip
    at = facts.source_threshold or facts.threshold
    note = f"Of clips, at {at.value:.4f} ({at.policy})" if at else "Of clips"
    place = ", not at the threshold of the place" if facts.source_threshold is not None else ""
    head = ["rate", "part", "value", "95 % interval", "people", "clips"]
    return f"{_table(head, rows)}\n{_safe(note + place)}. Intervals are over people, for this very network.\n"


def _interval(rate: RateFacts) -> str:
    known = rate.low is not None and rate.high is not None
    return f"{rate.low:.1%} to {rate.high:.1%}{f', {rate.rule}' if rate.rule else ''}" if known else "not known"


def _measured(facts: BundleFacts) -> list[str]:
    lines = []
    if facts.parity is not None:
        drift = "; it drifts, which was allowed" if facts.parity.allowed_drift else ""
        lines.append(f"Against the run that it was made of: {facts.parity}{drift}.")
    if facts.jitter is not None and facts.jitter.rows:
        for row in facts.jitter.rows:
            ends = "" if row.low is None or row.high is None else f" [{row.low:.1%}, {row.high:.1%}]"
            flips = f"{row.share:.1%}{ends} of the decisions on {row.name} flip"
            lines.append(f"Boxes moved by {row.amount:.0%} of their side: {flips}.")
    if facts.self_test:
        lines.append(f"Self-test: {len(facts.self_test)} pictures made in code, answered whenever it is opened.")
    return lines


def _licences(facts: BundleFacts) -> str:
    use = {True: "research only", False: "not limited", None: "not known"}
    rows = [[part.what, part.name, part.licence, use[part.research_only]] for part in facts.licences]
    return _table(["part", "name", "licence or terms", "use"], rows) if rows else "Not known.\n"


def _uses(facts: BundleFacts) -> list[str]:
    barred = sorted({part.name for part in facts.licences if part.research_only})
    lines = ["To tell bona fide presentations of a face from attacks. Not to recognise anybody, nor for anything else."]
    if barred:
        lines.append(f"Research only: the terms of {', '.join(barred)} bar commercial use.")
    return lines


def _limits(facts: BundleFacts) -> list[str]:
    tested = sorted({rate.data for rate in facts.rates if rate.data})
    others = "with other cameras, light, people or attacks they are others"
    lines = [
        f"Error rates are those of {' and of '.join(tested)}; {others}." if tested else "No error rate came with it.",
        "It is no certified system, and this card no test report of ISO/IEC 30107-3.",
    ]
    few = [rate for rate in facts.rates if rate.people and rate.people < _FEW]
    if few:
        lines.append(f"Few people: rates rest on {min(rate.people or 0 for rate in few)} people; see the intervals.")
    if facts.seen is None:
        lines.append("What the training faces measure is not known: faces unlike them are not told.")
    else:
        lines.append(
            f"Faces outside the ranges of {len(facts.seen.ranges)} measures of {facts.seen.clips} training clips are "
            f"told; {facts.seen.outside:.0%} of those clips lie outside some range themselves."
        )
    lines.append("Differences between groups of people (sex, age, skin tone) are not measured here.")
    return lines


def _people(facts: BundleFacts) -> list[str]:
    return [
        "No picture of a person is in the bundle: its self-test is of pictures made in code.",
        "Whether something of the training people can be read out of the weights was not tested.",
    ]


# -- Markdown ---------------------------------------------------------------------------------------------------------


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _items(lines: Iterable[str]) -> str:
    return "".join(f"* {_safe(line)}\n" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[in_line(cell).replace("<", "&lt;") for cell in row] for row in rows]
    return "".join(f"{line}\n" for line in markdown_table(head, cells))


def _safe(words: str) -> str:
    return markdown_escaped(in_line(words)).replace("<", "&lt;")
