"""Clips that an earlier store has: under which ids, and what it lacks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from fasdata.extract.jobs import StoredClips
from fasdata.records import Clip


def as_stored(
    clips: Sequence[Clip], stored: StoredClips, earlier: Mapping[str, str]
) -> tuple[list[Clip], tuple[str, ...]]:
    """Return the clips under the ids that a store has them by, and notes on what it lacks.

    `earlier` gives the id that a clip had before ids kept the ending of its file. The clip keeps it where the store has
    it for a file with the same ending.
    """
    known, kept = [], 0
    for clip in clips:
        before = earlier.get(clip.clip_id, clip.clip_id)
        if clip.clip_id not in stored.status and before in stored.status and _same_ending(clip, stored.files[before]):
            clip, kept = replace(clip, clip_id=before), kept + 1
        known.append(clip)
    notes = []
    if kept:
        notes.append(f"{kept} clips keep the ids of an earlier version in this store, which left out the file's ending")
    lacking = [clip for clip in known if len(clip.relpaths) > 1 and clip.clip_id in stored.colour_alone]
    if lacking:
        what = " and ".join(sorted({name for clip in lacking for name in clip.relpaths} - {"rgb"}))
        notes.append(
            f"{len(lacking)} clips of this store have colour alone, not {what}, such as {lacking[0].clip_id}: to have "
            "both, extract into another --out"
        )
    return known, tuple(notes)


def _same_ending(clip: Clip, stored: str) -> bool:
    return PurePosixPath(clip.relpaths.get("rgb", "")).suffix == PurePosixPath(stored).suffix
