"""The facts of a manifest, from its description; its stores need not be at hand."""

from __future__ import annotations

from collections import Counter

from fasdata import __version__
from fasdata.describe.facts import (
    Column,
    Facts,
    File,
    Group,
    Table,
    imbalance,
    losses,
    semantic_version,
    terms_of,
)
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.meta import Meta, Tally, recipe_text
from fasdata.manifests.table import PARTS
from fasdata.records import LABELS

_COLUMNS = (
    Column("sample_id", "sc:Text", "the sample: dataset, clip and frame"),
    Column("dataset", "sc:Text", "the dataset, by the folder of its store"),
    Column("domain_id", "sc:Integer", "place of the dataset among the sources, -1 for the target"),
    Column("part", "sc:Text", "train, val or test"),
    Column("split_official", "sc:Text", "the official split of the clip"),
    Column("clip_id", "sc:Text", "the clip"),
    Column("subject", "sc:Text", "the person, as the release numbers people; empty where it is not known"),
    Column("label", "sc:Text", "bonafide or attack"),
    Column("attack_type", "sc:Text", "kind of attack, bonafide for none"),
    Column("pai", "sc:Text", "presentation attack instrument, as the release calls it"),
    Column("frame_index", "sc:Integer", "place in the recording, from 0; -1 where no frame was usable"),
    Column("modalities_available", "sc:Text", "what the protocol shows of the frame"),
    Column("key_rgb", "sc:Text", "key of the crop in the store of the dataset"),
    Column("face_status", "sc:Text", "where the face comes from"),
    Column("status", "sc:Text", "ok, or fta (failure to acquire)"),
)


def facts_of_manifest(manifest: Manifest, library: Library) -> Facts:
    """Return the facts of a manifest that was read from a file.

    Raises:
        UserError: it is of no file.
    """
    if manifest.path is None:
        raise UserError("a manifest that was not written cannot be described", do="build it first")
    meta = Meta.model_validate(manifest.meta)
    datasets = list(dict.fromkeys(role.dataset for role in (*meta.domains, *meta.target)))
    terms = tuple(terms_of(slug, library.store_dir(slug)) for slug in datasets)
    groups = tuple(
        Group(tally.dataset, tally.part, tally.label, tally.clips, tally.subjects, tally.frames, tally.fta)
        for tally in sorted(meta.counts, key=_order)
    )
    roles = {
        "Sources": ", ".join(role.name for role in meta.domains),
        "Target": ", ".join(role.name for role in meta.target),
    }
    return Facts(
        kind="manifest",
        name=f"{meta.alias or meta.canonical} ({recipe_text(manifest.meta['recipe'])})",
        title=f"Protocol {meta.alias or meta.canonical}, recipe {recipe_text(manifest.meta['recipe'])}",
        version=semantic_version(meta.format, meta.fingerprint),
        content=meta.fingerprint,
        tool_version=meta.tool_version or __version__,
        terms=terms,
        modalities=tuple(meta.modalities or ("rgb",)),
        groups=groups,
        species=_species(manifest),
        collection=(
            *(f"{role}: {names}." for role, names in roles.items() if names),
            *(f"{of.name}: {of.about}{f'; people: {of.people}' if of.people else ''}." for of in terms if of.about),
        ),
        annotation=(
            "Labels and people are those of the releases; the parts follow the protocol and the recipe.",
            *(f"Of {held.dataset} validates: {held.rule}." for held in meta.validation.datasets),
        ),
        preprocessing=tuple(f"Frames of part {part}: {rule}." for part, rule in meta.frame_rules.items()),
        tools=(),
        missing=(*losses(groups), *_dropped(meta)),
        biases=imbalance(groups),
        limits=(*(f"{words.rstrip('.')}." for words in meta.notes), *_warned(meta), *_leakage(meta)),
        maintenance=(
            "The fingerprint of the rows and the content hashes of the stores are checked wherever it is used; a "
            "person who is forgotten goes from it too.",
        ),
        tables=(
            Table(
                File.of(manifest.path, "a row a frame"),
                "samples",
                "The frames of the protocol and their parts.",
                _COLUMNS,
            ),
        ),
    )


def _order(tally: Tally) -> tuple[int, str, int]:
    return PARTS.index(tally.part), tally.dataset, LABELS.index(tally.label)


def _species(manifest: Manifest) -> tuple[tuple[str, int], ...]:
    attacks = manifest.table.select(["dataset", "clip_id", "label", "attack_type"]).group_by(
        ["dataset", "clip_id", "label", "attack_type"]
    )
    rows = attacks.aggregate([]).to_pylist()
    return tuple(sorted(Counter(row["attack_type"] or "unknown" for row in rows if row["label"] == "attack").items()))


def _dropped(meta: Meta) -> tuple[str, ...]:
    return tuple(
        f"Left out of {loss.part}, {loss.dataset}, {loss.label}: {loss.clips} clips, {loss.reason.partition(':')[0]}."
        for loss in meta.drops
    )


def _warned(meta: Meta) -> tuple[str, ...]:
    """Count the warnings of the build: they name clips, which a description does not."""
    return (f"The build warned {len(meta.warnings)} times: see manifest.json.",) if meta.warnings else ()


def _leakage(meta: Meta) -> tuple[str, ...]:
    if meta.leakage is None:
        return ()
    crossing = ", ".join(f"{of.number} of kind {of.kind}" for of in meta.leakage.found)
    return (f"Leakage was let through ({meta.leakage.reason.rstrip('.')}): {crossing} in two parts.",)
