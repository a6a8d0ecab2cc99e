"""HiFiMask: splits stand in the lists of the protocols, one image or clip a line."""

from __future__ import annotations

from fasdata.datasets.list_files import ListFiles, read_lines, split_of
from fasdata.datasets.listed import ClipOf, Facts, Listed

_PATTERN = r"(?:[^/]*@?p(?P<protocol>[123](?:\.\d)?)_)?(?:(?:image|video)_)?(?P<part>train|dev|val|test)[^/]*\.txt"


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the splits of protocol 1, and as field `P<k>` the part of every other protocol that a clip belongs to.

    Labels are in the clips' names; the numbers in the lists (0 = live) are not needed.
    """
    found = Listed()
    for path, match in files.named(_PATTERN):
        part = split_of(match["part"])
        protocol = match["protocol"] or "1"
        facts = Facts(split=part) if protocol == "1" else Facts(fields={f"P{protocol}": part})
        for _, line in read_lines(path):
            clip = clip_of(line.replace(",", " ").split()[0])
            if clip and found.facts.get(clip) is not facts:  # ten lines a clip in the image lists
                found.tell(clip, facts)
        found.sources.append(path.name)
    return found
