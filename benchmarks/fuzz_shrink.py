"""Make an input that shows a fault smaller: fewer changes, less of the file, and keep it."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fuzz_inputs import Inputs

if TYPE_CHECKING:
    from fuzz_media import Kind
    from fuzz_process import Process

TRIALS, SECONDS = 100, 20.0  # that the search for a smaller input may take


def keep_smallest(process: Process, kind: Kind, seed: int, finding: dict[str, Any], keep: Path) -> Path:
    """Write the smallest input with the same outcome, error and place, and what is known of it; return its folder."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-whole-"))
    try:
        inputs = Inputs.of(kind, seed, folder, kind.prepare(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    same = _Same(process, kind, finding)
    name, data = _fewer_steps(inputs, finding["index"], same)
    whole = inputs.files[name]
    if finding["outcome"] != "hang":
        data = shrunk(data, whole, lambda smaller: same(name, smaller))
    words = re.sub(r"[^A-Za-z0-9._-]+", "-", "-".join(str(finding[key]) for key in ("kind", "error", "where")))[:150]
    place = keep / words
    place.mkdir(parents=True, exist_ok=True)
    (place / Path(name).name).write_bytes(data)
    (place / "about.json").write_text(json.dumps({**finding, "file": name, "seed": seed}, indent=1) + "\n")
    return place


class _Same:
    """Whether an input still shows the finding; after enough trials nothing does."""

    def __init__(self, process: Process, kind: Kind, finding: dict[str, Any]) -> None:
        self._process, self._kind, self._finding = process, kind, finding
        self._left, self._until = TRIALS, time.monotonic() + SECONDS

    def __call__(self, name: str, data: bytes) -> bool:
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._until:
            return False
        outcome = self._process.single(self._kind.name, name, data)
        return all(outcome[key] == self._finding[key] for key in ("outcome", "error", "where"))


def _fewer_steps(inputs: Inputs, index: int, same: _Same) -> tuple[str, bytes]:
    kept = set(range(inputs.steps(index)))
    for step in sorted(kept):
        if len(kept) > 1 and same(*inputs.made(index, lambda number, step=step: number in kept - {step})):  # type: ignore[misc]
            kept.discard(step)
    return inputs.made(index, lambda number: number in kept)


def shrunk(data: bytes, whole: bytes, holds: Callable[[bytes], bool]) -> bytes:
    """Return a smaller input for which `holds` is true: pieces are left out, or put back as the whole file has them."""
    if len(data) == len(whole):
        data = _restored(data, whole, holds)
    size = len(data) // 2
    while size >= max(1, len(data) // 64):
        at = 0
        while at < len(data):
            smaller = data[:at] + data[at + size :]
            if holds(smaller):
                data = smaller
            else:
                at += size
        size //= 2
    return data


def _restored(data: bytes, whole: bytes, holds: Callable[[bytes], bool]) -> bytes:
    places = [at for at, (new, old) in enumerate(zip(data, whole, strict=True)) if new != old]
    size = len(places) // 2
    while size >= 1:
        for start in range(0, len(places), size):
            changed = bytearray(data)
            for at in places[start : start + size]:
                changed[at] = whole[at]
            if bytes(changed) != data and holds(bytes(changed)):
                data = bytes(changed)
        places = [at for at in places if data[at] != whole[at]]
        size = min(size // 2, len(places) // 2)
    return data
