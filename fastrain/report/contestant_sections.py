"""Show a contestant, a run without a network of ours: what its scores are, what they tell and what they cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fasdata.page.page import Section
from fasdata.page.parts import Answer, Card, Cards, Column, Facts, Kind, Notice, Paragraph, Row, Table
from fasdata.page.spelling import begun, text
from fastrain.evaluation.reached import GUESSING, Reached
from fastrain.evaluation.results_lookup import HONEST, TEST, VAL
from fastrain.evaluation.score_facts import other_way_round
from fastrain.report.run_folder import RunFolder
from fastrain.report.seeds import AUC, EER, HTER, VAL_AUC
from fastrain.rundir.facts import NetworkFacts

NO_PICTURES = "A contestant has scores and no store of faces, so no picture can be shown."


def contestant_glance(runs: Sequence[RunFolder]) -> Section:
    """Return what can be said of the scores in a sentence or two, and cards with the numbers."""
    run = runs[0]
    answer = scores_answer(run)
    people = _people(run, TEST)
    cards = [
        Card(AUC.titled(run), AUC.shown(runs), f"clips of {people}{AUC.ends(runs)}"),
        Card(EER.titled(run), EER.shown(runs), f"needs the labels of these very clips{EER.ends(runs)}"),
        Card(HTER.titled(run), HTER.shown(runs), f"clips, threshold from part val ({HONEST}){HTER.ends(runs)}"),
        Card(VAL_AUC.titled(run), VAL_AUC.shown(runs), f"clips of {_people(run, VAL)}{VAL_AUC.ends(runs)}"),
    ]
    return Section("glance", "At a glance", [answer, Cards(cards), *_unknown(run)])


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


def scores_answer(run: RunFolder) -> Answer:
    """Return how good the scores are, as far as their interval tells, and what to do next."""
    reached = AUC.reached([run])
    if not reached:
        step = "score presentations of both labels."
        return Answer("How good are these scores? They have no AUC.", step, ["One of the labels is missing."], "bad")
    name = run.run.contestant.file if run.run.contestant else run.name
    sentences = [
        f"In {name}, the bona fide clip scores higher in {round(100 * reached.middle)} of 100 pairs of one bona fide "
        "and one attack clip (guessing gives 0.500). How the network behind it was trained and chosen is not known "
        "here.",
        *(f"{begun(words)}." for words in other_way_round({"metrics": _metrics(run)})),
    ]
    title, step, kind = _of_interval(reached, thresholds=HTER.of(run) is not None)
    return Answer(f"{title} AUC {reached} on clips of {_people(run, TEST)}.", step, sentences, kind)


def _of_interval(reached: Reached, *, thresholds: bool) -> tuple[str, str, Kind]:
    ask = "How good are these scores?"
    if reached.ends is None:
        return f"{ask} Without an interval nothing is concluded.", "compute it again: fastrain eval RUN.", "mixed"
    if reached.below(GUESSING):
        step = "ask which class scores higher, and import them again with --higher-is attack if that is the attacks."
        return "These scores may be the other way round.", step, "bad"
    if not reached.above_guessing:
        return f"{ask} It cannot be told: guessing is not ruled out.", "score more people.", "mixed"
    step = "test them against another system on the same clips: fastrain compare RUN OTHER."
    if not thresholds:
        step = "score a development part (part val) too, so that a threshold comes from elsewhere than these clips."
    return f"{ask} Better than guessing.", step, "plain"


def _metrics(run: RunFolder) -> list[dict[str, Any]]:
    return [{"value": None, **row} for row in run.results.rows("metrics")]


def _people(run: RunFolder, part: str) -> str:
    about = (run.results.data.get("uncertainty") or {}).get(part) or {}
    people = about.get("subjects")
    return f"{people} people" if people else "people not named"
