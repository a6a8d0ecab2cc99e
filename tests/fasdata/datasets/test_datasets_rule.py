"""What real paths of the larger releases mean: literals, and what they are when nothing but a path is known."""

# ruff: noqa: E501 - a row of a listing is one line
from __future__ import annotations

import pytest

from fasdata.datasets.parse import meanings
from fasdata.datasets.registry import find_card
from fasdata.records import Clip

SURF, CEFA = "CASIA-SURF", "CASIA-SURF-CeFA"
PADISI = "ID_1f72043389d15e1454d1b42fc59ab7685c7ef895_ded5f9b6_FACE_SMILE_WITH_GLASS.npz"
STATION = "face-station/12.02.18"

# dataset, path, split, label, attack type, pai, subject; empty: the path does not tell.
ROWS = [
    (SURF, "Testing/0048/048201-color.jpg", "test", "", "", "", ""),
    (SURF, "Val/0007/007817-color.jpg", "dev", "", "", "", ""),
    (SURF, "Training/fake_part/CLKJ_BS0415/06_enm_b.rssdk/color/21.jpg", "train", "attack", "print", "print-cut", "CLKJ_BS0415"),
    (SURF, "Training/real_part/CLKJ_CS0006/real.rssdk/color/181.jpg", "train", "bonafide", "bonafide", "", "CLKJ_CS0006"),
    (SURF, "fake_part/fake_val_part/CLKJ_AS0105/06_enm_b.rssdk/color/141.jpg", "dev", "attack", "print", "print-cut", "CLKJ_AS0105"),
    (SURF, "real_part/real_test_part/CLKJ_BS1455/real.rssdk/color/131.jpg", "test", "bonafide", "bonafide", "", "CLKJ_BS1455"),
    (SURF, "Testing/fake_part/CLKJ_CS0039/01_e_s.rssdk", "test", "attack", "print", "print-cut", "CLKJ_CS0039"),
    (SURF, "Data\\training\\REAL_part\\clkj_bs0461\\real.rssdk", "train", "bonafide", "bonafide", "", "CLKJ_BS0461"),
    (CEFA, "Ethnicity/AF/AF-266/1_266_3_1_4", "dev", "attack", "replay", "", "AF-266"),
    (CEFA, "Ethnicity/CA/CA-134/2_134_3_1_2/color/0004.jpg", "train", "attack", "print", "print-cloth", "CA-134"),
    (CEFA, "Ethnicity/EA/EA-415/3_415_1_1_1/", "test", "bonafide", "bonafide", "", "EA-415"),
    (CEFA, "Mask/Silicone-Mask/006/2_006_1_1_2_1_3", "test", "attack", "mask-3d", "silicone", "Silicone-Mask-006"),
    (CEFA, "CeFA-Mask/3D-Mask/071/1_071_0_0_2_1_4/profile/0001.jpg", "test", "attack", "mask-3d", "3d-print", "3D-Mask-071"),
    (CEFA, "CeFA-Race/CA/CA-350/2_350_3_1_4/profile/0003.jpg", "test", "attack", "replay", "", "CA-350"),
    (CEFA, "phase1/train/1_006_1_1_1/profile/0001.jpg", "train", "bonafide", "bonafide", "", "AF-006"),
    (CEFA, "phase2/test/000001/profile/0001.jpg", "test", "", "", "", ""),
    ("WMCA", f"{STATION}/100_03_015_2_10.hdf5", "", "attack", "mask-paper", "papercraft", "100"),
    ("WMCA", "face-station/08.02.18/098_03_052_3_15.hdf5", "", "attack", "replay", "display-photo", "098"),
    ("WMCA", "face-station/25.06.18/532_07_019_1_13.hdf5", "", "attack", "mask-3d", "rigid", "532"),
    ("WMCA", "face-station/25.06.18/104_01_006_2_97.hdf5", "", "attack", "mask-3d", "silicone", "104"),
    ("WMCA", "face-station/23.04.18/067_05_000_0_01.hdf5", "", "bonafide", "bonafide", "bf-glasses-medical", "067"),
    ("WMCA", "face-station/14.02.18/019_03_033_4_02.hdf5", "", "attack", "replay", "display-video-paused", "019"),
    ("WMCA", f"{STATION}/100_03_015_5_10.hdf5", "", "attack", "makeup", "", "100"),
    ("WMCA", f"WMCA_preprocessed_RGB/WMCA/{STATION}/512_02_012_1_01.hdf5", "", "attack", "partial", "funny-eye-glasses", "512"),
    ("WMCA", "WMCA-Image/R_CDIT/512_02_012_1_16/color/0012.jpg", "", "attack", "partial", "paper-glasses", "512"),
    ("WMCA", "12.02.18_506_02_061_2_07", "", "attack", "mannequin", "mannequin", "506"),
    ("PADISI-Face", PADISI, "", "", "", "", ""),
    ("PADISI-Face", "ded5f9b6.npz", "", "", "", "", ""),
    ("CelebA-Spoof", "Data/test/10007/spoof/501603.png", "test", "attack", "", "", "10007"),
    ("CelebA-Spoof", "CelebA_Spoof/Data/train/3472/live/463785.jpg", "train", "bonafide", "bonafide", "", "3472"),
    ("ROSE-Youtu", "test/_13/Pq_NT_ZTE_wg_E_4_121.mp4", "test", "attack", "print", "print-quivering", "4"),
    ("ROSE-Youtu", "train/9/Vl_NT_HW_wg_E_15_124.mp4", "train", "attack", "replay", "display-1", "15"),
    ("ROSE-Youtu", "test/_14/Mc_NT_HW_g_E_6_56.mp4", "test", "attack", "mask-paper", "paper-cut-eyes-mouth", "6"),
    ("SiW", "Test/live/161/161-2-1-1-2.m.mov", "test", "bonafide", "bonafide", "", "161"),
    ("SiW", "Train/spoof/105/105-2-3-4-2.mov", "train", "attack", "replay", "display-4", "105"),
    ("SiW", "Test/spoof/013/013-1-2-2-2.mov", "test", "attack", "print", "print-2", "013"),
    ("SiW-Mv2", "Spoof/Mannequin/Mask_Mann_3.mov", "", "attack", "mannequin", "mannequin", ""),
    ("SiW-Mv2", "Partial_Funnyeye_12", "", "attack", "partial", "funny-eye-glasses", ""),
    ("SiW-Mv2", "Live_100", "", "bonafide", "bonafide", "", ""),
    ("SiW-Mv2", "Live/Train/clip.mov", "train", "bonafide", "bonafide", "", ""),
    ("Replay-Mobile", "devel/real/client040_session02_authenticate_mobile_diffuse.mov", "dev", "bonafide", "bonafide", "", "040"),
    ("Replay-Mobile", "train/attack/attack_client011_session01_mattescreen_fixed_mobile_photo_lightoff.mov", "train", "attack", "replay", "display-photo", "011"),
    ("Replay-Mobile", "test/attack/attack_client007_session01_print_fixed_tablet_photo_lighton.mov", "test", "attack", "print", "", "007"),
    ("3DMAD", "08_03_05.hdf5", "dev", "attack", "mask-3d", "rigid", "08"),
    ("3DMAD", "session02/Data/17_02_04.hdf5", "test", "bonafide", "bonafide", "", "17"),
    ("HQ-WMCA", "face-station/01.08.19/1_01_0001_0000_00_00_000-241b2419.h5", "", "", "", "", "0001"),
    ("HiFiMask", "Data/2_79_0_2_5_3", "", "bonafide", "bonafide", "", "79"),
    ("HiFiMask", "Data/3_65_2_2_1_3/0004.jpg", "", "attack", "mask-3d", "plaster", "65"),
]  # fmt: skip

REJECTED = [
    (SURF, "Testing/0010/010069-depth.jpg", "modality-member"),
    (SURF, "Training/real_part/CLKJ_BS0300/real.rssdk/ir/31.jpg", "modality-member"),
    (SURF, "Training/fake_part/CLKJ_BS0329/07_en_b.rssdk/color/1.jpg", "unmatched-media"),
    (SURF, "Training/fake_part/CLKJ_BS0329/real.rssdk", "unmatched-media"),
    (SURF, "Val/0000/._000013-color.jpg", "junk"),
    (SURF, "val_private_list.txt", "protocol-file"),
    (SURF, "protocol/CASIA_SURF@p1_video_train.txt", "protocol-file"),
    (CEFA, "Ethnicity/AF/AF-006/1_006_5_1_1", "unmatched-media"),
    (CEFA, "CeFA-Race/CA/CA-223/2_223_3_1_2/depth/0001.jpg", "modality-member"),
    (CEFA, "protocol/CASIA_CeFA@p4.1_video_test.txt", "protocol-file"),
    (CEFA, "4@1_dev_ref.txt", "protocol-file"),
    ("WMCA", f"{STATION}/readme.txt", "junk"),
    ("WMCA", f"{STATION}/100_08_015_2_10.hdf5", "unmatched-media"),
    ("WMCA", "PROTOCOL-LOO_prints.csv", "protocol-file"),
    ("PADISI-Face", "padisi_USC_FACE_ground_truth.csv", "protocol-file"),
    ("PADISI-Face", "padisi_USC_FACE_preprocessed.bz2", "unmatched-media"),
    ("CelebA-Spoof", "Data/train/8176/spoof/014736_BB.txt", "sidecar"),
    ("CelebA-Spoof", "metas/intra_test/train_label.json", "protocol-file"),
    ("ROSE-Youtu", "test/_13/Xx_NT_ZTE_wg_E_4_47.mp4", "unmatched-media"),
    ("SiW", "Train/live/003/003-1-1-1-1.face", "sidecar"),
    ("SiW", "Train/live/003/004-1-1-1-1.mov", "unmatched-media"),
    ("SiW-Mv2", "trainlist_all.txt", "protocol-file"),
    ("Replay-Mobile", "enroll/train/client001_session01_enroll_mobile_lighton.mov", "excluded-enroll"),
    ("3DMAD", "18_03_04.hdf5", "unmatched-media"),
    ("HiFiMask", "Data/4_05_2_3_1_6", "unmatched-media"),
    ("HiFiMask", "protocol/CASIA_HiFiMask@p2.1_video_dev.txt", "protocol-file"),
]


@pytest.mark.parametrize(("dataset", "path", "split", "label", "attack_type", "pai", "subject"), ROWS)
def test_a_path_means_what_the_release_says(dataset, path, split, label, attack_type, pai, subject):
    [meaning] = meanings(find_card(dataset), [path])
    clip = meaning.means
    assert isinstance(clip, Clip), clip
    assert meaning.given == path
    assert (clip.split, clip.label, clip.attack_type, clip.pai, clip.subject) == (
        split,
        label,
        attack_type,
        pai,
        subject,
    )


@pytest.mark.parametrize(("dataset", "path", "kind"), REJECTED)
def test_what_is_no_sample_is_rejected_by_kind(dataset, path, kind):
    [meaning] = meanings(find_card(dataset), [path])
    assert getattr(meaning.means, "kind", meaning.means) == kind


def test_the_file_with_colour_is_the_sample_and_channels_alone_are_one_too():
    colour, channels = (f"WMCA_preprocessed_{form}/WMCA/{STATION}/100_03_015_2_10.hdf5" for form in ("RGB", "CDIT"))
    card = find_card("WMCA")
    kinds = [getattr(meaning.means, "kind", "sample") for meaning in meanings(card, [channels, colour])]
    assert kinds == ["modality-member", "sample"]
    [alone] = meanings(card, [channels])
    assert isinstance(alone.means, Clip) and set(alone.means.relpaths) == {"depth", "ir"}


def test_one_recording_has_one_id_in_every_layout():
    def ids(dataset: str, *paths: str) -> set[str]:
        return {row.means.clip_id for row in meanings(find_card(dataset), paths) if isinstance(row.means, Clip)}

    assert ids("CeFA", "Ethnicity/AF/AF-006/1_006_1_1_1", "CeFA-Race/AF/AF-006/1_006_1_1_1/profile/0001.jpg",
               "phase1/train/1_006_1_1_1") == {"AF-006__1_006_1_1_1"}  # fmt: skip
    assert ids("WMCA", f"{STATION}/100_03_015_2_10.hdf5", "WMCA-Image/R_CDIT/100_03_015_2_10",
               "preprocessed-face-station_RGB/12.02.18/100_03_015_2_10.hdf5") == {"100_03_015_2_10"}  # fmt: skip
    assert ids("PADISI", PADISI, "ded5f9b6.npz") == {"ded5f9b6"}
