"""Choose the frames of all clips of a store at once, from its columns: as `usable.select_frames` does of one record."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from fasdata.errors import UserError
from fasdata.protocols.sampling import FrameRule, applied
from fasdata.protocols.usable import WHY
from fasdata.store.columns import STATUSES, Columns, Ragged


@dataclass(frozen=True)
class Chosen:
    """The usable frames of each clip: of row `row` the stored frames `rows.of(row)` of the columns, by frame number.

    `missed` has a reason for every chosen frame that is not usable, in the order of the rule, and `errors` what the
    store lacks, by row.
    """

    rows: Ragged
    missed: Mapping[int, tuple[str, ...]]
    errors: Mapping[int, UserError]


def choose_frames(known: Columns, rule: FrameRule, accepted: Collection[str], within: int | None = None) -> Chosen:
    """Return the frames that a rule takes and that carry a crop; `accepted` names the stand-ins a recipe takes.

    Only frames before frame `within` count.
    """
    selected, errors = _selected(known, rule)
    owners, indices = selected.owners(), selected.values.astype(np.int64)
    if within is not None:
        owners, indices = owners[indices < within], indices[indices < within]
    owners, indices = _once(owners, indices)
    place, is_known = _look_up(known, owners, indices)
    stored = np.zeros(len(place), bool)
    stored[is_known] = known.is_stored.values[place[is_known]]
    served = np.isin(
        np.arange(len(STATUSES)), [code for code, name in enumerate(STATUSES) if name in {"ok", *accepted}]
    )
    usable = stored.copy()
    usable[stored] = served[known.face.values[place[stored]]] | known.observed.values[place[stored]]
    rows = (np.cumsum(known.is_stored.values) - 1)[place[usable]]
    counts = np.bincount(owners[usable], minlength=len(known))
    ascending = np.lexsort((indices[usable], owners[usable]))
    starts = np.concatenate([[0], np.cumsum(counts)])
    return Chosen(Ragged(starts, rows[ascending]), _missed(known, owners, place, stored, usable), errors)


def _selected(known: Columns, rule: FrameRule) -> tuple[Ragged, dict[int, UserError]]:
    """Return the frames that a rule selects of each clip, in its order; of recordings that failed none."""
    has, recorded = known.chosen(str(rule))
    failed = np.array([status == "failed" for status in known.text("status")], bool)
    lengths = np.where(failed, 0, np.diff(recorded.starts))
    kept = recorded.values[~np.repeat(failed, np.diff(recorded.starts))]
    others, errors = dict[int, tuple[int, ...]](), dict[int, UserError]()
    for row in np.flatnonzero(~has & ~failed).tolist():
        try:
            others[row] = _applied(known, row, rule)
        except UserError as error:  # raised only if the clip goes to a part that needs this rule
            errors[row] = error
    if not any(others.values()):
        return Ragged(np.concatenate([[0], np.cumsum(lengths)]), kept), errors
    owners = np.repeat(np.arange(len(known)), lengths)
    more = np.repeat(list(others), list(map(len, others.values())))
    order = np.argsort(np.concatenate([owners, more]), kind="stable")
    values = np.concatenate([kept, np.array([index for of in others.values() for index in of], np.int64)])
    lengths = np.bincount(np.concatenate([owners, more]), minlength=len(known))
    return Ragged(np.concatenate([[0], np.cumsum(lengths)]), values[order]), errors


def _applied(known: Columns, row: int, rule: FrameRule) -> tuple[int, ...]:
    frames = known.frame.of(row).tolist()
    has_face = dict(zip(frames, known.observed.of(row).tolist(), strict=True))
    settled = set(known.frame.of(row)[known.is_stored.of(row)].tolist()) | known.selected(row)
    return applied(rule, known.clips[row], known.n_frames[row], has_face, settled, known.rules_of(row))


def _once(owners: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out frames that a clip's rule names again."""
    if not len(indices) or ((np.diff(owners) > 0) | (np.diff(indices) > 0)).all():
        return owners, indices
    _, first = np.unique(_key(owners, indices), return_index=True)
    first.sort()
    return owners[first], indices[first]


def _look_up(known: Columns, owners: np.ndarray, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the searched frame that each frame of a clip is, and whether it is one at all."""
    keys = _key(known.frame.owners(), known.frame.values.astype(np.int64))
    order = None
    if (np.diff(keys) < 0).any():
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
    wanted = _key(owners, indices)
    place = np.searchsorted(keys, wanted)
    is_known = np.zeros(len(wanted), bool)
    inside = place < len(keys)
    is_known[inside] = keys[place[inside]] == wanted[inside]
    place = np.where(is_known, place, 0)
    return (place if order is None or not len(order) else order[place]), is_known


def _key(owners: np.ndarray, indices: np.ndarray) -> np.ndarray:
    keys: np.ndarray = (owners << 32) + indices
    return keys


def _missed(
    known: Columns, owners: np.ndarray, place: np.ndarray, stored: np.ndarray, usable: np.ndarray
) -> dict[int, tuple[str, ...]]:
    missed: dict[int, list[str]] = {}
    lost = np.flatnonzero(~usable)
    faces = np.where(stored[lost], known.face.values[place[lost]] if len(known.face.values) else 0, _SKIP)
    for owner, face in zip(owners[lost].tolist(), faces.tolist(), strict=True):
        missed.setdefault(owner, []).append(WHY[STATUSES[face]])
    return {owner: tuple(reasons) for owner, reasons in missed.items()}


_SKIP = STATUSES.index("skip")
