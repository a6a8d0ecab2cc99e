"""Changing a store behind its back, and reading what is said of it."""

from __future__ import annotations

from pathlib import Path

import lmdb
import pytest

from fasdata.errors import UserError
from fasdata.store import shards


def shard(folder: Path) -> Path:
    """Return the first shard's file, closed."""
    shards.close_readers(folder)
    return shards.shard_path(folder, 0)


def put(folder: Path, key: bytes, value: bytes) -> None:
    """Write an entry."""
    with lmdb.open(str(shard(folder)), subdir=False, map_size=1 << 24) as env, env.begin(write=True) as transaction:
        transaction.put(key, value)


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    """Return the text of a refusal, which has to be one line."""
    text = str(error.value)
    assert "\n" not in text and len(text) < 700
    return text
