"""Look at a store for a few seconds: at its pages, the headers of its crops, and the clips that tables and shards name.

What it finds is damaged; what it does not find may be: it reads no record and no crop, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path

from fasdata.errors import UserError
from fasdata.store import keys, shards, tables


def glance(folder: Path, seconds: float) -> str:
    """Look at the shards and tables of a store, at most so many `seconds` long at headers; return in words at what.

    Raises:
        UserError: something is damaged, or does not agree.
    """
    end = time.monotonic() + seconds
    headers = values = crops = 0
    held: dict[str, int] = {}
    for path in shards.shard_paths(folder):
        seen = shards.require_sound(path, seconds=max(0.0, end - time.monotonic()))
        headers, values = headers + seen.headers, values + seen.values
        crops += sum(key.startswith(keys.CROP) for key in seen.keys)
        clips = (key[len(keys.CLIP) :] for key in seen.keys if key.startswith(keys.CLIP))
        held |= dict.fromkeys((clip.decode(errors="replace") for clip in clips), int(path.stem))
    shards.close_readers(folder)
    if (folder / tables.CLIPS).is_file():
        columns = tables.read_columns(folder, "clip_id", "shard")
        _require_same(folder, dict(zip(columns["clip_id"], columns["shard"], strict=True)), held)
    if tables.present(folder):
        indexed = tables.indexed(folder)
        if indexed is None or indexed - held.keys():
            raise UserError(f"{folder / tables.INDEX} cannot be read, or names clips that no shard holds")
    part = "" if headers == values else f" (headers of {headers} of {values} long values)"
    return (
        f"all pages of keys looked at{part}; not the bytes of {len(held)} clips and {crops} crops: store check --rehash"
    )


def _require_same(folder: Path, listed: dict[str, int], held: dict[str, int]) -> None:
    if listed == held:
        return
    differ: Collection[str] = {clip for clip in listed.keys() | held.keys() if listed.get(clip) != held.get(clip)}
    raise UserError(
        f"{folder / tables.CLIPS} and the shards do not hold the same clips", found=f"for instance {min(differ)}"
    )
