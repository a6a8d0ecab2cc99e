"""Releases with three modalities: MMDGFAS's reader over SURF to PADISI, the benchmark's lists, the other layouts."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from fasdata.exchange.sample import clips_of
from fasdata.faces.view import View
from fasdata.lists.match import import_lists
from fasdata.manifests import Manifest
from fasdata.packs.renderer import Renderer
from fasdata.protocols.build import build_protocol
from fasdata.store.codec import decode
from tests.commands import Called
from tests.fasdata.exchange import readers
from tests.fasdata.exchange.world import exported

# list, folder its paths start from, dataset, part
READ = [
    ("challenge", "phase1/train/train_list.txt", "phase1/train", "casia-surf", "train"),
    ("challenge", "phase1/val_private_list.txt", "phase1/valid", "casia-surf", "val"),
    ("padisi_face", "val.txt", "", "padisi-face", "test"),
    ("padisi_face", "test.txt", "", "padisi-face", "test"),
]


@pytest.fixture(scope="module")
def out(mm_library, mm_manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mmdg")
    exported(mm_library, mm_manifest, "mmdg", folder)
    return folder


def _frames(manifest: Manifest, dataset: str, part: str):
    return [(clip, frame) for clip in clips_of(manifest) if (clip.dataset, clip.part) == (dataset, part)
            for frame in clip.frames]  # fmt: skip


@pytest.mark.parametrize(("root", "listed", "images", "dataset", "part"), READ)
def test_every_list_leads_to_all_pictures_of_its_part(
    out, mm_library, mm_manifest, root, listed, images, dataset, part
):
    samples = readers.triplets(out / root, listed, images)
    wanted = _frames(mm_manifest, dataset, part)
    assert [label for _, label, _ in samples] == [int(clip.is_bonafide) for clip, _ in wanted]
    assert {label for _, label, _ in samples} == {0, 1}
    store = mm_manifest.open_stores(mm_library)[dataset]
    for (_, _, opened), (clip, frame) in zip(samples, wanted, strict=True):
        for name, image in zip(("rgb", "depth", "ir"), opened, strict=True):
            stored = store.crop(clip.clip_id, frame.index, name)
            if stored.dtype == np.uint16:  # their reader keeps the upper eight bits
                stored = cv2.imdecode(cv2.imencode(".png", stored)[1], cv2.IMREAD_COLOR)[..., 0]
            assert np.array_equal(image, stored if stored.ndim == 3 else np.repeat(stored[..., None], 3, axis=2))


def test_16_bit_depth_is_kept_whole(out, mm_library, mm_manifest):
    store = mm_manifest.open_stores(mm_library)["padisi-face"]
    clip, frame = _frames(mm_manifest, "padisi-face", "test")[0]
    written = cv2.imread(str(out / f"padisi_face/{clip.clip_id}/depth/0000.png"), cv2.IMREAD_UNCHANGED)
    assert written.dtype == np.uint16 and np.array_equal(written, store.crop(clip.clip_id, frame.index, "depth"))


def test_the_benchmarks_lists_have_its_form_and_name_the_same_rows(out, mm_library, mm_manifest):
    stores = mm_manifest.open_stores(mm_library)
    for letter, dataset in (("S", "casia-surf"), ("P", "padisi-face")):
        lists = sorted((out / "MMDG-Benchmark").glob(f"{letter}-*.txt"))
        assert all(b"\r\n" in path.read_bytes() and not path.read_bytes().endswith(b"\n") for path in lists)
        matched = import_lists(lists, "columns", 1, [record.clip for record in stores[dataset].records()])
        assert (matched.unmatched, matched.contradicting, matched.repeated) == ((), (), 0)
        clips = [clip for clip in clips_of(mm_manifest) if clip.dataset == dataset]
        assert matched.labels == {clip.clip_id: clip.label for clip in clips}
        assert {key: list(map(int, frames)) for key, frames in matched.clips.items()} == {
            clip.clip_id: [frame.index for frame in clip.frames] for clip in clips
        }


def test_a_masked_modality_is_black_in_the_test_and_nowhere_else(mm_library, tmp_path):
    manifest = build_protocol("S2P@miss-D", recipe="mmdg", library=mm_library)
    plan = exported(mm_library, manifest, "mmdg", tmp_path / "out")
    tested = readers.triplets(tmp_path / "out/padisi_face", "test.txt")
    assert all(not depth.any() and rgb.any() and depth.shape == rgb.shape for _, _, (rgb, depth, _) in tested)
    trained = readers.triplets(tmp_path / "out/challenge", "phase1/train/train_list.txt", "phase1/train")
    assert all(depth.any() for _, _, (_, depth, _) in trained)
    assert any(f"{len(tested)} pictures of missing or masked" in note for note in plan.notes)


def test_a_view_and_jpeg_where_they_fit(mm_library, mm_manifest, library, manifests, tmp_path):
    from fasdata.errors import UserError

    exported(mm_library, mm_manifest, "mmdg", tmp_path / "square", view="box-224")
    opened = readers.triplets(tmp_path / "square/padisi_face", "test.txt")
    assert {image.shape for _, _, images in opened for image in images} == {(224, 224, 3)}
    with pytest.raises(UserError, match=r"has 16 bits, which jpeg:98 cannot keep.*--codec png"):
        exported(mm_library, mm_manifest, "mmdg", tmp_path / "jpeg", codec="jpeg")
    with pytest.raises(UserError, match="found colour alone"):
        exported(library, manifests["standard"], "mmdg", tmp_path / "rgb")


def test_where_the_other_datasets_go(mm_manifest):
    from dataclasses import replace
    from types import SimpleNamespace

    from fasdata.exchange.layout import Context
    from fasdata.exchange.mmdg import Mmdg
    from fasdata.store.codec import Codec

    clip = clips_of(mm_manifest)[0]
    made = [
        replace(clip, dataset="casia-surf-cefa", clip_id="AF-006__1_006_1_1_1", part="train"),
        replace(clip, dataset="wmca", clip_id="100_04_202_2_12", part="test"),
        replace(clip, dataset="3dmad", clip_id="01_01_01", part="train"),
        replace(clip, dataset="3dmad", clip_id="02_01_01", part="val"),
        replace(clip, dataset="3dmad", clip_id="03_01_01", part="test"),
    ]
    layout = Mmdg(Context(mm_manifest.meta, Codec.parse("png"), lambda _: SimpleNamespace()))
    units = layout.units(made)
    files = [path for unit in units for path in unit.files]
    assert "CASIA-CeFA/phase1/AF-006/1_006_1_1_1/color/0000.png" in files
    lists = layout.lists(units)
    assert lists["CASIA-CeFA/phase1/4@1_new_train.txt"].startswith(b"AF-006/1_006_1_1_1/color/0000.png ")
    assert lists["WMCA/val111.txt"] == lists["WMCA/test501.txt"]
    # A dataset with validation clips of its own keeps them in that list.
    assert b"02_01_01" in lists["3dmad/val.txt"] and b"03_01_01" not in lists["3dmad/val.txt"]
    assert set(lists) >= {"MMDG-Benchmark/C-train.txt", "MMDG-Benchmark/W-test.txt", "MMDG-Benchmark/3dmad-test.txt"}


def test_releases_with_three_modalities_go_below_wcs_as_jpeg(mm_library, mm_manifest, tmp_path):
    plan = exported(mm_library, mm_manifest, "flip", tmp_path / "wcs")
    assert plan.pictures.view == "box-224"
    clips = clips_of(mm_manifest)
    for dataset, name, use in (("casia-surf", "surf", "train"), ("padisi-face", "padisi-face", "test")):
        chosen = [clip for clip in clips if (clip.dataset, clip.part) == (dataset, use)]
        videos = readers.flip(tmp_path / "wcs", "WCS", name, use)  # names by frame: each picture by itself
        assert len(videos) == sum(len(clip.frames) for clip in chosen) > 0
        assert sum(video.label for video in videos) == sum(len(c.frames) for c in chosen if c.is_bonafide)
    # PADISI has no place in their lists; SURF's pictures have the names they have there.
    lists = list((tmp_path / "wcs/WCS/txt").glob("surf_*"))
    store = mm_manifest.open_stores(mm_library)["casia-surf"]
    matched = import_lists(lists, "flip", 1, [record.clip for record in store.records()])
    assert (matched.unmatched, matched.contradicting) == ((), ())
    assert set(matched.clips) == {clip.clip_id for clip in clips if clip.dataset == "casia-surf"}
    assert list((tmp_path / "wcs").rglob("*-color.jpg")) and not list((tmp_path / "wcs").rglob("*.png"))


def test_every_frame_is_a_sample_with_its_modalities_and_what_is_known_of_it(mm_library, mm_manifest, tmp_path):
    plan = exported(mm_library, mm_manifest, "webdataset", tmp_path / "out")
    samples = readers.shards(tmp_path / "out")
    renderer = Renderer(mm_manifest.open_stores(mm_library), View.named(plan.pictures.view))
    clips = clips_of(mm_manifest)
    assert len(samples) == sum(len(clip.frames) for clip in clips)
    for clip in clips:
        for frame in clip.frames:
            sample = samples[f"{clip.dataset}/{clip.clip_id}/{frame.index:06d}"]
            assert set(sample) == {"rgb.png", "depth.png", "ir.png", "json"}
            for name in ("rgb", "depth", "ir"):
                assert np.array_equal(decode(sample[f"{name}.png"]), renderer.image(frame.place, name))
            about = json.loads(sample["json"])
            assert (about["label"], about["cls"]) == (clip.label, int(clip.is_bonafide))
            assert (about["part"], about["sample_id"], about["subject"]) == (clip.part, frame.sample_id, clip.subject)


def test_a_view_that_the_faces_do_not_have_is_refused_in_one_line(mm_library, tmp_path):
    refused = Called(
        "fasdata", "export", "--as", "metapattern", "--protocol", "S2P", "--recipe", "mmdg", "--data", mm_library.root,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert "needs the landmarks of every face" in refused.line and "--view box" in refused.line
    assert not (tmp_path / "out").exists()
