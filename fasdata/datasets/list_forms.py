"""Readers of the list files that say what no path does: one function a form of list."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from fasdata.datasets.card import Card
from fasdata.datasets.layouts import path_parser
from fasdata.datasets.list_facts import ClipOf, Facts, Listed, bonafide_label
from fasdata.datasets.list_files import ListFiles, read_cells, read_json, read_lines, read_rows, split_of
from fasdata.errors import UserError
from fasdata.records import Clip

# -- CASIA-SURF challenge: the labels of Val and Testing stand only in the private lists ------------------------------


# All attacks of the release are printed faces with parts cut out.
_FACTS = {
    "bonafide": Facts(label="bonafide", attack_type="bonafide"),
    "attack": Facts(label="attack", attack_type="print", pai="print-cut"),
}


def read_casia_surf(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the labels by clip.

    Lines: three paths in any order, then 1 for bona fide or 0; public lists have no label.

    Raises:
        UserError: paths of one line belong to different samples; a label is neither 0 nor 1.
    """
    found = Listed()
    for path, _ in files.named(r"(?:val|test)_(?:private_list|public_list|list|label)\.txt"):
        labelled = 0
        for number, line in read_lines(path):
            words = line.split()
            if len(words) < 2 or "/" in words[-1] or "\\" in words[-1]:
                continue  # a public list: paths only
            clips = {clip_of(word) for word in words[:-1]}
            if len(clips) != 1 or "" in clips:
                raise UserError(
                    f"{path} line {number}",
                    expected="the color, depth and ir image of one sample",
                    found=repr(line[:120]),
                )
            label = bonafide_label(words[-1], where=f"{path} line {number}")
            found.tell(clips.pop(), _FACTS[label])
            labelled += 1
        if labelled:
            found.sources.append(path.name)
    return found


# -- CeFA challenge: the folders of dev and test are anonymous numbers, their labels stand in the lists of protocol 4 -


_CEFA_ROW = r"4@(?P<fold>[123])_(?P<part>train|dev|test)(?:_(?P<kind>ref|res))?\.txt"


def read_casia_surf_cefa(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the labels, and as field `4@<k>` the part of each fold of the challenge that a clip belongs to.

    Lines: a frame (train) or a folder (dev, test), then 1 for bona fide or 0. Files of results may carry no label or a
    score instead; reference files are believed over them.
    """
    found = Listed()
    named = sorted(files.named(_CEFA_ROW), key=lambda one: one[1]["kind"] == "ref")
    for path, match in named:
        fold, part = f"4@{match['fold']}", match["part"].lower()
        for number, line in read_lines(path):
            words = line.split()
            label = words[-1] if len(words) > 1 else ""
            clip = next((clip for clip in map(clip_of, words) if clip), "")
            if clip:
                found.tell(clip, _cefa_facts(fold, part, label, match["kind"], f"{path} line {number}"))
        found.sources.append(path.name)
    return found


def _cefa_facts(fold: str, part: str, text: str, kind: str | None, where: str) -> Facts:
    if part == "train" or text not in ("0", "1"):
        if part != "train" and text and kind == "ref":
            bonafide_label(text, where=where)
        return Facts(fields={fold: part})
    label = bonafide_label(text, where=where)
    # The lists do not say what kind of attack a folder holds.
    return Facts(label=label, attack_type="bonafide" if label == "bonafide" else "unknown", fields={fold: part})


# -- CelebA-Spoof: the label files say what kind of attack an image is, and are right where folder names are not ------


_SPOOF_TYPE, _LABEL = 40, 43  # places in an image's row of numbers; label 0 is live
_ATTACK_TYPE = {1: "print", 2: "print", 3: "print", 4: "mask-paper", 5: "mask-paper", 6: "mask-paper"}
_ATTACK_TYPE |= {7: "replay", 8: "replay", 9: "replay", 10: "mask-3d"}
_CELEBA_NAME = {1: "photo", 2: "poster", 3: "a4", 4: "face-mask", 5: "upper-body-mask", 6: "region-mask"}
_CELEBA_NAME |= {7: "pc", 8: "pad", 9: "phone", 10: "3d-mask"}


def read_celeba_spoof(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return label and attack kind by image. Files: a JSON object, path to 44 numbers.

    Raises:
        UserError: not such an object.
    """
    found = Listed()
    # Every protocol repeats the labels of its images; those of intra_test, the whole data, are read last and win.
    named = sorted(files.named(r"[^/]*label[^/]*\.json"), key=lambda one: "intra_test" in one[0].parts)
    facts: dict[tuple[int, int], Facts] = {}
    for path, _ in named:
        rows = read_json(path)
        if not isinstance(rows, dict):
            raise UserError(f"{path} is no label file", expected="an object of paths", found=type(rows).__name__)
        for image, row in rows.items():
            clip = clip_of(image)
            if not clip:
                continue
            if not isinstance(row, list) or len(row) <= _LABEL or row[_LABEL] not in (0, 1):
                raise UserError(
                    f"{path}: {image[:80]}", expected=f"{_LABEL + 1} numbers, the last 0 or 1", found=str(row)[-60:]
                )
            key = (row[_LABEL], row[_SPOOF_TYPE] if isinstance(row[_SPOOF_TYPE], int) else -1)
            found.tell(clip, facts.setdefault(key, _celeba_facts(*key)))
        found.sources.append(path.name)
    return found


def _celeba_facts(label: int, kind: int) -> Facts:
    if label == 0:
        return Facts(label="bonafide", attack_type="bonafide")
    return Facts(
        label="attack",
        attack_type=_ATTACK_TYPE.get(kind, "unknown"),
        fields={"instrument": _CELEBA_NAME[kind]} if kind in _CELEBA_NAME else {},
    )


# -- HiFiMask: splits stand in the lists of the protocols, one image or clip a line -----------------------------------


_HIFIMASK_ROW = r"(?:[^/]*@?p(?P<protocol>[123](?:\.\d)?)_)?(?:(?:image|video)_)?(?P<part>train|dev|val|test)[^/]*\.txt"


def read_hifimask(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the splits of protocol 1, and as field `P<k>` the part of every other protocol that a clip belongs to.

    Labels are in the clips' names; the numbers in the lists (0 = live) are not needed.
    """
    found = Listed()
    for path, match in files.named(_HIFIMASK_ROW):
        part = split_of(match["part"])
        protocol = match["protocol"] or "1"
        facts = Facts(split=part) if protocol == "1" else Facts(fields={f"P{protocol}": part})
        for _, line in read_lines(path):
            clip = clip_of(line.replace(",", " ").split()[0])
            if clip and found.facts.get(clip) is not facts:  # ten lines a clip in the image lists
                found.tell(clip, facts)
        found.sources.append(path.name)
    return found


# -- WMCA: protocols are CSV files with a recording and its group in every row ----------------------------------------


_WMCA_NAME = r"(?:PROTOCOL-)?(?P<name>grand_?test(?:-curated)?|LOO_[a-z]+)(?:_(?P<group>train|dev|eval|test))?\.csv"


def read_wmca(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the split by grandtest, and as field `LOO_<kind>` the part of each leave-one-out protocol.

    A row names a recording in one cell, with or without folders and ending, and its group (train, dev, eval) in
    another; where the file is of one group its name says which.
    """
    found = Listed()
    for clip, facts, _ in protocol_rows(files, clip_of, found.sources):
        found.tell(clip, facts)
    return found


def protocol_rows(files: ListFiles, clip_of: ClipOf, sources: list[str]) -> Iterator[tuple[str, Facts, dict[str, str]]]:
    """Yield clip id, split facts and the cells by column name of every row; names of the files go to `sources`."""
    for path, match in files.named(_WMCA_NAME):
        name, group = match["name"].lower(), split_of(match["group"] or "")
        header: list[str] = []
        for _, cells in read_cells(path):
            clip = next((clip for clip in map(clip_of, cells) if clip), "")
            if not clip:
                header = header or [cell.lower() for cell in cells]
                continue
            part = next((split for split in map(split_of, reversed(cells)) if split), group)
            facts = Facts(split=part) if name.startswith("grand") else Facts(fields={f"LOO_{name[4:]}": part})
            yield clip, facts, dict(zip(header, cells, strict=False))
        sources.append(path.name)


# -- HQ-WMCA: labels too stand in the protocol files only -------------------------------------------------------------


_WORDS = {"0": "bonafide", "bonafide": "bonafide", "real": "bonafide", "1": "attack", "attack": "attack"}


def read_hq_wmca(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the split by grand_test, the part of each leave-one-out protocol, and the label of the column `label`.

    There 0 is bona fide. The kind of an attack is in no list.
    """
    found = Listed()
    for clip, facts, cells in protocol_rows(files, clip_of, found.sources):
        label = _WORDS.get(cells.get("label", "").lower(), "")
        attack_type = {"bonafide": "bonafide", "attack": "unknown", "": ""}[label]
        found.tell(clip, replace(facts, label=label, attack_type=attack_type))
    return found


# -- PADISI-Face: names are numbers; the ground truth and the partitions are CSV files keyed by trial -----------------


_CODE = re.compile(r"m(?:(?P<bonafide>0)\d{4}|5(?P<code>\d\d)\d\d)", re.IGNORECASE)
# Attack type and species by the two digits after m5.
_PADISI_KIND = {
    "01": ("partial", "funny-eye-glasses"),
    "02": ("print", ""),
    "03": ("mannequin", "mannequin"),
    "04": ("mask-3d", "half"),
    "05": ("mask-3d", "transparent"),
    "06": ("makeup", ""),
    "07": ("mask-3d", "silicone"),
    "08": ("partial", "paper-glasses"),
    "09": ("makeup", "tattoo"),
}


def read_padisi_face(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return label, kind and participant; the split of fold 0; and as fields `fold0` … `fold2` the part in each fold.

    Raises:
        UserError: a column is missing, a ground-truth code or a part is unknown.
    """
    found = Listed()
    for path, _ in files.named(r"[^/]*ground_truth[^/]*\.csv"):
        for number, row in read_rows(path, "trial_id", "ground_truth"):
            if clip := clip_of(f"{row['trial_id']}.npz"):
                found.tell(clip, _truth(row, f"{path} line {number}"))
        found.sources.append(path.name)
    for path, match in files.named(r"[^/]*part(?P<fold>[012])\.csv"):
        for number, row in read_rows(path, "trial_id", "partition_name"):
            part = split_of(row["partition_name"])
            if not part:
                raise UserError(
                    f"{path} line {number}", expected="train, valid or test", found=repr(row["partition_name"][:40])
                )
            fold = match["fold"]
            if clip := clip_of(f"{row['trial_id']}.npz"):
                found.tell(clip, Facts(split=part if fold == "0" else "", fields={f"fold{fold}": part}))
        found.sources.append(path.name)
    return found


def _truth(row: dict[str, str], where: str) -> Facts:
    code = row.get("ground_truth", "")
    match = _CODE.fullmatch(code)
    subject = row.get("participant_id", "")
    if match and match["bonafide"]:
        return Facts(label="bonafide", attack_type="bonafide", subject=subject)
    if not match or match["code"] not in _PADISI_KIND:
        raise UserError(f"{where}: a ground-truth code", expected="m00000 or m501xx to m509xx", found=repr(code[:40]))
    attack_type, pai = _PADISI_KIND[match["code"]]
    return Facts(label="attack", attack_type=attack_type, pai=pai, subject=subject, fields={"code": code})


# -- SiW-Mv2: the split of protocol 1 stands in lists of recording names ----------------------------------------------


def read_siw_mv2(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the split of every recording named in `trainlist_*` and `testlist_*`; names repeat there for balance."""
    found = Listed()
    for path, match in files.named(r"(?P<part>train|test)list_(?:all|live)\.txt"):
        facts = Facts(split=split_of(match["part"]))
        for _, line in read_lines(path):
            if clip := clip_of(line.split()[0]):
                found.tell(clip, facts)
        found.sources.append(path.name)
    return found


# -- From a card's hook to the facts -----------------------------------------------------------------------------------

Reader = Callable[[ListFiles, ClipOf], Listed]

# Cards name these; nothing else is ever called on a card's word.
READERS: dict[str, Reader] = {
    "casia_surf": read_casia_surf,
    "casia_surf_cefa": read_casia_surf_cefa,
    "celeba_spoof": read_celeba_spoof,
    "hifimask": read_hifimask,
    "hq_wmca": read_hq_wmca,
    "padisi_face": read_padisi_face,
    "siw_mv2": read_siw_mv2,
    "wmca": read_wmca,
}


def listed_facts(card: Card, relpaths: Iterable[str], root: Path | None, lists: Path | None) -> Listed:
    """Return what the list files of the card's release tell; nothing where it has no hook or no file is there.

    Files in `lists` are read, or else those among the paths of the dataset root.

    Raises:
        UserError: `lists` does not exist; a list file does not have the form of the release's.
    """
    found = Listed()
    if lists is not None and not lists.is_dir():
        raise UserError(f"--lists {lists} is not there", expected="a folder with the release's list files")
    if not card.hook:
        return found
    read = READERS[card.hook]
    if lists is not None:
        found = read(ListFiles.below(lists), _clip_of(card))
    if not found.sources and root is not None:
        found = read(ListFiles.among(relpaths, root), _clip_of(card))
    return found


def _clip_of(card: Card) -> ClipOf:
    parsers = [path_parser(card, layout) for layout in card.layouts]

    def clip_of(path: str) -> str:
        plain = path.replace("\\", "/").rstrip("/")
        for place, parse in enumerate(parsers):
            if isinstance(meaning := parse(plain), Clip):
                parsers.insert(0, parsers.pop(place))  # the next line is of the same kind
                return meaning.clip_id
        return ""

    return clip_of
