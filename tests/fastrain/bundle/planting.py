"""Bundles with something planted in them, their hashes made anew as whoever plants it would."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fastrain.bundle.archive import packed, read_archive


def planted(
    source: Path, out: Path, change: Callable[[dict[str, Any]], None], files: Mapping[str, bytes] | None = None
) -> Path:
    """Write a copy of a bundle with other words in bundle.json, or other files."""
    members, _ = read_archive(source)
    members.update(files or {})
    facts = json.loads(members["bundle.json"])
    change(facts)
    facts["files"] = {
        name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        for name, data in members.items()
        if name != "bundle.json"
    }
    members["bundle.json"] = json.dumps(facts).encode()
    out.write_bytes(packed(members))
    return out


def nothing(facts: dict[str, Any]) -> None:
    """Change nothing."""
