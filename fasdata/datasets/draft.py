"""Draft a table of one's own data: what the names of folders and files say of each recording, and nothing else."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from fasdata.datasets.attack_words import attack_of_file, attack_of_folder, names_instrument
from fasdata.datasets.list_files import split_of
from fasdata.datasets.own_labels import ATTACK_WORDS, BONAFIDE_WORDS
from fasdata.datasets.tree import ARRAY, IMAGE, UNREAD_IMAGE, VIDEO, ending, is_left_behind, natural_key, walk
from fasdata.errors import UserError
from fasdata.records import ATTACK, BONAFIDE, MODALITIES
from fasdata.species import UNKNOWN

COLUMNS = ("path", "label", "split", "subject", "attack_type", "pai", "depth", "ir")
_FRAMES = 5  # numbered pictures in a folder, from which it is taken for the frames of one recording
_DIGITS = re.compile(r"\d+")
_WORDS = re.compile(r"[^\W_]+")
_PERSON = re.compile(
    r"(?<![A-Za-z])(?:client|subject|person|user|participant|people|volunteer|sub|id)[-_ ]?\d+", re.IGNORECASE
)
_MODALITY = {"rgb": "rgb", "color": "rgb", "colour": "rgb", "depth": "depth", "ir": "ir", "infrared": "ir", "nir": "ir"}
# Folders that say how or where a recording was made, not of whom.
_NOBODY_WORDS = (
    "vid vids scene session webcam fixed hand data dataset videos video images image frames frame raw release files "
    "file camera cam device phone part folder light indoor outdoor adverse controlled set fold protocol clip clips take"
)
_NOBODY = set(_NOBODY_WORDS.split())


@dataclass(frozen=True)
class Row:
    """What is guessed of one recording; "" where no name says it."""

    path: str
    label: str = ""
    split: str = ""
    subject: str = ""
    attack_type: str = ""
    pai: str = ""
    depth: str = ""
    ir: str = ""


@dataclass(frozen=True)
class Draft:
    """The rows of a draft, how many of them are folders of pictures, and the media that nothing here reads."""

    rows: Sequence[Row]
    folders: int = 0
    unread: Sequence[str] = field(default_factory=tuple)


def draft(root: Path) -> Draft:
    """Return the draft of a tree.

    Raises:
        UserError: it is no folder, or holds no media.
    """
    if not root.is_dir():
        raise UserError(f"{root} is no folder", expected="the folder of your recordings")
    paths = sorted((path for path in walk(root) if not is_left_behind(path) and path.isprintable()), key=natural_key)
    made = draft_of(paths)
    if not made.rows:
        unreadable = f"{len(made.unread)} files that are not read, such as {made.unread[0]}" if made.unread else "none"
        raise UserError(f"no videos or pictures below {root}", found=unreadable)
    return made


def draft_of(paths: Sequence[str]) -> Draft:
    """Return the draft of the files with these paths."""
    unread = [path for path in paths if ending(path) in (*UNREAD_IMAGE, *ARRAY)]
    units, folders = _recordings([path for path in paths if ending(path) in (*VIDEO, *IMAGE)])
    coloured = _beside_colour(units)
    shared = _shared_folders(list(coloured))
    rows = [replace(_guessed(path, shared), **others) for path, others in coloured.items()]
    return Draft(_without_nobody(_told_apart(rows)), len(folders & coloured.keys()), unread)


def write_draft(made: Draft, out: TextIO) -> None:
    """Write the rows as CSV with a header; columns of modalities that nothing has are left out."""
    columns = [name for name in COLUMNS if name not in MODALITIES or any(getattr(row, name) for row in made.rows)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([getattr(row, name) for name in columns] for row in made.rows)


def describe_draft(made: Draft, root: Path, out: Path) -> str:
    """Say in three lines what was guessed, what is to be filled in, and what comes then."""
    rows, videos = made.rows, sum(ending(row.path) in VIDEO for row in made.rows)
    kinds = (("videos", videos), ("folders of pictures", made.folders), ("pictures", len(rows) - videos - made.folders))
    what = ", ".join(f"{number} {name}" for name, number in kinds if number)
    attacks = [row for row in rows if row.label == ATTACK]
    guessed = [
        f"label {_counts(row.label for row in rows)}", f"split {_counts(row.split for row in rows)}",
        f"subject {len({row.subject for row in rows} - {''})} people",
        f"attack type {_counts(row.attack_type for row in attacks)}",
    ]  # fmt: skip
    lacking = {
        "label": [row.path for row in rows if not row.label], "split": [row.path for row in rows if not row.split],
        "subject": [row.path for row in rows if not row.subject],
        "attack_type": [row.path for row in attacks if row.attack_type in ("", UNKNOWN)],
    }  # fmt: skip
    empty = [f"{name} of {len(of)} rows (such as {of[0]})" for name, of in lacking.items() if of]
    left = f"; not read and left out: {len(made.unread)} such as {made.unread[0]}" if made.unread else ""
    return "\n".join([
        f"{out}: {len(rows)} rows ({what}); guessed from names: {', '.join(guessed)}",
        f"to fill in: {', '.join(empty) or 'nothing, but check what was guessed'}{left}",
        f"then: fasdata extract NAME --root {root} --card {out}",
    ])  # fmt: skip


# -- What is one recording --------------------------------------------------------------------------------------------


def _recordings(media: Sequence[str]) -> tuple[list[str], set[str]]:
    """Return the path of each recording, a video, a picture or a folder of frames; and which of them are folders."""
    pictures: defaultdict[str, list[str]] = defaultdict(list)
    for path in media:
        if ending(path) in IMAGE and "/" in path:
            pictures[path.rpartition("/")[0]].append(path.rpartition("/")[2])
    folders = {folder for folder, names in pictures.items() if _are_frames(names)}
    units = (path.rpartition("/")[0] if path.rpartition("/")[0] in folders and ending(path) in IMAGE else path
             for path in media)  # fmt: skip
    return list(dict.fromkeys(units)), folders


def _are_frames(names: Sequence[str]) -> bool:
    shapes = {_DIGITS.sub("0", name) for name in names}
    return len(names) >= _FRAMES and len(shapes) == 1 and "0" in shapes.pop()


def _beside_colour(units: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the recordings in colour, each with the paths of its depth and infrared."""
    keyed: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for unit in units:
        modality, key = _without_modality(unit)
        keyed[key].setdefault(modality, unit)
    result = {}
    for unit in units:
        modality, key = _without_modality(unit)
        group = keyed[key]
        if modality == "rgb" and group["rgb"] == unit:
            result[unit] = {name: path for name, path in group.items() if name != "rgb"}
        elif "rgb" not in group or modality == "rgb":
            result[unit] = {}  # depth alone, or a second file: a row of its own, for a person to decide
    return result


def _without_modality(path: str) -> tuple[str, str]:
    """Return the modality that a path names, and the path without it and without the file's ending."""
    stem = path[: -len(ending(path)) - 1] if ending(path) in (*VIDEO, *IMAGE) else path
    for match in reversed(list(_WORDS.finditer(stem))):
        if modality := _MODALITY.get(match[0].lower()):
            before, after = stem[: match.start()].rstrip("-_. "), stem[match.end() :].lstrip("-_. ")
            return modality, f"{before}|{after}".replace("/|/", "/").replace("|", "")
    return "rgb", stem


# -- What the names of a recording say --------------------------------------------------------------------------------


def _guessed(path: str, shared: int) -> Row:
    """Return the row of a recording; the first `shared` folders are those of all, which say nothing but whole words."""
    *folders, name = path.split("/")
    telling = [folder for at, folder in enumerate(folders) if at >= shared or _is_word(folder)]
    stem = name.rpartition(".")[0] or name
    splits = {split for folder in telling if (split := _split(folder))}
    label = next((word for part in (*reversed(telling), stem) if (word := _label(part))), "")
    attack_type, pai = _attack([*reversed(telling)], stem) if label == ATTACK else ("", "")
    if label == BONAFIDE:
        attack_type = BONAFIDE
    return Row(path, label, splits.pop() if len(splits) == 1 else "", _subject(telling, stem), attack_type, pai)


def _split(folder: str) -> str:
    named = {split for word in (folder, *_WORDS.findall(folder)) if (split := split_of(word))}
    return named.pop() if len(named) == 1 else ""


def _label(name: str) -> str:
    words = {word.strip("0123456789") or word for word in _words(name)}
    bonafide = bool(words & set(BONAFIDE_WORDS)) or {"bona", "fide"} <= words
    attack = bool(words & set(ATTACK_WORDS)) or names_instrument(name)
    if bonafide == attack:
        return ""
    return BONAFIDE if bonafide else ATTACK


def _attack(folders: Sequence[str], stem: str) -> tuple[str, str]:
    """Return attack type and species: by the innermost folder that names an instrument, else by words of the name."""
    for folder in folders:
        if (meaning := attack_of_folder(folder)) and meaning[0] != UNKNOWN:
            return meaning
    return attack_of_file(stem) or UNKNOWN, ""


def _subject(folders: Sequence[str], stem: str) -> str:
    for name in (stem, *reversed(folders)):
        if match := _PERSON.search(name):
            return match[0]
    for folder in reversed(folders):
        bare = {word.strip("0123456789") or word for word in _words(folder)}
        if len(_DIGITS.findall(folder)) > 2:
            continue  # a code of several numbers is that of a recording
        if not _split(folder) and not _label(folder) and not bare & (_NOBODY | set(_MODALITY)):
            return folder
    return ""


def _is_word(folder: str) -> bool:
    return bool(split_of(folder) or folder.lower() in (*BONAFIDE_WORDS, *ATTACK_WORDS) or names_instrument(folder))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name)]


def _shared_folders(paths: Sequence[str]) -> int:
    """Return how many folders all paths begin with."""
    folders = [path.split("/")[:-1] for path in paths]
    depth = 0
    while folders and all(len(parts) > depth and parts[depth] == folders[0][depth] for parts in folders):
        depth += 1
    return depth


def _told_apart(rows: Sequence[Row]) -> list[Row]:
    """Return the rows; people who are mere numbers that begin anew in each split are named with their split."""
    splits: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.subject and row.split:
            splits[row.subject].add(row.split)
    anew = any(len(of) > 1 and subject.isdecimal() for subject, of in splits.items())
    if not anew:
        return list(rows)
    numbered = (row.split and row.subject.isdecimal() for row in rows)
    return [replace(row, subject=f"{row.split}-{row.subject}") if renamed else row
            for row, renamed in zip(rows, numbered, strict=True)]  # fmt: skip


def _without_nobody(rows: Sequence[Row]) -> list[Row]:
    """Return the rows without subjects where one name stands for all: it is the name of a folder."""
    people = {row.subject for row in rows}
    alone = len(people) == 1 and len(rows) > 1 and not any(_PERSON.fullmatch(subject) for subject in people)
    return [replace(row, subject="") if alone else row for row in rows]


def _counts(values: Iterable[str]) -> str:
    times: Mapping[str, int] = Counter(value for value in values if value)
    return ", ".join(f"{name} {number}" for name, number in _ordered(times)) or "of none"


def _ordered(times: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    yield from sorted(times.items(), key=lambda item: -item[1])
