"""Compare two protocols or manifests, aspect by aspect, and judge whether their results compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests import Manifest
from fasdata.manifests.meta import recipe_text
from fasdata.protocols.dataset_names import Names
from fasdata.protocols.grammar import parse
from fasdata.protocols.parameters import UNCHANGED, Parameters
from fasdata.protocols.plan import Plan, Take
from fasdata.protocols.planning import make_plan
from fasdata.protocols.recipe import DEFAULT, INSIDE, load_recipe
from fasdata.protocols.show import domain_text, splits_text
from fasdata.records import LABELS

WIDTH = 100
_ASPECT = 20
_CELL = (WIDTH - _ASPECT - 6) // 2


@dataclass(frozen=True)
class Side:
    """One side of a comparison: its name and its value of each aspect, in order."""

    name: str
    aspects: dict[str, str]


def diff_text(first: str, second: str, *, library: Library | None = None, parameters: Parameters = UNCHANGED) -> str:
    """Describe on one screen how two protocols differ: `NAME`, `NAME/RECIPE`, or the file or folder of a manifest.

    `parameters` hold for the sides that are named, not for built manifests.

    Raises:
        UserError: a name or a file cannot be read.
    """
    sides = _side(first, library, parameters), _side(second, library, parameters)
    aspects = list(dict.fromkeys([*sides[0].aspects, *sides[1].aspects]))
    aspects.sort(key=lambda aspect: _ORDER.index(aspect.split(",")[0]))
    values = {aspect: tuple(side.aspects.get(aspect, "-") for side in sides) for aspect in aspects}
    different = [aspect for aspect in aspects if len(set(values[aspect])) > 1]
    same = [aspect for aspect in aspects if aspect not in different]
    lines = [_row("", sides[0].name, sides[1].name)[0], "-" * WIDTH]
    for aspect in different:
        lines += _row(aspect, *values[aspect])
    if same:
        short = ", ".join(f"{aspect} ({values[aspect][0]})" for aspect in same if len(values[aspect][0]) < _CELL)
        lines += wrap(f"same: {short or ', '.join(same)}", WIDTH, subsequent_indent=" " * 6)[:6]
    return "\n".join([*lines, *wrap(_verdict(different), WIDTH)])


def _side(text: str, library: Library | None, parameters: Parameters) -> Side:
    path = Path(text)
    described = path.suffix in (".yaml", ".yml")
    if (path.is_file() and not described) or (path / "manifest.parquet").is_file():
        return _of_manifest(Manifest.read(path))
    name, slash, recipe = text.rpartition("/")
    if not slash or described:
        name, slash, recipe = text, "", DEFAULT
    if slash and (path.suffix or name.startswith((".", "/")) or not name):
        raise UserError(f"no manifest at {text}", expected="NAME/RECIPE, or a manifest's file or folder")
    plan = make_plan(parse(name, names=Names.of(library)), load_recipe(recipe).used_with(parameters))
    return Side(f"{plan.name.canonical} / {plan.recipe.text}", _of_plan(plan))


def _of_plan(plan: Plan) -> dict[str, str]:
    rules = plan.rules
    aspects = {
        "protocol": plan.name.canonical,
        "sources in order": ", ".join(map(domain_text, plan.sources)),
        "target": ", ".join(map(domain_text, plan.targets)),
        "modalities": ", ".join(plan.modalities)
        + (f" without {', '.join(plan.masked)} at test" if plan.masked else ""),
        "extra sources": ", ".join(rules.sources.extra) or "none",
        "shots": str(plan.shots) if plan.shots else "none",
        "lists needed": "; ".join(need.what for need in plan.lists().values()) or "none",
        "splits, train": _joined(plan, "train", splits_text),
        "splits, test": _joined(plan, "test", splits_text),
        "frames, train": _joined(plan, "train", _frames),
        "frames, test": _joined(plan, "test", _frames),
        "only clips, train": _joined(plan, "train", _conditions),
        "only clips, test": _joined(plan, "test", _conditions),
        "frame without face": _joined(plan, "test", lambda take: "+".join(take.on_miss) or "skipped"),
        "scored unit": ", then ".join(rules.scoring.units),
        "failure to acquire": {"count": "counts as an error", "exclude": "left out"}[rules.scoring.fta],
        "authors select": rules.scoring.selection,
        "authors' threshold": rules.scoring.threshold,
    }
    for part in ("train", "test"):
        for domain in plan.domains:
            take = domain.take(part)
            wanted = take.wanted(next((layout for layout, _, _ in take.expected), "")) if take else {}
            if wanted:
                unit = " frames" if take and take.unit == "frame" else ""
                aspects[f"clips, {part} {domain.letter or domain.name}"] = _numbers(wanted) + unit
    return aspects


def _of_manifest(manifest: Manifest) -> Side:
    meta = manifest.meta
    pools: dict[str, Any] = meta["recipe"].get("pools", {})
    scoring: dict[str, Any] = pools.get(meta["pool"] or INSIDE, {}).get("scoring", {})
    aspects = {
        "protocol": meta["canonical"],
        "recipe": recipe_text(meta["recipe"]),
        "sources in order": ", ".join(map(_domain, meta["domains"])),
        "target": ", ".join(map(_domain, meta["target"])),
        "modalities": ", ".join(meta["modalities"])
        + (f" without {', '.join(meta['masked'])} at test" if meta["masked"] else ""),
        "shots": str(meta["shots"]) if meta["shots"] else "none",
        "frames, train": meta["frame_rules"].get("train", "-"),
        "frames, test": meta["frame_rules"].get("test", "-"),
        "validation": _validation(meta),
        "leakage": meta["leakage"]["reason"] if meta["leakage"] else "none",
        "stores": ", ".join(f"{name} {content[:8]}" for name, content in meta["stores"].items()),
        "scored unit": ", then ".join(scoring.get("units", [])) or "-",
        "authors select": scoring.get("selection", "-"),
        "authors' threshold": scoring.get("threshold", "-"),
    }
    splits: dict[str, set[str]] = {}
    table = manifest.table.select(["part", "split_official"]).group_by(["part", "split_official"]).aggregate([])
    for row in table.to_pylist():
        splits.setdefault(row["part"], set()).add(row["split_official"] or "unknown")
    for part in ("train", "test"):
        aspects[f"splits, {part}"] = "+".join(sorted(splits.get(part, ())))
    for part in ("train", "val", "test"):
        tallies = [tally for tally in meta["counts"] if tally["part"] == part]
        for dataset in dict.fromkeys(tally["dataset"] for tally in tallies):
            cells = {tally["label"]: tally for tally in tallies if tally["dataset"] == dataset}
            clips = _numbers({label: cell["clips"] for label, cell in cells.items()})
            frames = _numbers({label: cell["frames"] for label, cell in cells.items()})
            aspects[f"clips, {part} {dataset}"] = f"{clips} ({frames} frames)"
    return Side(f"{meta['canonical']} / {meta['recipe']['name']} (built)", aspects)


_ORDER = [
    "protocol", "recipe", "sources in order", "target", "modalities", "extra sources", "shots", "lists needed",
    "splits", "clips", "only clips", "frames", "frame without face", "validation", "scored unit", "failure to acquire",
    "authors select", "authors' threshold", "leakage", "stores",
]  # fmt: skip
_OF_TEST = ("target", "modalities", "splits, test", "only clips, test", "frames, test")
_WHY = {
    "protocol": "another protocol", "target": "another target", "sources in order": "other domain numbers",
    "modalities": "other modalities", "extra sources": "other training data", "shots": "target data in training",
    "splits": "other splits", "clips": "other clips",
    "only clips": "other clips", "frames": "other frames", "scored unit": "another unit",
    "failure to acquire": "lost faces count differently", "authors select": "another choice of model",
    "authors' threshold": "another threshold", "validation": "other validation",
}  # fmt: skip


def _verdict(different: Sequence[str]) -> str:
    reasons = list(dict.fromkeys(_WHY[aspect.split(",")[0]] for aspect in different if aspect.split(",")[0] in _WHY))
    if not reasons:
        return "The results compare: nothing that is written down differs."
    tested = any(aspect in _OF_TEST or aspect.startswith("clips, test") for aspect in different)
    fair = (
        "The test sets differ, so the numbers do not compare" if tested else "The test set is the same, the rest is not"
    )
    return f"{fair}: {', '.join(reasons)}."


def _joined(plan: Plan, part: str, spell: Callable[[Take], str]) -> str:
    texts = {domain.name: spell(take) for domain in plan.domains if (take := domain.take(part))}
    if not texts:  # of what is only tested on nothing trains
        return "none"
    if len(set(texts.values())) == 1:
        return next(iter(texts.values()))
    common = Counter(texts.values()).most_common(1)[0][0]
    others = ", ".join(f"{name} {text}" for name, text in texts.items() if text != common)
    return f"{common}; {others}"


def _frames(take: Take) -> str:
    return take.frames + (", one at random" if take.draw == "one" else "")


def _conditions(take: Take) -> str:
    return "; ".join(map(str, take.where)) or "any"


def _numbers(by_label: dict[str, int]) -> str:
    return " / ".join(f"{by_label.get(label, 0):,}" for label in LABELS)


def _domain(domain: dict[str, Any]) -> str:
    return f"{domain['name']}" + (f" x{domain['repeats']}" if domain.get("repeats", 1) > 1 else "")


def _validation(meta: dict[str, Any]) -> str:
    rule = meta["validation"]
    held = ", ".join(f"{held_out['dataset']} {held_out['rule']}" for held_out in rule["datasets"])
    return f"{rule['mode']}, seed {rule['seed']}: {held}"


def _row(aspect: str, first: str, second: str) -> list[str]:
    """Return the lines of one aspect: what it is about, and both values, wrapped side by side."""
    cells = [wrap(text, _CELL) or [""] for text in (first, second)]
    height = max(map(len, cells))
    padded = [cell + [""] * (height - len(cell)) for cell in cells]
    heads = [aspect] + [""] * (height - 1)
    return [f"{head:<{_ASPECT}} | {a:<{_CELL}} | {b}".rstrip() for head, a, b in zip(heads, *padded, strict=True)]
