"""Remove a person's rows from a manifest, and make its description fit the rest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fasdata.errors import UserError
from fasdata.forget.removal import ForgetPlan
from fasdata.manifests.manifest import TABLE, TEXT, Manifest
from fasdata.manifests.table import table_fingerprint

GONE = "(forgotten)"
_IN_NAMES = r"\w.+=@-"  # what clip ids are made of


def forget_rows(path: Path, plan: ForgetPlan) -> str:
    """Remove the person from the manifest at `path` and return what was done, in words.

    A manifest that would break an invariant (both labels in every part) is deleted: it has to be built again.
    """
    manifest = Manifest.read(path)
    left, gone = _split(manifest.table, plan)
    meta = _redescribed(manifest.meta, left, gone, plan)
    if meta == manifest.meta:
        return "done before"
    try:
        Manifest(left, meta).write(path.parent)
    except UserError as error:
        for name in (TABLE, TEXT):
            (path.parent / name).unlink(missing_ok=True)
        return f"removed: without its {gone.num_rows} rows of this person it is not valid ({error}); build it again"
    change = f"{gone.num_rows} rows removed" if gone.num_rows else "no rows; the content hash of the store is updated"
    return f"{change}; rows {manifest.meta['fingerprint'][:12]} -> {meta['fingerprint'][:12]}"


def _split(table: pa.Table, plan: ForgetPlan) -> tuple[pa.Table, pa.Table]:
    """Return the rows that stay and those that go."""
    own = pc.and_(
        pc.equal(table["dataset"], plan.dataset),
        pc.or_(pc.equal(table["subject"], plan.subject), pc.is_in(table["clip_id"], pa.array(plan.clips, pa.string()))),
    )
    return table.filter(pc.invert(own)).combine_chunks(), table.filter(own).combine_chunks()


def _redescribed(old: dict[str, Any], left: pa.Table, gone: pa.Table, plan: ForgetPlan) -> dict[str, Any]:
    """Return the description of the rest: counts, held-out people and stores updated, no name of a removed clip.

    `drops`, `missed_frames` and `deviations` stay as the build counted them.
    """
    meta: dict[str, Any] = _without_names(old, _renamer(plan))
    stores = dict(old["stores"])
    if stores[plan.dataset] == plan.before:
        stores[plan.dataset] = plan.after
    meta |= {"stores": stores, "fingerprint": table_fingerprint(left) if gone.num_rows else old["fingerprint"]}
    if gone.num_rows:
        meta["counts"] = [
            count for count in (_recounted(tally, left, plan) for tally in old["counts"]) if count["clips"]
        ]
        meta["fta"] = _fewer_failures(meta["fta"], gone, plan)
        meta["validation"] = {
            **meta["validation"],
            "datasets": [_held_out(held, gone, plan) for held in meta["validation"]["datasets"]],
        }
        entry = {
            "dataset": plan.dataset,
            "clips": len(gone["clip_id"].unique()),
            "frames": pc.sum(pc.equal(gone["status"], "ok")).as_py(),
            "parts": sorted(gone["part"].unique().to_pylist()),
            "fingerprint": old["fingerprint"],
        }
        meta["forgotten"] = [*old.get("forgotten", ()), entry]
    return meta


def _recounted(tally: dict[str, Any], left: pa.Table, plan: ForgetPlan) -> dict[str, Any]:
    if tally["dataset"] != plan.dataset:
        return tally
    cell = left.filter(
        pc.and_(
            pc.equal(left["dataset"], plan.dataset),
            pc.and_(pc.equal(left["part"], tally["part"]), pc.equal(left["label"], tally["label"])),
        )
    )
    failed = cell.filter(pc.equal(cell["status"], "fta"))
    return {
        **tally,
        "clips": len(cell["clip_id"].unique()),
        "frames": cell.num_rows - failed.num_rows,
        "subjects": len(set(cell["subject"].unique().to_pylist()) - {""}),
        "fta": failed.num_rows,
    }


def _fewer_failures(losses: list[dict[str, Any]], gone: pa.Table, plan: ForgetPlan) -> list[dict[str, Any]]:
    """Subtract the person's clips without a usable frame, from the most frequent reason of a cell first."""
    failed = gone.filter(pc.equal(gone["status"], "fta"))
    left = Counter(zip(failed["part"].to_pylist(), failed["label"].to_pylist(), strict=True))
    kept = {}
    for place, loss in sorted(enumerate(losses), key=lambda pair: -pair[1]["clips"]):
        cell = (loss["part"], loss["label"])
        taken = min(left[cell], loss["clips"]) if loss["dataset"] == plan.dataset else 0
        left[cell] -= taken
        kept[place] = {**loss, "clips": loss["clips"] - taken}
    return [kept[place] for place in sorted(kept) if kept[place]["clips"]]


def _held_out(held: dict[str, Any], gone: pa.Table, plan: ForgetPlan) -> dict[str, Any]:
    if held["dataset"] != plan.dataset or held["rule"] != "subjects":
        return held
    in_training = {"train", "val"} & set(gone["part"].to_pylist())
    people = [subject for subject in held["subjects"] if subject != plan.subject]
    return {**held, "subjects": people, "of": held["of"] - bool(in_training)}


def _renamer(plan: ForgetPlan) -> Callable[[str], str]:
    names = sorted([*plan.clips, f"{plan.dataset}/{plan.subject}"], key=len, reverse=True)
    pattern = re.compile(rf"(?<![{_IN_NAMES}])(?:{'|'.join(map(re.escape, names))})(?![{_IN_NAMES}])")
    return lambda text: pattern.sub(GONE, text)


def _without_names(value: Any, rename: Callable[[str], str]) -> Any:
    """Return JSON data with the names of the person's clips replaced; lists of examples leave them out."""
    if isinstance(value, str):
        return rename(value)
    if isinstance(value, dict):
        cleaned = {key: _without_names(inner, rename) for key, inner in value.items()}
        if "examples" in cleaned:
            cleaned["examples"] = [example for example in cleaned["examples"] if example != GONE]
        return cleaned
    return [_without_names(inner, rename) for inner in value] if isinstance(value, list) else value
