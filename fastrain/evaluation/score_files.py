"""Read score tables in the forms of others: bob's CSV, GRAD-GPAD's JSON, plain CSV and text; and in our own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError
from fasdata.foreign import read_json, read_parquet, read_table
from fastrain.evaluation.score_cells import renamed_attacks, with_species
from fastrain.evaluation.score_columns import READABLE, Layout, Reading, csv_header
from fastrain.evaluation.score_ids import matched
from fastrain.evaluation.score_rows import Rows, rows_of
from fastrain.evaluation.score_rules import COLUMNS, HIGHER_IS
from fastrain.evaluation.scores import ScoreTable

if TYPE_CHECKING:
    import pandas as pd

BOB_FILES = {"val": "scores-dev.csv", "test": "scores-eval.csv"}
FOUR_COLUMN_FILES = {"val": "scores-dev", "test": "scores-eval"}
GRADGPAD_FILES = {"val": "dev.json", "test": "test.json"}
_ROWS = "rows of our own table: frames of clips, by clip_id and frame_index"


@dataclass(frozen=True)
class OutsideScores:
    """Scores as they were read, and what is to be known of the reading: `form` of the file, what its `rows` are.

    `has_ids` is False where the rows were named by their number; `own` where the file is a score table of ours.
    """

    table: ScoreTable
    form: str
    rows: str
    notes: tuple[str, ...] = ()
    has_ids: bool = True
    own: bool = False


def read_scores(path: str | Path, *, key: ScoreTable | None = None, higher: str = "") -> ScoreTable:
    """Return the score table of a run folder, or of any file that `read_outside` reads and that says all by itself.

    `frame` of it is a pandas frame.

    Raises:
        UserError: as `read_outside`.

    >>> import fastrain
    >>> scores = fastrain.read_scores("runs/a")
    >>> scores.parts(), scores.frame["score"].dtype.name
    (('val', 'test'), 'float64')
    """
    own = Path(path) / "scores.csv"
    return read_outside(own if own.is_file() else Path(path), Reading.of(higher), key=key).table


def read_outside(path: Path, reading: Reading, *, key: ScoreTable | None = None) -> OutsideScores:
    """Read scores in any supported form; the name's ending, the files in a folder, or the header decide which.

    A folder holds bob's `scores-dev.csv` and `scores-eval.csv` (parts val and test; also without ending, with four
    columns) or GRAD-GPAD's `dev.json` and `test.json`. JSON scores come without labels: `key` is a table of the same
    samples that has them. What the file does not say, `reading` does.

    Raises:
        UserError: unknown form, a damaged file, what `ScoreTable` refuses, ids that `key` does not have.
    """
    if path.is_dir():
        for files in (BOB_FILES, FOUR_COLUMN_FILES, GRADGPAD_FILES):
            present = {part: path / name for part, name in files.items() if (path / name).is_file()}
            if present:
                return _of_parts(path, present, reading, key)
        names = ", ".join([*BOB_FILES.values(), *FOUR_COLUMN_FILES.values(), *GRADGPAD_FILES.values()])
        raise UserError(f"{path} holds no scores", expected=f"a run's scores.csv, or {names}")
    if not path.exists():
        raise UserError(f"no score file at {path}", expected=f"scores.csv of a finished run, {READABLE}")
    if path.suffix == ".parquet":
        return _own(read_parquet(path).to_pandas(), path, reading)
    if path.suffix == ".json":
        return _of_json(path, {"test": path}, reading, key)
    if not reading.columns and set(COLUMNS) <= csv_header(path):
        return _own(read_table(path), path, reading)
    return _of_parts(path, {"val" if "dev" in path.stem else "test": path}, reading, key)


def _of_parts(path: Path, files: Mapping[str, Path], reading: Reading, key: ScoreTable | None) -> OutsideScores:
    if path.suffix == ".json" or any(file.suffix == ".json" for file in files.values()):
        return _of_json(path, files, reading, key)
    read: dict[str, Rows] = {}
    for part, file in files.items():
        layout = Layout.of(file, reading, labels_known=key is not None)
        read[part] = rows_of(_with_labels(layout.rows(file), key, file), layout, reading, part, str(file))
    frame, notes = _joined([rows.frame for rows in read.values()])
    notes = [*dict.fromkeys(note for rows in read.values() for note in rows.notes), *notes]
    first = next(iter(read.values()))
    table = ScoreTable(_turned(frame, reading.higher), str(path))
    return OutsideScores(table, layout.form, first.are, tuple(notes), all(rows.has_ids for rows in read.values()))


def _with_labels(cells: pd.DataFrame, key: ScoreTable | None, file: Path) -> pd.DataFrame:
    """Return the cells with the labels that their ids have in `key`, where the file has none."""
    if key is None or {"label", "real_id"} & set(cells.columns):
        return cells
    names = cells.get("clip", cells.get("id"))
    if names is None:
        raise UserError(f"{file} has neither labels nor ids", expected="a column label, clip or id")
    return cells.assign(label=matched(list(names.str.strip()), key.frame, str(file))["label"].to_numpy())


def _joined(frames: list[pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of development and evaluation; recordings whose id stands in both are told apart."""
    import pandas as pd

    frame = pd.concat(frames, ignore_index=True)
    if len(frames) == 1:
        return frame, []
    keys = [set(zip(part["dataset"], part["clip_id"], strict=True)) for part in frames]
    samples = [set(part["sample_id"]) for part in frames]
    both = len(keys[0] & keys[1]) or len(samples[0] & samples[1])
    if not both:
        return frame, []
    first = frame.index < len(frames[0])
    for name in ("clip_id", "sample_id"):
        frame[name] = frame[name].where(~first, "dev: " + frame[name])
    return frame, [f"{both} ids stand in both files; they are taken as different recordings, since bob's generator "
                   "names them so: if they are the same, development and evaluation overlap"]  # fmt: skip


# -- Our own tables ---------------------------------------------------------------------------------------------------


def _own(frame: pd.DataFrame, path: Path, reading: Reading) -> OutsideScores:
    if reading.columns or reading.bonafide_is:
        raise UserError(f"{path} says itself what its columns are", expected="neither --columns nor --bonafide-is")
    notes = []
    if reading.attacks:
        frame = renamed_attacks(ScoreTable(with_species(frame), str(path)).frame, reading.attacks, str(path))
    if reading.higher:
        stated = frame["higher_is"].iloc[0] if "higher_is" in frame.columns and len(frame) else ""
        if stated and stated != reading.higher:
            notes.append(f"the file says that {stated} scores higher; --higher-is {reading.higher} decides")
        checked = ScoreTable(with_species(frame.drop(columns="higher_is", errors="ignore")), str(path)).frame
        stated_column = {"higher_is": HIGHER_IS} if "higher_is" in frame.columns else {}
        frame = _turned(checked, reading.higher).assign(**stated_column)
    return OutsideScores(ScoreTable(with_species(frame), str(path)), "our own table", _ROWS, tuple(notes), own=True)


def _turned(frame: pd.DataFrame, higher: str) -> pd.DataFrame:
    """Return the table with the sign of every score turned round where attacks score higher."""
    if higher != "attack":
        return frame
    scores = [name for name in frame.columns if name == "score" or name.startswith("score_")]
    return frame.assign(**{name: -frame[name] for name in scores})


# -- GRAD-GPAD's JSON -------------------------------------------------------------------------------------------------


def _of_json(path: Path, files: Mapping[str, Path], reading: Reading, key: ScoreTable | None) -> OutsideScores:
    import pandas as pd

    frames = []
    for part, file in files.items():
        if key is None:
            raise UserError(f"{file} has no labels", do="name the manifest or the protocol that its ids are of")
        if not reading.higher:
            raise UserError(f"{file} does not say which class scores higher", do="--higher-is bonafide or attack")
        if reading.columns or reading.bonafide_is or reading.attacks:
            raise UserError(f"{file} has ids and scores alone", expected="neither --columns, --bonafide-is nor --map")
        pairs = _pairs(file)
        samples = key.frame[key.frame["part"] == part]
        rows = matched(list(pairs), samples, str(file))
        values = [math.nan if score is None else float(score) for score in pairs.values()]
        status = ["fta" if score is None else "ok" for score in pairs.values()]
        frames.append(rows.assign(score=values, status=status))
    frame = pd.concat(frames, ignore_index=True)
    are = "the manifest's samples or recordings, by their ids"
    return OutsideScores(ScoreTable(_turned(frame, reading.higher), str(path)), "GRAD-GPAD's JSON", are)


def _pairs(path: Path) -> Mapping[str, float | None]:
    data = read_json(path, unique_keys=True)
    if not isinstance(data, dict) or not data:
        raise UserError(f"{path} holds no scores", expected='one object, {"id": score, …}')
    for name, value in data.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and _is_finite(value)):
            raise UserError(f"{path}: the score of {name!r} is not a finite number", found=repr(value)[:60])
    return data


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False
