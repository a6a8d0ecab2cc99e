"""HFN_MP's reader over an export of CIO-M."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
import yaml

from fasdata.faces.view import View
from tests.fasdata.exchange import readers
from tests.fasdata.exchange.world import exported


@pytest.fixture(scope="module")
def out(library, manifests, tmp_path_factory):
    folder = tmp_path_factory.mktemp("metapattern")
    exported(library, manifests["hfn_mp"], "metapattern", folder)
    return folder


def test_the_protocol_file_leads_its_reader_to_every_clip_with_its_label(out, manifests):
    data = yaml.safe_load((out / "protocol.yaml").read_text())["DATA"]
    chips = f"{out}/{data['SUB_DIR']}"
    table = manifests["hfn_mp"].frame()
    clips = table.drop_duplicates(["dataset", "clip_id"])
    for place, domain in enumerate(["casia-fasd", "oulu-npu", "replay-attack"], 1):
        for kind, label in (("FAKE", "attack"), ("REAL", "bonafide")):
            videos = readers.metapattern(chips, out / data[f"TRAIN_SRC_{kind}_{place}"], 2)
            wanted = clips[(clips["part"] == "train") & (clips["domain"] == domain) & (clips["label"] == label)]
            assert len(videos) == len(wanted) > 0
            assert {video.label for video in videos} == {int(label == "bonafide")}
    videos = readers.metapattern(chips, out / data["TARGET_DATA"], 2)
    tested = clips[clips["part"] == "test"]
    assert len(videos) == len(tested)
    assert sum(video.label for video in videos) == (tested["label"] == "bonafide").sum()
    assert all(len(video.pictures) == 2 for video in videos)


def test_its_pictures_are_the_view_of_the_first_and_the_last_face(out, library, manifests):
    store = manifests["hfn_mp"].open_stores(library)["msu-mfsd"]
    name = "scene01__attack__attack_client013_laptop_sd_printed_photo_scene01"
    listed = "/+MSU-MFSD/scene01/attack/attack_client013_laptop_SD_printed_photo_scene01.mov.zip"
    videos = {video.name: video for video in readers.metapattern(f"{out}/align", out / "data_list/MSU-MFSD.csv", 2)}
    assert list(videos[listed].pictures) == ["5.png", "6.png"]
    for frame in (5, 6):
        face = store.record(name).frame(frame)
        crop = store.crop(name, frame)
        rendered = View.named("mxnet-256").render(crop, face.crop.region, 1.0, face.box, face.landmarks)
        assert np.array_equal(videos[listed].pictures[f"{frame}.png"], rendered)


def test_lists_state_polarity_attack_pictures_and_decoded_frames(out):
    lines = (out / "data_list/MSU-MFSD.csv").read_text().splitlines()
    ends = {line.rsplit("scene01.", 1)[0].split("_SD_")[1].strip("_"): line.split(",")[1:] for line in lines}
    assert ends[""] == ["0", "2", "11"] and ends["printed_photo"] == ["1", "2", "11"]
    assert ends["ipad_video"] == ends["iphone_video"] == ["2", "2", "11"]


def test_a_zip_holds_frames_in_order_and_says_how_many(out):
    with zipfile.ZipFile(out / "align/+CASIA-FASD/train_release/1/HR_1.avi.zip") as archive:
        assert archive.namelist() == ["0.png", "10.png", "info.txt"]
        assert archive.read("info.txt") == b"2\t11"


def test_jpeg_can_be_asked_for_and_webp_cannot_be_read(library, manifests, tmp_path):
    from fasdata.errors import UserError

    exported(library, manifests["small"], "metapattern", tmp_path / "jpeg", codec="jpeg:95")
    videos = readers.metapattern(f"{tmp_path}/jpeg/align", tmp_path / "jpeg/data_list/CASIA-ALL.csv", 2)
    assert {name.rpartition(".")[2] for video in videos for name in video.pictures} == {"jpg"}
    with pytest.raises(UserError, match=r"cannot hold webp.*expected png or jpeg:98"):
        exported(library, manifests["hfn_mp"], "metapattern", tmp_path / "webp", codec="webp")
    with pytest.raises(UserError, match="pictures of 256x256"):
        exported(library, manifests["hfn_mp"], "metapattern", tmp_path / "small", view="fas-256(size=112)")
    assert not (tmp_path / "webp").exists() and not (tmp_path / "small").exists()
