"""Plan Replay-Attack: clients in three splits, attacks on a stand or by hand, enrolment, protocol lists."""

from __future__ import annotations

from collections.abc import Sequence

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip, lines
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation
from fasdata.synth.presentation.clip import Shot

SLUG, FOLDER = "replay-attack", "Replay-Attack"
_CODEC = "mjpeg"
_ENROLL_FRAMES = 2  # enrolment videos are no samples: short ones will do

_CLIENTS: dict[str, dict[str, tuple[int, ...]]] = {
    "mini": {"train": (1, 2), "devel": (3, 5), "test": (9, 11)},
    "demo": {
        "train": (1, 2, 4, 6, 7, 8),
        "devel": (3, 5, 10, 15),
        "test": (9, 11, 13, 14, 20),
    },
}
_SWAY = {"fixed": 0.05, "hand": 0.9}

# Attacks of a client: support, device, source, light. `print` shows paper, the others a screen.
_Attack = tuple[str, str, str, str]
_ATTACKS: dict[str, tuple[tuple[_Attack, ...], ...]] = {
    "mini": (
        (("fixed", "print", "highdef_photo", "controlled"), ("hand", "mobile", "mobile_video", "adverse")),
        (("hand", "print", "highdef_photo", "adverse"), ("fixed", "highdef", "highdef_photo", "controlled")),
    ),
    "demo": (
        (
            ("fixed", "print", "highdef_photo", "controlled"),
            ("hand", "print", "highdef_photo", "adverse"),
            ("fixed", "mobile", "mobile_video", "controlled"),
            ("hand", "highdef", "highdef_photo", "adverse"),
        ),
        (
            ("hand", "print", "highdef_photo", "controlled"),
            ("fixed", "print", "highdef_photo", "adverse"),
            ("hand", "mobile", "mobile_photo", "adverse"),
            ("fixed", "highdef", "highdef_video", "controlled"),
        ),
    ),
}
_REAL = {"mini": ("controlled_1",), "demo": ("controlled_1", "adverse_1")}

_GROUPS = ("grandtest", "print", "photo", "video", "mobile", "highdef", "digitalphoto")
_SUPPORTS = ("allsupports", "fixed", "hand")


def plan_replay_attack(preset: str, frames: int) -> DatasetPlan:
    """Return the plan: videos, their face boxes, enrolment videos and the protocol lists."""
    clips: list[PlannedClip] = []
    real: dict[str, list[str]] = {}
    attacks: dict[str, list[_Listed]] = {}
    for split, clients in _CLIENTS[preset].items():
        real[split], attacks[split] = [], []
        for position, number in enumerate(clients):
            client = f"client{number:03d}_session01"
            for take in _REAL[preset]:
                stem = f"{split}/real/{client}_webcam_authenticate_{take}"
                clips.append(_clip(stem, number, "bonafide", frames, dim=take.startswith("adverse")))
                real[split].append(stem)
            variants = _ATTACKS[preset]
            for support, device, source, light in variants[position % len(variants)]:
                stem = f"{split}/attack/{support}/attack_{device}_{client}_{source}_{light}"
                shows = _shows(device, source)
                clips.append(_clip(stem, number, shows, frames, dim=light == "adverse", sway=_SWAY[support]))
                attacks[split].append((stem, support, device, source))
            for light in ("controlled", "adverse"):
                stem = f"enroll/{split}/{client}_webcam_enroll_{light}"
                clips.append(_clip(stem, number, "bonafide", _ENROLL_FRAMES, dim=light == "adverse"))
    return DatasetPlan(SLUG, FOLDER, tuple(clips), _protocols(real, attacks))


_Listed = tuple[str, str, str, str]


def _clip(stem: str, number: int, shows: Presentation, frames: int, *, dim: bool, sway: float = 0.7) -> PlannedClip:
    spec = ClipSpec(SLUG, f"{number:03d}", stem, shows, frames, dim, sway)
    return PlannedClip(f"{stem}.mov", spec, _CODEC, (f"face-locations/{stem}.face", _face_locations))


def _shows(device: str, source: str) -> Presentation:
    if device == "print":
        return "print-flat"
    return "display-video" if source.endswith("video") else "display-photo"


def _face_locations(shots: Sequence[Shot]) -> str:
    """Return the lines `frame x y w h`, one per frame."""
    rows = []
    for frame, shot in enumerate(shots):
        x0, y0, x1, y1 = shot.box
        rows.append(f"{frame} {x0} {y0} {x1 - x0} {y1 - y0}")
    return lines(rows)


def _protocols(real: dict[str, list[str]], attacks: dict[str, list[_Listed]]) -> dict[str, str]:
    """Return `protocols/{real,attack}-<group>-<support>-<split>.txt`: the videos of each protocol."""
    texts = {}
    for split in real:
        for group in _GROUPS:
            for support in _SUPPORTS:
                name = f"{group}-{support}-{split}.txt"
                chosen = [f"{stem}.mov" for stem, held, device, source in attacks[split]
                          if support in ("allsupports", held) and _in_group(group, device, source)]  # fmt: skip
                texts[f"protocols/real-{name}"] = lines([f"{stem}.mov" for stem in real[split]])
                texts[f"protocols/attack-{name}"] = lines(chosen)
    return texts


def _in_group(group: str, device: str, source: str) -> bool:
    kind = source.rpartition("_")[2]
    if group == "grandtest":
        return True
    if group == "digitalphoto":
        return kind == "photo" and device != "print"
    return group == device or (group in ("photo", "video") and kind == group)
