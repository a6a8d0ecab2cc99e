"""Hold the scores that evaluation judges: the score table, its origin, and the arrays that metrics work on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fasdata.errors import UserError
from fasdata.foreign import read_table
from fasdata.records import BONAFIDE
from fasdata.species import FAMILIES, family_of, species_of
from fastrain.evaluation.metrics.counts import ClassScores, fuse
from fastrain.evaluation.score_rules import HIGHER_IS, KEY_COLUMNS, checked

if TYPE_CHECKING:
    import pandas as pd

    from fastrain.rundir import RunFacts

FTA_RULES = ("count", "exclude")  # a clip without a usable frame: rejected, or left out
SPECIES = ("attack_type", "pai")  # the columns that tell PAI species apart


@dataclass(frozen=True)
class ScoreTable:
    """Scores of frames or clips with all that is needed to judge them; the table checks and owns its data frame.

    Columns: sample_id, dataset, domain, part, clip_id, subject, label, attack_type, pai, frame_index, status, score,
    and optionally `score_<part>` (the parts a method's score is made of). `score` is float64, higher = bona fide;
    status is `ok`, or `fta` for a clip that gave no usable frame: one row, frame_index -1, no score (NaN). Further
    columns hold the origin of the table, the same in every row: see `ScoreOrigin`.

    Raises:
        UserError: a column is missing, an id occurs twice, a label, part, status or species is unknown, a score is not
            finite, the rows of one clip contradict each other, or they are of different origin.

    >>> import pandas as pd
    >>> frames = pd.DataFrame({"clip_id": ["a", "a", "b"], "frame_index": [0, 9, 0], "score": [0.5, 1.0, 0.25]})
    >>> frames["sample_id"] = frames["clip_id"] + "/" + frames["frame_index"].astype(str)
    >>> frames["label"] = ["bonafide", "bonafide", "attack"]
    >>> frames["attack_type"] = ["bonafide", "bonafide", "print"]
    >>> table = ScoreTable(frames.assign(dataset="d", domain="d", part="test", subject="7", pai="", status="ok"))
    >>> table.parts(), table.part("val")
    (('test',), None)
    >>> table.clips().frame[["sample_id", "score", "n_frames"]].to_numpy().tolist()
    [['d/a', 0.75, 2], ['d/b', 0.25, 1]]
    """

    frame: pd.DataFrame
    source: str = "scores"

    def __post_init__(self) -> None:
        object.__setattr__(self, "frame", checked(self.frame, self.source))

    @classmethod
    def read_csv(cls, path: Path) -> ScoreTable:
        """Read a file written by `write_csv`, or by anyone with the same columns.

        Raises:
            UserError: the file cannot be read as CSV, or its content is not a score table.
        """
        if not path.exists():
            raise UserError(f"no score file at {path}", expected="scores.csv of a finished run")
        # As text: pandas would guess types, turn the clip "NA" into a gap and round the last digit of a score.
        return cls(read_table(path), str(path))

    def write_csv(self, path: Path) -> None:
        """Write the table whole or not at all; scores keep every digit, an absent one is empty."""
        temporary = path.with_name(path.name + ".part")
        self.frame.to_csv(temporary, index=False, lineterminator="\n")
        temporary.replace(path)

    def parts(self) -> tuple[str, ...]:
        """Return the parts present, in order of first appearance."""
        return tuple(self.frame["part"].unique())

    def part(self, name: str) -> ScoreTable | None:
        """Return the rows of one part (`val`, `test`), or None if there are none."""
        rows = self.frame[self.frame["part"] == name]
        return self._of_checked(rows) if len(rows) else None

    def _of_checked(self, rows: pd.DataFrame) -> ScoreTable:
        """Return a table of rows that are checked already: a million of them take seconds to check."""
        table = object.__new__(ScoreTable)
        object.__setattr__(table, "frame", rows.reset_index(drop=True))
        object.__setattr__(table, "source", self.source)
        return table

    def clips(self, fusion: str = "mean") -> ScoreTable:
        """Return one row a clip, in order of first appearance: its fused scores and `n_frames`, how many went in.

        `sample_id` becomes `<dataset>/<clip_id>` and `frame_index` -1.

        Raises:
            UserError: no fusion is called `fusion`.
        """
        import numpy as np

        rows = self.frame
        group = rows.groupby(list(KEY_COLUMNS), sort=False).ngroup().to_numpy()
        first = fuse(np.zeros(len(rows)), group)[0]
        clips = rows.iloc[first].copy()
        for column in (name for name in rows.columns if name == "score" or name.startswith("score_")):
            clips[column] = fuse(rows[column].to_numpy(), group, fusion)[1]
        clips["sample_id"] = clips["dataset"] + "/" + clips["clip_id"]
        clips["frame_index"] = -1
        scored = (rows["status"] == "ok").to_numpy()
        clips["n_frames"] = np.bincount(group, weights=scored).astype(np.int64)[group[first]]
        return self._of_checked(clips)


@dataclass(frozen=True)
class ScoreOrigin:
    """Where the scores of a table are from: network, data and corruption; "" where the table does not say.

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
    def of_run(cls, about: RunFacts, *, corruption: str = "") -> ScoreOrigin:
        """Return the origin of a run's own scores, from its `run.json`."""
        selected = about.selection
        at = f"@{selected.iteration}" if selected.iteration is not None else ""
        return cls(
            selection=selected.policy or "",
            checkpoint=(selected.checkpoint or "") + at,
            protocol=about.protocol or "",
            recipe=about.recipe or "",
            manifest_fingerprint=about.manifest_fingerprint or "",
            corruption=corruption,
        )

    @classmethod
    def of(cls, table: ScoreTable) -> ScoreOrigin:
        """Return the origin that a table names; tables of others, and those in bob's or GRAD-GPAD's form, name none."""
        first = table.frame.iloc[0]
        return cls(**{field.name: str(first[field.name]) for field in fields(cls) if field.name in table.frame.columns})

    def on(self, table: ScoreTable) -> ScoreTable:
        """Return the table with this origin in place of its own; what is unknown gets no column."""
        plain = table.frame.drop(columns=[field.name for field in fields(self)], errors="ignore")
        columns = {name: value for name, value in asdict(self).items() if value}
        return ScoreTable(plain.assign(**columns, higher_is=HIGHER_IS), table.source)

    def require_manifest(self, fingerprint: str | None, source: str) -> None:
        """Check that the scores of `source` are of the manifest with this fingerprint; an unknown one passes.

        Raises:
            UserError: they are of another one.
        """
        if fingerprint and self.manifest_fingerprint not in ("", fingerprint):
            about = " ".join(name for name in (self.protocol, self.recipe) if name)
            raise UserError(
                f"{source} holds scores of another manifest",
                expected=f"fingerprint {fingerprint[:12]}",
                found=self.manifest_fingerprint[:12] + (f" ({about})" if about else ""),
                do="name the manifest that these scores are of",
            )


@dataclass(frozen=True)
class Samples:
    """Arrays of one entry a sample: `scores`, `labels` (1 = bona fide), `species`, and the number of its `clip`.

    `attack_type` is there where species are told apart by something else, so that their families are known.
    """

    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    species: NDArray[np.object_]
    clip: NDArray[np.int64]
    attack_type: NDArray[np.object_] | None = None

    @classmethod
    def of(cls, table: ScoreTable, fta: str, species_by: str = "attack_type") -> Samples:
        """Return the samples of `table`; `fta` is one of `FTA_RULES`, `species_by` one of `SPECIES`.

        A failure to acquire that counts gets the score -inf, below every threshold. The species of an attack is its
        type, or the instrument (`pai`) where that is asked for and given; see `fasdata.species.species_of`.
        """
        rows = table.frame if fta == "count" else table.frame[table.frame["status"] == "ok"]
        pair = ["attack_type", "pai"]
        names = [species_of(str(a), str(p), species_by) for a, p in rows[pair].drop_duplicates().to_numpy(object)]
        return cls(
            rows["score"].fillna(-np.inf).to_numpy(np.float64),
            np.asarray(rows["label"] == BONAFIDE, np.int64),
            np.asarray(names, object)[rows.groupby(pair, sort=False).ngroup().to_numpy()],
            np.asarray(rows.groupby(list(KEY_COLUMNS), sort=False).ngroup(), np.int64),
            None if species_by == "attack_type" else rows["attack_type"].to_numpy(object),
        )

    @cached_property
    def kinds(self) -> dict[str, NDArray[np.bool_]]:
        """Return which samples (N,) are the attacks of each species, in the order of their names."""
        attacks = self.labels == 0
        names = sorted(dict.fromkeys(self.species[attacks]))
        return {str(name): (self.species == name) & attacks for name in names}

    @cached_property
    def families(self) -> dict[str, dict[str, NDArray[np.bool_]]]:
        """Return the attacks of each family that occurs, species by species; those of unknown type are in none."""
        types = self.species if self.attack_type is None else self.attack_type
        of_type = {str(name): types == name for name in set(types.tolist())}
        parts: dict[str, dict[str, NDArray[np.bool_]]] = {}
        for family in FAMILIES:
            members = [of for name, of in of_type.items() if family_of(name) == family]
            for kind, of in self.kinds.items() if members else ():
                if (both := of & np.any(members, axis=0)).any():
                    parts.setdefault(family, {})[kind] = both
        return parts

    @property
    def missing(self) -> str:
        """Return which class is absent, in words; "" when both are there."""
        # One score of each class says it: to sort a million takes a while.
        return ClassScores(*(self.scores[self.labels == label][:1] for label in (1, 0))).missing

    def attacks_of(self, species: str) -> int:
        """Return how many attack samples are of this species."""
        return int(self.kinds[species].sum()) if species in self.kinds else 0

    def clips_of(self, species: str) -> int:
        """Return how many attack clips are of this species."""
        return int(np.unique(self.clip[self.kinds[species]]).size) if species in self.kinds else 0
