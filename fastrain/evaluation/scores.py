"""The score table: what a run hands to evaluation, one row a frame or a clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fastrain.evaluation.fusion import fuse
from fastrain.evaluation.score_rules import KEY_COLUMNS, checked

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ScoreTable:
    """Scores with all that is needed to judge them; the frame is checked and owned by the table.

    Columns: sample_id, dataset, domain, part, clip_id, subject, label, attack_type, pai, frame_index, status, score,
    and optionally `score_<part>` (the parts a method's score is made of). `score` is float64, higher = bona fide;
    status is `ok`, or `fta` for a clip that gave no usable frame: one row, frame_index -1, no score (NaN). Further
    columns say what the table is of, the same in every row: see `ScoreOrigin`.

    Raises:
        UserError: a column is missing, an id occurs twice, a label, part, status or species is unknown, a score is not
            finite, the rows of one clip contradict each other, or they are of different origin.
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
        import pandas as pd

        try:
            # As text: pandas would guess types, turn the clip "NA" into a gap and round the last digit of a score.
            frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        except FileNotFoundError as error:
            raise UserError(f"no score file at {path}", expected="scores.csv of a finished run") from error
        except (ValueError, UnicodeDecodeError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path} is no score file", expected="a CSV file with a header", found=reason) from error
        return cls(frame, str(path))

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
        return ScoreTable(rows, self.source) if len(rows) else None

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
        return ScoreTable(clips, self.source)
