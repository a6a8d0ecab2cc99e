"""CeFA challenge: the folders of dev and test are anonymous numbers, their labels stand in the lists of protocol 4."""

from __future__ import annotations

from fasdata.datasets.list_files import ListFiles, read_lines
from fasdata.datasets.listed import ClipOf, Facts, Listed, bonafide_label

_PATTERN = r"4@(?P<fold>[123])_(?P<part>train|dev|test)(?:_(?P<kind>ref|res))?\.txt"


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the labels, and as field `4@<k>` the part of each fold of the challenge that a clip belongs to.

    Lines: a frame (train) or a folder (dev, test), then 1 for bona fide or 0. Files of results may carry no label or a
    score instead; reference files are believed over them.
    """
    found = Listed()
    named = sorted(files.named(_PATTERN), key=lambda one: one[1]["kind"] == "ref")
    for path, match in named:
        fold, part = f"4@{match['fold']}", match["part"].lower()
        for number, line in read_lines(path):
            words = line.split()
            label = words[-1] if len(words) > 1 else ""
            clip = next((clip for clip in map(clip_of, words) if clip), "")
            if clip:
                found.tell(clip, _facts(fold, part, label, match["kind"], f"{path} line {number}"))
        found.sources.append(path.name)
    return found


def _facts(fold: str, part: str, text: str, kind: str | None, where: str) -> Facts:
    if part == "train" or text not in ("0", "1"):
        if part != "train" and text and kind == "ref":
            bonafide_label(text, where=where)
        return Facts(fields={fold: part})
    label = bonafide_label(text, where=where)
    # The lists do not say what kind of attack a folder holds.
    return Facts(label=label, attack_type="bonafide" if label == "bonafide" else "unknown", fields={fold: part})
