"""Plan CASIA-SURF as in the challenge of 2019: named clips for training, anonymous samples for testing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip, lines
from fasdata.synth.presentation.bona_fide import ClipSpec
from fasdata.synth.scene.fields import generator

SLUG, FOLDER = "casia-surf", "CASIA-SURF"
_CODEC = "images"

_Holes = tuple[Literal["eyes", "nose", "mouth"], ...]
# Kinds of attack: what is cut out of the print, and whether it is bent (b) or flat (s).
_KINDS: dict[str, tuple[_Holes, bool]] = {
    "01_e_s": (("eyes",), False),
    "02_e_b": (("eyes",), True),
    "03_en_s": (("eyes", "nose"), False),
    "04_en_b": (("eyes", "nose"), True),
    "05_enm_s": (("eyes", "nose", "mouth"), False),
    "06_enm_b": (("eyes", "nose", "mouth"), True),
}
_SEEN, _UNSEEN = ("04_en_b", "05_enm_s", "06_enm_b"), ("01_e_s", "02_e_b", "03_en_s")

# People of train, Val and Testing.
_PEOPLE = {"mini": (2, 2, 2), "demo": (12, 6, 10)}
_FRAMES = {"mini": 3, "demo": 6}  # of a clip in Training; every tenth of the recording is kept


def plan_casia_surf(preset: str) -> DatasetPlan:
    """Return the plan: three pictures per frame, and the five lists, which alone have the labels of Val and Testing."""
    train, val, test = _PEOPLE[preset]
    learned = _training(train, _FRAMES[preset])
    tested = {"val": _samples("Val", val, preset), "test": _samples("Testing", test, preset)}
    lists = {"train_list.txt": lines([_row(path, clip) for clip in learned for path in clip.frame_paths])}
    for split, clips in tested.items():
        rows = [_row(clip.frame_paths[0], clip) for clip in clips]
        lists[f"{split}_private_list.txt"] = lines(rows)
        lists[f"{split}_public_list.txt"] = lines([row.rsplit(" ", 1)[0] for row in rows])
    return DatasetPlan(SLUG, FOLDER, tuple(sorted_by_person([*learned, *tested["val"], *tested["test"]])), lists)


def sorted_by_person(clips: Sequence[PlannedClip]) -> list[PlannedClip]:
    """Return the clips sorted by person, since one process makes all clips of a person."""
    return sorted(clips, key=lambda clip: clip.spec.subject)


def _training(people: int, frames: int) -> list[PlannedClip]:
    clips = []
    for person in range(people):
        subject = f"CLKJ_{'AB'[person % 2]}S{person + 1:04d}"
        for kind in ("real", _SEEN[person % 3], _SEEN[(person + 1) % 3]):
            part = "real_part" if kind == "real" else "fake_part"
            stem = f"Training/{part}/{subject}/{kind}.rssdk"
            paths = [f"{stem}/{{modality}}/{1 + 10 * number}.jpg" for number in range(frames)]
            clips.append(_clip(subject, f"{subject}/{kind}", kind, paths))
    return clips


def _samples(folder: str, people: int, preset: str) -> list[PlannedClip]:
    """Return single frames in random order, so that numbers are no clue; at least two bona fide ones per person."""
    wanted = []
    for person in range(people):
        kinds = ["real", *_UNSEEN] if preset == "mini" else ["real", "real", "real", "real", *_UNSEEN, *_UNSEEN]
        for take, kind in enumerate(kinds):
            wanted.append((f"{folder}-{person + 1:04d}", f"{folder}-{person + 1:04d}/{kind}/{take}", kind))
    order = generator(SLUG, folder, "order").permutation(len(wanted)).tolist()
    clips = []
    for number, chosen in enumerate(order):
        subject, name, kind = wanted[chosen]
        path = f"{folder}/{number // 1000:04d}/{number:06d}-{{modality}}.jpg"
        clips.append(_clip(subject, name, kind, [path]))
    return clips


def _clip(subject: str, name: str, kind: str, paths: Sequence[str]) -> PlannedClip:
    last = paths[-1].format(modality="ir")
    if kind == "real":
        spec = ClipSpec(SLUG, subject, name, "bonafide", len(paths))
    else:
        holes, bent = _KINDS[kind]
        spec = ClipSpec(SLUG, subject, name, "print-cut", len(paths), holes=holes, bent=bent)
    return PlannedClip(last, spec, _CODEC, frame_paths=tuple(paths))


def _row(path: str, clip: PlannedClip) -> str:
    label = int(clip.spec.presentation == "bonafide")
    return " ".join([*(path.format(modality=modality) for modality in ("color", "depth", "ir")), str(label)])
