"""The lock of a store's one writer, and the mark of a run that has not finished."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection
from pathlib import Path
from typing import IO

from fasdata.errors import UserError
from fasdata.foreign import Unreadable, read_json_object
from fasdata.store.atomic import write_text

LOCK = "writer.lock"
UNFINISHED = "unfinished"


def lock_writer(folder: Path) -> IO[str]:
    """Lock a store and return the lock, which ends when it is closed or this process ends.

    Raises:
        UserError: another process holds it, or the store is on a file system that cannot be written.
    """
    try:
        handle = (folder / LOCK).open("a")
    except OSError as error:
        raise UserError(
            f"the store {folder} cannot be written", found=error.strerror or str(error), do="give another --out"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        raise UserError(
            f"another process is writing to the store {folder}",
            expected="one writer",
            do="wait for it to end, or stop it",
        ) from None
    except OSError as error:
        handle.close()
        raise UserError(
            f"the store {folder} cannot be locked",
            expected="a file system with file locks",
            found=error.strerror or str(error),
            do="give another --out",
        ) from None
    return handle


def mark_unfinished(folder: Path, to_compact: Collection[int] = ()) -> None:
    """Mark the store as being changed: until `clear_mark` it counts as unfinished.

    `to_compact` are shards whose free pages may still hold removed crops; the next writer that finishes compacts them.
    """
    marked = interrupted(folder)
    if marked is None or not marked.issuperset(to_compact):
        write_text(folder / UNFINISHED, json.dumps({"compact": sorted({*(marked or ()), *to_compact})}) + "\n")


def clear_mark(folder: Path) -> None:
    """Remove the mark: the run has finished."""
    (folder / UNFINISHED).unlink(missing_ok=True)


def interrupted(folder: Path) -> set[int] | None:
    """Return None for a store whose last run has finished, else the shards that are yet to be compacted."""
    if not (folder / UNFINISHED).exists():
        return None
    try:
        return {int(number) for number in read_json_object(folder / UNFINISHED)["compact"]}
    except Unreadable:
        raise
    except (UserError, ValueError, KeyError, TypeError):  # whatever the file holds, the run has not finished
        return set()
