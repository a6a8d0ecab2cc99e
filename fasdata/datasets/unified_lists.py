"""Read the list files of releases with physical and digital attacks on the same people."""

from __future__ import annotations

from fasdata.datasets.list_files import ClipFacts, ClipOf, ListFacts, ListFiles, read_lines
from fasdata.errors import UserError

# -- UniAttackData: the lists of six protocols name the part of each clip or image -------------------------------------

_UNI_ROW = r"(?:UniAttackData@)?p(?P<protocol>[12](?:\.[123])?)_(?:image|video)_(?P<part>train|dev|test)\.txt"


def read_uniattackdata(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read, as field `P<k>`, the part of each of the release's protocols that a clip belongs to.

    A line holds a folder or an image, then 0 for live and another number for an attack; paths say more, so it is not
    needed. No split is taken from the lists: every part of protocol 1 has attacks on all 1800 people.
    """
    result = ListFacts()
    for path, match in files.named(_UNI_ROW):
        facts = ClipFacts(fields={f"P{match['protocol']}": match["part"].lower()})
        for _, line in read_lines(path):
            if clip := clip_of(line.split()[0]):
                result.add(clip, facts)
        result.sources.append(path.name)
    return result


# -- UniAttackData+: the lists of the challenge of 2025 have the kind of every image as three numbers ------------------

# Family, kind and way: attack type and species. Two challenge entries spell them out alike.
_PLUS_KINDS = {
    "1_0_0": ("print", ""),
    "1_0_1": ("replay", ""),
    "1_0_2": ("print", "print-cut"),
    "1_1_0": ("mask-3d", "transparent"),
    "1_1_1": ("mask-3d", "plaster"),
    "1_1_2": ("mask-3d", "resin"),
    "2_0_0": ("digital-attack", "attribute-edit"),
    "2_0_1": ("face-swap", ""),
    "2_0_2": ("reenactment", "video-driven"),
    "2_1_0": ("adversarial", "pixel-level"),
    "2_1_1": ("adversarial", "semantic-level"),
    "2_2_0": ("synthetic-face", "identity-consistent"),
    "2_2_1": ("synthetic-face", "style"),
    "2_2_2": ("synthetic-face", "prompt"),
}
_PLUS_FACTS = {"0_0_0": ClipFacts(label="bonafide", attack_type="bonafide")} | {
    code: ClipFacts(label="attack", attack_type=kind, pai=species) for code, (kind, species) in _PLUS_KINDS.items()
}


def read_uniattackdata_plus(files: ListFiles, clip_of: ClipOf) -> ListFacts:
    """Read label, kind and species of every image: a line holds its path and its code, in the test perhaps none.

    Raises:
        UserError: a code that none of the challenge's is.
    """
    result = ListFacts()
    for path, _ in files.named(r"Protocol-(?:train|val|test)\.txt"):
        for number, line in read_lines(path):
            words = line.split()
            clip = clip_of(words[0])
            if not clip or len(words) == 1:
                continue
            if words[1] not in _PLUS_FACTS:
                raise UserError(f"{path} line {number}: a code", expected="0_0_0 to 2_2_2", found=repr(words[1][:40]))
            result.add(clip, _PLUS_FACTS[words[1]])
        result.sources.append(path.name)
    return result
