"""Plan OULU-NPU: three folders of phone_session_user_type clips, eye positions, four protocols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip, lines
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation
from fasdata.synth.presentation.clip import Shot

SLUG, FOLDER = "oulu-npu", "OULU-NPU"
_CODEC = "h264"
_PHONES = range(1, 7)

# type 1 is bona fide, 2 and 3 are two printers, 4 and 5 two displays.
_SHOWS: dict[int, Presentation] = {
    1: "bonafide", 2: "print-flat", 3: "print-warped", 4: "display-video", 5: "display-video"
}  # fmt: skip

_USERS: dict[str, dict[str, tuple[int, ...]]] = {
    "mini": {"Train": (1, 2), "Dev": (21, 22), "Test": (36, 37)},
    "demo": {"Train": (1, 2, 3, 4, 5, 6), "Dev": (21, 22, 23, 24), "Test": (36, 37, 38, 39, 40, 41)},
}


@dataclass(frozen=True)
class _Name:
    phone: int
    session: int
    user: int
    kind: int

    @property
    def stem(self) -> str:
        return f"{self.phone}_{self.session}_{self.user:02d}_{self.kind}"


def _recordings(preset: str, split: str, position: int, user: int) -> list[_Name]:
    """Return a user's clips: test users have session 3 on a phone of their own, others sessions 1 and 2 mostly.

    So each fold of protocols 3 and 4 (a phone left out) finds clips of both labels to train and to test on.
    """
    phone, other = position % 6 + 1, (position + 3) % 6 + 1
    session = 3 if split == "Test" else position % 2 + 1
    if preset == "mini":
        kinds = (1, 3, 5) if split == "Test" else (1, 2, 4)
        return [_Name(phone, session, user, kind) for kind in kinds]
    if split == "Test":
        return [_Name(phone, 3, user, k) for k in (1, 3, 5)] + [_Name(other, 2, user, k) for k in (1, 2, 4)]
    return [_Name(phone, session, user, k) for k in (1, 2, 4)] + [_Name(other, 3, user, k) for k in (1, 3, 5)]


def plan_oulu_npu(preset: str, frames: int) -> DatasetPlan:
    """Return the plan: videos with the eyes of each frame beside them, and the lists of the four protocols."""
    names: dict[str, list[_Name]] = {}
    clips = []
    for split, users in _USERS[preset].items():
        names[split] = []
        for position, user in enumerate(users):
            names[split] += _recordings(preset, split, position, user)
        for name in names[split]:
            spec = ClipSpec(SLUG, f"{name.user:02d}", name.stem, _SHOWS[name.kind], frames)
            stem = f"{split}_files/{name.stem}"
            clips.append(PlannedClip(f"{stem}.avi", spec, _CODEC, (f"{stem}.txt", _eye_positions)))
    return DatasetPlan(SLUG, FOLDER, tuple(clips), _protocols(names))


def _eye_positions(shots: Sequence[Shot]) -> str:
    """Return the lines `frame,x_left_eye,y_left_eye,x_right_eye,y_right_eye`, one per frame."""
    rows = []
    for frame, shot in enumerate(shots):
        (lx, ly), (rx, ry) = shot.eyes.round().astype(int).tolist()
        rows.append(f"{frame},{lx},{ly},{rx},{ry}")
    return lines(rows)


def _protocols(names: dict[str, list[_Name]]) -> dict[str, str]:
    """Return the lists: 1 unseen session, 2 unseen printer and display, 3 unseen phone, 4 all of these at once."""
    texts = {}
    for split, recorded in names.items():
        tested = split == "Test"
        session = [name for name in recorded if (name.session == 3) == tested]
        texts[f"Protocol_1/{split}.txt"] = session
        texts[f"Protocol_2/{split}.txt"] = [name for name in recorded if _instrument(name, tested)]
        for out in _PHONES:
            texts[f"Protocol_3/{split}_{out}.txt"] = [name for name in recorded if (name.phone == out) == tested]
            texts[f"Protocol_4/{split}_{out}.txt"] = [
                name for name in session if (name.phone == out) == tested and _instrument(name, tested)
            ]
    return {f"Protocols/{path}": _listed(chosen) for path, chosen in texts.items()}


def _instrument(name: _Name, tested: bool) -> bool:
    """Tell whether protocols 2 and 4 use the clip: printer and display 1 for training, 2 for testing."""
    return name.kind in ((1, 3, 5) if tested else (1, 2, 4))


def _listed(names: Sequence[_Name]) -> str:
    return lines([f"{'+1' if name.kind == 1 else '-1'},{name.stem}" for name in names])
