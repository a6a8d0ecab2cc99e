"""Plan WMCA as in the preprocessed release: two HDF5 files per recording, and a table of the groups of people."""

from __future__ import annotations

from fasdata.synth.layouts.dataset_plan import DatasetPlan, PlannedClip, lines
from fasdata.synth.presentation.bona_fide import ClipSpec, Presentation

SLUG, FOLDER = "wmca", "WMCA"
CDIT, RGB = "WMCA_preprocessed_CDIT", "WMCA_preprocessed_RGB"  # folders of the other channels and of colour
_CODEC = "wmca-hdf5"
_FRAMES = 6
_DATES = ("12.02.18", "23.04.18", "05.06.18")

_CLIENTS: dict[str, dict[str, tuple[int, ...]]] = {
    "mini": {"train": (1, 14), "dev": (35, 38), "eval": (67, 100)},
    "demo": {
        "train": (1, 14, 23, 29, 32, 41, 52, 55),
        "dev": (35, 38, 44, 59),
        "eval": (67, 71, 80, 93, 100, 103, 110, 112),
    },
}
# Attacks: type, pai. Groups show other instruments of the same kinds.
_Attack = tuple[str, str, Presentation]
_PRINT: tuple[_Attack, ...] = (("3", "01", "print-flat"), ("3", "06", "print-warped"), ("3", "13", "print-flat"))
_REPLAY: tuple[_Attack, ...] = (
    ("4", "01", "display-video"), ("4", "02", "display-photo"), ("3", "05", "display-photo"),
)  # fmt: skip
_OTHERS: tuple[_Attack, ...] = (
    ("2", "12", "mask-rigid"), ("1", "01", "glasses-funny"), ("2", "75", "mask-silicone"),
    ("2", "09", "mask-paper"), ("2", "02", "mannequin"), ("1", "15", "glasses-paper"),
)  # fmt: skip


def plan_wmca(preset: str) -> DatasetPlan:
    """Return the plan: recordings in a folder per day, and PROTOCOL-grandtest.csv."""
    clips = []
    rows = ["filename,client_id,session_id,presenter_id,type_id,pai_id,group"]
    for group, clients in _CLIENTS[preset].items():
        for place, client in enumerate(clients):
            shown = [("05" if place % 2 else "01", "000", "0", "00", "bonafide"), *_attacks(preset, group, place)]
            if preset != "mini":
                shown.insert(1, ("03", "000", "0", "02" if place % 3 == 0 else "00", "bonafide"))
            for take, (session, presenter, kind, pai, presentation) in enumerate(shown):
                stem = f"{client:03d}_{session}_{presenter}_{kind}_{pai}"
                date = _DATES[take % len(_DATES)]
                spec = ClipSpec(SLUG, f"{client:03d}", stem, presentation, _FRAMES, sway=_sway(presenter))
                clips.append(PlannedClip(f"{CDIT}/WMCA/face-station/{date}/{stem}.hdf5", spec, _CODEC))
                cells = [f"WMCA/face-station/{date}/{stem}", f"{client:03d}", session, presenter, kind, pai, group]
                rows.append(",".join(cells))
    return DatasetPlan(SLUG, FOLDER, tuple(clips), {"PROTOCOL-grandtest.csv": lines(rows)})


def _attacks(preset: str, group: str, place: int) -> list[tuple[str, str, str, str, Presentation]]:
    """Return session, presenter (000: on a stand), type, pai and presentation of each attack on a client."""
    turn = place + list(_CLIENTS[preset]).index(group)
    chosen = [_PRINT[turn % 3], _REPLAY[turn % 3], _OTHERS[(2 * turn) % 6], _OTHERS[(2 * turn + 1) % 6]]
    if preset == "mini":
        chosen = [chosen[2 * (place % 2)], chosen[1 + 2 * (place % 2)]]
    shown: list[tuple[str, str, str, str, Presentation]] = []
    for number, (kind, pai, presentation) in enumerate(chosen):
        shown.append(("04", "000" if number % 2 else f"{201 + place:03d}", kind, pai, presentation))
    return shown


def _sway(presenter: str) -> float:
    return 0.1 if presenter == "000" else 0.7
