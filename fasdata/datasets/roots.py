"""Say which folder to pass where a root is not the dataset's own: one too deep, one above several, an archive in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fasdata.datasets.card import Card, Layout
from fasdata.datasets.layouts import Rejected, find_layout, match_rates, path_parser, spell_rates
from fasdata.datasets.registry import load_cards
from fasdata.datasets.tree import UNREAD_IMAGE, ending, is_archive
from fasdata.errors import UserError
from fasdata.records import Clip

_SHOWN = 3  # example paths in an error
_LOOKED_AT = 400  # paths: what they are shows in a few
_LEVELS = 4  # folders above a root that is too deep


def nothing_matches(
    card: Card, root: Path, relpaths: Sequence[str], layout: str, rates: Mapping[str, float]
) -> UserError:
    """Return the error for a tree without a clip of the dataset; it says what helps, if anything in the tree shows."""
    examples = ", ".join(repr(path) for path in relpaths[:: max(1, len(relpaths) // _SHOWN)][:_SHOWN])
    files = f"{len(relpaths)} files such as {examples}"
    if layout and any(rates.values()):
        wrong = find_layout(card, layout)
        return UserError(
            f"nothing below {root} is in the layout {wrong.name} of {card.name}", expected=examples_of([wrong]),
            found=files, do=f"the layouts match {spell_rates(dict(rates))} of the media: leave --layout out",
        )  # fmt: skip
    return UserError(
        f"nothing below {root} is a clip of {card.name}", expected=examples_of(card.layouts), found=files,
        do=_what_helps(card, root, relpaths),
    )  # fmt: skip


def _what_helps(card: Card, root: Path, relpaths: Sequence[str]) -> str:
    if above := too_deep(card, root, relpaths):
        return f"the root is a folder inside the dataset: pass --root {above}"
    if archives := [path for path in relpaths if is_archive(path)]:
        return f"unpack {_some(archives)}"
    if formats := _unread_formats(relpaths):
        return f"{formats} pictures are not read: convert them to PNG"
    if asked := _layout_to_ask_for(card, relpaths):
        return f"for folders of instruments pass --layout {asked}"
    fitting = _looks_like(card, relpaths)
    return f"this looks like {fitting}" if fitting else "pass the folder of the raw dataset with --root"


def too_deep(card: Card, root: Path, relpaths: Sequence[str]) -> Path | None:
    """Return the folder above `root` from which its paths are clips of the dataset, None where there is none."""
    parts, some = root.absolute().parts, _sample(relpaths)
    for level in range(1, min(_LEVELS, len(parts) - 1) + 1):
        prefix = "/".join(parts[-level:])
        if any(match_rates(card, [f"{prefix}/{path}" for path in some]).values()):
            return Path(*parts[:-level])
    return None


def _layout_to_ask_for(card: Card, relpaths: Sequence[str]) -> str:
    """Return the layout that would match if it were asked for by name, "" where there is none."""
    for layout in card.layouts:
        parse = path_parser(card, layout)
        if layout.words_in and any(isinstance(parse(path), Clip) for path in _sample(relpaths)):
            return layout.name
    return ""


def _looks_like(card: Card, relpaths: Sequence[str]) -> str:
    """Return the one other dataset of which there are clips among the paths, "" where none or several fit."""
    others = [other for other in load_cards().values() if other.slug != card.slug]
    fitting = [other.name for other in others if any(match_rates(other, _sample(relpaths)).values())]
    return fitting[0] if len(fitting) == 1 else ""


def place_notes(
    card: Card, root: Path, clips: Sequence[Clip], rejected: Sequence[Rejected], relpaths: Sequence[str]
) -> Iterator[str]:
    """Yield what a user should know of the place: other datasets below it, two copies, archives, people of one name."""
    unmatched = [reject.relpath for reject in rejected if reject.kind == "unmatched-media"]
    own = {_top(path) for clip in clips for path in clip.relpaths.values()}
    strange = [path for path in unmatched if _top(path) not in own]
    if strange and len(own) == 1 and "" not in own:
        other = _looks_like(card, strange)
        what = f"they look like {other}" if other else "of another dataset"
        yield (
            f"{len(strange)} media below {_some(sorted({_top(path) for path in strange}))} are no clips of {card.name} "
            f"({what}): pass --root {root / next(iter(own))}"
        )
    copies = Counter(pair for reject in rejected if (pair := _copies(reject)))
    for (first, second), number in copies.most_common(_SHOWN):
        yield (
            f"{root / first} and {root / second} both hold {number} of the same clips, of which the first is used: "
            "pass one of the two with --root"
        )
    if asked := _layout_to_ask_for(card, unmatched):
        yield f"media that no rule matches would fit folders of instruments: pass --layout {asked}"
    if formats := _unread_formats(unmatched):
        yield f"{formats} pictures are not read: convert them to PNG"
    archives = [path for path in relpaths if is_archive(path)]
    if archives:
        yield f"archives are not looked into; if they hold more of the dataset: unpack {_some(archives)}"


def _unread_formats(paths: Sequence[str]) -> str:
    """Return the formats of pictures among the paths that nothing here reads, with their numbers."""
    times = Counter(ending(path).upper() for path in paths if ending(path) in UNREAD_IMAGE)
    return ", ".join(f"{number} {name}" for name, number in times.most_common())


def _top(path: str) -> str:
    return path.partition("/")[0] if "/" in path else ""


def _copies(reject: Rejected) -> tuple[str, str] | None:
    """Return the two folders that lead to the two copies of a clip; None where it lies twice in one."""
    if reject.kind != "second-file":
        return None
    first, second = reject.of.split("/"), reject.relpath.split("/")
    while first and second and first[-1] == second[-1]:
        first.pop()
        second.pop()
    used, other = "/".join(first), "/".join(second)
    same_folder = reject.of.rpartition("/")[0] == reject.relpath.rpartition("/")[0]
    return None if same_folder or used == other else (used, other)


def examples_of(layouts: Sequence[Layout]) -> str:
    """Return three example paths of one layout, or one of each of several."""
    if len(layouts) == 1:
        return "paths such as " + ", ".join(repr(path) for path in layouts[0].examples[:_SHOWN])
    return "paths such as " + ", ".join(f"{layout.examples[0]!r} ({layout.name})" for layout in layouts)


def _sample(relpaths: Sequence[str]) -> Sequence[str]:
    return relpaths[:: max(1, len(relpaths) // _LOOKED_AT)]


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
