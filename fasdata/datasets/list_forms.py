"""Read the list files that state what no path does: one reader for each release."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from fasdata.datasets.list_files import (
    LARGEST,
    ClipFacts,
    ClipOf,
    ListFacts,
    ListFiles,
    binary_label,
    read_cells,
    read_lines,
    read_rows,
    split_of,
)
from fasdata.datasets.unified_lists import read_uniattackdata, read_uniattackdata_plus
from fasdata.errors import UserError
from fasdata.foreign import read_json

# -- CASIA-SURF challenge: only the private lists have the labels of Val and Testing ----------------------------------

# All attacks of the release are printed faces with parts cut out.
_SURF_FACTS = {
    "bonafide": ClipFacts(label="bonafide", attack_type="bonafide"),
    "attack": ClipFacts(label="attack", attack_type="print", pai="print-cut"),
}


def read_casia_surf(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read labels.

    A line holds three paths in any order, then 1 for bona fide or 0; public lists have no label.

    Raises:
        UserError: paths of one line belong to different samples; a label is neither 0 nor 1.
    """
    result = ListFacts()
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
            label = binary_label(words[-1], where=f"{path} line {number}")
            result.add(clips.pop(), _SURF_FACTS[label])
            labelled += 1
        if labelled:
            result.sources.append(path.name)
    return result


# -- CeFA challenge: dev and test folders are anonymous numbers; the lists of protocol 4 have their labels ------------

_CEFA_RERELEASE = r"CASIA_CeFA@p(?P<protocol>[1-4](?:\.\d)?)_(?:image|video)_(?P<part>train|dev|test)\.txt"
_CEFA_ROW = r"4@(?P<fold>[123])_(?P<part>train|dev|test)(?:_(?P<kind>ref|res))?\.txt"


def read_casia_surf_cefa(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read labels, and as field `4@<k>` the part in each fold of the challenge that a clip belongs to.

    The lists of the re-release (`CASIA_CeFA@p1.1_video_train.txt`) give the part in each of its protocols, as field
    `P<k>`; paths say what their label says. In those of the challenge a line holds a frame (train) or a folder (dev,
    test), then 1 for bona fide or 0. Files of results may have no label, or a score instead; the labels of reference
    files override theirs.
    """
    result = ListFacts()
    named = sorted(files.named(_CEFA_ROW), key=lambda file: file[1]["kind"] == "ref")
    for path, match in named:
        fold, part = f"4@{match['fold']}", match["part"].lower()
        for number, line in read_lines(path):
            words = line.split()
            label = words[-1] if len(words) > 1 else ""
            clip = next((clip for clip in map(clip_of, words) if clip), "")
            if clip:
                result.add(clip, _cefa_facts(fold, part, label, match["kind"], f"{path} line {number}"))
        result.sources.append(path.name)
    for path, match in files.named(_CEFA_RERELEASE):
        facts = ClipFacts(fields={f"P{match['protocol']}": match["part"].lower()})
        for _, line in read_lines(path):
            clip = clip_of(line.split()[0])
            if clip and result.facts.get(clip) is not facts:  # a hundred lines a clip in the image lists
                result.add(clip, facts)
        result.sources.append(path.name)
    return result


def _cefa_facts(fold: str, part: str, text: str, kind: str | None, where: str) -> ClipFacts:
    if part == "train" or text not in ("0", "1"):
        if part != "train" and text and kind == "ref":
            binary_label(text, where=where)
        return ClipFacts(fields={fold: part})
    label = binary_label(text, where=where)
    # The lists do not say what kind of attack a folder holds.
    return ClipFacts(label=label, attack_type="bonafide" if label == "bonafide" else "unknown", fields={fold: part})


# -- CelebA-Spoof: the label files state the kind of attack, and are right where folder names are wrong ---------------

_CELEBA_KIND, _CELEBA_LABEL = 40, 43  # places in an image's row of numbers; label 0 is live
_CELEBA_ATTACK_TYPE = {1: "print", 2: "print", 3: "print", 4: "mask-paper", 5: "mask-paper", 6: "mask-paper"}
_CELEBA_ATTACK_TYPE |= {7: "replay", 8: "replay", 9: "replay", 10: "mask-3d"}
_CELEBA_NAME = {1: "photo", 2: "poster", 3: "a4", 4: "face-mask", 5: "upper-body-mask", 6: "region-mask"}
_CELEBA_NAME |= {7: "pc", 8: "pad", 9: "phone", 10: "3d-mask"}


def read_celeba_spoof(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read the label and the kind of attack of every image. A file is a JSON object: path to 44 numbers.

    Raises:
        UserError: the file is not such an object.
    """
    result = ListFacts()
    # Every protocol repeats the labels of its images; those of intra_test, all of the data, are read last and win.
    named = sorted(files.named(r"[^/]*label[^/]*\.json"), key=lambda file: "intra_test" in file[0].parts)
    facts_of_kind: dict[tuple[int, int], ClipFacts] = {}
    for path, _ in named:
        rows = read_json(path, largest=LARGEST)
        if not isinstance(rows, dict):
            raise UserError(f"{path} is not a label file", expected="an object of paths", found=type(rows).__name__)
        for image, row in rows.items():
            clip = clip_of(image)
            if not clip:
                continue
            if not isinstance(row, list) or len(row) <= _CELEBA_LABEL or row[_CELEBA_LABEL] not in (0, 1):
                raise UserError(
                    f"{path}: {image[:80]}",
                    expected=f"{_CELEBA_LABEL + 1} numbers, the last 0 or 1",
                    found=str(row)[-60:],
                )
            key = (row[_CELEBA_LABEL], row[_CELEBA_KIND] if isinstance(row[_CELEBA_KIND], int) else -1)
            result.add(clip, facts_of_kind.setdefault(key, _celeba_facts(*key)))
        result.sources.append(path.name)
    return result


def _celeba_facts(label: int, kind: int) -> ClipFacts:
    if label == 0:
        return ClipFacts(label="bonafide", attack_type="bonafide")
    return ClipFacts(
        label="attack",
        attack_type=_CELEBA_ATTACK_TYPE.get(kind, "unknown"),
        fields={"instrument": _CELEBA_NAME[kind]} if kind in _CELEBA_NAME else {},
    )


# -- HiFiMask: the lists of the protocols have the splits, one image or clip a line -----------------------------------

_HIFIMASK_ROW = r"(?:[^/]*@?p(?P<protocol>[123](?:\.\d)?)_)?(?:(?:image|video)_)?(?P<part>train|dev|val|test)[^/]*\.txt"


def read_hifimask(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read the splits of protocol 1, and as field `P<k>` the part in every other protocol that a clip belongs to.

    Labels are in the clips' names; the numbers in the lists (0 = live) are not needed.
    """
    result = ListFacts()
    for path, match in files.named(_HIFIMASK_ROW):
        part = split_of(match["part"])
        protocol = match["protocol"] or "1"
        facts = ClipFacts(split=part) if protocol == "1" else ClipFacts(fields={f"P{protocol}": part})
        for _, line in read_lines(path):
            clip = clip_of(next(iter(line.replace(",", " ").split()), ""))
            if clip and result.facts.get(clip) is not facts:  # ten lines a clip in the image lists
                result.add(clip, facts)
        result.sources.append(path.name)
    return result


# -- WMCA: protocols are CSV files with a recording and its group in every row ----------------------------------------

_WMCA_NAME = r"(?:PROTOCOL-)?(?P<name>grand_?test(?:-curated)?|LOO_[a-z]+)(?:_(?P<group>train|dev|eval|test))?\.csv"


def read_wmca(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read the split by grandtest, and as field `LOO_<kind>` the part in each leave-one-out protocol.

    A row names a recording in one cell, with or without folders and extension, and its group (train, dev, eval) in
    another; a file of one group has the group in its name.
    """
    result = ListFacts()
    for clip, facts, _ in protocol_rows(files, clip_of, result.sources):
        result.add(clip, facts)
    return result


def protocol_rows(
    files: ListFiles, clip_of: ClipOf, sources: list[str]
) -> Iterator[tuple[str, ClipFacts, dict[str, str]]]:
    """Yield the clip id, the split and the cells by column name of every row; add the file names to `sources`."""
    for path, match in files.named(_WMCA_NAME):
        name, group = match["name"].lower(), split_of(match["group"] or "")
        header: list[str] = []
        for _, cells in read_cells(path):
            clip = next((clip for clip in map(clip_of, cells) if clip), "")
            if not clip:
                header = header or [cell.lower() for cell in cells]
                continue
            part = next((split for split in map(split_of, reversed(cells)) if split), group)
            facts = ClipFacts(split=part) if name.startswith("grand") else ClipFacts(fields={f"LOO_{name[4:]}": part})
            yield clip, facts, dict(zip(header, cells, strict=False))
        sources.append(path.name)


# -- HQ-WMCA: the protocol files have the labels too ------------------------------------------------------------------

_HQ_WMCA_LABEL = {"0": "bonafide", "bonafide": "bonafide", "real": "bonafide", "1": "attack", "attack": "attack"}


def read_hq_wmca(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read the split by grand_test, the part in each leave-one-out protocol, and the label of the column `label`.

    There 0 is bona fide. No list states the kind of an attack.
    """
    result = ListFacts()
    for clip, facts, cells in protocol_rows(files, clip_of, result.sources):
        label = _HQ_WMCA_LABEL.get(cells.get("label", "").lower(), "")
        attack_type = {"bonafide": "bonafide", "attack": "unknown", "": ""}[label]
        result.add(clip, replace(facts, label=label, attack_type=attack_type))
    return result


# -- PADISI-Face: the ground truth and the partitions are CSV files keyed by trial ------------------------------------

_PADISI_CODE = re.compile(r"m(?:(?P<bonafide>0)\d{4}|5(?P<code>\d\d)\d\d)", re.IGNORECASE)
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


def read_padisi_face(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read label, kind of attack and subject; the split of fold 0; as fields `fold0` … `fold2` the part in each fold.

    Raises:
        UserError: a column is missing, a ground-truth code or a part is unknown.
    """
    result = ListFacts()
    for path, _ in files.named(r"[^/]*ground_truth[^/]*\.csv"):
        for number, row in read_rows(path, "trial_id", "ground_truth"):
            if clip := clip_of(f"{row['trial_id']}.npz"):
                result.add(clip, _padisi_facts(row, f"{path} line {number}"))
        result.sources.append(path.name)
    for path, match in files.named(r"[^/]*part(?P<fold>[012])\.csv"):
        for number, row in read_rows(path, "trial_id", "partition_name"):
            part = split_of(row["partition_name"])
            if not part:
                raise UserError(
                    f"{path} line {number}", expected="train, valid or test", found=repr(row["partition_name"][:40])
                )
            fold = match["fold"]
            if clip := clip_of(f"{row['trial_id']}.npz"):
                result.add(clip, ClipFacts(split=part if fold == "0" else "", fields={f"fold{fold}": part}))
        result.sources.append(path.name)
    return result


def _padisi_facts(row: dict[str, str], where: str) -> ClipFacts:
    code = row.get("ground_truth", "")
    match = _PADISI_CODE.fullmatch(code)
    subject = row.get("participant_id", "")
    if match and match["bonafide"]:
        return ClipFacts(label="bonafide", attack_type="bonafide", subject=subject)
    if not match or match["code"] not in _PADISI_KIND:
        raise UserError(f"{where}: a ground-truth code", expected="m00000 or m501xx to m509xx", found=repr(code[:40]))
    attack_type, pai = _PADISI_KIND[match["code"]]
    return ClipFacts(label="attack", attack_type=attack_type, pai=pai, subject=subject, fields={"code": code})


# -- SiW-Mv2: lists of recording names have the split of protocols 1 and 2, and those of the domains of protocol 3 ----


def read_siw_mv2(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read the split of the recordings named in `trainlist_*` and `testlist_*`; names repeat there for balance.

    `train_A_*` … `test_E_*` give the split inside each domain of protocol 3, in the fields `domain_A` … `domain_E`: a
    recording may be of several domains.
    """
    result = ListFacts()
    named = r"(?P<part>train|test)(?:list_(?:all|live)|_(?P<domain>[A-E])(?:_[a-z]+)?)\.txt"
    for path, match in files.named(named):
        part = split_of(match["part"])
        facts = (
            ClipFacts(fields={f"domain_{match['domain'].upper()}": part}) if match["domain"] else ClipFacts(split=part)
        )
        for _, line in read_lines(path):
            if clip := clip_of(line.split()[0]):
                result.add(clip, facts)
        result.sources.append(path.name)
    return result


# -- The readers, by the name that a card gives as its hook -----------------------------------------------------------

Reader = Callable[[ListFiles, ClipOf], ListFacts]

# Whatever a card names, nothing but these is called.
READERS: dict[str, Reader] = {
    "casia_surf": read_casia_surf,
    "casia_surf_cefa": read_casia_surf_cefa,
    "celeba_spoof": read_celeba_spoof,
    "hifimask": read_hifimask,
    "hq_wmca": read_hq_wmca,
    "padisi_face": read_padisi_face,
    "siw_mv2": read_siw_mv2,
    "uniattackdata": read_uniattackdata,
    "uniattackdata_plus": read_uniattackdata_plus,
    "wmca": read_wmca,
}
