"""Make the table of a manifest from the clips placed in its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fasdata import __version__
from fasdata.manifests.table import SCHEMA
from fasdata.protocols.collect import ABSENT, FrameColumns
from fasdata.protocols.plan import Plan
from fasdata.protocols.tallies import PlacedClip
from fasdata.records import MODALITIES


def make_table(
    plan: Plan, placed: Sequence[PlacedClip], columns: FrameColumns, detectors: Mapping[str, str]
) -> pa.Table:
    """Return the rows of the clips that stay, in the given order; a clip without a usable frame has one row.

    `detectors` names the detector of each dataset.
    """
    kept = [member for member in placed if member.kept]
    spans = [member.usable.rows if member.frames else (ABSENT, ABSENT + 1) for member in kept]
    starts, stops = np.array(spans, np.int64).reshape(-1, 2).T
    places = np.repeat(np.arange(len(kept)), stops - starts)
    frame_rows = np.arange(len(places)) - np.repeat(np.cumsum(stops - starts) - stops, stops - starts)
    clip_rows = pa.array(places)
    made = columns.take(frame_rows)
    for name, values in _clip_columns(plan, kept, detectors).items():
        made[name] = values.take(clip_rows)
    same = (plan.recipe.key, plan.name.canonical, plan.name.alias, __version__)
    for name, value in zip(("recipe", "protocol", "protocol_alias", "tool_version"), same, strict=True):
        made[name] = pa.repeat(pa.scalar(value, pa.string()), len(places))
    made["modalities_available"], made["missing_reason"] = _modalities(plan, made)
    made.update(_keys(made))
    return pa.Table.from_arrays([made[name] for name in SCHEMA.names], schema=SCHEMA)


def _clip_columns(plan: Plan, kept: Sequence[PlacedClip], detectors: Mapping[str, str]) -> dict[str, pa.Array]:
    """Return the columns that are the same in all rows of a clip, one value a clip."""
    clips = [member.clip for member in kept]
    text = {
        "dataset": [clip.dataset for clip in clips],
        "domain": [member.domain.label for member in kept],
        "part": [member.part for member in kept],
        "split_official": [clip.split for clip in clips],
        "clip_id": [clip.clip_id for clip in clips],
        "subject": [clip.subject for clip in clips],
        "label": [clip.label for clip in clips],
        "attack_type": [clip.attack_type for clip in clips],
        "pai": [clip.pai for clip in clips],
        "frame_rule": [member.take.frames for member in kept],
        "detector": [detectors[clip.dataset] for clip in clips],
        "on_miss": ["+".join(member.take.on_miss) or "skip" for member in kept],
        "status": ["ok" if member.frames else "fta" for member in kept],
    }
    made = {name: pa.array(values, pa.string()) for name, values in text.items()}
    made["domain_id"] = pa.array([member.domain.domain_id for member in kept], pa.int32())
    made["n_frames"] = pa.array([member.collected.n_frames for member in kept], pa.int32())
    return made


def _modalities(plan: Plan, made: Mapping[str, pa.Array]) -> tuple[pa.Array, pa.Array]:
    """Return the modalities that each row may show, and why some that the recipe uses are missing.

    `masked`: the protocol takes it away at test; `absent`: the dataset does not have it.
    """
    coded, usable = made["modalities_available"].dictionary_encode(), pc.greater_equal(made["frame_index"], 0)
    tested = pc.equal(made["part"], "test")
    texts, reasons = [], []
    for masked in ((), plan.masked):
        present = [
            [name for name in plan.modalities if name in text.split(",")] for text in coded.dictionary.to_pylist()
        ]
        texts.append(
            pa.array([",".join(name for name in names if name not in masked) for names in present], pa.string())
        )
        reasons.append(pa.array([_reason(plan.modalities, names, masked) for names in present], pa.string()))
    codes = coded.indices
    text = pc.if_else(tested, texts[1].take(codes), texts[0].take(codes))
    reason = pc.if_else(tested, reasons[1].take(codes), reasons[0].take(codes))
    return text, pc.if_else(usable, reason, "")


def _reason(used: Sequence[str], present: Sequence[str], masked: Sequence[str]) -> str:
    why = {
        name: "absent" if name not in present else "masked" for name in used if name not in present or name in masked
    }
    return ",".join(f"{name}:{reason}" for name, reason in why.items())


def _keys(made: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return sample ids and store keys, which follow from clip, frame and modalities."""
    index = made["frame_index"].cast(pa.string())
    padded = pc.utf8_lpad(index, 6, "0")
    keys = {"sample_id": pc.binary_join_element_wise(made["dataset"], made["clip_id"], index, "/")}
    coded = made["modalities_available"].dictionary_encode()
    for modality in MODALITIES:
        present = pa.array([modality in text.split(",") for text in coded.dictionary.to_pylist()], pa.bool_()).take(
            coded.indices
        )
        if not pc.any(present).as_py():
            keys[f"key_{modality}"] = pa.repeat(pa.scalar("", pa.string()), len(index))
            continue
        key = pc.binary_join_element_wise("crop", made["clip_id"], padded, modality, "/")
        keys[f"key_{modality}"] = pc.if_else(present, key, "")
    return keys
