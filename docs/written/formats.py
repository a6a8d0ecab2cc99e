"""Parts of the page on file formats: versions, columns and keys, from the classes that write and read the files."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel

from docs.written.tables import cell, code, prose, table


def pages() -> Iterator[tuple[str, str]]:
    """Yield the parts, which `docs/reference/formats.md` includes."""
    from fasdata.manifests.meta import Meta
    from fastrain.bundle.form import BundleFacts
    from fastrain.networks.checkpoint_facts import CheckpointFacts
    from fastrain.rundir.facts import RunFacts

    yield "parts/versions.md", _versions()
    yield "parts/clips_columns.md", _columns_of_clips()
    yield "parts/index_columns.md", _columns_of_index()
    yield "parts/manifest_columns.md", _columns_of_manifest()
    yield "parts/manifest_keys.md", keys_of(Meta)
    yield "parts/run_keys.md", keys_of(RunFacts)
    yield "parts/checkpoint_keys.md", keys_of(CheckpointFacts)
    yield "parts/bundle_keys.md", keys_of(BundleFacts)


def _versions() -> str:
    from fasdata.exchange import folder
    from fasdata.manifests import meta
    from fasdata.packs import info as pack
    from fasdata.store import info as store
    from fastrain.bundle import form as bundle
    from fastrain.landscape import surfaces
    from fastrain.networks import checkpoint_facts
    from fastrain.rundir import sweep_dir

    rows: list[tuple[str, str, ModuleType]] = [
        ("store", "`store.json`", store), ("pack of views", "`pack.json`", pack),
        ("manifest", "`manifest.parquet`, its metadata", meta), ("export to other projects", "`export.json`", folder),
        ("checkpoint", "the header of `*.safetensors`", checkpoint_facts), ("sweep", "`sweep.json`", sweep_dir),
        ("bundle", "`bundle.json`", bundle), ("loss landscape", "`landscape.npz`", surfaces),
    ]  # fmt: skip
    return table(
        ("what", "where the number stands", "format", "code"),
        [
            [what, where, str(module.FORMAT), code(module.__name__.replace(".", "/") + ".py")]
            for what, where, module in rows
        ],
    )


_CLIPS = {
    "clip_id": "name of the clip, from its path alone",
    "split": "official split, empty where nobody says",
    "label": "bonafide or attack",
    "attack_type": "coarse kind of attack",
    "pai": "species as its owner names it",
    "subject": "person",
    "fields": "further facts of the path, JSON",
    "layout": "layout by which the path was read",
    "relpath_rgb": "path below the dataset's root",
    "relpath_depth": "of the depth recording",
    "relpath_ir": "of the infrared recording",
    "status": "ok, fta (no usable face) or failed (not decoded)",
    "reason": "why, in words",
    "n_frames": "decoded frames",
    "frame_rate": "frames a second",
    "width": "of upright frames, pixels",
    "height": "of upright frames, pixels",
    "rotation": "clockwise turn that made frames upright, degrees",
    "frames_with_face": "stored frames that show a face",
    "registered": "how depth and infrared lie on colour",
    "depth_unit": "what a depth value means",
    "notes": "what was remarkable",
    "rules": "frame rules and their frames, JSON",
    "content_hash": "sha256 of record and crops",
    "shard": "number of the LMDB shard",
}
_INDEX = {
    "clip_id": "the clip",
    "frame_index": "frame number, from 0",
    "name": "what the release calls the frame",
    "pts": "time stamp, seconds",
    "face_status": "how the face was come by",
    "score": "of the detector, 0 to 1",
    "n_faces": "faces found in the frame",
    "shift": "frames to the one whose face stands in",
    "key_rgb": "key of the crop in LMDB",
    "key_depth": "of depth",
    "key_ir": "of infrared",
    "registered": "how depth and infrared lie on colour",
    "depth_unit": "what a depth value means",
    "phash": "perceptual hash of the crop",
    "dark": "mean colour under 5 of 255",
    "misfit": "the five points fit no face",
    "frame_width": "of the upright frame, pixels",
    "frame_height": "of the upright frame, pixels",
}


def _columns(types: dict[str, str], meaning: dict[str, str]) -> str:
    strange = set(meaning) - set(types)
    if strange:
        raise ValueError(f"columns that no table has: {sorted(strange)}")
    rows = [[code(name), kind, cell(meaning.get(name, ""))] for name, kind in types.items()]
    return table(("column", "type", "what it holds"), rows)


def _columns_of_clips() -> str:
    from fasdata.store import tables

    return _columns(tables.CLIP_TYPES, _CLIPS)


def _columns_of_index() -> str:
    from fasdata.store.tables import FRAME_TYPES

    quality = {
        "sharpness": "of the stored face, see fasdata/quality.py", "brightness": "mean grey of the face, 0 to 255",
        "face_size": "side of the box, pixels of the source", "eye_distance": "pixels of the source",
        "roll": "degrees", "yaw": "ratio of the five points", "pitch": "ratio of the five points",
    }  # fmt: skip
    return _columns(FRAME_TYPES, {**_INDEX, **quality})


def _columns_of_manifest() -> str:
    from fasdata.manifests import table as columns

    remarks = dict(re.findall(r'^    "(\w+)":[^#\n]*#\s*(.+)$', inspect.getsource(columns), re.M))
    rows = [[code(field.name), cell(field.type), cell(remarks.get(field.name, ""))] for field in columns.SCHEMA]
    return table(("column", "type", "what it holds"), rows)


def keys_of(model: type[BaseModel]) -> str:
    """Return a table of the keys of a file that a pydantic class reads, those of its sections included."""
    return table(("key", "type", "what it says"), list(_rows(model, "")))


def _rows(model: type[BaseModel], prefix: str) -> Iterator[list[str]]:
    from fastrain.run.keys import documented, first_paragraph

    texts = documented(model)
    for name, field in model.model_fields.items():
        inner = _section(field.annotation)
        many = "[]" if str(field.annotation).startswith(("list", "typing.List")) else ""
        about = texts.get(name) or (first_paragraph(inner) if inner else "")
        yield [code(prefix + name + many), cell("" if inner else _kind(field.annotation)), prose(about)]
        if inner and prefix.count(".") < 3:
            yield from _rows(inner, f"{prefix}{name}{many}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
        if kind is not annotation and get_args(kind) and (inner := _section(kind)):
            return inner
    return None


_SPELLED = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "NoneType": "null"}


def _kind(annotation: Any) -> str:
    """Spell a type for people.

    >>> _kind(list[str]), _kind(int | None), _kind(dict[str, float])
    ('list of text', 'whole number or null', 'mapping')
    """
    arguments = get_args(annotation)
    text = str(annotation)
    if text.startswith("typing.Literal"):
        return " | ".join(json.dumps(value) for value in arguments)
    if text.startswith("typing.Annotated"):
        return _kind(arguments[0])
    if getattr(annotation, "__origin__", None) is list:
        return f"list of {_kind(arguments[0])}"
    if getattr(annotation, "__origin__", None) is dict:
        return "mapping"
    if arguments and ("|" in text or "Union" in text):
        return " or ".join(dict.fromkeys(_kind(kind) for kind in arguments))
    return _SPELLED.get(getattr(annotation, "__name__", ""), "anything")
