"""Write score tables in other forms: bob's CSV, GRAD-GPAD's JSON, parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import unknown_name
from fasdata.records import BONAFIDE
from fasdata.species import UNKNOWN
from fasdata.store.atomic import replacing, write_text
from fastrain.evaluation.score_files import BOB_FILES, GRADGPAD_FILES
from fastrain.evaluation.scores import ScoreTable

if TYPE_CHECKING:
    import pandas as pd


def write_scores(table: ScoreTable, out: Path, form: str) -> list[Path]:
    """Write a table in the form `bob` or `gradgpad` (a folder, one file a part), `csv` or `parquet` (a file).

    Beside bob's five columns stand those by which bob.pad groups frames, `frame_id` and `video_key`, and `dataset` and
    `pai`, which bob takes for metadata: so the table can be read back. A failure to acquire is nan (bob) or null.

    Raises:
        UserError: no form has that name.
    """
    writers: dict[str, Callable[[pd.DataFrame, Path], None]] = {"bob": _write_bob, "gradgpad": _write_gradgpad}
    if form == "csv":
        table.write_csv(out)
        return [out]
    if form == "parquet":
        with replacing(out) as temporary:
            table.frame.to_parquet(temporary, index=False)
        return [out]
    if form not in writers:
        raise unknown_name("form of scores", form, (*writers, "csv", "parquet"))
    out.mkdir(parents=True, exist_ok=True)
    files = BOB_FILES if form == "bob" else GRADGPAD_FILES
    written = []
    for part, name in files.items():
        rows = table.frame[table.frame["part"] == part]
        if len(rows):
            writers[form](rows, out / name)
            written.append(out / name)
    return written


def _write_bob(rows: pd.DataFrame, path: Path) -> None:
    import pandas as pd

    bonafide = rows["label"] == BONAFIDE
    known = ~rows["attack_type"].isin(["", UNKNOWN])
    table = pd.DataFrame(
        {
            "claimed_id": rows["subject"],
            "test_label": rows["sample_id"],
            "is_bonafide": bonafide,
            "attack_type": rows["attack_type"].where(known | (rows["pai"] == ""), rows["pai"]).where(~bonafide, ""),
            "score": rows["score"],
            "frame_id": rows["frame_index"],
            "video_key": rows["dataset"] + "/" + rows["clip_id"],
            "dataset": rows["dataset"],
            "pai": rows["pai"],
        }
    )
    write_text(path, table.to_csv(index=False, lineterminator="\n", na_rep="nan"))


def _write_gradgpad(rows: pd.DataFrame, path: Path) -> None:
    pairs = {
        name: None if math.isnan(score) else score for name, score in zip(rows["sample_id"], rows["score"], strict=True)
    }
    write_text(path, json.dumps(pairs, indent=0, allow_nan=False) + "\n")
