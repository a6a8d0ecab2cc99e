"""Show a contestant, a run without a network of ours: what its scores are, what they tell and what they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fasdata.page.page import Section
from fasdata.page.parts import Card, Cards, Column, Facts, Notice, Paragraph, Row, Table
from fasdata.page.spelling import begun, ratio, text
from fastrain.evaluation.results_lookup import HONEST, TEST, VAL
from fastrain.evaluation.score_facts import other_way_round
from fastrain.report.run_folder import RunFolder
from fastrain.report.seeds import AUC, EER, HTER, VAL_AUC
from fastrain.rundir.facts import NetworkFacts

NO_PICTURES = "A contestant has scores and no store of faces, so no picture can be shown."


def contestant_glance(runs: Sequence[RunFolder]) -> Section:
    """Return what can be said of the scores in a sentence or two, and cards with the numbers."""
    run = runs[0]
    title, kind = "How good are these scores?", "plain"
    sentences = [_answer(run), *(f"{begun(words)}." for words in other_way_round({"metrics": _metrics(run)}))]
    if len(sentences) > 1:
        title, kind = "These scores may be the other way round.", "bad"
    notice = Notice(title, sentences, kind)  # type: ignore[arg-type]
    people = _people(run, TEST)
    cards = [
        Card(AUC.titled(run), AUC.shown(runs), f"clips of {people}{AUC.ends(runs)}"),
        Card(EER.titled(run), EER.shown(runs), f"needs the labels of these very clips{EER.ends(runs)}"),
        Card(HTER.titled(run), HTER.shown(runs), f"clips, threshold from part val ({HONEST}){HTER.ends(runs)}"),
        Card(VAL_AUC.titled(run), VAL_AUC.shown(runs), f"clips of {_people(run, VAL)}{VAL_AUC.ends(runs)}"),
    ]
    return Section("glance", "At a glance", [notice, Cards(cards), *_unknown(run)])


def contestant_source(run: RunFolder) -> Section:
    """Return where the scores are from, how their file was read, and what its notes are."""
    about = run.run.contestant
    if about is None:
        return Section("source", "Source", [Paragraph("This run is no contestant.")])
    facts = Facts(
        [
            ("Contestant", text(run.run.method)),
            ("File", text(about.file)),
            *([] if about.networks else [("SHA-256 of the file", text(about.sha256))]),
            ("Form", text(about.form)),
            ("A row is one of", text(about.rows)),
            ("Network selected by", text(run.run.selection.policy, "not stated")),
            ("Manifest fingerprint", text(run.run.manifest_fingerprint, "not lined up with a manifest")),
            ("Imported", text(run.run.finished)),
            ("Tool version", text(run.run.tool_version)),
        ]
    )
    notes = [Notice("Notes of the reading", [f"{note}." for note in about.notes])] if about.notes else []
    return Section("source", "Source", [facts, *_networks(about.networks), *notes])


def _networks(networks: Sequence[NetworkFacts]) -> list[Table]:
    """Return what was declared of each network, which nobody but its importer vouches for."""
    if not networks:
        return []
    columns = [
        Column(name) for name in ("File", "View of the face", "Fed with", "Score of bona fide", "Run by", "SHA-256")
    ]
    rows = [
        Row((net.origin, net.view, net.input, net.score, text(net.provider, "unknown"), net.sha256[:16]))
        for net in networks
    ]
    note = "As declared at the import; the scores of several networks are averaged." if len(networks) > 1 else (
        "As declared at the import."
    )  # fmt: skip
    return [Table("The networks", columns, rows, note)]


def _unknown(run: RunFolder) -> list[Any]:
    about = run.run.contestant
    if about is None or not about.cannot:
        return []
    rows = []
    for sentence in about.cannot:
        topic, _, why = sentence.partition(": ")
        rows.append(Row((begun(topic), f"{why}.")))
    return [Table("What these scores cannot tell", [Column("Topic"), Column("For want of")], rows)]


def _answer(run: RunFolder) -> str:
    auc = AUC.of(run)
    if auc is None:
        return "The file has no AUC: one of the labels is missing in its test part."
    name = run.run.contestant.file if run.run.contestant else run.name
    return (
        f"In {name}, the bona fide clip scores higher in {round(100 * auc)} of 100 pairs of one bona fide and one "
        f"attack clip (an AUC of {ratio(auc)}; guessing gives 0.500). How the network behind it was trained and chosen "
        "is not known here."
    )


def _metrics(run: RunFolder) -> list[dict[str, Any]]:
    return [{"value": None, **row} for row in run.results.rows("metrics")]


def _people(run: RunFolder, part: str) -> str:
    about = (run.results.data.get("uncertainty") or {}).get(part) or {}
    people = about.get("subjects")
    return f"{people} people" if people else "people not named"
