"""Which frames of a clip a part uses, and why others cannot be used."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fasdata.protocols.sampling import FrameRule, choose
from fasdata.records import ClipRecord, FrameRecord

WHY = {
    "skip": "no face, and none near enough to stand in",
    "interp": "no face; interpolation is not accepted",
    "hold": "no face; holding the last box is not accepted",
    "given": "no face; the dataset's box is not accepted",
    "shift": "no face; a neighbouring frame is not accepted",
    "center": "no face; a central crop is not accepted",
}


@dataclass(frozen=True)
class Selection:
    """The usable frames of a clip under one rule, ascending, and one reason for every frame that is not usable."""

    frames: tuple[FrameRecord, ...]
    missed: tuple[str, ...] = ()


def select_frames(
    record: ClipRecord, rule: FrameRule, accepted: Collection[str], within: int | None = None
) -> Selection:
    """Return the frames that `rule` takes and that carry a crop; `accepted` names the stand-ins a recipe takes.

    Only frames before frame `within` count.

    Raises:
        UserError: the store does not hold what the rule needs.
    """
    if record.status == "failed":
        return Selection(())
    known = {frame.index: frame for frame in record.frames}
    frames: list[FrameRecord] = []
    missed: list[str] = []
    for index in dict.fromkeys(choose(rule, record)):
        if within is not None and index >= within:
            continue
        frame = known.get(index)
        if frame is None or frame.crop is None:
            missed.append(WHY["skip"])
        elif frame.status == "ok" or frame.face_observed or frame.status in accepted:
            frames.append(frame)
        else:
            missed.append(WHY[frame.status])
    return Selection(tuple(sorted(frames, key=lambda frame: frame.index)), tuple(missed))


def loss_reason(status: str, reason: str, missed: Sequence[str]) -> str:
    """Return why a clip has no usable frame, in words: of its record, and of the frames that it misses."""
    if status != "ok":
        return f"{status}: {reason or 'no reason recorded'}"
    return missed[0] if missed else "the frame rule takes no frame of it"
