"""Placed clips to the table of a manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fasdata import __version__
from fasdata.manifest.columns import SCHEMA
from fasdata.protocols.collect import absent_row
from fasdata.protocols.frame_columns import FrameColumns
from fasdata.protocols.plan import Plan
from fasdata.protocols.recipe import Part
from fasdata.protocols.tallies import Placed
from fasdata.records import MODALITIES


def make_table(plan: Plan, placed: Sequence[Placed], columns: FrameColumns, detectors: Mapping[str, str]) -> pa.Table:
    """Return the rows of the clips that stay, in the given order; one row for a clip without a usable frame.

    `detectors` names the detector of each dataset.
    """
    kept = [item for item in placed if item.kept]
    nothing = absent_row(columns)
    spans = [item.chosen.rows if item.frames else (nothing, nothing + 1) for item in kept]
    frame_rows = np.concatenate([np.arange(start, stop) for start, stop in spans]) if spans else np.empty(0, np.int64)
    clip_rows = pa.array(np.repeat(np.arange(len(kept)), [stop - start for start, stop in spans]))
    made = columns.take(frame_rows)
    for name, values in _clip_columns(plan, kept, detectors).items():
        made[name] = values.take(clip_rows)
    made.update(_keys(made))
    return pa.Table.from_arrays([made[name] for name in SCHEMA.names], schema=SCHEMA)


def _clip_columns(plan: Plan, kept: Sequence[Placed], detectors: Mapping[str, str]) -> dict[str, pa.Array]:
    """Return the columns that are the same in all rows of a clip, one value a clip."""
    clips = [item.entry.clip for item in kept]
    of_part: dict[str, Part] = {"train": plan.rules.sources, "val": plan.rules.validation, "test": plan.rules.target}
    rule = {part: of.frames for part, of in of_part.items()}
    on_miss = {part: "+".join(of.on_miss) or "skip" for part, of in of_part.items()}
    text = {
        "dataset": [clip.dataset for clip in clips],
        "domain": [clip.dataset for clip in clips],
        "part": [item.part for item in kept],
        "split_official": [clip.split for clip in clips],
        "clip_id": [clip.clip_id for clip in clips],
        "subject": [clip.subject for clip in clips],
        "label": [clip.label for clip in clips],
        "attack_type": [clip.attack_type for clip in clips],
        "pai": [clip.pai for clip in clips],
        "frame_rule": [rule[item.part] for item in kept],
        "detector": [detectors[clip.dataset] for clip in clips],
        "on_miss": [on_miss[item.part] for item in kept],
        "status": ["ok" if item.frames else "fta" for item in kept],
        "recipe": [plan.recipe.name] * len(kept),
        "protocol": [plan.name.canonical] * len(kept),
        "protocol_alias": [plan.name.alias] * len(kept),
        "tool_version": [__version__] * len(kept),
    }
    made = {name: pa.array(values, pa.string()) for name, values in text.items()}
    made["domain_id"] = pa.array([item.domain_id for item in kept], pa.int32())
    made["n_frames"] = pa.array([item.entry.n_frames for item in kept], pa.int32())
    return made


def _keys(made: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Return sample ids and store keys, which follow from clip, frame and modalities."""
    index = made["frame_index"].cast(pa.string())
    padded = pc.utf8_lpad(index, 6, "0")
    keys = {"sample_id": pc.binary_join_element_wise(made["dataset"], made["clip_id"], index, "/")}
    for modality in MODALITIES:
        present = pc.match_substring_regex(made["modalities_available"], f"(^|,){modality}(,|$)")
        key = pc.binary_join_element_wise("crop", made["clip_id"], padded, modality, "/")
        keys[f"key_{modality}"] = pc.if_else(present, key, "")
    return keys
