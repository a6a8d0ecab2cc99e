"""The field guide: the datasets from their cards, the words for attacks, and what papers claim from the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docs.written.tables import cell, code, table


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages."""
    yield "field_guide/datasets.md", _datasets()
    yield "field_guide/attacks.md", _attacks()
    yield "field_guide/claims.md", _claims()


def _datasets() -> str:
    from fasdata.datasets.registry import load_cards

    cards = [card for card in load_cards().values() if card.counts or card.access]
    lines = [
        "# Datasets", "",
        "From the cards in `manifests/datasets/`. Nothing here hands out data: each dataset comes from its owner, under its "
        "owner's agreement. `fasdata datasets NAME` prints a card with its layouts; `fasdata verify NAME --root …` compares "
        "your copy with the release.", "",
    ]  # fmt: skip
    rows = [[f"[{cell(card.name)}](#{_anchor(card.name)})", " + ".join(card.modalities), _size(card), cell(card.people),
             cell(_letters(card))] for card in cards]  # fmt: skip
    lines += [table(("dataset", "holds", "recordings", "people", "letter"), rows)]
    for card in cards:
        facts = (
            ("also called", ", ".join(card.aliases)), ("owner", card.owner),
            ("licence", card.licence + ("" if card.research_only else " (not limited to research)")),
            ("how to get it", card.access), ("modalities", " + ".join(card.modalities)),
            ("recordings", _splits(card) or _size(card)), ("people", card.people), ("letter in protocols", _letters(card)),
            ("list files", card.lists), ("layouts", ", ".join(layout.name for layout in card.layouts)),
        )  # fmt: skip
        lines += [f"## {card.name}", "", cell(card.about) + ".", ""]
        lines += [f":{name}: {cell(text)}" for name, text in facts if text]
        if card.unconfirmed:
            lines += ["", "Not confirmed by anybody here:", "", *[f"- {cell(words)}" for words in card.unconfirmed]]
        lines += [""]
    return "\n".join(lines)


def _anchor(name: str) -> str:
    return name.lower()


def _size(card: Any) -> str:
    total = sum(count.bonafide + count.attack for count in card.counts.values())
    return f"{total:,}".replace(",", " ") if total else "not known"


def _splits(card: Any) -> str:
    return "; ".join(
        f"{split}: {count.bonafide} bona fide, {count.attack} attacks" for split, count in card.counts.items()
    )


def _letters(card: Any) -> str:
    return ", ".join(f"{letter} (pool {pool})" for pool, letter in card.pools.items())


_MEANING = {
    "print": "a photo on paper, shown flat, bent or on a mount",
    "replay": "a picture or a video on a screen, manipulated ones included",
    "mask-paper": "paper that is cut or folded to a mask",
    "mask-3d": "a mask with relief: silicone, latex, resin, plaster, hard shells",
    "mannequin": "a head that belongs to nobody",
    "partial": "only part of the face is covered or shown: glasses, eyes cut out, a strip of paper",
    "makeup": "make-up that hides a person or imitates another",
    "face-swap": "a face put on another's head in the picture",
    "reenactment": "a face driven by another's expressions",
    "synthetic-face": "a face that was generated as a whole",
    "adversarial": "a change made to mislead a network",
    "digital-attack": "a manipulated picture where nobody says how",
    "unknown": "an attack whose kind nobody states",
}


def _attacks() -> str:
    from fasdata.records import ATTACK_TYPES
    from fasdata.species import MEANS, family_of

    missing = set(ATTACK_TYPES[1:]) ^ set(_MEANING)
    if missing:
        raise ValueError(f"the field guide and fasdata.records disagree about {sorted(missing)}")
    lines = [
        "# Words for attacks", "",
        "An *attack type* is one of the words below; the *species* (`pai`) is the instrument as its release or laboratory "
        "names it. Any name is data: one that is no word of the field is a species of its own, of unknown type. In any case, "
        "and with `_` or blanks for `-`, the words of the last column are understood.", "",
    ]  # fmt: skip
    rows = [[code(kind), family_of(kind) or "neither", cell(_MEANING[kind]), cell(MEANS[kind].replace(" ", ", "))]
            for kind in ATTACK_TYPES[1:]]  # fmt: skip
    lines += [table(("attack type", "family", "what it is", "understood words"), rows)]
    lines += [
        "Physical attacks are shown to the camera: *presentation attacks*, which ISO/IEC 30107-3 is about. Digital ones "
        "change or make the picture and reach the system behind its camera. They are counted alike, named apart, and never "
        "enter the ISO sheet.", "",
        "## The terms of ISO/IEC 30107-3", "",
        table(("term", "meaning"), [
            ["bona fide", "a presentation of a person's own face without the aim to mislead"],
            ["PAI species", "a class of presentation attack instruments that are made alike"],
            ["APCER", "share of attack presentations of a species that are taken for bona fide; the report states the worst species"],
            ["BPCER", "share of bona fide presentations that are taken for attacks"],
            ["ACER", "the mean of both at one threshold"],
            ["APNRR, BPNRR", "share of attack, of bona fide presentations without a response"],
            ["HTER", "half of the sum of both error rates with all attacks together; what papers print"],
        ]),
    ]  # fmt: skip
    return "\n".join(lines)


def _claims() -> str:
    from fasdata.page.spelling import percent, ratio
    from fastrain.claims.published import RECIPES, disagreements, load_published, sources_of

    claims = load_published()
    lines = [
        "# What papers claim", "",
        f"{len(claims)} published numbers from `manifests/results/`, each with who prints it and how it came about. "
        "*Standing* says whether a number was read from its source. `fastrain claims CIO-M` prints those of a protocol, "
        "`fastrain compare RUN --published` puts them beside a run.", "", cell(RECIPES), "",
    ]  # fmt: skip
    head = ("method", "HTER %", "AUC", "ACER %", "quoted in", "selection", "threshold", "standing")
    for protocol in sorted({claim.protocol for claim in claims}):
        own = sorted((c for c in claims if c.protocol == protocol), key=lambda claim: claim.method.lower())
        rows = [
            [cell(c.method), cell(percent(c.hter, sd=c.hter_sd, unit="")) if c.hter is not None else "",
             cell(ratio(c.auc, sd=c.auc_sd)) if c.auc is not None else "",
             cell(percent(c.acer, unit="")) if c.acer is not None else "",
             cell(c.quoted_in), cell(c.selection), cell(c.threshold), cell(c.standing or "read from its source")]
            for c in own
        ]  # fmt: skip
        lines += [f"## {protocol}", "", table(head, rows)]
        lines += [f"- {cell(words)}" for words in disagreements(own)] + [""]
    lines += [
        "## Where the numbers were read",
        "",
        *[f"- {cell(source)}" for source in sources_of(claims, checked=True)],
    ]
    return "\n".join(lines) + "\n"
