"""Repair a store as far as its check allows: what cannot be proven is taken out, and an extraction makes it anew."""

from __future__ import annotations

import os
import shutil

from fasdata.store import deriving, shards, tables, writer_lock
from fasdata.store.atomic import sweep
from fasdata.store.check import StoreReport, check_store, some
from fasdata.store.salvage import Salvage
from fasdata.store.shard_writer import ShardWriter

_ROUNDS = 3  # what is removed may have hidden other damage


def repair(report: StoreReport) -> list[str]:
    """Repair a store as far as its check allows, and return what was done in words.

    Tables are rebuilt from the shards. Damaged clips are removed, with all entries that belong to no clip. Of a shard
    with damaged pages those clips are kept whose bytes still have their hashes, and the damaged file is set aside under
    another name. The clips that are gone are named, and stand in the mark of the store: until an extraction has made
    them anew, the store counts as unfinished.

    Raises:
        UserError: another process is writing to the store, or it cannot be written.
    """
    folder, done, lost = report.folder, list[str](), set(report.lost)
    with writer_lock.lock_writer(folder):
        complete = writer_lock.interrupted(folder) is None and not report.drop and not report.damaged and not lost
        writer_lock.mark_unfinished(folder, lost=lost)
        sweep(folder)
        sweep(folder / shards.FOLDER)
        for _ in range(_ROUNDS):
            if not report.drop and not report.damaged:
                break
            done += _remove_damage(report)
            report = check_store(folder, rehash=report.rehashed)
            lost |= report.lost
            writer_lock.mark_unfinished(folder, lost=lost)
        shards.close_readers(folder)
        deriving.rebuild(folder)
        done.append(f"rebuilt {', '.join(tables.DERIVED)}")
        if complete:
            writer_lock.clear_mark(folder)
    shards.close_readers(folder)
    if lost:
        done.append(f"to be made anew by the next extraction ({len(lost)}): {some(lost)}")
    return done


def _remove_damage(report: StoreReport) -> list[str]:
    shards.close_readers(report.folder)
    done = []
    writer = ShardWriter(report.folder)
    for held in report.damaged:
        done.append(_replace(held, writer))
    for shard, unwanted in report.drop.items():
        writer.compact(shard, without=unwanted)
        done.append(f"took {len(unwanted)} entries out of shard {shard}")
    writer.close()
    return done


def _replace(held: Salvage, writer: ShardWriter) -> str:
    """Put a new shard in the place of a damaged one, which keeps its bytes under another name."""
    path, aside = held.path, held.path.with_name(f"{held.path.name}.damaged")
    if not held.kept:
        path.replace(aside)
        path.with_name(f"{path.name}-lock").unlink(missing_ok=True)
        return f"set aside {path.name} as {aside.name}"
    aside.unlink(missing_ok=True)
    try:
        os.link(path, aside)  # so that at every moment one name or the other leads to the clips
    except OSError:  # a file system without links
        shutil.copyfile(path, aside)
    writer.rewrite(int(path.stem), held.entries())
    return f"kept {len(held.kept)} clips of {path.name}, which is set aside as {aside.name}"
