"""The lock of a store's one writer, and the mark of a run that has not finished."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from fasdata.claims import Claim, claim
from fasdata.errors import UserError
from fasdata.foreign import Unreadable, read_json_object
from fasdata.store.atomic import write_text

LOCK = "writer.lock"
UNFINISHED = "unfinished"


def lock_writer(folder: Path) -> Claim:
    """Lock a store and return the lock, which ends when it is closed or this process ends.

    Raises:
        UserError: another process holds it (names it), or the store is on a file system that cannot be written.
    """
    return claim(folder / LOCK, f"another process is writing to the store {folder}")


def mark_unfinished(folder: Path, to_compact: Collection[int] = (), lost: Collection[str] = ()) -> None:
    """Mark the store as being changed: until `clear_mark` it counts as unfinished.

    `to_compact` are shards whose free pages may still hold removed crops; the next writer that finishes compacts them.
    `lost` are clips that a repair took out, which the next extraction makes anew.
    """
    marked, missing = interrupted(folder), lost_clips(folder)
    if marked is None or not marked.issuperset(to_compact) or not missing.issuperset(lost):
        about = {"compact": sorted({*(marked or ()), *to_compact}), "lost": sorted({*missing, *lost})}
        write_text(folder / UNFINISHED, json.dumps({key: value for key, value in about.items() if value}) + "\n")


def clear_mark(folder: Path, *, keep_lost: bool = False) -> None:
    """Remove the mark: the run has finished. With `keep_lost` it stays for clips that a repair took out."""
    lost = lost_clips(folder) if keep_lost else set()
    if lost:
        write_text(folder / UNFINISHED, json.dumps({"lost": sorted(lost)}) + "\n")
    else:
        (folder / UNFINISHED).unlink(missing_ok=True)


def forget_lost(folder: Path, clips: Collection[str]) -> None:
    """Take clips out of the mark's list of lost ones: they are not to come back."""
    marked, left = interrupted(folder), lost_clips(folder) - set(clips)
    if marked is not None and left != lost_clips(folder):
        clear_mark(folder)
        if marked or left:
            mark_unfinished(folder, marked, left)


def interrupted(folder: Path) -> set[int] | None:
    """Return None for a store whose last run has finished, else the shards that are yet to be compacted."""
    marked = _mark(folder)
    try:
        return None if marked is None else {int(number) for number in marked.get("compact", ())}
    except (ValueError, TypeError):  # whatever the file holds, the run has not finished
        return set()


def lost_clips(folder: Path) -> set[str]:
    """Return the clips that a repair took out of a store and no extraction has made anew since."""
    lost = (_mark(folder) or {}).get("lost", ())
    return {clip for clip in lost if isinstance(clip, str)} if isinstance(lost, list) else set()


def _mark(folder: Path) -> dict[str, Any] | None:
    if not (folder / UNFINISHED).exists():
        return None
    try:
        return read_json_object(folder / UNFINISHED)
    except Unreadable:
        raise
    except UserError:
        return {}
