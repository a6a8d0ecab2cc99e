"""Read the blocks of a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
SHELL, PYTHON = ("sh", "bash", "shell", "console"), ("python", "py")
_PROGRAMS = (
    "fasdata", "fastrain", "make", "pip", "python", "python3", "pytest", "curl", "docker", "openssl", "git", "for",
    "FASTRAIN_SERVE_TOKEN",
)  # fmt: skip
_FENCE = re.compile(r"^(`{3,}|:{3,})\s*(\S*)\s*$")
_COMMENT = re.compile(r"^\s*<!--\s*(not run|dry run|exit|quick|file)\b:?\s*(.*?)\s*-->\s*$")


@dataclass(frozen=True)
class Block:
    """A block of a document: its first line, its language, its text, and what the comments before it say."""

    document: str
    line: int
    language: str
    text: str
    comments: dict[str, str]

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.document}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is code that is run, perhaps with `--dry-run`."""
        return self.is_code and "not run" not in self.comments and "file" not in self.comments

    @property
    def is_code(self) -> bool:
        """Whether it holds commands or Python, by its language or, without one, by its first word."""
        if self.language:
            return self.language in (*SHELL, *PYTHON)
        words = re.split(r"[\s=]", self.text.lstrip("$ ").lstrip(), maxsplit=1)
        return words[0] in _PROGRAMS


def documents() -> list[str]:
    """Return the documents whose blocks are run, in the order of a reader, as paths below the checkout."""
    site = sorted(
        path.relative_to(TOP).as_posix() for path in (TOP / "docs").rglob("*.md")
        if not {"generated", "_build"} & set(path.relative_to(TOP).parts)
    )  # fmt: skip
    methods = sorted(path.relative_to(TOP).as_posix() for path in (TOP / "fastrain" / "methods").glob("*/README.md"))
    return ["README.md", *site, *methods, "CONTRIBUTING.md", "benchmarks/README.md"]


def blocks_of(document: str) -> list[Block]:
    """Return the blocks of a document of the checkout."""
    return list(read_blocks((TOP / document).read_text(encoding="utf-8"), document))


def read_blocks(text: str, document: str = "") -> Iterator[Block]:
    """Yield fenced and indented blocks with the comments right before them.

    >>> [block] = read_blocks("Try:\\n<!-- quick -->\\n```sh\\nfasdata views\\n```\\n")
    >>> block.line, block.language, block.text, block.comments, block.runs
    (4, 'sh', 'fasdata views', {'quick': ''}, True)
    """
    lines = text.splitlines()
    comments: dict[str, str] = {}
    place = 0
    while place < len(lines):
        line = lines[place]
        if fence := _FENCE.match(line):
            end = next((at for at in range(place + 1, len(lines)) if lines[at].strip() == fence[1]), len(lines))
            if not fence[2].startswith("{"):
                yield Block(document, place + 2, fence[2], "\n".join(lines[place + 1 : end]), comments)
                comments = {}
            place = end + 1 if fence[1].startswith("`") else place + 1
        elif line.startswith("    ") and line.strip() and (place == 0 or not lines[place - 1].strip() or comments):
            end = place
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            yield Block(document, place + 1, "", "\n".join(line[4:] for line in lines[place:end]).rstrip(), comments)
            comments, place = {}, end
        else:
            if comment := _COMMENT.match(line):
                comments = {**comments, comment[1]: comment[2]}
            elif line.strip():
                comments = {}
            place += 1
