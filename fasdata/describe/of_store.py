"""The facts of an extracted dataset, from its store and its card."""

from __future__ import annotations

from collections import Counter

import numpy as np

from fasdata import __version__
from fasdata.datasets.registry import load_cards
from fasdata.describe.facts import (
    Column,
    Facts,
    File,
    Group,
    Table,
    Terms,
    detector,
    extraction,
    imbalance,
    losses,
    semantic_version,
    terms_of,
)
from fasdata.errors import UserError
from fasdata.foreign import read_parquet
from fasdata.library import Library
from fasdata.records import LABELS, MODALITIES
from fasdata.store import shards, tables
from fasdata.store.info import FORMAT
from fasdata.store.reader import Store

_CLIP_COLUMNS = (
    Column("clip_id", "sc:Text", "the clip, unique in the dataset"),
    Column("split", "sc:Text", "official split: train, dev, test, or empty"),
    Column("label", "sc:Text", "bonafide or attack; empty where nothing says it"),
    Column("attack_type", "sc:Text", "kind of attack, bonafide for none"),
    Column("pai", "sc:Text", "presentation attack instrument, as the release calls it"),
    Column("subject", "sc:Text", "the person, as the release numbers people; empty where it is not known"),
    Column("status", "sc:Text", "ok, fta (no usable face) or failed (not to be decoded)"),
    Column("n_frames", "sc:Integer", "decoded frames"),
    Column("frame_rate", "sc:Float", "frames per second, 0 where it is not known"),
    Column("width", "sc:Integer", "pixels of an upright frame"),
    Column("height", "sc:Integer", "pixels of an upright frame"),
    Column("frames_with_face", "sc:Integer", "frames on which a face was seen"),
    Column("content_hash", "sc:Text", "sha256 of the clip's record and crops"),
)
_FRAME_COLUMNS = (
    Column("clip_id", "sc:Text", "the clip"),
    Column("frame_index", "sc:Integer", "place in the recording, from 0"),
    Column("pts", "sc:Float", "time in seconds, -1 where it is not known"),
    Column(
        "face_status", "sc:Text", "where the face comes from: ok, rotated, interp, hold, given, shift, center, skip"
    ),
    Column("score", "sc:Float", "the detector's score"),
    Column("n_faces", "sc:Integer", "faces that were seen"),
    Column("key_rgb", "sc:Text", "key of the crop in the shards; empty where none is stored"),
)
_MEASURES = {"sharpness": "", "brightness": "of 255", "face_size": "px", "eye_distance": "px", "roll": "degrees"}


def facts_of_store(library: Library, slug: str) -> Facts:
    """Read the tables of a store.

    Raises:
        UserError: there is no such store, or its tables are damaged.
    """
    folder = library.require_store(slug)
    store = Store.open(folder)
    terms = terms_of(slug, folder)
    groups = _groups(store, slug)
    if not groups:
        raise UserError(f"the store {folder} holds no clip", do="extract the dataset first")
    kinds = tables.read_columns(folder, "label", "attack_type")
    species = Counter(kind or "unknown" for label, kind in zip(*kinds.values(), strict=True) if label == "attack")
    content = store.content_hash()
    return Facts(
        kind="dataset",
        name=terms.name,
        title=f"Faces of {terms.name}",
        version=semantic_version(FORMAT, content),
        content=content,
        tool_version=store.info.tool_version or __version__,
        terms=(terms,),
        modalities=_modalities(store),
        groups=groups,
        species=tuple(sorted(species.items())),
        collection=collection(terms),
        annotation=(
            "Label, split, attack and person come from the paths and list files of the release, by rules that fasdata "
            "ships; nobody labelled anything anew.",
        ),
        preprocessing=(*extraction(store.info), _pictures(store)),
        tools=detector(store.info.config),
        missing=(*losses(groups), *_undecoded(store)),
        biases=imbalance(groups),
        limits=(*_against_release(slug, groups), *(f"Not confirmed: {words}." for words in terms.unconfirmed)),
        maintenance=(
            "'fasdata forget' takes a person out of store, manifests and packs, to the byte; the content hash changes.",
        ),
        tables=(
            Table(
                File.of(folder / tables.CLIPS, "a row a clip"), "clips", "The recordings of the dataset.", _CLIP_COLUMNS
            ),
            Table(
                File.of(folder / tables.INDEX, "a row a frame"), "frames", "The frames that were searched for a face.",
                _FRAME_COLUMNS,
            ),
        ),
        measures=_measures(store),
    )  # fmt: skip


def collection(terms: Terms) -> tuple[str, ...]:
    """Return how a dataset came about, as far as its card says it."""
    facts = (
        ("", terms.about), ("Owner: ", terms.owner), ("People: ", terms.people),
        ("Who counts as the person of a clip: ", terms.subject_rule), ("To be had: ", terms.access),
    )  # fmt: skip
    return tuple(f"{head}{words}." for head, words in facts if words)


def _groups(store: Store, slug: str) -> tuple[Group, ...]:
    columns = tables.read_columns(store.folder, "clip_id", "split", "label", "subject", "status")
    table = read_parquet(store.folder / tables.INDEX).select(["clip_id", "key_rgb"]).to_pydict()
    stored = Counter(clip for clip, key in zip(table["clip_id"], table["key_rgb"], strict=True) if key)
    rows = list(zip(*columns.values(), strict=True))
    groups = []
    for split, label in sorted({(split, label) for _, split, label, _, _ in rows}, key=_order):
        of = [(clip, subject, status) for clip, s, name, subject, status in rows if (s, name) == (split, label)]
        groups.append(
            Group(
                slug, split, label or "unknown", len(of), len({subject for _, subject, _ in of} - {""}),
                sum(stored[clip] for clip, _, _ in of), sum(status != "ok" for _, _, status in of),
            )
        )  # fmt: skip
    return tuple(groups)


def _order(group: tuple[str, str]) -> tuple[int, str]:
    place = ("train", "dev", "test", "").index(group[0]) if group[0] in ("train", "dev", "test", "") else 9
    return place, {"bonafide": "0", "attack": "1"}.get(group[1], "2")


def _modalities(store: Store) -> tuple[str, ...]:
    names = [f"relpath_{name}" for name in MODALITIES]
    columns = tables.read_columns(store.folder, *names)
    return tuple(name for name, column in zip(MODALITIES, names, strict=True) if any(columns[column]))


def _pictures(store: Store) -> str:
    number = len(shards.shard_paths(store.folder))
    where = f"{number} LMDB shards" if number > 1 else "an LMDB shard"
    return (
        f"The pictures are in {where} beside the tables, under the keys that these name; they are not given out here."
    )


def _undecoded(store: Store) -> tuple[str, ...]:
    failed = tables.read_columns(store.folder, "status")["status"].count("failed")
    return (f"{failed} of them could not be decoded.",) if failed else ()


def _against_release(slug: str, groups: tuple[Group, ...]) -> tuple[str, ...]:
    """Compare the clips with the card's counts, where it has counts of clips by split."""
    card = load_cards().get(slug)
    expected = {} if card is None else {
        (split, label): getattr(count, label) for split, count in card.counts.items() for label in LABELS
    }  # fmt: skip
    if not expected or any(split == "all" for split, _ in expected):
        return ()
    present = {(group.part, group.label): group.clips for group in groups}
    total, whole = sum(group.clips for group in groups), sum(expected.values())
    if all(present.get(key, 0) == number for key, number in expected.items()):
        return (f"All {whole} clips that the card of the release counts are here.",)
    return (f"{total} clips are here of the {whole} that the card of the release counts: an incomplete or other copy.",)


def _measures(store: Store) -> tuple[tuple[str, str, float, float, float], ...]:
    table = read_parquet(store.folder / tables.INDEX)
    rows = []
    for name, unit in _MEASURES.items():
        if name in table.column_names:
            values = table.column(name).drop_null().to_numpy()
            if values.size:
                low, middle, high = (float(end) for end in np.quantile(values, [0.25, 0.5, 0.75]))
                rows.append((name, unit, low, middle, high))
    return tuple(rows)
