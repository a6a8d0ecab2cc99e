"""What scores are of: the network, the data and the polarity, told in columns that say the same in every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fasdata.errors import UserError
from fastrain.evaluation.score_rules import HIGHER_IS
from fastrain.evaluation.scores import ScoreTable


@dataclass(frozen=True)
class ScoreOrigin:
    """Where the scores of a table are from; "" is what the table does not tell.

    `selection` is the policy by which the checkpoint was chosen, `checkpoint` its name and iteration (`best@120`);
    `protocol` and `recipe` are canonical names, `manifest_fingerprint` is that of the manifest whose ids these are.
    `corruption` is what was done to the pictures (`jpeg:3`). Which class scores higher stands beside them, in
    `higher_is`; in a score table it is always the bona fide one.
    """

    selection: str = ""
    checkpoint: str = ""
    protocol: str = ""
    recipe: str = ""
    manifest_fingerprint: str = ""
    corruption: str = ""

    @classmethod
    def of_run(cls, about: Mapping[str, Any], *, corruption: str = "") -> ScoreOrigin:
        """Return the origin of a run's own scores, from its `run.json`."""
        chosen = about.get("selection") or {}
        iteration = chosen.get("iteration")
        return cls(
            selection=str(chosen.get("policy") or ""),
            checkpoint=str(chosen.get("checkpoint") or "") + (f"@{iteration}" if iteration is not None else ""),
            protocol=str(about.get("protocol") or ""),
            recipe=str(about.get("recipe") or ""),
            manifest_fingerprint=str(about.get("manifest_fingerprint") or ""),
            corruption=corruption,
        )

    @classmethod
    def of(cls, table: ScoreTable) -> ScoreOrigin:
        """Return what a table tells; tables of others, and those in bob's or GRAD-GPAD's form, tell nothing."""
        first = table.frame.iloc[0]
        return cls(**{one.name: str(first[one.name]) for one in fields(cls) if one.name in table.frame.columns})

    def on(self, table: ScoreTable) -> ScoreTable:
        """Return the table with this origin in place of its own; what is not known gets no column."""
        plain = table.frame.drop(columns=[one.name for one in fields(self)], errors="ignore")
        told = {name: value for name, value in asdict(self).items() if value}
        return ScoreTable(plain.assign(**told, higher_is=HIGHER_IS), table.source)

    def require_manifest(self, fingerprint: str | None, source: str) -> None:
        """Check that the scores of `source` are of the manifest with this fingerprint, as far as both are known.

        Raises:
            UserError: they are of another one.
        """
        if fingerprint and self.manifest_fingerprint not in ("", fingerprint):
            about = " ".join(one for one in (self.protocol, self.recipe) if one)
            raise UserError(
                f"{source} holds scores of another manifest",
                expected=f"fingerprint {fingerprint[:12]}",
                found=self.manifest_fingerprint[:12] + (f" ({about})" if about else ""),
                do="name the manifest that these scores are of",
            )
