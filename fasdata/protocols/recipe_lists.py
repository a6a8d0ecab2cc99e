"""Read the list files that a recipe needs, and match their rows with clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from fasdata.errors import UserError
from fasdata.lists.match import match_rows
from fasdata.lists.read import ListRow, read_list
from fasdata.protocols.assign import AllowedClips
from fasdata.protocols.everywhere import sides_of
from fasdata.protocols.inside import goes_by_sides
from fasdata.protocols.plan import TARGET_ID, Plan
from fasdata.protocols.recipe_parts import ListNeed
from fasdata.records import Clip


@dataclass(frozen=True)
class ListSelection:
    """The clips that list files, or a division by people, allow by role; a note for each list, and warnings.

    `sides` says how people were divided.
    """

    clips: AllowedClips = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sides: str = ""


def resolve_lists(plan: Plan, clips: Mapping[str, Sequence[Clip]], folder: Path | None) -> ListSelection:
    """Read the recipe's list files below `folder` and find their clips.

    Raises:
        UserError: a list the recipe cannot do without is missing (names all of them), or malformed.
    """
    require_lists(plan, folder)
    allowed: dict[tuple[int, str, str], frozenset[str]] = {}
    notes: list[str] = []
    warnings: list[str] = []
    for domain in plan.domains:
        for take in domain.takes:
            need = take.lists
            paths = _files(need, folder) if need else []
            if need is None or len(paths) < len(need.files):
                if need:
                    notes.append(f"{domain.dataset} {take.part}: without {need.what}; by rule instead")
                continue
            rows = [row for path in paths for row in _rows(path, need)]
            matched = match_rows(rows, clips[domain.dataset])
            every = frozenset(clip.clip_id for clip in clips[domain.dataset])
            named = frozenset(matched.clips)
            allowed[domain.domain_id, take.part, domain.dataset] = every - named if need.use == "except" else named
            which = "only" if need.use == "only" else "all but"
            notes.append(f"{domain.dataset} {take.part}: {which} the {len(named)} clips of {', '.join(need.files)}")
            warnings += matched.report(f"{domain.dataset}, {', '.join(need.files)}")
    return ListSelection(allowed, tuple(notes), tuple(warnings))


def select_clips(plan: Plan, clips: Mapping[str, Sequence[Clip]], folder: Path | None, seed: int) -> ListSelection:
    """Return the clips that list files or a division by people allow; see `resolve_lists`.

    Raises:
        UserError: as `resolve_lists`, or the people of a dataset cannot be divided as the protocol asks.
    """
    selection = resolve_lists(plan, clips, folder)
    if not goes_by_sides(plan.name):
        return selection
    name, dataset = plan.name, plan.targets[0].dataset
    sides = sides_of(name.canonical, name.protocol, name.fold, clips[dataset], dataset, seed)
    allowed = {
        (0, "train", dataset): sides.train,
        (0, "val", dataset): sides.dev,
        (TARGET_ID, "test", dataset): sides.test,
    }
    return replace(selection, clips={**selection.clips, **allowed}, sides=sides.note)


def require_lists(plan: Plan, folder: Path | None) -> None:
    """Stop where a list that the recipe cannot do without is not in `folder`; names all such lists in one line."""
    lacking = [need for need in plan.lists().values() if len(_files(need, folder)) < len(need.files)]
    if not lacking:
        return
    files = sorted({name for need in lacking for name in need.files})
    where = f"in {folder}" if folder else "no --lists"
    have = {path.name for need in lacking for path in _files(need, folder)}
    missing = [name for name in files if name not in have]
    raise UserError(
        f"the recipe {plan.recipe.name} needs {'; '.join(need.what for need in lacking)}",
        expected=f"{', '.join(missing)}",
        found=f"not {where}" if folder else where,
        do="pass the folder that holds them with --lists",
    )


def _files(need: ListNeed, folder: Path | None) -> list[Path]:
    paths = [folder / name for name in need.files] if folder else []
    return [path for path in paths if path.is_file()]


def _rows(path: Path, need: ListNeed) -> list[ListRow]:
    rows = read_list(path, need.format, need.bonafide_is)
    return rows[: need.first] if need.first else rows
