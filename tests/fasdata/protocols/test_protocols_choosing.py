"""Frames chosen from columns are those chosen from records: all statuses, all rules, and what the store lacks."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow.parquet as pq
import pytest

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests.leakage import contents_of
from fasdata.manifests.table import SCHEMA
from fasdata.protocols.build import build_protocol
from fasdata.protocols.choosing import choose_frames
from fasdata.protocols.collect import ABSENT, FrameColumns
from fasdata.protocols.sampling import FrameRule
from fasdata.protocols.usable import select_frames
from fasdata.records import MODALITIES, Clip, ClipRecord, CropRecord, FaceStatus, FrameRecord
from fasdata.store import shards, tables
from fasdata.store.columns import Columns
from fasdata.store.deriving import keep_frames
from fasdata.store.reader import Store
from fasdata.store.shard_writer import ShardWriter
from tests.fasdata.protocols.building import write_store

STATUSES = get_args(FaceStatus)
RULES = [
    FrameRule.parse(f"{kind}@{on}")
    for kind in ("all", "equidistant(3)", "every(2)", "every(3,6)", "first(2)", "linspace(2)", "linspace(3)", "quarter",
                 "random(3,1)", "ssdg(2)", "three(1,2,9)")
    for on in ("decoded", "with_face")
]  # fmt: skip
ACCEPTED = ((), ("interp", "hold"), ("given", "shift", "center", "skip"))


def some_frame(chance: random.Random, index: int) -> FrameRecord:
    """Return a frame in any state that a record may have it in, and in some that extraction makes none of."""
    status = chance.choice(STATUSES)
    points = tuple((chance.uniform(0, 99), chance.uniform(0, 99)) for _ in range(chance.choice((0, 2, 5))))
    box = tuple(chance.uniform(0, 99) for _ in range(4)) if chance.random() < 0.7 else None
    shown = tuple(chance.sample(MODALITIES, chance.randint(1, 3)))
    crop = CropRecord((chance.randrange(9), 1, 50, chance.randrange(51, 99)), chance.uniform(0.1, 2), "png", shown)
    sharp = chance.choice((None, chance.uniform(0, 9)))
    return FrameRecord(
        index, index / 25, status, chance.random(), chance.randrange(2), box, points or None, chance.randrange(-3, 4),
        crop if chance.random() < 0.7 else None, sharpness=sharp, brightness=sharp,
    )  # fmt: skip


def some_record(chance: random.Random, number: int) -> ClipRecord:
    n = chance.randrange(12)
    frames = [some_frame(chance, index) for index in range(n) if chance.random() < 0.9]
    if chance.random() < 0.3:
        chance.shuffle(frames)
    selections = {
        str(rule): tuple(chance.randrange(14) for _ in range(chance.randrange(5)))
        for rule in chance.sample(RULES, chance.randrange(5))
    }
    status = chance.choice(("ok", "ok", "fta", "failed"))
    clip = Clip("demo", f"c{number}", {"rgb": "a.avi"}, fields={"phone": "ä"} if number % 2 else {})
    hashed = chance.choice(("", "p1", "p2"))
    return ClipRecord(clip, status, "" if status == "ok" else "why", n, scanned_all=True, frames=tuple(frames),
                      selections=selections, pixel_hash=hashed)  # fmt: skip


@pytest.mark.parametrize("seed", range(2))
def test_frames_from_columns_are_those_from_records(seed):
    chance = random.Random(seed)
    records = [some_record(chance, number) for number in range(40)]
    known = Columns.of(enumerate(records))
    assert known.clips == [record.clip for record in records] and known.shards == list(range(40))
    contents = [{digest.tobytes().hex() for digest in known.contents.of(row)} for row in range(40)]
    assert contents == [set(contents_of(record)) - {record.pixel_hash} for record in records]
    for rule, accepted, within in product(RULES, ACCEPTED, (None, 5)):
        chosen = choose_frames(known, rule, accepted, within)
        columns, expected = FrameColumns(), []
        columns.add(known, chosen.rows.values)
        for row, record in enumerate(records):
            try:
                selection = select_frames(record, rule, accepted, within)
            except UserError as error:
                assert str(chosen.errors[row]) == str(error) and not len(chosen.rows.of(row))
                continue
            assert row not in chosen.errors and chosen.missed.get(row, ()) == selection.missed, (rule, record)
            assert len(chosen.rows.of(row)) == len(selection.frames), (rule, record)
            expected += [cells(frame) for frame in selection.frames]
        taken = columns.take(np.array([*range(len(expected)), ABSENT]))
        got = [
            dict(zip(taken, row, strict=True)) for row in zip(*(of.to_pylist() for of in taken.values()), strict=True)
        ]
        assert repr(got) == repr([*expected, cells(FrameRecord(-1, 0.0, "skip"))])


def cells(frame: FrameRecord) -> dict[str, object]:
    """Return what a manifest says of a frame."""
    crop, points = frame.crop, list(sum(frame.landmarks or (), ()))
    values = {
        "frame_index": frame.index,
        "frame_shift": frame.shift,
        "face_status": frame.status,
        "modalities_available": ",".join(crop.modalities) if crop else "",
        "det_score": frame.score if frame.box else None,
        "scale": crop.scale if crop else None,
        "box": list(frame.box) if frame.box else None,
        "landmarks": points + [np.nan] * (10 - len(points)) if points else None,
        "region": list(crop.region) if crop else None,
    }
    import pyarrow as pa

    return {name: pa.array([value], SCHEMA.field(name).type)[0].as_py() for name, value in values.items()}


# -- The file, and what makes it count --------------------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path, stores) -> Library:  # type: ignore[no-untyped-def]
    """The four stores on disk; in one of them a clip without a face, a stand-in, and a recording that failed."""
    library = Library(tmp_path)
    for slug, store in stores.items():
        records = list(store.clip_records)
        if slug == "msu-mfsd":
            records[0] = replace(records[0], frames=tuple(replace(f, status="hold") for f in records[0].frames))
            records[1] = ClipRecord(records[1].clip, "failed", "the file is empty")
        write_store(library, slug, records)
    return library


def built(library: Library) -> bytes:
    return (library.root / "protocols" / "mcio-CIO2M" / "standard" / "manifest.parquet").read_bytes()


def test_the_manifest_is_the_same_to_the_byte_and_the_file_is_made_anew(library):
    folders = {slug: library.store_dir(slug) for slug in library.stores()}
    kept = {slug: (folder / tables.FRAMES).read_bytes() for slug, folder in folders.items()}
    assert all(Store.open(folder).kept_columns() is not None for folder in folders.values())
    build_protocol("CIO-M", library=library)
    [path] = library.root.glob("protocols/*/*/manifest.parquet")
    before = path.read_bytes()
    for folder in folders.values():
        (folder / tables.FRAMES).unlink()
    build_protocol("CIO-M", library=library, write=False)
    assert not any((folder / tables.FRAMES).exists() for folder in folders.values())  # nothing was written
    path.unlink()
    build_protocol("CIO-M", library=library)
    assert path.read_bytes() == before
    assert {slug: (folder / tables.FRAMES).read_bytes() for slug, folder in folders.items()} == kept


def test_a_file_that_is_not_of_the_records_counts_for_nothing(library):
    folder = library.store_dir("msu-mfsd")
    path, whole = folder / tables.FRAMES, (folder / tables.FRAMES).read_bytes()

    def refused() -> bool:
        return Store.open(folder).kept_columns() is None

    assert not refused()
    for spoilt in (b"", whole[: len(whole) // 2], whole.replace(b"hold", b"hole")[:-9], b"PAR1" * 99):
        path.write_bytes(spoilt)
        assert refused()
    at = whole.index(
        np.array([20.5, 30.0, 60.0, 80.0], np.float32).tobytes()
    )  # a box, with its checksum left as it was
    path.write_bytes(whole[:at] + b"\1" + whole[at + 1 :])
    assert refused()
    table = pq.read_table(path.with_name(tables.CLIPS))
    path.write_bytes(whole)
    hashes = table["content_hash"].to_pylist()
    spoilt_table = table.set_column(
        table.column_names.index("content_hash"), "content_hash", [[*hashes[1:], hashes[0]]]
    )
    pq.write_table(spoilt_table, path.with_name(tables.CLIPS))
    assert refused()  # an earlier version has described clips anew, and does not know the file
    pq.write_table(table, path.with_name(tables.CLIPS))
    assert not refused()
    shards.close_readers(folder)
    writer = ShardWriter(folder)
    with writer.read(0) as transaction:
        key, value = next(iter(shards.entries(transaction, b"clip/")))
    writer.write(0, {key: value})  # a transaction later, whatever it did
    writer.close()
    assert refused()
    keep_frames(folder)
    assert not refused()
    (folder / "unfinished").write_text("{}")
    assert refused()
