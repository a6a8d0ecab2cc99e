"""Filters of a protocol's file by what was measured of the faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from fasdata.datasets.kept_card import FILE, KeptCard
from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.protocols.build import Options, assemble
from fasdata.protocols.dataset_names import Names
from fasdata.protocols.grammar import parse
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import load_recipe
from fasdata.records import Clip, CropRecord, FrameRecord
from fasdata.store import tables
from fasdata.store.reader import Store
from tests.fasdata.protocols.building import rows, write_store

TEXT = """
name: near-and-far
sources: [{dataset: mylab, where: {face_size: {at_least: 64}, site: [a]}}]
targets: [{dataset: mylab, where: {face_size: {at_most: 48}, yaw: {at_least: -0.5, at_most: 0.5}}}]
"""
FIVE = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))


@pytest.fixture
def library(tmp_path: Path, make: SimpleNamespace) -> Library:
    """A store of eight people: those of even number are near (80 pixels), the others far (40); person 7 looks aside."""
    records = []
    for person in range(8):
        for label, kind in (("bonafide", "bonafide"), ("attack", "print")):
            side, nose = (40 if person % 2 else 80), (0.95 if person == 7 else 0.5)
            points = [(nose, 0.6) if point == (0.5, 0.6) else point for point in FIVE]
            marks = tuple((10 + x * side, 10 + y * side) for x, y in points)
            clip = Clip("mylab", f"{person}-{kind}", {"rgb": f"{person}{kind}.mp4"}, "", label, kind, "", f"p{person}",
                        {"site": "a"})  # fmt: skip
            box, crop = (10.0, 10.0, 10.0 + side, 10.0 + side), CropRecord((0, 0, 120, 120), 1.0, "png")
            record = make.record(clip)
            frames = tuple(
                FrameRecord(f.index, f.pts, "ok", 0.99, 1, box, marks, crop=crop, sharpness=20.0, brightness=99.0)
                if f.crop else f
                for f in record.frames
            )  # fmt: skip
            records.append(replace(record, frames=frames))
    library = Library(tmp_path / "lib")
    write_store(library, "mylab", records)
    (library.store_dir("mylab") / FILE).write_text(KeptCard(name="MyLab", modalities=["rgb"]).text())
    return library


def from_file(text: str, library: Library):
    path = library.root / "my.yaml"
    path.write_text(text)
    plan = make_plan(parse(str(path), names=Names.of(library)), load_recipe("standard"))
    manifest = assemble(plan, {"mylab": Store.open(library.store_dir("mylab"))}, Options(validation="none"))
    manifest.check()
    return manifest


def test_a_part_takes_clips_whose_faces_are_of_a_size_and_look_ahead(library):
    manifest = from_file(TEXT, library)
    assert {row["subject"] for row in rows(manifest, part="train")} == {"p0", "p2", "p4", "p6"}
    assert {row["subject"] for row in rows(manifest, part="test")} == {"p1", "p3", "p5"}
    assert manifest.meta["file"]["sources"][0]["where"]["face_size"] == {"at_least": 64.0}


def test_a_store_that_was_not_measured_says_how_to(library):
    path = library.store_dir("mylab") / tables.INDEX
    pd.read_parquet(path).drop(columns="sharpness").to_parquet(path, index=False)
    with pytest.raises(UserError, match=r"does not have the measures.*store check .* --repair"):
        from_file(TEXT, library)


@pytest.mark.parametrize("filter_", ["{}", "{at_last: 3}", "{at_least: big}"])
def test_a_range_that_is_none_is_refused(library, filter_):
    with pytest.raises(UserError, match=r"my\.yaml"):
        from_file(TEXT.replace("{at_least: 64}", filter_), library)
