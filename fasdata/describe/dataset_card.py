"""Write facts as a dataset card: Markdown for people, with the head that dataset hubs read."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from fasdata.describe.facts import Facts
from fasdata.errors import in_line
from fasdata.page.table_forms import markdown_escaped, markdown_table


def dataset_card(facts: Facts) -> str:
    """Return the card."""
    sections = [
        _head(facts),
        f"# {_safe(facts.title)}\n",
        _lead(facts),
        _section("How it came about", _items([*facts.collection, *facts.annotation])),
        _section("Terms", _terms(facts)),
        _section("What is in it", _counts(facts)),
        _section("How faces were found and stored", _items([*facts.tools, *facts.preprocessing])),
        _section("What is missing", _items(facts.missing)),
        _section("The stored faces", _measures(facts)),
        _section("Uses", _items(facts.uses)),
        _section("Personal and sensitive", _items(facts.sensitive)),
        _section("Biases and limits", _items([*facts.biases, *facts.limits])),
        _section("Care", _items(facts.maintenance)),
        f"Content {facts.content}, version {facts.version}, made with fasdata {facts.tool_version}. Words on terms are "
        "those of fasdata, not of the owners: what counts is the agreement that you signed.\n",
    ]
    return "\n".join(text for text in sections if text)


def _head(facts: Facts) -> str:
    head = {
        "pretty_name": facts.name,
        "license": "other",
        "license_name": "see-terms",
        "tags": ["face-anti-spoofing", "presentation-attack-detection", *facts.modalities],
    }
    return f"---\n{yaml.safe_dump(head, sort_keys=False, allow_unicode=True)}---\n"


def _lead(facts: Facts) -> str:
    clips, frames = sum(group.clips for group in facts.groups), sum(group.frames for group in facts.groups)
    what = "stored faces of a dataset" if facts.kind == "dataset" else "the frames of a protocol, and its parts"
    return f"{clips} clips, {frames} frames ({', '.join(facts.modalities)}): {what}. No picture is part of this card.\n"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _items(sentences: Iterable[str]) -> str:
    return "".join(f"* {_safe(words[:1].upper() + words[1:])}\n" for words in sentences)


def _safe(words: str) -> str:
    """Return words of cards and releases as one line of Markdown that is shown as it is."""
    return markdown_escaped(in_line(words)).replace("<", "&lt;")


def _terms(facts: Facts) -> str:
    rows = [[of.name, of.owner or "not known", of.licence or "not known", of.use] for of in facts.terms]
    return _table(["dataset", "owner", "licence or terms", "use"], rows)


def _counts(facts: Facts) -> str:
    several = len({group.dataset for group in facts.groups}) > 1
    first = ["dataset", "part"] if several else ["split" if facts.kind == "dataset" else "part"]
    rows = [
        [*([group.dataset] if several else []), group.part or "none", group.label.replace("bonafide", "bona fide"),
         str(group.clips), str(group.people or "not known"), str(group.frames), str(group.lost)]
        for group in facts.groups
    ]  # fmt: skip
    counts = _table([*first, "label", "clips", "people", "frames", "without a face"], rows)
    if not facts.species:
        return counts
    return counts + "\n" + _table(["kind of attack", "clips"], [[name, str(number)] for name, number in facts.species])


def _measures(facts: Facts) -> str:
    if not facts.measures:
        return ""
    rows = [
        [f"{name.replace('_', ' ')} {unit}".strip(), f"{low:.4g}", f"{middle:.4g}", f"{high:.4g}"]
        for name, unit, low, middle, high in facts.measures
    ]
    return _table(["measure", "a quarter is below", "median", "a quarter is above"], rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    cells = [[in_line(cell).replace("<", "&lt;") for cell in row] for row in rows]
    return "".join(f"{line}\n" for line in markdown_table(head, cells))
