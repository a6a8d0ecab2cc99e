"""Show the ledger of claims as text, Markdown or a page (`fastrain claims`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fasdata.errors import UserError, unknown_name
from fasdata.page.spelling import Absent, percent, ratio, text_table
from fasdata.page.table_forms import markdown_table
from fasdata.protocols.grammar import parse
from fasdata.store.atomic import write_text
from fastrain.claims.published import RECIPES, Claim, disagreements, load_published, sources_of

FORMS = ("text", "md", "html")
HEAD = (
    "Method", "Protocol", "HTER %", "AUC", "ACER %", "Paper, year", "Quoted in", "Table: row", "Recipe", "Selection",
    "Threshold", "Standing", "Checked by", "Remarks",
)  # fmt: skip
_SHORT = (0, 1, 2, 3, 4, 6, 9, 10, 11)  # what a terminal has room for
_ON_PAGE = (0, 2, 3, 4, 6, 9, 10, 8, 11, 5, 7, 13)  # the section names the protocol, the sources what checked them
MORE = "Paper, table and row, recipe, checks and remarks of each: --format md or html."


def claims_text(
    protocol: str | None = None, *, method: str | None = None, form: str = "text", out: Path | None = None
) -> str:
    """Return the claims on a protocol (all without one), of a method if one is named, in `form`; written to `out` too.

    Raises:
        UserError: no such protocol or form, or no claim.
    """
    if form not in FORMS:
        raise unknown_name("form of the ledger", form, FORMS)
    every = load_published()
    canonical = parse(protocol).canonical if protocol else None
    claims = [claim for claim in every if canonical in (None, claim.protocol)]
    if canonical and not claims:
        raise UserError(f"no claim on {canonical}", found=", ".join(sorted({claim.protocol for claim in every})))
    if method is not None:
        claims = [claim for claim in claims if claim.method.lower() == method.lower()]
        if not claims:
            raise unknown_name("method with a claim", method, sorted({claim.method for claim in every}))
    claims = sorted(claims, key=lambda claim: (claim.protocol, claim.method.lower()))
    title = f"Published claims{f' on {canonical}' if canonical else ''}"
    text = {"text": _text, "md": _markdown, "html": _page}[form](title, claims)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_text(out, text if text.endswith("\n") else text + "\n")
    return text


def cells(claim: Claim) -> list[str]:
    """Return a claim as a row; "" where it says nothing."""
    place, year = " ".join(filter(None, [f"{claim.table}:" if claim.table else "", claim.row])), str(claim.year or "")
    return [
        claim.method,
        claim.protocol,
        str(percent(claim.hter, sd=claim.hter_sd, unit="")) if claim.hter is not None else "",
        str(ratio(claim.auc, sd=claim.auc_sd)) if claim.auc is not None else "",
        str(percent(claim.acer, unit="")) if claim.acer is not None else "",
        claim.paper if year in claim.paper else ", ".join(filter(None, [claim.paper, year])),
        claim.quoted_in,
        place,
        claim.recipe,
        claim.selection,
        claim.threshold,
        claim.standing or "read from its source",
        claim.checked,
        claim.remarks,
    ]


def _text(title: str, claims: Sequence[Claim]) -> str:
    rows = [[cells(claim)[at] or "-" for at in _SHORT] for claim in claims]
    lines = [f"{title}: {len(claims)}", *text_table([HEAD[at] for at in _SHORT], rows, indent="")]
    return "\n".join([*lines, "", *disagreements(claims), RECIPES, MORE, *sources_of(claims)])


def _markdown(title: str, claims: Sequence[Claim]) -> str:
    lines = markdown_table(HEAD, [cells(claim) for claim in claims])
    apart = "\n".join(f"- {words}" for words in disagreements(claims))
    sources = "\n".join(f"- {source}" for source in sources_of(claims))
    parts = filter(None, [f"### {title}", "\n".join(lines), apart, RECIPES, sources])
    return "\n\n".join(parts)


def _page(title: str, claims: Sequence[Claim]) -> str:
    from fasdata.page.page import Page, Section
    from fasdata.page.parts import Column, Notice, Paragraph, Row, Table

    sections = []
    for protocol in dict.fromkeys(claim.protocol for claim in claims):
        own = [claim for claim in claims if claim.protocol == protocol]
        filled = [place for place in _ON_PAGE if any(cells(claim)[place] for claim in own)]
        columns = [Column(HEAD[place], numeric=2 <= place <= 4) for place in filled]
        rows = [
            Row([cells(claim)[at] or Absent("not given") for at in filled], "muted" if claim.standing else "")
            for claim in own
        ]
        parts: list[object] = [Table(f"Claims on {protocol}", columns, rows, "Grey: not read from its source.")]
        apart = disagreements(own)
        if apart:
            parts.insert(0, Notice("Claims that contradict each other", [f"{words}." for words in apart], "mixed"))
        sections.append(Section(protocol.translate(str.maketrans(":@ ", "---")), protocol, parts))
    sources = [Paragraph(RECIPES), *(Paragraph(f"{source}.") for source in sources_of(claims, checked=True))]
    sections.append(Section("sources", "Sources", sources))
    methods = len({claim.method.lower() for claim in claims})
    facts = [("Claims", str(len(claims))), ("Methods", str(methods))]
    return Page(title, sections, facts, "Written by fastrain claims.").html()
