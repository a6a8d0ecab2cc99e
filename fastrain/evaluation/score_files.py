"""Read and write score tables in other forms: bob's CSV, GRAD-GPAD's JSON, parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import LARGEST_TABLE, opened, read_json, read_parquet, read_table, whole_number
from fasdata.records import ATTACK, BONAFIDE
from fasdata.store.atomic import replacing, write_text
from fastrain.evaluation.score_rules import COLUMNS
from fastrain.evaluation.scores import ScoreTable

if TYPE_CHECKING:
    import pandas as pd

BOB = ("claimed_id", "test_label", "is_bonafide", "attack_type", "score")
BOB_FILES = {"val": "scores-dev.csv", "test": "scores-eval.csv"}
GRADGPAD_FILES = {"val": "dev.json", "test": "test.json"}
HIGHER = ("bonafide", "attack")
_LONGEST_LINE = 1 << 20  # bytes of a header


def read_scores(path: Path, *, key: ScoreTable | None = None, higher: str = "") -> ScoreTable:
    """Read scores in any supported form; the name's ending, or the files in a folder, decide which.

    A CSV is ours or bob's, by its header; a folder holds bob's `scores-dev.csv` and `scores-eval.csv` (parts val
    and test) or GRAD-GPAD's `dev.json` and `test.json`; a `.json` is one part `test` of the latter. JSON scores come
    without labels: `key` is a table of the same samples that has them, and `higher` says which class scores higher
    (`bonafide` or `attack`), since no file says so.

    Raises:
        UserError: unknown form, a damaged file, what `ScoreTable` refuses, ids that `key` does not have.
    """
    if path.is_dir():
        for files, read in ((BOB_FILES, _read_bob), (GRADGPAD_FILES, _reader_of_json(key, higher))):
            present = {part: path / name for part, name in files.items() if (path / name).is_file()}
            if present:
                return _joined([read(file, part) for part, file in present.items()], str(path))
        names = ", ".join([*BOB_FILES.values(), *GRADGPAD_FILES.values()])
        raise UserError(f"{path} holds no scores", expected=f"a run's scores.csv, or {names}")
    if path.suffix == ".parquet":
        return _read_parquet(path)
    if path.suffix == ".json":
        return ScoreTable(_reader_of_json(key, higher)(path, "test"), str(path))
    if _header(path) >= set(BOB):
        return ScoreTable(_read_bob(path, "val" if "dev" in path.stem else "test"), str(path))
    return ScoreTable.read_csv(path)


def write_scores(table: ScoreTable, out: Path, form: str) -> list[Path]:
    """Write a table in the form `bob` or `gradgpad` (a folder, one file a part), `csv` or `parquet` (a file).

    Bob's five columns have no place for domain, instrument and frame: `test_label` holds the sample id, from which
    dataset, clip and frame come back. A failure to acquire is written as nan (bob) or null.

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
    table = pd.DataFrame(
        {
            "claimed_id": rows["subject"],
            "test_label": rows["sample_id"],
            "is_bonafide": bonafide,
            "attack_type": rows["attack_type"].where(~bonafide, ""),
            "score": rows["score"],
        }
    )
    write_text(path, table.to_csv(index=False, lineterminator="\n", na_rep="nan"))


def _read_bob(path: Path, part: str) -> pd.DataFrame:
    rows = read_table(path)
    _require(rows, BOB, path)
    odd = ~rows["is_bonafide"].str.lower().isin(["true", "false"])
    if odd.any():
        value = rows["is_bonafide"][odd].iloc[0]
        raise UserError(f"{path}: is_bonafide is neither True nor False", found=repr(value))
    bonafide = rows["is_bonafide"].str.lower() == "true"
    lost = rows["score"].str.strip().str.lower().isin(["", "nan"])
    places = [_place(label) for label in rows["test_label"]]
    return rows.assign(
        sample_id=rows["test_label"],
        dataset=[dataset for dataset, _, _ in places],
        clip_id=[clip for _, clip, _ in places],
        frame_index=[frame for _, _, frame in places],
        domain="",
        part=part,
        subject=rows["claimed_id"],
        label=[BONAFIDE if live else ATTACK for live in bonafide],
        attack_type=rows["attack_type"].where(~bonafide, BONAFIDE),
        pai="",
        status=["fta" if absent else "ok" for absent in lost],
        score=rows["score"].where(~lost, ""),
    )[list(COLUMNS)]


def _write_gradgpad(rows: pd.DataFrame, path: Path) -> None:
    pairs = {
        name: None if math.isnan(score) else score for name, score in zip(rows["sample_id"], rows["score"], strict=True)
    }
    write_text(path, json.dumps(pairs, indent=0, allow_nan=False) + "\n")


def _reader_of_json(key: ScoreTable | None, higher: str) -> Callable[[Path, str], pd.DataFrame]:
    def read(path: Path, part: str) -> pd.DataFrame:
        if key is None:
            raise UserError(f"{path} has no labels", do="name the manifest or the protocol that its ids are of")
        if higher not in HIGHER:
            raise UserError(f"{path} does not say which class scores higher", do="--higher-is bonafide or attack")
        scores = _pairs(path)
        samples = key.frame[key.frame["part"] == part].set_index("sample_id", drop=False)
        strange = [name for name in scores if name not in samples.index]
        if strange:
            names = f"{strange[0]!r} and {len(strange) - 1} more" if len(strange) > 1 else repr(strange[0])
            raise UserError(f"{path} has ids that the manifest does not have", found=names)
        rows = samples.loc[list(scores)].reset_index(drop=True)
        sign = 1.0 if higher == "bonafide" else -1.0
        values = [float("nan") if score is None else sign * score for score in scores.values()]
        return rows.assign(score=values, status=["fta" if score is None else "ok" for score in scores.values()])

    return read


def _pairs(path: Path) -> Mapping[str, float | None]:
    data = read_json(path, unique_keys=True)
    if not isinstance(data, dict) or not data:
        raise UserError(f"{path} holds no scores", expected='one object, {"id": score, …}')
    for name, value in data.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if value is not None and not (number and math.isfinite(value)):
            raise UserError(f"{path}: the score of {name!r} is not a finite number", found=repr(value)[:60])
    return data


def _read_parquet(path: Path) -> ScoreTable:
    return ScoreTable(read_parquet(path).to_pandas(), str(path))


def _place(sample: str) -> tuple[str, str, int]:
    """Return dataset, clip and frame of an id like ours; of another the id itself is the clip."""
    dataset, _, rest = sample.partition("/")
    clip, _, frame = rest.rpartition("/")
    number = whole_number(frame.removeprefix("-"))
    if dataset and clip and number is not None:
        return dataset, clip, -number if frame.startswith("-") else number
    return "unknown", sample, 0


def _joined(parts: list[pd.DataFrame], source: str) -> ScoreTable:
    import pandas as pd

    return ScoreTable(pd.concat(parts, ignore_index=True), source)


def _header(path: Path) -> set[str]:
    try:
        with opened(path, largest=LARGEST_TABLE) as file:
            return {cell.strip().strip('"') for cell in file.readline(_LONGEST_LINE).decode("utf-8").split(",")}
    except (UserError, UnicodeDecodeError):
        return set()


def _require(rows: pd.DataFrame, columns: tuple[str, ...], path: Path) -> None:
    missing = [name for name in columns if name not in rows.columns]
    if missing:
        raise UserError(f"{path} lacks the column {', '.join(missing)}", expected=", ".join(columns))
