"""Describe a built manifest as text."""

from __future__ import annotations

from typing import Any

from fasdata.manifests import Manifest
from fasdata.manifests.meta import recipe_text
from fasdata.manifests.table import PARTS
from fasdata.page.spelling import text_table
from fasdata.protocols.recipe import DEFAULT
from fasdata.protocols.show import judged_text

_SHOWN = 12  # deviations and drops listed one by one


def describe(manifest: Manifest) -> str:
    """Return a readable summary: names, domains, counts, losses by label and reason, deviations, and where it is."""
    meta = manifest.meta
    lines = [
        _names(meta),
        f"recipe      {recipe_text(meta['recipe'])}: {meta['recipe']['title']}",
        f"sources     {', '.join(map(_domain, meta['domains']))}",
        f"target      {', '.join(map(_domain, meta['target']))}"
        + judged_text(str(meta["canonical"]), len(meta["target"])),
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
    canonical, alias = str(meta["canonical"]), meta["alias"]
    return canonical + (f"  (given as {alias})" if alias != canonical else "")


def _domain(domain: dict[str, Any]) -> str:
    number = "" if domain["domain_id"] < 0 else f"{domain['domain_id']} = "
    letter = f" ({domain['letter']})" if domain["letter"] else ""
    return f"{number}{domain['name']}{letter}" + (f" x{domain['repeats']}" if domain["repeats"] > 1 else "")


def _particular(meta: dict[str, Any]) -> list[str]:
    lines = [f"modalities  {', '.join(meta['modalities'])}"] if len(meta["modalities"]) > 1 else []
    lines += [f"masked      {', '.join(meta['masked'])}, at test"] if meta["masked"] else []
    lines += [f"shots       {meta['shots']} clips a label of the target train"] if meta["shots"] else []
    lines += [f"code        {of['name']} is from {of['named']}, sha256 {of['sha256']}" for of in meta.get("code", ())]
    lines += [f"note        {note}" for note in meta["notes"]] + [f"list        {note}" for note in meta["lists"]]
    lines += [
        f"forgotten   {gone['clips']} clips ({gone['frames']} frames) of {gone['dataset']}, removed after the build"
        for gone in meta.get("forgotten", ())
    ]
    if meta["leakage"]:
        crossings = ", ".join(f"{each['number']} times the same {each['kind']}" for each in meta["leakage"]["found"])
        lines.append(f"leakage     let through: {meta['leakage']['reason']}; {crossings}")
    return lines


def _frames(meta: dict[str, Any]) -> str:
    present = {count["part"] for count in meta["counts"]}
    return ", ".join(f"{part} {meta['frame_rules'][part]}" for part in PARTS if part in present)


def _validation(meta: dict[str, Any]) -> str:
    rule = meta["validation"]
    if rule["mode"] == "none":
        return "none: every subject of the sources' splits trains"
    text = f"auto, seed {rule['seed']}: " + ", ".join(map(_held_out, rule["datasets"]))
    recipe = meta["recipe"]
    scoring = recipe.get("pools", {}).get(meta["pool"], {}).get("scoring", {})
    as_authors = recipe["name"] != DEFAULT and "target" in scoring.get("selection", "")
    return text + ("; the recipe's authors hold none out (--val none)" if as_authors else "")


def _held_out(held: dict[str, Any]) -> str:
    texts = {
        "official dev": "official dev split",
        "subjects": f"{len(held['subjects'])} of {held['of']} subjects",
        "file": "what the file says",
        "none": "none",
    }
    return f"{held['dataset']} {texts[held['rule']]}"


def _counts(meta: dict[str, Any]) -> list[str]:
    keys = ("part", "dataset", "label", "clips", "frames", "subjects", "fta")
    return text_table(keys, [[count[key] for key in keys] for count in meta["counts"]])


def _losses(title: str, losses: list[dict[str, Any]], unit: str) -> list[str]:
    if not losses:
        return []
    total = sum(loss[unit] for loss in losses)
    rows = [(loss["part"], loss["dataset"], loss["label"], loss[unit], loss["reason"]) for loss in losses[:_SHOWN]]
    more = [f"  and {len(losses) - _SHOWN} more kinds, all in manifest.json"] if len(losses) > _SHOWN else []
    return ["", f"{title}: {total} {unit}", *text_table(("part", "dataset", "label", unit, "reason"), rows), *more]


def _left_out(meta: dict[str, Any]) -> list[str]:
    if not meta["left_out"]:
        return []
    cells = [f"{cell['dataset']} {cell['split']} {cell['label']} {cell['clips']}" for cell in meta["left_out"]]
    return ["", f"not used by the recipe: {', '.join(cells)}"]


def _deviations(meta: dict[str, Any]) -> list[str]:
    if not meta["deviations"]:
        return ["", "counts before drops: as the recipe expects, where it states them"]
    header = ("role", "dataset", "label", "expected", "found")
    rows = [[deviation[key] for key in header] for deviation in meta["deviations"]]
    return ["", "warning: clip counts before drops differ from the full datasets", *text_table(header, rows)]
