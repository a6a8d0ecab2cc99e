"""What a built manifest holds, for people."""

from __future__ import annotations

from typing import Any

from fasdata.manifest import Manifest
from fasdata.manifest.table import PARTS
from fasdata.page.spelling import text_table

_SHOWN = 12  # deviations and drops listed one by one


def describe(manifest: Manifest) -> str:
    """Return a readable summary: names, domains, counts, losses by label and reason, deviations, and where it is."""
    meta = manifest.meta
    lines = [
        _names(meta),
        f"recipe      {meta['recipe']['name']}: {meta['recipe']['title']}",
        f"sources     {', '.join(_domain(one) for one in meta['domains'])}",
        f"target      {', '.join(_domain(one) for one in meta['target'])}",
        f"frames      {_frames(meta)}",
        *_particular(meta),
        f"validation  {_validation(meta)}",
        "",
        *_counts(meta),
    ]
    lines += _losses("dropped, no usable frame", meta["drops"], "clips")
    lines += _losses("failure to acquire (kept in the target with status fta)", meta["fta"], "clips")
    lines += _losses("single frames not usable, clip kept", meta["missed_frames"], "frames")
    lines += _left_out(meta)
    lines += _deviations(meta)
    lines += [f"warning: {warning}" for warning in meta["warnings"]]
    lines += ["", f"manifest    {manifest.path or 'not written'}", f"fingerprint {meta['fingerprint'][:16]}"]
    return "\n".join(lines)


def _names(meta: dict[str, Any]) -> str:
    return meta["canonical"] + (f"  (given as {meta['alias']})" if meta["alias"] != meta["canonical"] else "")


def _domain(one: dict[str, Any]) -> str:
    number = "" if one["domain_id"] < 0 else f"{one['domain_id']} = "
    letter = f" ({one['letter']})" if one["letter"] else ""
    return f"{number}{one['name']}{letter}" + (f" x{one['repeats']}" if one["repeats"] > 1 else "")


def _particular(meta: dict[str, Any]) -> list[str]:
    lines = [f"modalities  {', '.join(meta['modalities'])}"] if len(meta["modalities"]) > 1 else []
    lines += [f"masked      {', '.join(meta['masked'])}, at test"] if meta["masked"] else []
    lines += [f"shots       {meta['shots']} clips a label of the target train"] if meta["shots"] else []
    lines += [f"note        {note}" for note in meta["notes"]] + [f"list        {said}" for said in meta["lists"]]
    lines += [
        f"forgotten   {one['clips']} clips ({one['frames']} frames) of {one['dataset']}, taken out after the build"
        for one in meta.get("forgotten", ())
    ]
    if meta["leakage"]:
        found = ", ".join(f"{one['number']} times the same {one['kind']}" for one in meta["leakage"]["found"])
        lines.append(f"leakage     let through: {meta['leakage']['reason']}; {found}")
    return lines


def _frames(meta: dict[str, Any]) -> str:
    present = {count["part"] for count in meta["counts"]}
    return ", ".join(f"{part} {meta['frame_rules'][part]}" for part in PARTS if part in present)


def _validation(meta: dict[str, Any]) -> str:
    rule = meta["validation"]
    if rule["mode"] == "none":
        return "none"
    said = {
        "official dev": lambda one: "official dev split",
        "subjects": lambda one: f"{len(one['subjects'])} of {one['of']} subjects",
        "none": lambda one: "none",
    }
    return f"auto, seed {rule['seed']}: " + ", ".join(
        f"{one['dataset']} {said[one['rule']](one)}" for one in rule["datasets"]
    )


def _counts(meta: dict[str, Any]) -> list[str]:
    keys = ("part", "dataset", "label", "clips", "frames", "subjects", "fta")
    return text_table(keys, [[count[key] for key in keys] for count in meta["counts"]])


def _losses(title: str, found: list[dict[str, Any]], unit: str) -> list[str]:
    if not found:
        return []
    total = sum(loss[unit] for loss in found)
    rows = [(loss["part"], loss["dataset"], loss["label"], loss[unit], loss["reason"]) for loss in found[:_SHOWN]]
    more = [f"  and {len(found) - _SHOWN} more kinds, all in manifest.json"] if len(found) > _SHOWN else []
    return ["", f"{title}: {total} {unit}", *text_table(("part", "dataset", "label", unit, "reason"), rows), *more]


def _left_out(meta: dict[str, Any]) -> list[str]:
    if not meta["left_out"]:
        return []
    said = ", ".join(f"{one['dataset']} {one['split']} {one['label']} {one['clips']}" for one in meta["left_out"])
    return ["", f"not used by the recipe: {said}"]


def _deviations(meta: dict[str, Any]) -> list[str]:
    found = meta["deviations"]
    if not found:
        return ["", "counts before drops: as the recipe expects"]
    rows = [(one["role"], one["dataset"], one["label"], one["expected"], one["found"]) for one in found]
    header = ("role", "dataset", "label", "expected", "found")
    return ["", "warning: clip counts before drops differ from the full datasets", *text_table(header, rows)]
