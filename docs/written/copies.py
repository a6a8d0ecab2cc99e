"""Pages that are files of the repository: the README of each method, how to contribute, the plan of the house, changes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

TOP = Path(__file__).resolve().parent.parent.parent
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def copied() -> dict[str, str]:
    """Return which file of the repository becomes which generated page."""
    methods = sorted((TOP / "fastrain" / "methods").glob("*/README.md"))
    return {
        **{path.relative_to(TOP).as_posix(): f"methods/{path.parent.name}.md" for path in methods},
        "ARCHITECTURE.md": "project/architecture.md",
        "CONTRIBUTING.md": "project/contributing.md",
        "CHANGELOG.md": "project/changelog.md",
        "benchmarks/README.md": "project/benchmarks.md",
    }


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages."""
    names = copied()
    for source, page in names.items():
        yield page, linked((TOP / source).read_text(encoding="utf-8"), source, page, names)


def linked(text: str, source: str, page: str, names: dict[str, str]) -> str:
    """Return the text of the file `source` with links as they are on the page `page`; what is no page is named only.

    >>> names = {"a/README.md": "m/a.md", "B.md": "p/b.md"}
    >>> linked("[b](../B.md#x) [c](c.py) [d](http://d)", "a/README.md", "m/a.md", names)
    '[b](../p/b.md#x) c (`a/c.py`) [d](http://d)'
    """

    def link(match: re.Match[str]) -> str:
        picture, words, target, place = match[1], match[2], match[3], match[4] or ""
        if not target or ":" in target:
            return match[0]
        path = PurePosixPath(os.path.normpath(PurePosixPath(source).parent / target)).as_posix()
        here = PurePosixPath("docs/generated", page).parent
        if picture:
            return f"![{words}]({os.path.relpath(path, here)})"
        if path in names:
            return f"[{words}]({os.path.relpath(PurePosixPath('docs/generated', names[path]), here)}{place})"
        return f"[{words}]({os.path.relpath(path, here)}{place})" if path.startswith("docs/") else f"{words} (`{path}`)"

    return _LINK.sub(link, text)
