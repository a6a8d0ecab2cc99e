"""Relative paths of complete datasets, made from what their releases say and from nothing in `fasdata.datasets`.

The people of a dataset, what each recorded and which split they are in are literals; the counts that follow are
compared with the published ones in the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

from fasdata.records import Clip


def write(root: Path, paths: Iterator[str]) -> Path:
    """Make the files, empty."""
    made: set[Path] = set()
    for relative in paths:
        path = root / relative
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.touch()
    return root


def casia_fasd() -> Iterator[str]:
    """600 videos: 20 and 30 people, twelve each."""
    for split, people in (("train", 20), ("test", 30)):
        for person, clip in product(range(1, people + 1), [*range(1, 9), *(f"HR_{n}" for n in range(1, 5))]):
            yield f"{split}_release/{person}/{clip}.avi"


REPLAY_PEOPLE = {
    "train": "001 002 004 006 007 008 012 016 018 025 027 103 105 108 110",
    "devel": "003 005 010 015 017 022 029 030 101 111 113 114 116 118 119",
    "test": "009 011 013 014 019 020 021 023 024 026 102 104 106 107 109 112 115 117 120 121",
}


def replay_attack() -> Iterator[str]:
    """1200 videos, and 100 of enrolment."""
    instruments = [("print", "highdef", "photo")]
    instruments += [(device, device, what) for device in ("mobile", "highdef") for what in ("photo", "video")]
    for split, people in REPLAY_PEOPLE.items():
        for client, light in product(people.split(), ("controlled", "adverse")):
            for take in (1, 2):
                yield f"{split}/real/client{client}_session01_webcam_authenticate_{light}_{take}.mov"
            for support, (device, sample, what) in product(("fixed", "hand"), instruments):
                yield f"{split}/attack/{support}/attack_{device}_client{client}_session01_{sample}_{what}_{light}.mov"
            yield f"enroll/{split}/client{client}_session01_webcam_enroll_{light}.mov"


def oulu_npu() -> Iterator[str]:
    """4950 videos: six phones, three sessions, five types; users 1-20, 21-35, 36-55."""
    for split, users in (("Train", range(1, 21)), ("Dev", range(21, 36)), ("Test", range(36, 56))):
        for user, phone, session, kind in product(users, range(1, 7), range(1, 4), range(1, 6)):
            yield f"{split}_files/{phone}_{session}_{user:02}_{kind}.avi"


_MSU = (
    1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 14, 21, 22, 23, 24, 26, 28, 29, 30, 32, 33, 34, 35, 36, 37, 39, 42, 48, 49, 50,
    51, 53, 54, 55,
)  # fmt: skip


def msu_mfsd() -> Iterator[str]:
    """280 videos of 35 people."""
    for client, (camera, ending) in product(_MSU, (("laptop", "mov"), ("android", "mp4"))):
        yield f"scene01/real/real_client{client:03}_{camera}_SD_scene01.{ending}"
        for attack in ("ipad_video", "iphone_video", "printed_photo"):
            yield f"scene01/attack/attack_client{client:03}_{camera}_SD_{attack}_scene01.{ending}"


def rose_youtu() -> Iterator[str]:
    """3497 videos of 20 people, with the published number of each kind by split."""
    train = {"G": 475, "Ps": 200, "Pq": 200, "Vl": 200, "Vm": 200, "Mc": 200, "Mf": 100, "Mu": 200}
    test = {"G": 422, "Ps": 200, "Pq": 200, "Vl": 201, "Vm": 200, "Mc": 199, "Mf": 100, "Mu": 200}
    folders = {"train": ["2", "3", "4", "5", "6", "7", "9", "10", "11", "12"],
               "test": ["_13", "_14", "_15", "_16", "_17", "_18", "_20", "_21", "_22", "_23"]}  # fmt: skip
    for split, kinds in (("train", train), ("test", test)):
        for kind, many in kinds.items():
            for number in range(many):
                folder = folders[split][number % 10]
                person = number % 10 + (1 if split == "train" else 31)
                yield f"{split}/{folder}/{kind}_NT_HW_g_E_{person}_{number}.mp4"


def siw() -> Iterator[str]:
    """4469 videos: 714 and 1702 of 90 people, 599 and 1454 of 75."""
    for split, people, live, attacks, first in (("Train", 90, 714, 1702, 1), ("Test", 75, 599, 1454, 91)):
        for number in range(live):
            who = f"{first + number % people:03}"
            yield f"{split}/live/{who}/{who}-{number // people % 3 + 1}-1-1-{number // people // 3 + 1}.mov"
        media = [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (3, 4)]
        for number in range(attacks):
            who, place = f"{first + number % people:03}", number // people
            kind, medium = media[place % 6]
            yield f"{split}/spoof/{who}/{who}-{place // 6 % 3 + 1}-{kind}-{medium}-{place // 18 + 1}.mov"


_SURF = (("train", 300, 0), ("val", 100, 300), ("test", 600, 400))


def surf_crop() -> Iterator[str]:
    """The full release by clip: all six kinds in every split, thirteen clips missing."""
    gone = {("train", 0), *(("test", number) for number in range(12))}
    for split, people, first in _SURF:
        for number in range(people):
            person = f"CLKJ_AS{first + number:04}"
            yield from _colour(f"real_part/real_{split}_part/{person}/real.rssdk", ("1.jpg",))
            for kind in ("01_e_s", "02_e_b", "03_en_s", "04_en_b", "05_enm_s", "06_enm_b"):
                if kind != "05_enm_s" or (split, number) not in gone:
                    yield from _colour(f"fake_part/fake_{split}_part/{person}/{kind}.rssdk", ("1.jpg",))


def surf_rerelease() -> Iterator[str]:
    """3991 clips: kinds 04-06 in training, 01-03 in dev and test, nine missing there."""
    words = {"train": "Training", "val": "Val", "test": "Testing"}
    for split, people, first in _SURF:
        kinds = ("04_en_b", "05_enm_s", "06_enm_b") if split == "train" else ("01_e_s", "02_e_b", "03_en_s")
        for number in range(people):
            person = f"CLKJ_BS{first + number:04}"
            yield from _modalities(f"Data/{words[split]}/real_part/{person}/real.rssdk", ("0001.jpg",))
            for kind in kinds:
                if not (split == "test" and number < 9 and kind == "02_e_b"):
                    yield from _modalities(f"Data/{words[split]}/fake_part/{person}/{kind}.rssdk", ("0001.jpg",))


def surf_challenge() -> Iterator[str]:
    """96 584 images a modality, colour only here; labels of Val and Testing stand in `surf_challenge_label`."""
    for cls, images, kinds in (("real", 8942, ("real",)), ("fake", 20324, ("04_en_b", "05_enm_s", "06_enm_b"))):
        for number in range(images):
            clip = number % (300 * len(kinds))
            person, kind = f"CLKJ_AS{clip // len(kinds):04}", kinds[clip % len(kinds)]
            frame = number // (300 * len(kinds)) * 10 + 1
            yield f"Training/{cls}_part/{person}/{kind}.rssdk/color/{frame}.jpg"
    for part, images in (("Val", 9608), ("Testing", 57710)):
        for number in range(images):
            yield f"{part}/{number // 1000:04}/{number:06}-color.jpg"


def surf_challenge_label(clip: Clip) -> Clip:
    """What the private lists say: 2994 samples of Val and 17 458 of Testing are bona fide."""
    part, _, number = clip.clip_id.partition("__")
    if part not in ("val", "testing"):
        return clip
    real = int(number) < {"val": 2994, "testing": 17458}[part]
    clip.__dict__.update(label="bonafide" if real else "attack", attack_type="bonafide" if real else "print")
    return clip


def cefa_ethnicity() -> Iterator[str]:
    """7123 clips: 500 people of three races four times, 1079 3-D masks and 44 silicone masks."""
    for number, race in ((1, "AF"), (2, "CA"), (3, "EA")):
        for person, tail in product(range(500), ("1_1_1", "3_1_2", "3_2_2", "3_1_4")):
            yield from _colour(f"Ethnicity/{race}/{race}-{person:03}/{number}_{person:03}_{tail}", ("0001.jpg",))
    yield from _masks("Mask", 1079, 44, ("2", "3", "4"), "color")


def cefa_race() -> Iterator[str]:
    """The form of the multi-modal benchmark: two races, 1595 3-D masks and 60 silicone masks."""
    for number, race in ((1, "AF"), (2, "CA")):
        for person, tail in product(range(500), ("1_1_1", "3_1_2", "3_2_2", "3_1_4")):
            yield f"CeFA-Race/{race}/{race}-{person:03}/{number}_{person:03}_{tail}/profile/0001.jpg"
    yield from _masks("CeFA-Mask", 1595, 60, ("1", "2", "3", "4"), "profile")


def _masks(folder: str, three_d: int, silicone: int, lights: tuple[str, ...], colour: str) -> Iterator[str]:
    for family, k, people, many in (("3D-Mask", 1, 99, three_d), ("Silicone-Mask", 2, 8, silicone)):
        tails = product(("0", "1"), ("0", "1"), ("1", "2"), ("1", "2"), lights)
        every = ((tail, person) for tail in tails for person in range(1, people + 1))
        for _, (tail, person) in zip(range(many), every, strict=False):
            yield f"{folder}/{family}/{person:03}/{k}_{person:03}_{'_'.join(tail)}/{colour}/0001.jpg"


# Recordings of WMCA by split: (type, instrument) of bona fide and of each kind of attack, and how many.
WMCA_KINDS = {
    "glasses": (("1", "01"), (25, 25, 25)), "fakehead": (("2", "01"), (41, 41, 40)),
    "prints": (("3", "01"), (66, 67, 67)),
    "replay": (("4", "01"), (116, 116, 116)), "papermask": (("2", "08"), (23, 24, 24)),
    "rigidmask": (("2", "12"), (45, 46, 46)), "flexiblemask": (("2", "75"), (125, 130, 124)),
}  # fmt: skip
_WMCA_REAL = (124, 108, 115)


def wmca() -> Iterator[tuple[str, str]]:
    """1679 recordings with their part, and two of make-up and a wig that no protocol has; people are disjoint."""
    for place, part in enumerate(("train", "dev", "eval")):
        kinds = [("0", "00", _WMCA_REAL[place]), *((*pai, many[place]) for pai, many in WMCA_KINDS.values())]
        for kind, pai, many in kinds:
            for number in range(many):
                client, session = place * 100 + number // 7, number % 7 + 1
                presenter = "000" if kind == "0" else f"{place * 100 + 90:03}"
                yield f"face-station/01.02.18/{client:03}_{session:02}_{presenter}_{kind}_{pai}.hdf5", part
    yield "face-station/01.02.18/001_04_000_5_01.hdf5", ""
    yield "face-station/01.02.18/002_04_000_1_08.hdf5", ""


def wmca_list(folder: Path) -> Path:
    """The owners' CSV of grandtest."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"{path.removesuffix('.hdf5')},{part}" for path, part in wmca() if part]
    (folder / "PROTOCOL-grandtest.csv").write_text("\n".join(["filename,group", *rows]) + "\n")
    return folder


PADISI_FOLDS = (
    ((597, 493), (145, 127), (363, 304)),
    ((596, 482), (148, 127), (361, 315)),
    ((581, 494), (143, 125), (381, 305)),
)


def padisi() -> Iterator[str]:
    """2029 samples: 1105 bona fide, 924 attacks."""
    for number in range(2029):
        yield f"ID_{number:040}_t{number:07}_FACE_WITHOUT_GLASS_1.npz"


def padisi_lists(folder: Path) -> Path:
    """Ground truth and partitions; here everybody is in one sample, so that any division is one by person."""
    folder.mkdir(parents=True, exist_ok=True)
    truth = ["trial_id,participant_id,ground_truth"]
    truth += [f"t{n:07},p{n},{'m00000' if n < 1105 else 'm50200'}" for n in range(2029)]
    (folder / "padisi_USC_FACE_ground_truth.csv").write_text("\n".join(truth) + "\n")
    for fold, counts in enumerate(PADISI_FOLDS):
        parts = [
            part
            for label in (0, 1)
            for part, of in zip(("train", "valid", "test"), counts, strict=True)
            for _ in range(of[label])
        ]
        rows = ["trial_id,partition_name", *(f"t{n:07},{part}" for n, part in enumerate(parts))]
        (folder / f"padisi_USC_FACE_dataset_partition_3folds_part{fold}.csv").write_text("\n".join(rows) + "\n")
    return folder


def _colour(folder: str, frames: tuple[str, ...]) -> Iterator[str]:
    for frame in frames:
        yield f"{folder}/color/{frame}"


def _modalities(folder: str, frames: tuple[str, ...]) -> Iterator[str]:
    for modality, frame in product(("color", "depth", "ir"), frames):
        yield f"{folder}/{modality}/{frame}"
