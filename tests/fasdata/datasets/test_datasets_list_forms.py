"""What only list files state: right with them, empty without them, and a clear error for a malformed list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fasdata.datasets.card import HOOKS
from fasdata.datasets.list_forms import READERS
from fasdata.datasets.parse import meanings
from fasdata.datasets.registry import find_card
from fasdata.datasets.scan import parse_paths
from fasdata.errors import UserError
from fasdata.records import Clip


def clips_of(dataset: str, lists: Path | None, *paths: str) -> list[Clip]:
    clips = [meaning.means for meaning in meanings(find_card(dataset), paths, lists=lists)]
    assert all(isinstance(clip, Clip) for clip in clips)
    return clips  # type: ignore[return-value]


def facts(clip: Clip) -> tuple[str, str, str]:
    return clip.split, clip.label, clip.attack_type


def triple(path: str, *order: str) -> str:
    return " ".join(f"{path}-{modality}.jpg" for modality in order or ("color", "depth", "ir"))


def test_surf_challenge_labels_come_from_the_private_lists_whatever_the_columns(tmp_path):
    paths = ("Val/0000/000892-color.jpg", "Val/0006/006953-color.jpg", "Testing/0024/024581-color.jpg")
    assert [facts(clip) for clip in clips_of("CASIA-SURF", None, *paths)] == [("dev", "", "")] * 2 + [("test", "", "")]
    (tmp_path / "val_public_list.txt").write_text(triple("Val/0000/000892") + "\n" + triple("Val/0006/006953") + "\n")
    assert clips_of("CASIA-SURF", tmp_path, *paths)[0].label == ""
    (tmp_path / "val_private_list.txt").write_text(
        triple("Val/0000/000892") + " 0\r\n" + triple("Val/0006/006953", "ir", "color", "depth") + " 1\r\n"
    )
    (tmp_path / "test_private_list.txt").write_text(triple("Testing/0024/024581") + " 1\n\n")
    assert [facts(clip) for clip in clips_of("CASIA-SURF", tmp_path, *paths)] == [
        ("dev", "attack", "print"),
        ("dev", "bonafide", "bonafide"),
        ("test", "bonafide", "bonafide"),
    ]


def test_a_line_of_two_samples_or_another_label_is_refused(tmp_path):
    path = tmp_path / "val_private_list.txt"
    path.write_text("Val/0000/000001-color.jpg Val/0000/000002-depth.jpg Val/0000/000001-ir.jpg 1\n")
    with pytest.raises(UserError, match=r"line 1.*one sample"):
        clips_of("CASIA-SURF", tmp_path, "Val/0000/000001-color.jpg")
    path.write_text(triple("Val/0000/000001") + " 7\n")
    with pytest.raises(UserError, match=r"line 1: a label; expected 0 or 1; found '7'"):
        clips_of("CASIA-SURF", tmp_path, "Val/0000/000001-color.jpg")


def test_cefa_challenge_folders_get_labels_and_folds(tmp_path):
    paths = (
        "phase1/dev/003000",
        "phase1/dev/003001/profile/0001.jpg",
        "phase2/test/000001",
        "phase1/train/1_006_3_1_4",
    )
    assert [clip.label for clip in clips_of("CeFA", None, *paths)] == ["", "", "", "attack"]
    (tmp_path / "4@1_dev_ref.txt").write_text("dev/003000 1\ndev/003001 0\n")
    (tmp_path / "4@1_dev_res.txt").write_text("dev/003000 0.25\n")
    (tmp_path / "4@3_test_res.txt").write_text("test/000001 0\n")
    (tmp_path / "4@2_train.txt").write_text("train/1_006_3_1_4/profile/0001.jpg 0\n")
    real, fake, tested, trained = clips_of("CeFA", tmp_path, *paths)
    assert facts(real) == ("dev", "bonafide", "bonafide")
    assert facts(fake) == ("dev", "attack", "unknown")
    assert facts(tested) == ("test", "attack", "unknown")
    assert facts(trained) == ("train", "attack", "replay")
    assert real.fields == {"4@1": "dev"} and tested.fields == {"4@3": "test"} and trained.fields["4@2"] == "train"


def test_cefa_lists_of_the_rerelease_give_the_part_in_each_protocol(tmp_path):
    real, mask = "Ethnicity/AF/AF-223/1_223_1_1_1", "Mask/3D-Mask/073/1_073_1_0_2_1_2"
    (tmp_path / "CASIA_CeFA@p1.1_image_dev.txt").write_text(f"CASIA_CeFA/{real}/color/0001.jpg 0\n" * 3)
    (tmp_path / "CASIA_CeFA@p4.1_video_test.txt").write_text(f"CASIA_CeFA/{mask}/color 1\nCASIA_CeFA/{real}/color 0\n")
    live, worn = clips_of("CeFA", tmp_path, f"{real}/color/0001.jpg", f"{mask}/color/0001.jpg")
    assert (live.fields["P1.1"], live.fields["P4.1"], worn.fields["P4.1"]) == ("dev", "test", "test")
    assert facts(live) == ("dev", "bonafide", "bonafide") and facts(worn) == ("test", "attack", "mask-3d")


@pytest.mark.parametrize("header", ["", "path,client,type,group\n"])
def test_wmca_splits_come_from_the_protocol_files(tmp_path, header):
    path = "WMCA_preprocessed_RGB/WMCA/face-station/12.02.18/100_03_015_2_10.hdf5"
    assert clips_of("WMCA", None, path)[0].split == ""
    row = "WMCA/face-station/12.02.18/100_03_015_2_10,100,papermask,{}\n"
    (tmp_path / "PROTOCOL-grandtest.csv").write_text(header + row.format("eval"))
    (tmp_path / "PROTOCOL-LOO_prints.csv").write_text(header + row.format("dev"))
    [clip] = clips_of("WMCA", tmp_path, path)
    assert facts(clip) == ("test", "attack", "mask-paper")
    assert clip.fields["LOO_prints"] == "dev"


TRIALS = {"ded5f9b6": ("m50901", "p1", "valid", "train"), "u5808a82": ("m00000", "p2", "train", "test")}


def write_padisi(folder: Path) -> None:
    columns = "transaction_id,trial_id,trial_name,"
    truth = columns + "modality,ground_truth,participant_id,gender\n"
    parts = [columns + "partition_name\n"] * 2
    for trial, (code, person, *where) in TRIALS.items():
        truth += f"t,{trial},FACE_1,FACE,{code},{person},x\n"
        parts = [part + f"t,{trial},FACE_1,{split}\n" for part, split in zip(parts, where, strict=True)]
    (folder / "padisi_USC_FACE_ground_truth.csv").write_text(truth)
    for fold, part in enumerate(parts):
        (folder / f"padisi_USC_FACE_dataset_partition_3folds_part{fold}.csv").write_text(part)
    (folder / "padisi_USC_FACE_dataset_partition_all_test.csv").write_text(
        columns + "partition_name\n" + "".join(f"t,{trial},FACE_1,test\n" for trial in TRIALS)
    )


def test_padisi_takes_everything_from_its_tables(tmp_path):
    paths = [f"{trial}.npz" for trial in TRIALS]
    assert facts(clips_of("PADISI", None, *paths)[0]) == ("", "", "")
    write_padisi(tmp_path)
    tattoo, real = clips_of("PADISI", tmp_path, *paths)
    assert facts(tattoo) == ("dev", "attack", "makeup") and (tattoo.pai, tattoo.subject) == ("tattoo", "p1")
    assert facts(real) == ("train", "bonafide", "bonafide") and real.subject == "p2"
    assert real.fields["fold0"] == "train" and real.fields["fold1"] == "test"
    truth = tmp_path / "padisi_USC_FACE_ground_truth.csv"
    truth.write_text(truth.read_text().replace("m50901", "m51001"))
    with pytest.raises(UserError, match=r"line 2: a ground-truth code.*m51001"):
        clips_of("PADISI", tmp_path, *paths)
    truth.write_text(truth.read_text().replace("trial_id", "trial"))
    with pytest.raises(UserError, match="lacks the column 'trial_id'"):
        clips_of("PADISI", tmp_path, *paths)


def test_a_row_that_lacks_its_last_cells_is_a_row_of_empty_ones(tmp_path):
    write_padisi(tmp_path)
    part = tmp_path / "padisi_USC_FACE_dataset_partition_3folds_part0.csv"
    part.write_text(part.read_text().replace(",FACE_1,valid", ""))
    with pytest.raises(UserError, match=r"part0\.csv line 2; expected train, valid or test; found ''"):
        clips_of("PADISI", tmp_path, *(f"{trial}.npz" for trial in TRIALS))


def test_a_subject_of_five_thousand_digits_is_no_subject(tmp_path):
    (tmp_path / "train_sub_list.txt").write_text("1\n" + "9" * 5000 + "\n")
    (tmp_path / "test_sub_list.txt").write_text("3\n")
    with pytest.raises(UserError, match=r"train_sub_list\.txt line 2; expected one subject number"):
        clips_of("MSU", tmp_path, "scene01/real/real_client001_android_SD_scene01.mp4")


def celeba_row(kind: int, label: int) -> list[int]:
    return [0] * 40 + [kind, 1, 1, label]


def test_celeba_labels_come_from_the_json_and_not_from_the_folder(tmp_path):
    paths = [f"Data/train/1/{cls}/00000{at}.jpg" for at, cls in enumerate(("live", "spoof", "live", "spoof"))]
    rows = [celeba_row(0, 0), celeba_row(8, 1), celeba_row(10, 1), celeba_row(0, 0)]
    place = tmp_path / "metas" / "intra_test"
    place.mkdir(parents=True)
    (place / "train_label.json").write_text(json.dumps(dict(zip(paths, rows, strict=True))))
    clips = clips_of("CelebA-Spoof", tmp_path, *paths)
    assert [(clip.label, clip.attack_type) for clip in clips] == [
        ("bonafide", "bonafide"), ("attack", "replay"), ("attack", "mask-3d"), ("bonafide", "bonafide"),
    ]  # fmt: skip
    assert clips[1].fields == {"instrument": "pad"}
    # In the root they are found without being pointed at, and what contradicts a folder's name is noted.
    result = parse_paths(find_card("celeba"), [*paths, "metas/intra_test/train_label.json"], root=tmp_path)
    assert [clip.label for clip in result.clips] == ["bonafide", "attack", "attack", "bonafide"]
    assert any("contradict the label in the path of 2 clips" in note for note in result.notes)


@pytest.mark.parametrize("text", ["[1, 2]", "{", '{"Data/train/1/live/000000.jpg": [1, 2]}', "[" * 100_000])
def test_a_broken_label_file_is_one_clear_line(tmp_path, text):
    (tmp_path / "train_label.json").write_text(text)
    with pytest.raises(UserError, match=r"train_label\.json"):
        clips_of("CelebA-Spoof", tmp_path, "Data/train/1/live/000000.jpg")


@pytest.mark.parametrize("kind", ["image", "video"])
def test_hifimask_splits_come_from_the_lists(tmp_path, kind):
    tail = "/0001.jpg 1" if kind == "image" else " 1"
    (tmp_path / f"CASIA_HiFiMask@p1_{kind}_dev.txt").write_text(f"Data/1_05_2_3_1_6{tail}\n" * 10)
    (tmp_path / f"CASIA_HiFiMask@p2.1_{kind}_test.txt").write_text(f"Data/1_05_2_3_1_6{tail}\n")
    known, other = clips_of("HiFiMask", tmp_path, "Data/1_05_2_3_1_6", "Data/2_79_0_2_5_3")
    assert facts(known) == ("dev", "attack", "mask-3d") and known.fields["P2.1"] == "test"
    assert facts(other) == ("", "bonafide", "bonafide")


def test_a_line_of_commas_names_no_clip(tmp_path):
    (tmp_path / "CASIA_HiFiMask@p1_image_dev.txt").write_text(",,\nData/1_05_2_3_1_6/0001.jpg,1\n")
    (clip,) = clips_of("HiFiMask", tmp_path, "Data/1_05_2_3_1_6")
    assert clip.split == "dev"


def test_siw_mv2_and_hq_wmca_lists(tmp_path):
    (tmp_path / "trainlist_all.txt").write_text("Mask_Mann_3\nMask_Mann_3\n")
    (tmp_path / "testlist_live.txt").write_text("Live_100\nReplay_2\n")
    paths = ("Spoof/Mannequin/Mask_Mann_3.mov", "Live/Live_100.mov", "Spoof/Replay/Replay_2.mov")
    assert [clip.split for clip in clips_of("SiW-Mv2", tmp_path, *paths)] == ["train", "test", "test"]
    stem = "1_01_0001_0000_00_00_000-241b2419"
    (tmp_path / "PROTOCOL-grand_test.csv").write_text(f"path,label,group\nface-station/01.08.19/{stem},0,dev\n")
    assert facts(clips_of("HQ-WMCA", tmp_path, f"{stem}.h5")[0]) == ("dev", "bonafide", "bonafide")


def test_lists_in_the_root_serve_and_lists_elsewhere_may_be_of_other_datasets(tmp_path):
    """One folder of lists can be given for several datasets: those without a file there do without."""
    root, lists = tmp_path / "root", tmp_path / "lists"
    root.mkdir()
    lists.mkdir()
    (lists / "PROTOCOL-grandtest.csv").write_text("face-station/12.02.18/100_03_015_2_10,train\n")
    (root / "val_private_list.txt").write_text(triple("Val/0000/000892") + " 0\n")
    surf = parse_paths(find_card("SURF"), ["Val/0000/000892-color.jpg", "val_private_list.txt"], root=root, lists=lists)
    assert [clip.label for clip in surf.clips] == ["attack"]
    msu = parse_paths(find_card("MSU"), ["scene01/real/real_client001_android_SD_scene01.mp4"], root=root, lists=lists)
    assert [clip.split for clip in msu.clips] == ["test"]


def test_without_lists_a_scan_says_which_it_would_need():
    notes = parse_paths(find_card("SURF"), ["Val/0000/000892-color.jpg"]).notes
    assert "val_private_list.txt" in notes[0]
    assert parse_paths(find_card("CeFA"), ["Ethnicity/AF/AF-006/1_006_1_1_1/color/0001.jpg"]).notes == ()


def test_a_card_may_name_every_reader_of_list_files_and_no_other():
    assert set(HOOKS) == set(READERS)
