"""SiW-Mv2: the split of protocol 1 stands in lists of recording names."""

from __future__ import annotations

from fasdata.datasets.list_files import ListFiles, read_lines, split_of
from fasdata.datasets.listed import ClipOf, Facts, Listed


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
    """Return the split of every recording named in `trainlist_*` and `testlist_*`; names repeat there for balance."""
    found = Listed()
    for path, match in files.named(r"(?P<part>train|test)list_(?:all|live)\.txt"):
        facts = Facts(split=split_of(match["part"]))
        for _, line in read_lines(path):
            if clip := clip_of(line.split()[0]):
                found.tell(clip, facts)
        found.sources.append(path.name)
    return found
