"""Plan CASIA-FASD: numbered people in two splits, twelve numbered clips per person, no lists."""

from __future__ import annotations

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation

SLUG, FOLDER = "casia-fasd", "CASIA-FASD"
_CODEC = "mpeg4"

# What each of the twelve names shows.
_SHOWS: dict[str, Presentation] = {
    "1": "bonafide", "2": "bonafide", "HR_1": "bonafide",
    "3": "print-warped", "4": "print-warped", "HR_2": "print-warped",
    "5": "print-cut", "6": "print-cut", "HR_3": "print-cut",
    "7": "display-video", "8": "display-video", "HR_4": "display-video",
}  # fmt: skip

# Folder numbers restart in each split, and the people differ.
_PEOPLE: dict[str, dict[str, tuple[int, ...]]] = {
    "mini": {"train": (1, 2), "test": (1, 2)},
    "demo": {"train": (1, 2, 3, 4, 5, 6, 7, 8, 9), "test": (1, 2, 3, 4, 5, 6, 7)},
}


def _names(preset: str, person: int) -> tuple[str, ...]:
    """Return the clip names of a person: bona fide and both kinds of attack; in the demo, together all twelve."""
    variants = (("1", "3", "7"), ("HR_1", "5", "8")) if preset == "mini" else (
        ("1", "HR_1", "3", "5", "7", "HR_4"), ("1", "2", "HR_2", "6", "8", "HR_4"), ("2", "HR_1", "4", "HR_3", "7", "8")
    )  # fmt: skip
    return variants[person % len(variants)]


def plan_casia_fasd(preset: str, frames: int) -> DatasetPlan:
    """Return the plan; `<split>_release/<person>/<name>.avi`."""
    clips = []
    for split, people in _PEOPLE[preset].items():
        for person in people:
            for name in _names(preset, person):
                subject = f"{split}-{person:02d}"
                spec = ClipSpec(SLUG, subject, name, _SHOWS[name], frames)
                clips.append(PlannedClip(f"{split}_release/{person}/{name}.avi", spec, _CODEC))
    return DatasetPlan(SLUG, FOLDER, tuple(clips))
