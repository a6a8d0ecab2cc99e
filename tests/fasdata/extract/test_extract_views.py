"""`fasdata extract --views`: what is stored for named views, and views made from it to the pixel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import scan
from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.media.video import VideoSource
from fasdata.packs.renderer import Frame, Renderer
from fasdata.store.reader import Store
from tests.commands import Called
from tests.fasdata.faces.test_faces_context import published
from tests.faulty_videos import moving, write_recording

BOXES = [(3.2, 5.7, 44.9, 60.1), (100.3, 80.2, 139.9, 139.5), (170.6, 150.1, 215.4, 200.0), (60.0, 2.0, 99.0, 51.0)]
POINTS = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]


def points(box: tuple[float, ...]) -> list[tuple[float, float]]:
    return [(box[0] + x * (box[2] - box[0]), box[1] + y * (box[3] - box[1])) for x, y in POINTS]


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("raw")
    write_recording(root / "train" / "attack" / "anna" / "c.mkv", "ffv1", moving(4, 200, 220))
    return root


def extract(raw: Path, library: Path, rules: str, *options: str) -> Called:
    (clip,) = scan(find_card("folder"), raw).clips
    known = [{"frame": i, "box": box, "landmarks": points(box), "score": 0.9} for i, box in enumerate(BOXES)]
    faces = raw.parent / f"{raw.name}.jsonl"
    faces.write_text(json.dumps({"clip": clip.clip_id, "faces": known}) + "\n")
    return Called(
        "fasdata", "extract", "folder", "--root", raw, "--out", library, "--frames", rules, "--detector", "json",
        "--detector-model", faces, "-j", 1, *options,
    )  # fmt: skip


def frames_of(store: Store) -> list[Frame]:
    (record,) = store.records()
    return [
        Frame("folder", record.clip.clip_id, frame.index, frame.crop.region, frame.crop.scale,
              np.array(frame.box, np.float32), frame.landmarks)
        for frame in record.frames
    ]  # fmt: skip


def test_a_context_from_a_store_is_the_published_crop_of_the_frame(raw, tmp_path):
    done = extract(raw, tmp_path, "all", "--views", "context(factor=2.7,size=80)")
    assert done.code == 0, done.out
    store = Store.open(tmp_path / "folder")
    assert store.info.config["views"] == ["context"] and "context" not in store.info.config
    (path,) = raw.rglob("*.mkv")
    pictures = [frame.rgb for frame in VideoSource(path).frames(None)]
    for text in ("context(factor=2.7,size=80)", "context(factor=1.5,size=224)"):
        view = View.named(text)
        maker = Renderer({"folder": store}, view)
        if view.factor == 2.7:
            maker.require_stored(frames_of(store))
        seen = 0
        for frame in frames_of(store):
            expected = published(pictures[frame.frame_index], BOXES[frame.frame_index], view.factor, view.size)
            try:
                assert np.array_equal(maker.image(frame, "rgb"), expected)
                seen += 1
            except UserError:  # moved by an edge: the smaller context need not lie in the larger one
                assert view.factor == 1.5
        assert seen >= 3


def test_a_store_without_the_views_says_so_in_a_line(raw, tmp_path):
    assert extract(raw, tmp_path, "all").code == 0
    store = Store.open(tmp_path / "folder")
    assert "views" not in store.info.config and store.info.config["context"] == 2.0
    maker = Renderer({"folder": store}, View.named("context(factor=4,size=80)"))
    for refused in (lambda: maker.require_stored(frames_of(store)), lambda: maker.image(frames_of(store)[1], "rgb")):
        with pytest.raises(UserError) as refusal:
            refused()
        assert "extract with --views 'context(factor=4,size=80)'" in str(refusal.value) and "\n" not in str(
            refusal.value
        )


def test_several_views_share_the_smallest_region_and_their_order_means_nothing(raw, tmp_path):
    assert extract(raw, tmp_path, "first(2)", "--views", "mxnet-256 + context(factor=1.5)").code == 0
    store = Store.open(tmp_path / "folder")
    for frame in frames_of(store):
        box = BOXES[frame.frame_index]
        reaches = [
            View.named(text).reach(box, points(box), (220, 200)) for text in ("mxnet-256", "context(factor=1.5)")
        ]
        low, high = np.min(reaches, axis=0)[:2], np.max(reaches, axis=0)[2:]
        assert tuple(frame.region) == (*low, *high)
    views = ("--views", "context(factor=1.5,size=80)", "--views", "mxnet-256")
    assert extract(raw, tmp_path, "all", *views).code == 0
    assert len(frames_of(Store.open(tmp_path / "folder"))) == 4
    assert "views" in extract(raw, tmp_path, "all").line


def test_what_excludes_each_other_or_is_no_view_is_one_line(raw, tmp_path):
    assert "--context" in extract(raw, tmp_path, "all", "--views", "box", "--context", "3").line
    assert "context" in extract(raw, tmp_path, "all", "--views", "contxt(factor=2)").line
    assert not (tmp_path / "folder").exists()


def test_where_every_image_is_a_face_the_picture_is_what_is_stored(raw, tmp_path):
    done = Called(
        "fasdata", "extract", "folder", "--root", raw, "--out", tmp_path, "--frames", "first(1)", "--detector", "none",
        "-j", 1, "--views", "context(factor=2.7)",
    )  # fmt: skip
    assert done.code == 0, done.out
    store = Store.open(tmp_path / "folder")
    (frame,) = frames_of(store)
    assert tuple(frame.region) == (0, 0, 220, 200)
    cut = frame._replace(region=(20, 10, 120, 90), box=(20.0, 10.0, 119.0, 89.0))  # as after black around it was cut
    maker = Renderer({"folder": store}, View.named("context(factor=2.7)"))
    maker.require_stored([frame, cut])
    (path,) = raw.rglob("*.mkv")
    (picture,) = VideoSource(path).frames({0})
    whole = tuple(float(value) for value in frame.box)
    assert np.array_equal(maker.image(frame, "rgb"), published(picture.rgb, whole, 2.7, 80))
