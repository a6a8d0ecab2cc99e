"""HQ-WMCA: labels too stand in the protocol files only."""

from __future__ import annotations

from dataclasses import replace

from fasdata.datasets.hooks.wmca import protocol_rows
from fasdata.datasets.list_files import ListFiles
from fasdata.datasets.listed import ClipOf, Listed

_WORDS = {"0": "bonafide", "bonafide": "bonafide", "real": "bonafide", "1": "attack", "attack": "attack"}


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the split by grand_test, the part of each leave-one-out protocol, and the label of the column `label`.

    There 0 is bona fide. The kind of an attack is in no list.
    """
    found = Listed()
    for clip, facts, cells in protocol_rows(files, clip_of, found.sources):
        label = _WORDS.get(cells.get("label", "").lower(), "")
        attack_type = {"bonafide": "bonafide", "attack": "unknown", "": ""}[label]
        found.tell(clip, replace(facts, label=label, attack_type=attack_type))
    return found
