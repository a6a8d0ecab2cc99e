"""What a store already holds, as far as planning needs to know."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fasdata.store import tables
from fasdata.store.info import StoreInfo


@dataclass(frozen=True)
class Standing:
    """The status of each stored clip, the rules that its record answers, and those that the store is to have."""

    status: Mapping[str, str] = field(default_factory=dict)
    answered: Mapping[str, str] = field(default_factory=dict)  # rules joined by " + "
    rules: tuple[str, ...] = ()

    @classmethod
    def of(cls, folder: Path) -> Standing:
        """Read it from the tables where the store has them, else from the shards.

        Raises:
            UserError: there is no store, or it is damaged.
        """
        rules = StoreInfo.read(folder).rules
        if (folder / tables.CLIPS).is_file():
            columns = tables.read_columns(folder, "clip_id", "status", "rules")
            rows = list(zip(*columns.values(), strict=True))
        else:
            records = (record for _, record in tables.read_shards(folder))
            rows = [(one.clip.clip_id, one.status, " + ".join(sorted(one.selections))) for one in records]
        return cls({row[0]: row[1] for row in rows}, {row[0]: row[2] for row in rows}, rules)

    def lacks(self, clip_id: str, rules: Collection[str]) -> bool:
        """Tell whether a clip could be given frames of one of `rules`; one that was never decoded cannot."""
        if self.status.get(clip_id, "failed") == "failed":
            return False
        return not set(rules) <= set(self.answered[clip_id].split(" + "))
