"""What each part of a build holds, and what was lost and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fasdata.manifest.meta import Loss, Tally, Unused
from fasdata.manifest.table import PARTS
from fasdata.protocols.assign import UNUSED, Assignment
from fasdata.protocols.collect import Chosen, Entry
from fasdata.protocols.plan import Domain, Take
from fasdata.records import LABELS, Clip

_EXAMPLES = 3


@dataclass(frozen=True)
class Placed:
    """A clip in its part, with what that part uses of it."""

    domain: Domain
    take: Take
    entry: Entry
    chosen: Chosen

    @property
    def part(self) -> str:
        """The part of the manifest it stands in."""
        return self.take.part

    @property
    def frames(self) -> int:
        """How many usable frames it has."""
        return self.chosen.rows[1] - self.chosen.rows[0]

    @property
    def kept(self) -> bool:
        """Whether it stays in the manifest: always in the target, elsewhere only with a usable frame."""
        return self.part == "test" or self.frames > 0

    @property
    def cell(self) -> tuple[str, str, str]:
        """The part, dataset and label it counts in."""
        return self.part, self.entry.clip.dataset, self.entry.clip.label


def tally(placed: Iterable[Placed]) -> list[Tally]:
    """Return the contents of the manifest by part, dataset and label, in the order of rows."""
    cells: defaultdict[tuple[str, str, str], list[Placed]] = defaultdict(list)
    for item in placed:
        if item.kept:
            cells[item.cell].append(item)
    datasets = list(dict.fromkeys(dataset for _, dataset, _ in cells))  # sources as their ids count, then targets

    def order(cell: tuple[str, str, str]) -> tuple[int, int, int]:
        return PARTS.index(cell[0]), datasets.index(cell[1]), LABELS.index(cell[2])

    return [
        Tally.model_validate(
            _named(cell)
            | {
                "clips": len(items),
                "frames": sum(item.frames for item in items),
                "subjects": len({item.entry.clip.subject for item in items} - {""}),
                "fta": sum(not item.frames for item in items),
            }
        )
        for cell, items in sorted(cells.items(), key=lambda pair: order(pair[0]))
    ]


def losses(placed: Iterable[Placed], *, kept: bool) -> list[Loss]:
    """Return the clips without a usable frame by reason: those that stay (`kept`) or those that were dropped."""
    found: defaultdict[tuple[tuple[str, str, str], str], list[str]] = defaultdict(list)
    for item in placed:
        if not item.frames and item.kept == kept:
            found[item.cell, item.chosen.loss].append(item.entry.clip.clip_id)
    return [
        Loss.model_validate(_named(cell) | {"reason": reason, "clips": len(ids), "examples": ids[:_EXAMPLES]})
        for (cell, reason), ids in sorted(found.items())
    ]


def missed_frames(placed: Iterable[Placed]) -> list[Loss]:
    """Return single frames that the rule takes and that cannot be used, in clips that have others."""
    found: defaultdict[tuple[tuple[str, str, str], str], list[str]] = defaultdict(list)
    for item in placed:
        for reason in item.chosen.missed if item.frames else ():
            found[item.cell, reason].append(item.entry.clip.clip_id)
    return [
        Loss.model_validate(
            _named(cell) | {"reason": reason, "frames": len(ids), "examples": list(dict.fromkeys(ids))[:_EXAMPLES]}
        )
        for (cell, reason), ids in sorted(found.items())
    ]


def left_out(assignments: Sequence[Assignment], clips: Sequence[Clip]) -> list[Unused]:
    """Return the clips of a dataset that no role uses, by official split."""
    used = [any(one.parts[place] != UNUSED for one in assignments) for place in range(len(clips))]
    found = Counter((clip.split, clip.label) for clip, taken in zip(clips, used, strict=True) if not taken)
    dataset = assignments[0].domain.dataset
    return [
        Unused(dataset=dataset, split=split, label=label, clips=number)
        for (split, label), number in sorted(found.items())
    ]


def _named(cell: tuple[str, str, str]) -> dict[str, object]:
    return dict(zip(("part", "dataset", "label"), cell, strict=True))
