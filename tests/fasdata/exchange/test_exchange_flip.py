"""The readers of few-shot FAS, FLIP and ME-FAS over exports, and their lists read back."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fasdata.datasets.registry import find_card
from fasdata.exchange.layout import Context
from fasdata.exchange.sample import clips_of
from fasdata.faces.view import View
from fasdata.lists.match import import_lists
from fasdata.store.codec import Codec
from tests.commands import Called
from tests.fasdata.exchange import readers
from tests.fasdata.exchange.world import RARE, exported

NAMES = {"casia-fasd": "casia", "replay-attack": "replay", "oulu-npu": "oulu", "msu-mfsd": "msu"}


@pytest.fixture(scope="module")
def out(library, manifests, tmp_path_factory):
    folder = tmp_path_factory.mktemp("flip")
    exported(library, manifests["standard"], "flip", folder)
    return folder


@pytest.mark.parametrize("dataset", NAMES)
def test_flip_finds_every_clip_with_its_label_and_pictures_of_224(out, manifests, dataset):
    use = "test" if dataset == "msu-mfsd" else "train"
    videos = readers.flip(out, "MCIO", NAMES[dataset], use)
    clips = [clip for clip in clips_of(manifests["standard"]) if (clip.part, clip.dataset) == (use, dataset)]
    assert len(videos) == len(clips) > 0
    assert sum(video.label for video in videos) == sum(clip.is_bonafide for clip in clips)
    assert {len(video.pictures) for video in videos} == {2 if use == "test" else 1}
    assert {image.shape for video in videos for image in video.pictures.values()} == {(224, 224, 3)}


def test_pictures_are_the_view_of_their_frames(out, library, manifests):
    store = manifests["standard"].open_stores(library)["msu-mfsd"]
    name = "scene01__real__real_client001_android_sd_scene01"
    clip = next(clip for clip in clips_of(manifests["standard"]) if clip.clip_id == name)
    assert [frame.index for frame in clip.frames] == [6, 10]
    for ordinal, frame in enumerate((6, 10)):
        face = store.record(name).frame(frame)
        view = View.named("mxnet-256").resized(224)
        wanted = view.render(store.crop(name, frame), face.crop.region, 1.0, face.box, face.landmarks)
        path = out / f"MCIO/frame/msu/test/real/real_client001_android_SD_scene01_frame{ordinal}.png"
        assert np.array_equal(readers.read_rgb(path.read_bytes()), wanted)


def test_a_single_test_frame_stands_for_the_second_and_is_listed_once(out, manifests):
    name = f"MCIO/frame/msu/test/fake/attack_{RARE.replace('_sd_', '_SD_')}"
    clip = next(clip for clip in clips_of(manifests["standard"]) if clip.clip_id.endswith(RARE))
    assert len(clip.frames) == 1
    assert (out / f"{name}_frame0.png").read_bytes() == (out / f"{name}_frame1.png").read_bytes()
    listed = (out / "MCIO/txt/msu_fake_test.txt").read_text()
    assert listed.count("client013_laptop_SD_printed_photo") == 1


def test_json_lists_carry_path_label_and_clip(out, manifests):
    entries = json.loads((out / "MCIO/json/msu_test.json").read_text())
    assert {tuple(entry) for entry in entries} == {("photo_path", "photo_label", "photo_belong_to_video_ID")}
    assert all((out / "MCIO/frame" / entry["photo_path"]).is_file() for entry in entries)
    assert all(entry["photo_label"] == int("/real/" in entry["photo_path"]) for entry in entries)
    clips = [clip for clip in clips_of(manifests["standard"]) if clip.part == "test"]
    assert len(entries) == sum(len(clip.frames) for clip in clips)
    assert sorted({entry["photo_belong_to_video_ID"] for entry in entries}) == list(range(len(clips)))


@pytest.mark.parametrize("form", ["txt", "json"])
def test_lists_read_back_name_the_same_clips_and_labels(out, library, manifests, tmp_path, form):
    stores = manifests["standard"].open_stores(library)
    for dataset, name in NAMES.items():
        lists = sorted(path for path in (out / "MCIO" / form).glob(f"{name}_*"))
        matched = import_lists(lists, "flip", 1, [record.clip for record in stores[dataset].records()])
        assert (matched.unmatched, matched.contradicting, matched.repeated) == ((), (), 0)
        clips = {clip.clip_id: clip for clip in clips_of(manifests["standard"]) if clip.dataset == dataset}
        assert matched.labels == {clip_id: clip.label for clip_id, clip in clips.items()}
        assert {key: len(frames) for key, frames in matched.clips.items()} == {
            key: len(clip.frames) for key, clip in clips.items()
        }
    files = sorted((out / "MCIO/txt").glob("oulu_*"))
    done = Called(
        "fasdata", "lists", "import", find_card("oulu-npu").name, *files, "--format", "flip", "--bonafide-is", 1,
        "--data", library.root, "--out", tmp_path / "oulu.csv",
    )  # fmt: skip
    assert done.code == 0, done.out


def test_clips_of_a_few_shots_get_lists_of_their_own(manifests):
    from fasdata.exchange.flip import Flip

    clips = clips_of(manifests["standard"])
    shot = replace(next(clip for clip in clips if clip.part == "test"), part="train", domain="msu-mfsd-shots")
    layout = Flip(Context(manifests["standard"].meta, Codec.parse("jpeg"), lambda _: None))  # type: ignore[arg-type]
    lists = layout.lists(layout.units([shot]))
    assert set(lists) == {"MCIO/txt/msu_fake_shot.txt", "MCIO/json/msu_shot.json"}
    assert not any("shot lists" in note for note in layout.notes)
