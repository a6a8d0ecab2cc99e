"""Count what each part of a build holds, and what was lost and why."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fasdata.manifests.meta import Loss, Tally, Unused
from fasdata.manifests.table import PARTS
from fasdata.protocols.assign import UNUSED, Assignment
from fasdata.protocols.collect import CollectedClip, UsableFrames
from fasdata.protocols.plan import Domain, Take
from fasdata.records import LABELS, Clip

_EXAMPLES = 3
Cell = tuple[str, str, str]  # part, dataset, label


class PlacedClip(NamedTuple):
    """A clip in a part of the manifest, with the frames that this part uses of it.

    `clip` is the clip as the store has it, and `frames` how many usable frames the part has of it. A tuple, since there
    are a hundred thousand, and every count asks all of them.
    """

    domain: Domain
    take: Take
    collected: CollectedClip
    usable: UsableFrames
    clip: Clip
    part: str
    frames: int

    @classmethod
    def of(cls, domain: Domain, take: Take, collected: CollectedClip, usable: UsableFrames) -> PlacedClip:
        """Place a clip."""
        start, stop = usable.rows
        return cls(domain, take, collected, usable, collected.clip, take.part, stop - start)

    @property
    def kept(self) -> bool:
        """Whether the clip stays in the manifest: always in the target, elsewhere only with a usable frame."""
        return self.part == "test" or self.frames > 0

    @property
    def cell(self) -> Cell:
        """The part, dataset and label that the clip counts in."""
        return self.part, self.clip.dataset, self.clip.label


def tally(placed: Iterable[PlacedClip]) -> list[Tally]:
    """Count the contents of the manifest by part, dataset and label, in the order of rows."""
    cells: defaultdict[Cell, list[PlacedClip]] = defaultdict(list)
    for member in placed:
        if member.kept:
            cells[member.cell].append(member)
    datasets = list(dict.fromkeys(dataset for _, dataset, _ in cells))  # sources as their ids count, then targets

    def order(cell: Cell) -> tuple[int, int, int]:
        return PARTS.index(cell[0]), datasets.index(cell[1]), LABELS.index(cell[2])

    return [
        Tally.model_validate(
            _named(cell)
            | {
                "clips": len(members),
                "frames": sum(member.frames for member in members),
                "subjects": len({member.clip.subject for member in members} - {""}),
                "fta": sum(not member.frames for member in members),
            }
        )
        for cell, members in sorted(cells.items(), key=lambda pair: order(pair[0]))
    ]


def losses(placed: Iterable[PlacedClip], *, kept: bool) -> list[Loss]:
    """Count the clips without a usable frame by reason: those that stay (`kept`) or those that were dropped.

    Reasons that differ in numbers alone count together.
    """
    groups: defaultdict[tuple[Cell, str], list[PlacedClip]] = defaultdict(list)
    for member in placed:
        if not member.frames and member.kept == kept:
            groups[member.cell, _shape(member.usable.loss)].append(member)
    return [
        Loss.model_validate(
            _named(cell)
            | {
                "reason": with_ranges([member.usable.loss for member in members]),
                "clips": len(members),
                "examples": [member.clip.clip_id for member in members[:_EXAMPLES]],
            }
        )
        for (cell, _), members in sorted(groups.items(), key=lambda group: group[0])
    ]


# A number that stands alone; what is quoted stays as it is, and so do arguments and names with digits.
_NUMBER = re.compile(r"""(?P<quoted>(?<!\w)(?P<mark>['"]).*?(?P=mark))|(?P<number>(?<![\w(])\d{1,18}(?![\w)]))""")


def _shape(reason: str) -> str:
    return _NUMBER.sub(lambda match: match["quoted"] or "#", reason)


def with_ranges(reasons: Sequence[str]) -> str:
    """Return reasons that differ in numbers alone as one, with the range of each number that differs.

    >>> with_ranges(["no face in 12 frames of 20", "no face in 9 frames of 20"])
    'no face in 9 to 12 frames of 20'
    """
    values = [[int(match["number"]) for match in _NUMBER.finditer(reason) if match["number"]] for reason in reasons]
    ranges = iter([(min(column), max(column)) for column in zip(*values, strict=True)])

    def spell(match: re.Match[str]) -> str:
        if match["quoted"]:
            return match["quoted"]
        least, most = next(ranges)
        return match["number"] if least == most else f"{least} to {most}"

    return _NUMBER.sub(spell, reasons[0])


def missed_frames(placed: Iterable[PlacedClip]) -> list[Loss]:
    """Count the frames that a rule selects and that cannot be used, in clips that have others, by reason."""
    ids: defaultdict[tuple[Cell, str], list[str]] = defaultdict(list)
    for member in placed:
        for reason in member.usable.missed if member.frames else ():
            ids[member.cell, reason].append(member.clip.clip_id)
    return [
        Loss.model_validate(
            _named(cell) | {"reason": reason, "frames": len(of), "examples": list(dict.fromkeys(of))[:_EXAMPLES]}
        )
        for (cell, reason), of in sorted(ids.items())
    ]


def unused_clips(assignments: Sequence[Assignment], clips: Sequence[Clip]) -> list[Unused]:
    """Count the clips of a dataset that no role uses, by official split and label."""
    used = [any(assignment.parts[place] != UNUSED for assignment in assignments) for place in range(len(clips))]
    counts = Counter((clip.split, clip.label) for clip, taken in zip(clips, used, strict=True) if not taken)
    dataset = assignments[0].domain.dataset
    return [
        Unused(dataset=dataset, split=split, label=label, clips=number)
        for (split, label), number in sorted(counts.items())
    ]


def _named(cell: Cell) -> dict[str, object]:
    return dict(zip(("part", "dataset", "label"), cell, strict=True))
