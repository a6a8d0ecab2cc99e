"""Pages that code writes: a Sphinx extension that fills `docs/generated/` before the pages are read.

What is generated from: the command-line programs, the classes of settings, the cards of datasets, the ledger of published
numbers, the classes behind the files, and the README of each method. Nothing of it is kept in the repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent.parent
OUT = TOP / "docs" / "generated"


def pages() -> Iterator[tuple[str, str]]:
    """Yield every generated page: its path below `docs/generated/` and its text."""
    from docs.written import commands, copies, field_guide, formats, names, settings

    for room in (commands, settings, names, field_guide, formats, copies):
        yield from room.pages()


def write(*_: Any) -> None:
    """Write the pages that changed, and remove those that are no more."""
    written = set()
    for name, text in pages():
        path = OUT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
        written.add(path)
    for path in OUT.rglob("*.md"):
        if path not in written:
            path.unlink()


def setup(app: Any) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("builder-inited", write)
    return {"version": "1", "parallel_read_safe": True}
