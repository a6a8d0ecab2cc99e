"""Show the data of a run: clips, frames and people by part, losses and their reasons, counts of the full datasets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fasdata.manifests.meta import HeldOut, Loss, Meta, recipe_text
from fasdata.page.page import Section
from fasdata.page.parts import Column, Details, Facts, Notice, Paragraph, Row, Table
from fasdata.page.spelling import Absent, count, excess, text
from fasdata.records import ATTACK, BONAFIDE
from fastrain.evaluation.results_lookup import PARTS, TEST, VAL
from fastrain.report.run_folder import MANIFEST, RunFolder

_NAMES = {"train": "training", VAL: PARTS[VAL], TEST: PARTS[TEST]}
_LABELS = {BONAFIDE: "bona fide", ATTACK: "attack"}
_WHO = (Column("Part"), Column("Dataset"), Column("Label"))
_COUNTED = [*_WHO, *(Column(name, True) for name in ("Clips", "Frames", "Subjects", "Clips without a face"))]


def data_section(run: RunFolder) -> Section:
    """Return the tables of what the manifest holds and lost, and of what was scored where that differs."""
    meta = run.manifest
    if meta is None and run.run.contestant is not None:
        parts: list[Any] = [Paragraph("No manifest says which clips should be here: the scores were imported alone.")]
    elif meta is None:
        parts = [Paragraph(f"What the manifest held is not shown: {run.missing[MANIFEST]}.")]
    else:
        parts = [_facts(meta), *_warnings(meta), _holdings(meta), _losses(meta), *_unused(meta), _expected(meta)]
    return Section("data", "Data", [*parts, *_scored(run)])


def _facts(meta: Meta) -> Facts:
    names = {domain.dataset: domain.name for domain in meta.domains}
    present = {row.part for row in meta.counts}
    rules = {name: meta.frame_rules[part] for part, name in _NAMES.items() if part in present & set(meta.frame_rules)}
    return Facts(
        [
            ("Sources (domain number)", ", ".join(f"{domain.name} ({domain.domain_id})" for domain in meta.domains)),
            ("Unseen domain", ", ".join(domain.name for domain in meta.target)),
            ("Recipe", f"{recipe_text(meta.recipe.model_dump())}: {meta.recipe.title}"),
            ("Frames of a clip", ", ".join(f"{part}: {rule}" for part, rule in rules.items())),
            (
                "Held out for validation",
                "; ".join(_held_out(held_out, names) for held_out in meta.validation.datasets) or Absent("nothing"),
            ),
        ]
    )


def _held_out(held_out: HeldOut, names: Mapping[str, str]) -> str:
    name = names.get(held_out.dataset, held_out.dataset)
    if held_out.rule == "subjects":
        return f"{name}: {len(held_out.subjects)} of {held_out.of} subjects"
    words = {"official dev": "its official dev split", "file": "what the protocol's file says"}
    return f"{name}: {words.get(held_out.rule, f'nothing ({held_out.why})')}"


def _warnings(meta: Meta) -> list[Notice]:
    return [Notice("Warnings of the build", meta.warnings, "mixed")] if meta.warnings else []


def _holdings(meta: Meta) -> Table:
    rows = [
        Row(
            (
                _NAMES[row.part],
                row.dataset,
                _LABELS[row.label],
                *map(count, (row.clips, row.frames, row.subjects, row.fta)),
            )
        )
        for row in meta.counts
    ]
    note = "Subjects: people with a name or number; attacks count by the person they show. 0: unknown."
    return Table("What the manifest holds", _COUNTED, rows, note)


def _losses(meta: Meta) -> Table | Paragraph:
    kinds = (
        (meta.drops, "clip dropped"),
        (meta.fta, "clip kept as failure to acquire"),
        (meta.missed_frames, "frame left out, clip kept"),
    )
    rows = [_loss(loss, outcome) for losses, outcome in kinds for loss in losses]
    if not rows:
        return Paragraph("Nothing was dropped: every selected frame had a usable face.")
    columns = [*_WHO, Column("Lost", True), Column("What became of it"), Column("Reason"), Column("For example")]
    return Table("What was lost, and why", columns, rows)


def _loss(loss: Loss, outcome: str) -> Row:
    lost = (
        f"{loss.clips} {_plural('clip', loss.clips)}"
        if loss.clips
        else f"{loss.frames} {_plural('frame', loss.frames)}"
    )
    examples = text(", ".join(loss.examples), "none kept")
    return Row((_NAMES[loss.part], loss.dataset, _LABELS[loss.label], lost, outcome, loss.reason, examples))


def _unused(meta: Meta) -> list[Details]:
    if not meta.left_out:
        return []
    columns = [Column("Dataset"), Column("Official split"), Column("Label"), Column("Clips", True)]
    rows = [Row((row.dataset, text(row.split, "none"), _LABELS[row.label], count(row.clips))) for row in meta.left_out]
    total = sum(row.clips for row in meta.left_out)
    return [Details(f"{total} clips are not used by this recipe", [Table("Official splits left out", columns, rows)])]


def _expected(meta: Meta) -> Details | Paragraph:
    if not meta.deviations:
        return Paragraph("Clip counts before any drop equal those of the full datasets, where the recipe states them.")
    columns = [
        Column("Dataset"), Column("Label"), Column("Used as"), Column("Expected clips", True), Column("Found", True),
        Column("Difference", True),
    ]  # fmt: skip
    rows = [
        Row(
            (
                row.dataset,
                _LABELS[row.label],
                row.role,
                count(row.expected),
                count(row.found),
                excess(row.found, row.expected),
            )
        )
        for row in meta.deviations
    ]
    table = Table("Clips before any drop, against the full datasets", columns, rows)
    places = len(meta.deviations)
    return Details(f"Clip counts differ from the full datasets in {places} {_plural('place', places)}", [table])


def _scored(run: RunFolder) -> list[Any]:
    counts = list(run.results.rows("counts"))
    if not counts:
        return [Paragraph(f"What was scored is not shown: {run.results.absent or 'the results hold no counts'}.")]
    scored = {(row.get("part"), row.get("dataset"), row.get("label")): row.get("clips") for row in counts}
    if run.manifest:
        held = {(row.part, row.dataset, row.label): row.clips for row in run.manifest.counts if row.part != "train"}
        if held == scored:
            return [Paragraph("Every clip of the held-out source and of the unseen domain went into the scores.")]
    keys = ("clips", "frames", "subjects", "fta_clips")
    rows = [Row((*_who(row, run), *(count(row.get(key)) for key in keys))) for row in counts]
    differs = "The scored clips are not those of the manifest." if run.manifest else ""
    return [Table("What was scored", _COUNTED, rows, differs)]


def _who(row: Mapping[str, Any], run: RunFolder) -> tuple[Any, ...]:
    part, label = str(row.get("part")), str(row.get("label"))
    return (
        run.results.named(part, pooled=True) if part in PARTS else _NAMES.get(part, part),
        text(row.get("dataset")),
        _LABELS.get(label, label),
    )


def _plural(noun: str, number: int) -> str:
    return noun if number == 1 else f"{noun}s"
