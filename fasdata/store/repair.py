"""Putting a store right as far as it can be without the recordings."""

from __future__ import annotations

from fasdata.store import shards, tables, writer_lock
from fasdata.store.atomic import sweep
from fasdata.store.check import StoreReport, check_store
from fasdata.store.shard_writer import ShardWriter

_ROUNDS = 3  # what is taken out may bring to light what it hid


def repair(report: StoreReport) -> list[str]:
    """Do what can be done about the findings of a check, and return it in words.

    Tables are rebuilt from the shards; clips that are damaged are taken out, with all that belongs to no clip, and
    shards that cannot be read are set aside under another name: an extraction then makes those clips anew, and until
    it has, the store stays marked as unfinished.

    Raises:
        UserError: somebody else is writing to the store, or it cannot be written.
    """
    folder, done = report.folder, list[str]()
    with writer_lock.lock_writer(folder):
        whole = writer_lock.interrupted(folder) is None and not report.drop and not report.damaged
        writer_lock.mark_unfinished(folder)
        sweep(folder)
        for _ in range(_ROUNDS):
            if not report.drop and not report.damaged:
                break
            done += _put_right(report)
            report = check_store(folder, rehash=report.rehashed)
        shards.close_readers(folder)
        tables.rebuild(folder)
        done.append(f"rebuilt {', '.join(tables.DERIVED)}")
        if whole:
            writer_lock.clear_mark(folder)
    shards.close_readers(folder)
    return done


def _put_right(report: StoreReport) -> list[str]:
    shards.close_readers(report.folder)
    done = []
    for path in report.damaged:
        aside = path.with_name(f"{path.name}.damaged")
        path.replace(aside)
        done.append(f"set aside {path.name} as {aside.name}")
    writer = ShardWriter(report.folder)
    for shard, gone in report.drop.items():
        writer.compact(shard, without=gone)  # in a damaged tree a key that is there need not be found
        done.append(f"took {len(gone)} entries out of shard {shard}" if gone else f"put shard {shard} in order")
    writer.close()
    return done
