"""Read the cells of a file of others: labels, attack names, scores and parts, in the words that people use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.records import ATTACK, BONAFIDE
from fasdata.species import is_attack_type, read_attack_name
from fastrain.evaluation.score_columns import Layout, Reading

if TYPE_CHECKING:
    import pandas as pd

LONGEST = 4096  # characters of a cell that is a name
_LIVE = frozenset(["bonafide", "bona-fide", "live", "real", "genuine"])
_SPOOF = frozenset(["attack", "spoof", "fake", "presentation-attack", "imposter", "impostor"])
_NO_SCORE = frozenset(("", "nan", "none", "null", "na", "n/a"))
_NO_NAME = frozenset(("", "nan", "none", "null"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def labels_of(cells: pd.DataFrame, layout: Layout, reading: Reading, where: str) -> tuple[np.ndarray, pd.Series | None]:
    """Return which rows are bona fide, and the words that name attacks where the labels do."""
    if "label" not in cells:
        if not {"real_id", "subject"} <= set(cells.columns):
            raise UserError(f"{where} has no column label", do="name it with --columns")
        return (cells["real_id"] == cells["subject"]).to_numpy(), cells["real_id"]
    column, texts = layout.roles.get("label", "label"), cells["label"]
    values = list(texts.unique())
    if reading.bonafide_is:
        if reading.bonafide_is not in values:
            raise UserError(f"{where}: no {column} is {reading.bonafide_is!r}", found=_listed(values))
        live = (texts == reading.bonafide_is).to_numpy()
        return live, None if len(values) <= 2 else texts
    words = {value: _word(value) for value in values}
    if column == "is_bonafide":
        meant = {value: {"true": True, "false": False}.get(word) for value, word in words.items()}
        expected = "True or False"
    else:
        meant = {value: True if word in _LIVE else (False if word in _SPOOF else None) for value, word in words.items()}
        expected = "bonafide or attack (live, real, spoof, fake too)"
    odd = [value for value, is_live in meant.items() if is_live is None]
    if odd:
        what = "is neither True nor False" if column == "is_bonafide" else "is neither bonafide nor attack"
        raise UserError(
            f"{where}: {column} {what}", expected=expected, found=_listed(odd),
            do="say which value is the bona fide one: --bonafide-is VALUE",
        )  # fmt: skip
    return texts.map(meant).to_numpy(bool), None


def attacks_of(
    cells: pd.DataFrame, live: np.ndarray, words: pd.Series | None, reading: Reading, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return attack type and instrument of every row."""
    names = names_in(cells["species"]) if "species" in cells else (words if words is not None else constant(cells, ""))
    named = np.asarray(live) & (names != "").to_numpy() & (words is None)
    strange = [name for name in names[named].unique() if _word(name) not in _LIVE]
    if strange:
        raise UserError(f"{where}: a bona fide row names an attack", expected="no attack there", found=_listed(strange))
    present = list(names[~live].unique())
    meant = dict(reading.attacks)
    if unused := [name for name in meant if name not in present]:
        raise UserError(f"--map {unused[0]}: no attack has that name", found=_listed(present))
    pairs = {name: read_attack_name(meant.get(name, name)) for name in present}
    kind = np.where(live, BONAFIDE, names.map({name: pair[0] for name, pair in pairs.items()}))
    instrument = np.where(live, "", names.map({name: pair[1] for name, pair in pairs.items()}))
    if "instrument" in cells:
        given = names_in(cells["instrument"]).to_numpy(object)
        instrument = np.where(live | (given == ""), instrument, given)
    return kind, instrument


def renamed_attacks(frame: pd.DataFrame, attacks: Sequence[tuple[str, str]], where: str) -> pd.DataFrame:
    """Return a table of our own columns in which attacks of a name, by type or instrument, have another.

    Raises:
        UserError: no attack has that name.
    """
    for name, meant in attacks:
        there = (frame["label"] == ATTACK) & ((frame["attack_type"] == name) | (frame["pai"] == name))
        if not there.any():
            spoof = frame[frame["label"] == ATTACK]
            present = [*spoof["attack_type"].unique(), *spoof["pai"].unique()]
            raise UserError(f"{where}: --map {name}: no attack has that name", found=_listed([n for n in present if n]))
        kind, instrument = read_attack_name(meant)
        columns = {"attack_type": kind, "pai": instrument}
        frame = frame.assign(**{column: frame[column].mask(there, value) for column, value in columns.items()})
    return frame


def with_species(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of our own columns in which attack types outside the vocabulary have become species."""
    if not {"label", "attack_type", "pai"} <= set(frame.columns):
        return frame
    spoof = frame["label"] == ATTACK
    present = frame["attack_type"][spoof].dropna().unique()
    pairs = {
        str(name): read_attack_name(str(name)) for name in present
        if str(name) not in ("", BONAFIDE) and not is_attack_type(str(name))
    }  # fmt: skip
    odd = spoof & frame["attack_type"].isin(list(pairs))
    if not odd.any():
        return frame
    kinds = frame["attack_type"].map({name: pair[0] for name, pair in pairs.items()})
    kinds = kinds.where(odd, frame["attack_type"])
    species = frame["attack_type"].map({name: pair[1] for name, pair in pairs.items()})
    instrument = frame["pai"].fillna("").astype(object)
    return frame.assign(attack_type=kinds, pai=instrument.where(~odd | (instrument != ""), species.fillna("")))


def scores_of(cells: pd.DataFrame, where: str) -> np.ndarray:
    """Return the scores, not a number where there is none.

    Raises:
        UserError: one is neither a finite number nor absent.
    """
    text = cells["score"].str.lower()
    absent = text.isin(list(_NO_SCORE)).to_numpy()
    try:
        values = np.where(absent, "nan", text).astype(np.float64)
    except ValueError:
        row = next(place for place, cell in enumerate(text) if not absent[place] and not _is_number(cell))
        raise UserError(
            f"{where}: the score of row {row + 1} is not a number", found=repr(cells["score"].iloc[row][:60])
        ) from None
    if np.isinf(values).any():
        raise UserError(f"{where}: the score of row {int(np.isinf(values).argmax()) + 1} is not finite", found="inf")
    return values


def parts_of(cells: pd.DataFrame, part: str, where: str) -> pd.Series | str:
    """Return the part of every row, `part` where no column says it.

    Raises:
        UserError: there is no such part.
    """
    if "part" not in cells:
        return part
    words = {"test": "test", "eval": "test", "val": "val", "dev": "val", "devel": "val", "train": "train"}
    known = cells["part"].str.lower().map(words)
    if known.isna().any():
        odd = cells["part"][known.isna()].unique()
        raise UserError(f"{where}: unknown part", expected="test or val (eval, dev)", found=_listed(list(odd)))
    return known


def require_plain(cells: pd.DataFrame, where: str) -> None:
    """Stop where a cell is too long, or holds a control character.

    Raises:
        UserError: names the column.
    """
    for name in cells.columns:
        texts = cells[name].unique().tolist()
        if max(map(len, texts), default=0) <= LONGEST and not _CONTROL.search("".join(texts)):
            continue
        for text in texts:
            if len(text) > LONGEST:
                raise UserError(f"{where}: a cell of {len(text):,} characters ({name})", expected=f"at most {LONGEST}")
            if _CONTROL.search(text):
                raise UserError(f"{where}: a control character in {name}", expected="printable text", found=repr(text))


def names_in(texts: pd.Series) -> pd.Series:
    """Return names, empty where a cell says that there is none."""
    return texts.where(~texts.str.lower().isin(list(_NO_NAME)), "")


def constant(cells: pd.DataFrame, value: str | int) -> pd.Series:
    """Return a column of one value."""
    import pandas as pd

    return pd.Series(value, index=cells.index, dtype=object if isinstance(value, str) else "int64")


def _word(text: str) -> str:
    return re.sub(r"[\s_]+", "-", text.strip().lower())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _listed(values: Sequence[str], shown: int = 4) -> str:
    names = [repr(str(value)[:40]) for value in values[:shown]]
    return ", ".join(names) + (f" and {len(values) - shown} more" if len(values) > shown else "")
