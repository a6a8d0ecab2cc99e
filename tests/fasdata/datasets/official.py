"""Path lists of complete releases, made from what is published about them; nothing of the package is used."""

from __future__ import annotations

from itertools import islice, product

MSU_TRAIN = [2, 3, 5, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55]
MSU_TEST = [1, 13, 14, 23, 24, 26, 28, 29, 30, 32, 33, 35, 36, 37, 39, 42, 48, 49, 50, 51]


def casia_fasd() -> list[str]:
    names = [*"12345678", "HR_1", "HR_2", "HR_3", "HR_4"]
    return [
        f"{split}_release/{person}/{name}.avi"
        for split, people in (("train", 20), ("test", 30))
        for person in range(1, people + 1)
        for name in names
    ]


def replay_attack() -> list[str]:
    train = ["001", "002", "004", "006", "007", "008", "012", "016", "018", "025", "027", "103", "105", "108", "110"]
    devel = ["003", "005", "010", "015", "017", "022", "029", "030", "101", "111", "113", "114", "116", "118", "119"]
    test = [f"{number:03}" for number in range(31, 51)]
    attacks = [
        "print_{}_highdef_photo",
        "mobile_{}_mobile_photo",
        "mobile_{}_mobile_video",
        "highdef_{}_highdef_photo",
        "highdef_{}_highdef_video",
    ]
    paths = []
    for split, clients in (("train", train), ("devel", devel), ("test", test)):
        for number, light in product(clients, ("controlled", "adverse")):
            client = f"client{number}_session01"
            paths += [f"{split}/real/{client}_webcam_authenticate_{light}_{take}.mov" for take in (1, 2)]
            paths += [
                f"{split}/attack/{support}/attack_{attack.format(client)}_{light}.mov"
                for support in ("fixed", "hand")
                for attack in attacks
            ]
            paths.append(f"enroll/{split}/{client}_webcam_enroll_{light}.mov")
    return paths


def oulu_npu() -> list[str]:
    """20 + 15 + 20 users, 6 phones, 3 sessions, 5 types."""
    users = {"Train": range(1, 21), "Dev": range(21, 36), "Test": range(36, 56)}
    return [
        f"{split}_files/{phone}_{session}_{user:02}_{kind}.avi"
        for split, of in users.items()
        for phone, session, user, kind in product(range(1, 7), range(1, 4), of, range(1, 6))
    ]


def msu_mfsd() -> list[str]:
    paths = []
    for number, (camera, ending) in product(MSU_TRAIN + MSU_TEST, (("android", "mp4"), ("laptop", "mov"))):
        paths.append(f"scene01/real/real_client{number:03}_{camera}_SD_scene01.{ending}")
        paths += [
            f"scene01/attack/attack_client{number:03}_{camera}_SD_{what}_scene01.{ending}"
            for what in ("ipad_video", "iphone_video", "printed_photo")
        ]
    return paths


def casia_surf_rerelease(modalities: tuple[str, ...] = ("color", "depth", "ir")) -> list[str]:
    """Three attacks a person; nine clips of the test set are missing from the release."""
    people = {"Training": range(0, 300), "Val": range(300, 400), "Testing": range(400, 1000)}
    kinds = {
        "Training": "04_en_b 05_enm_s 06_enm_b",
        "Val": "01_e_s 02_e_b 03_en_s",
        "Testing": "01_e_s 02_e_b 03_en_s",
    }
    clips = []
    for split, of in people.items():
        clips += [f"{split}/real_part/CLKJ_AS{person:04}/real.rssdk" for person in of]
        fakes = [f"{split}/fake_part/CLKJ_AS{person:04}/{kind}.rssdk" for person in of for kind in kinds[split].split()]
        clips += fakes[: 1791 if split == "Testing" else None]
    return [f"Data/{clip}/{modality}/0001.jpg" for clip in clips for modality in modalities]


def casia_surf_challenge() -> list[str]:
    """8942 and 20324 images of training in 300 and 900 clips; the other sets are numbered. Colour alone."""
    paths = []
    for part, total, kinds in (("real", 8942, ["real"]), ("fake", 20324, ["04_en_b", "05_enm_s", "06_enm_b"])):
        clips = [f"Training/{part}_part/CLKJ_BS{person:04}/{kind}.rssdk" for person in range(300) for kind in kinds]
        paths += [f"{clips[at % len(clips)]}/color/{1 + 10 * (at // len(clips))}.jpg" for at in range(total)]
    for folder, total in (("Val", 9608), ("Testing", 57710)):
        paths += [f"{folder}/{at // 1000:04}/{at:06}-color.jpg" for at in range(total)]
    return paths


def cefa_rerelease(modality: str = "color") -> list[str]:
    flat = [
        f"Ethnicity/{name}/{name}-{person:03}/{race}_{person:03}_{tail}"
        for race, name in ((1, "AF"), (2, "CA"), (3, "EA"))
        for person in range(500)
        for tail in ("1_1_1", "3_1_2", "3_2_2", "3_1_4")
    ]
    masks = masked("3D-Mask", 1, 99, 1079, "234") + masked("Silicone-Mask", 2, 8, 44, "234")
    return [f"{clip}/{modality}/0001.jpg" for clip in [*flat, *(f"Mask/{mask}" for mask in masks)]]


def cefa_race() -> list[str]:
    """The copy that benchmarks use: two races, and masks under one more light."""
    flat = [
        f"CeFA-Race/{name}/{name}-{person:03}/{race}_{person:03}_{tail}"
        for race, name in ((1, "AF"), (2, "CA"))
        for person in range(500)
        for tail in ("1_1_1", "3_1_2", "3_2_2", "3_1_4")
    ]
    masks = masked("3D-Mask", 1, 99, 1595, "1234") + masked("Silicone-Mask", 2, 8, 60, "1234")
    return [f"{clip}/profile/0026.jpg" for clip in [*flat, *(f"CeFA-Mask/{mask}" for mask in masks)]]


def masked(family: str, kind: int, people: int, total: int, lights: str) -> list[str]:
    tails = product("01", "01", "12", "12", lights, range(1, people + 1))
    return [
        f"{family}/{person:03}/{kind}_{person:03}_{dress}_{glasses}_{camera}_{session}_{light}"
        for dress, glasses, camera, session, light, person in islice(tails, total)
    ]


# (type, pai) of WMCA with the number of recordings, so that the released classes come out.
WMCA = [
    *((0, 0, 215), (0, 1, 66), (0, 2, 66)),
    *((1, 1, 30), (1, 7, 20), (1, 15, 25)),  # glasses 75
    *((1, 2, 12), (1, 13, 10), (1, 14, 10)),  # 32 rigid masks filed under glasses
    *((2, 1, 60), (2, 7, 62)),  # fake head 122
    *((2, 8, 40), (2, 11, 31)),  # paper mask 71
    *((2, 12, 55), (2, 17, 50)),  # rigid mask 137 with the 32 above
    *((2, 18, 79), (2, 75, 150), (2, 99, 150)),  # flexible mask 379
    *((3, 1, 100), (3, 14, 100)),  # print 200
    *((3, 5, 19), (3, 10, 20), (3, 15, 20)),  # 59 replays filed under prints
    *((4, 1, 145), (4, 18, 144)),  # replay 348 with the 59 above
]


def wmca_stems() -> list[str]:
    stems = []
    for type_, pai, total in WMCA:
        for number in range(total):
            client, session = (number % 72) + 1, 1 + (number // 72) % 7
            stems.append(f"{client:03}_{session:02}_{number % 50:03}_{type_}_{pai:02}")
    return stems


def rose_youtu() -> list[str]:
    kinds = {"G": 897, "Ps": 400, "Pq": 400, "Vl": 401, "Vm": 400, "Mc": 399, "Mf": 200, "Mu": 400}
    genuine, attacks = ["G"] * kinds.pop("G"), [kind for kind, total in kinds.items() for _ in range(total)]
    # The folder's number is not the person's.
    people = {"train": (2, 3, 4, 5, 6, 7, 9, 10, 11, 12), "test": (13, 14, 15, 16, 17, 18, 20, 21, 22, 23)}
    paths = []
    for split, kinds_here in (("train", genuine[:475] + attacks[::2]), ("test", genuine[475:] + attacks[1::2])):
        for number, kind in enumerate(kinds_here):
            folder = people[split][number % 10]
            shown = f"_{folder}" if split == "test" else str(folder)
            phone = ["HS", "HW", "IP", "5s", "ZTE"][number % 5]
            paths.append(f"{split}/{shown}/{kind}_NT_{phone}_wg_E_{folder + 1}_{number}.mp4")
    return paths


def siw() -> list[str]:
    paths = []
    for split, people, live, spoof in (("Train", range(1, 91), 714, 1702), ("Test", range(91, 166), 599, 1454)):
        genuine = product((1, 2), (1, 2), (1, 2), people)
        paths += [
            f"{split}/live/{person:03}/{person:03}-{sensor}-1-{medium}-{session}{'.m' if person > 152 else ''}.mov"
            for sensor, medium, session, person in islice(genuine, live)
        ]
        kinds = [(2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (3, 4)]
        fake = product((1, 2), kinds, (1, 2), people)
        paths += [
            f"{split}/spoof/{person:03}/{person:03}-{sensor}-{kind}-{medium}-{session}.mov"
            for sensor, (kind, medium), session, person in islice(fake, spoof)
        ]
    return paths


def replay_mobile() -> list[str]:
    people = {"train": range(1, 13), "devel": range(13, 29), "test": range(29, 41)}
    attacks = [
        "mattescreen_fixed_{}_photo",
        "mattescreen_fixed_{}_video",
        "print_fixed_{}_photo",
        "print_hand_{}_photo",
    ]
    paths = []
    for split, of in people.items():
        real = [
            f"{split}/real/client{client:03}_session02_authenticate_{device}_{light}.mov"
            for client, device in product(of, ("mobile", "tablet"))
            for light in ("adverse", "controlled", "diffuse", "direct", "lateral")
        ]
        paths += real[: 110 if split == "test" else None]
        paths += [
            f"{split}/attack/attack_client{client:03}_session01_{attack.format(device)}_{light}.mov"
            for client, device, light in product(of, ("mobile", "tablet"), ("lighton", "lightoff"))
            for attack in attacks
        ]
        paths += [
            f"enroll/{split}/client{client:03}_session01_enroll_{device}_{light}.mov"
            for client, device, light in product(of, ("mobile", "tablet"), ("lighton", "lightoff"))
        ]
    return paths


def threedmad() -> list[str]:
    return [
        f"session0{session}/Data/{client:02}_0{session}_0{shot}.hdf5"
        for client, session, shot in product(range(1, 18), range(1, 4), range(1, 6))
    ]
