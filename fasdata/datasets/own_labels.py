"""What the labels of one's own table mean: which word is bona fide is declared, never guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fasdata.errors import UserError
from fasdata.records import ATTACK, BONAFIDE, LABELS
from fasdata.species import UNKNOWN, read_attack_name

BONAFIDE_WORDS = ("bonafide", "bona fide", "bona-fide", "bona_fide", "real", "live", "genuine", "authentic")
ATTACK_WORDS = ("attack", "attacks", "spoof", "spoofs", "fake", "fakes", "spoofing", "impostor", "imposter")
_NO_ATTACK = ("", "-", "none", "no", "nan", "na", "n/a", "null")  # in the column attack_type of a bona fide row


@dataclass(frozen=True)
class LabelWords:
    """What each word of a column means: bona fide or attack, and which kind of attack the word itself names."""

    labels: Mapping[str, str]
    attacks: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def label(self, cell: str) -> str:
        """Return `bonafide` or `attack`."""
        return self.labels[cell]

    def attack(self, cell: str) -> str:
        """Return the name of the attack that a label itself is, "" for one that only says that it is one."""
        return self.attacks.get(cell, "")


def label_words(cells: Iterable[tuple[str, str]], bonafide_is: str = "") -> LabelWords:
    """Return what the labels of a table mean; `cells` are the places (for errors) and texts of its column label.

    Without `bonafide_is` the words must be `bonafide` and `attack`. With it that word is bona fide, and every other one
    an attack; where there are several, or one is a word of the field, they name the kind of attack too.

    >>> words = label_words([("", "live"), ("", "print"), ("", "replay")], "live")
    >>> words.label("live"), words.label("print"), words.attack("print")
    ('bonafide', 'attack', 'print')

    Raises:
        UserError: another word without `bonafide_is`; an empty label; no row has the word; two words for bona fide.
    """
    first: dict[str, str] = {}
    times: Counter[str] = Counter()
    for where, text in cells:
        first.setdefault(text, where)
        times[text] += 1
    if not bonafide_is:
        plain = {text: _plain(text) for text in first}
        for text, word in plain.items():
            if word not in LABELS:
                raise UserError(
                    f"{first[text]}: a label", expected=" or ".join(LABELS), found=repr(text[:40]),
                    do="write the word, or say with --bonafide-is WORD which of yours is bona fide: lists disagree on "
                    "what 0 and 1 mean",
                )  # fmt: skip
        return LabelWords(plain)
    wanted = _plain(bonafide_is)
    labels = {text: BONAFIDE if _plain(text) == wanted else ATTACK for text in first}
    if BONAFIDE not in labels.values():
        raise UserError(
            f"--bonafide-is {bonafide_is}: no row has this label", found=", ".join(map(repr, list(first)[:8])),
            do="pass the word of the column label that means bona fide",
        )  # fmt: skip
    others = [text for text, label in labels.items() if label == ATTACK]
    for text in others:
        if not text or _plain(text) in BONAFIDE_WORDS:
            raise UserError(
                f"{first[text]}: a label", expected=f"{bonafide_is!r} for bona fide, another word for an attack",
                found=repr(text[:40]), do="use one word for bona fide" if text else "fill it in, or take the row out",
            )  # fmt: skip
    words = {_plain(text) for text in others}
    attacks = {}
    for text in others:
        named = len(words) > 1 or read_attack_name(text)[0] != UNKNOWN
        if named and _plain(text) not in ATTACK_WORDS:
            attacks[text] = text
    meanings = ", ".join(
        f"{text!r} {'bona fide' if labels[text] == BONAFIDE else 'an attack'} ({times[text]})" for text in first
    )
    return LabelWords(labels, attacks, (f"labels: {meanings}"[:600],))


def attack_of(label: str, cell: str, label_names: str, where: str) -> tuple[str, str]:
    """Return the attack type and species of a row, by its column attack_type, else by what its label names.

    Any name of an attack is taken.

    Raises:
        UserError: a bona fide row names an attack, or an attack is said to be bona fide.
    """
    word = cell.strip().lower()
    says_none, says_bonafide = word in _NO_ATTACK, word in BONAFIDE_WORDS
    if (label == BONAFIDE and not says_none and not says_bonafide) or (label == ATTACK and says_bonafide):
        raise UserError(f"{where}: label and attack_type contradict each other", found=f"{label} and {cell[:40]}")
    if label == BONAFIDE:
        return BONAFIDE, ""
    return read_attack_name(label_names if says_none else cell)


def _plain(text: str) -> str:
    """Return a label as labels are compared: in lower case, numbers by value, `bona fide` in one word."""
    word = " ".join(text.split()).casefold()
    if word in BONAFIDE_WORDS[:4]:
        return BONAFIDE
    try:
        number = float(word)
    except ValueError:
        return word
    return str(int(number)) if number == number and abs(number) < 1e6 and number == int(number) else word
