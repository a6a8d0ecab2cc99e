"""CASIA-SURF challenge: the labels of Val and Testing stand only in the private lists."""

from __future__ import annotations

from fasdata.datasets.list_files import ListFiles, read_lines
from fasdata.datasets.listed import ClipOf, Facts, Listed, bonafide_label
from fasdata.errors import UserError

# All attacks of the release are printed faces with parts cut out.
_FACTS = {
    "bonafide": Facts(label="bonafide", attack_type="bonafide"),
    "attack": Facts(label="attack", attack_type="print", pai="print-cut"),
}


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
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
