"""One line of somebody's list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ListRow:
    """`paths` as written, one a modality; `label` is bonafide, attack or "" where the list does not say.

    `where` is the file and line, for messages.
    """

    paths: tuple[str, ...]
    label: str
    where: str
    subject: str = ""
    attack_type: str = ""
