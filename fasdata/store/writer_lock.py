"""One writer a store, and the word that a run of it has not ended."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Collection
from pathlib import Path
from typing import IO

from fasdata.errors import UserError
from fasdata.store.atomic import write_text

LOCK = "writer.lock"
UNFINISHED = "unfinished"


def lock_writer(folder: Path) -> IO[str]:
    """Return the lock on a store; it is given back by closing it, or by the end of this process.

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
    """Say that the store is being changed: until `clear_mark` nobody takes it for a whole one.

    `to_compact` are shards in whose free pages removed crops may still lie; the next writer that ends sees to them.
    """
    known = interrupted(folder)
    if known is None or not known.issuperset(to_compact):
        write_text(folder / UNFINISHED, json.dumps({"compact": sorted({*(known or ()), *to_compact})}) + "\n")


def clear_mark(folder: Path) -> None:
    """Say that the run has ended."""
    (folder / UNFINISHED).unlink(missing_ok=True)


def interrupted(folder: Path) -> set[int] | None:
    """Return None for a store whose last run has ended, else the shards that it has yet to compact."""
    try:
        noted = json.loads((folder / UNFINISHED).read_text(encoding="utf-8"))["compact"]
        return {int(number) for number in noted}
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):  # whatever is written there, the run has not ended
        return set()
