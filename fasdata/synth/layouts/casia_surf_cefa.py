"""Plan CASIA-SURF CeFA as in its second release: races, people, recordings, and masks in a tree of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip, lines
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation

SLUG, FOLDER = "casia-surf-cefa", "CASIA-SURF-CeFA"
_CODEC = "images"
_RACES = {"AF": 1, "CA": 2, "EA": 3}
# The original folders carry a number of an identity card after a second dash. This one is nobody's.
_CARD_NUMBER = "-000000190001010000"

# Recordings of a person: device, session, instrument. 1 is bona fide, 2 a print on cloth, 4 a screen.
_TAILS: dict[str, Presentation] = {
    "1_1_1": "bonafide", "3_1_2": "print-warped", "3_2_2": "print-warped", "3_1_4": "display-video"
}  # fmt: skip
_REAL, _CLOTH, _SCREEN = ("1_1_1",), ("3_1_2", "3_2_2"), ("3_1_4",)

# Numbers of people in each race: below 200 for training, below 300 for development, the others for testing.
_PEOPLE: dict[str, dict[str, tuple[int, ...]]] = {
    "mini": {"train": (6,), "dev": (223,), "test": (344,)},
    "demo": {"train": (6, 41, 102, 177), "dev": (223, 244), "test": (307, 344, 401, 455)},
}
# All masks are for testing: kind and number, then dress, glasses, device, session and light (none, 1, is left out).
_MASKS = {
    "mini": (("3D-Mask", 3, "1_0_2_1_4"), ("Silicone-Mask", 1, "0_0_1_1_2")),
    "demo": (
        ("3D-Mask", 3, "1_0_2_1_4"), ("3D-Mask", 22, "0_0_1_1_2"), ("3D-Mask", 73, "0_1_1_2_3"),
        ("3D-Mask", 88, "1_1_2_2_2"), ("Silicone-Mask", 1, "0_0_1_1_2"), ("Silicone-Mask", 5, "1_0_2_1_3"),
    ),
}  # fmt: skip
_FRAMES = 4


@dataclass(frozen=True)
class _Recording:
    clip: PlannedClip
    split: str
    race: str  # "" for masks
    tail: str

    @property
    def folder(self) -> str:
        return self.clip.frame_paths[0].split("/{modality}")[0]


def plan_casia_surf_cefa(preset: str) -> DatasetPlan:
    """Return the plan: folders of pictures, and the lists of protocols 1, 2 and 4."""
    recordings = []
    for race, code in _RACES.items():
        for split, people in _PEOPLE[preset].items():
            for person in people:
                subject = f"{race}-{person:03d}"
                named = subject + (_CARD_NUMBER if (race, person) == ("CA", 223) else "")
                for tail, presentation in _TAILS.items():
                    if preset == "mini" and tail == "3_2_2":
                        continue
                    folder = f"Ethnicity/{race}/{named}/{code}_{person:03d}_{tail}"
                    clip = _clip(folder, subject, presentation)
                    recordings.append(_Recording(clip, split, race, tail))
    for family, number, tail in _MASKS[preset]:
        rigid = family == "3D-Mask"
        folder = f"Mask/{family}/{number:03d}/{1 if rigid else 2}_{number:03d}_{tail}"
        clip = _clip(folder, f"{family}-{number:03d}", "mask-rigid" if rigid else "mask-silicone")
        recordings.append(_Recording(clip, "test", "", tail))
    return DatasetPlan(SLUG, FOLDER, tuple(recording.clip for recording in recordings), _protocols(recordings))


def _clip(folder: str, subject: str, presentation: Presentation) -> PlannedClip:
    paths = tuple(f"{folder}/{{modality}}/{number:04d}.jpg" for number in range(1, _FRAMES + 1))
    spec = ClipSpec(SLUG, subject, folder.rsplit("/", 1)[1], presentation, _FRAMES)
    return PlannedClip(paths[-1].format(modality="ir"), spec, _CODEC, frame_paths=paths)


def _protocols(recordings: Sequence[_Recording]) -> dict[str, str]:
    """Return the lists: 1 unseen races, 2 unseen instruments, 4 both; the masks are in every test list."""
    everyone, every_tail = tuple(_RACES), (*_REAL, *_CLOTH, *_SCREEN)
    # Races and recordings for training, then those for testing.
    rules = {
        "2.1": (everyone, (*_REAL, *_CLOTH), everyone, (*_REAL, *_SCREEN)),
        "2.2": (everyone, (*_REAL, *_SCREEN), everyone, (*_REAL, *_CLOTH)),
    }
    for number, race in zip((1, 3, 5), _RACES, strict=True):
        others = tuple(other for other in everyone if other != race)
        rules[f"1.{number}"] = ((race,), every_tail, others, every_tail)
        rules[f"4.{number}"] = ((race,), (*_REAL, *_SCREEN), others, (*_REAL, *_CLOTH))
    texts = {}
    for name, (learn_races, learn_tails, test_races, test_tails) in rules.items():
        for split in ("train", "dev", "test"):
            races, tails = (test_races, test_tails) if split == "test" else (learn_races, learn_tails)
            taken = [
                recording for recording in recordings
                if recording.split == split
                and (not recording.race or (recording.race in races and recording.tail in tails))
            ]  # fmt: skip
            stem = f"protocol/CASIA_CeFA@p{name}"
            texts[f"{stem}_video_{split}.txt"] = lines(
                [f"{recording.folder} {_label(recording)}" for recording in taken]
            )
            texts[f"{stem}_image_{split}.txt"] = lines([row for recording in taken for row in _image_rows(recording)])
    return texts


def _image_rows(recording: _Recording) -> list[str]:
    rows = []
    for path in recording.clip.frame_paths:
        pictures = [path.format(modality=modality) for modality in ("color", "depth", "ir")]
        rows.append(" ".join([*pictures, str(_label(recording))]))
    return rows


def _label(recording: _Recording) -> int:
    return int(recording.clip.spec.presentation == "bonafide")
