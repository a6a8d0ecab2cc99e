"""Remove clips from a store, and prove from the bytes of its files that nothing of them is left."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fasdata.errors import UserError
from fasdata.forget.removal import ForgetPlan
from fasdata.store import keys, shards, tables, writer_lock
from fasdata.store.check import check_store
from fasdata.store.info import StoreInfo
from fasdata.store.shard_writer import ShardWriter
from fasdata.store.writer import StoreWriter

# -- Traces of clips in the bytes of files: keys, clip ids, and pieces of crops ---------------------------------------

CHUNK = 64 << 20
PIECE = 48  # bytes of a compressed crop: two crops that share this many are the same picture
MOST = 32  # pieces looked for: each is one more pass over what is in memory
_ID = rb"[\w.+=@-]"


class Traces:
    """Searches files for what is left of clips: their keys and ids, and pieces of their crops."""

    def __init__(self, clips: Iterable[str], pieces: Iterable[bytes] = ()) -> None:
        any_id = b"(?:" + b"|".join(re.escape(clip.encode()) for clip in clips) + b")"
        end = rb"(?!" + _ID + rb")"
        self._keys = [re.compile(start + any_id + end) for start in (keys.CLIP, keys.CROP, b'"clip_id":"')]
        self._names = re.compile(rb"(?<!" + _ID + rb")" + any_id + end)
        self.pieces = list(pieces)
        self._overlap = 512  # longer than any key

    def in_shard(self, path: Path) -> Iterator[str | bytes]:
        """Yield every key (as text) and piece (as bytes) in the file of a shard, in use or deleted."""
        for chunk in self._chunks(path):
            for pattern in self._keys:
                if match := pattern.search(chunk):
                    yield match[0].decode(errors="replace")
            for piece in self.pieces:
                if piece in chunk:
                    yield piece

    def named_in(self, path: Path) -> bool:
        """Tell whether a plain file names one of the clips."""
        return any(self._names.search(chunk) for chunk in self._chunks(path))

    def _chunks(self, path: Path) -> Iterator[bytes]:
        tail = b""
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield tail + chunk
                tail = chunk[-self._overlap :]


def pieces_of(folder: Path, clips: Iterable[str]) -> list[bytes]:
    """Return pieces from the middle of crops of these clips, at most `MOST`, evenly taken from all of them."""
    pieces: list[bytes] = []
    wanted = set(clips)
    for path in shards.shard_paths(folder):
        with shards.reading(path) as transaction:
            for clip in sorted(wanted):
                prefix = keys.crop_prefix(clip)
                cursor = transaction.cursor()
                if cursor.set_range(prefix) and bytes(cursor.key()).startswith(prefix):
                    value = bytes(cursor.value())
                    pieces.append(value[len(value) // 2 :][:PIECE])
    return pieces[:: max(1, len(pieces) // MOST)][:MOST]


def holders(path: Path, pieces: Iterable[bytes]) -> dict[bytes, str]:
    """Return the pieces that entries in use of a shard hold, each with the key of such an entry."""
    keys_of: dict[bytes, str] = {}
    with shards.reading(path) as transaction, transaction.cursor() as cursor:
        for key, value in cursor:
            for piece in pieces:
                if piece in value:
                    keys_of.setdefault(piece, bytes(key).decode(errors="replace"))
    return keys_of


# -- The removal, and the proof that nothing is left ------------------------------------------------------------------


@dataclass(frozen=True)
class Proof:
    """What was checked after the removal: clips whose hashes were computed again, bytes of shards searched.

    `copies` are entries of other people that hold the same picture as a removed one; `damage` is what else is wrong
    with the store, in words: it does not stand in the way of a removal.
    """

    clips: int
    bytes: int
    content_hash: str
    copies: tuple[str, ...]
    damage: tuple[str, ...] = ()


def erase(folder: Path, clips: list[str]) -> int:
    """Remove the clips and rewrite their shards; return how many were still there.

    Crops of theirs without a record go too, and shards that a repair has set aside: both may show the person.

    Raises:
        UserError: another process is writing, the disk is full, a shard is damaged (the next run removes what is left).
    """
    with StoreWriter(folder, StoreInfo.read(folder), extracts=False) as writer:
        there = [clip for clip in clips if clip in writer.done]
        for clip in there:
            writer.remove(clip)
        writer.remove_strays(clips)
        for path in set_aside(folder):
            path.unlink()
        writer_lock.forget_lost(folder, clips)
    return len(there)


def rewrite(folder: Path, shard: int) -> None:
    """Write a shard anew from its entries, so that its file holds nothing else.

    Raises:
        UserError: another process is writing, the disk is full, the shard is damaged.
    """
    with writer_lock.lock_writer(folder):
        shards.close_readers(folder)
        writer = ShardWriter(folder)
        try:
            writer.compact(shard)
        finally:
            writer.close()


def set_aside(folder: Path) -> list[Path]:
    """Return the damaged shards that a repair has set aside: nobody can tell whom they show."""
    return sorted(path for path in (folder / shards.FOLDER).glob("*.damaged") if path.is_file())


def require_readable(folder: Path) -> None:
    """Check, before anything is removed, that nothing in the store will stop the removal half-way.

    Raises:
        UserError: a shard or a record is damaged.
    """
    for path in shards.shard_paths(folder):
        shards.require_sound(path)
        for _ in tables.read_shard(path):
            pass


def _left(traces: Traces, path: Path) -> tuple[str, dict[bytes, str]]:
    """Return what a shard's file holds of the clips ("" for nothing), and others' entries with the same picture."""
    left = list(traces.in_shard(path))
    keys_left = [trace for trace in left if isinstance(trace, str)]
    pieces_left = {trace for trace in left if isinstance(trace, bytes)}
    held = holders(path, pieces_left) if pieces_left else {}
    if keys_left or pieces_left - held.keys():
        return keys_left[0] if keys_left else "a piece of a crop", held
    return "", held


def prove(folder: Path, plan: ForgetPlan, pieces: list[bytes]) -> Proof:
    """Prove the removal: search the shard files byte by byte, and compute every hash of the rest again.

    Raises:
        UserError: a trace is left.
    """
    traces, copies, searched = Traces(plan.clips, pieces), dict[bytes, str](), 0
    for path in shards.shard_paths(folder):
        if _left(traces, path)[0]:
            # Pages that no entry leads to any more, as after a lost write: the clip was in no tree to be removed from.
            rewrite(folder, int(path.stem))
        left, held = _left(traces, path)
        if left:
            do = f"run 'fasdata store check {folder} --repair', then the same command again: it continues"
            raise UserError(f"{path} still holds something of {plan.subject}", found=left, do=do)
        searched += path.stat().st_size
        copies |= held
    report = check_store(folder, rehash=True)
    damage = [f"{problem.times} x {what} (e.g. {problem.first})" for what, problem in report.problems.items()]
    if plan.after and report.content_hash != plan.after:
        damage.append(f"its content is {report.content_hash[:12]}, not {plan.after[:12]} as without this person")
    copied = tuple(sorted(set(copies.values())))
    return Proof(report.clips, searched, report.content_hash, copied, tuple(damage))
