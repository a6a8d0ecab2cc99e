"""What a release says of its clips beside label and subject, carried into score tables to group errors by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fastrain.evaluation.score_rules import FIELD_PREFIX, KEY_COLUMNS
from fastrain.evaluation.scores import ScoreTable

if TYPE_CHECKING:
    from fasdata.store.reader import Store

MOST = 15  # values; a field with more, such as a serial number, groups nothing


def with_fields(table: ScoreTable, stores: Mapping[str, Store]) -> ScoreTable:
    """Return the table with a column `field_<name>` for every field (device, session, …) that tells clips apart.

    Fields are those of the clips' records in `stores`, by dataset; unknown is empty. A clip that a store does not have
    any more has none.
    """
    clips = table.frame[list(KEY_COLUMNS)].drop_duplicates()
    told = {}
    for dataset, clip_id in clips.itertuples(index=False):
        try:
            told[dataset, clip_id] = dict(stores[dataset].record(clip_id).clip.fields)
        except (KeyError, UserError):
            told[dataset, clip_id] = {}
    names = sorted({name for fields in told.values() for name in fields})
    kept = [name for name in names if 1 < len({fields.get(name, "") for fields in told.values()} - {""}) <= MOST]
    if not kept:
        return table
    keys = list(table.frame[list(KEY_COLUMNS)].itertuples(index=False, name=None))
    columns = {f"{FIELD_PREFIX}{name}": [told[key].get(name, "") for key in keys] for name in kept}
    return ScoreTable(table.frame.assign(**columns), table.source)
