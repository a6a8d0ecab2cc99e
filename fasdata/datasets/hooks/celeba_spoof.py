"""CelebA-Spoof: the label files say what kind of attack an image is, and are right where folder names are not."""

from __future__ import annotations

from fasdata.datasets.list_files import ListFiles, read_json
from fasdata.datasets.listed import ClipOf, Facts, Listed
from fasdata.errors import UserError

_KIND, _LABEL = 40, 43  # places in an image's row of numbers; label 0 is live
_ATTACK_TYPE = {1: "print", 2: "print", 3: "print", 4: "mask-paper", 5: "mask-paper", 6: "mask-paper"}
_ATTACK_TYPE |= {7: "replay", 8: "replay", 9: "replay", 10: "mask-3d"}
_NAME = {1: "photo", 2: "poster", 3: "a4", 4: "face-mask", 5: "upper-body-mask", 6: "region-mask"}
_NAME |= {7: "pc", 8: "pad", 9: "phone", 10: "3d-mask"}


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
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
            key = (row[_LABEL], row[_KIND] if isinstance(row[_KIND], int) else -1)
            found.tell(clip, facts.setdefault(key, _facts(*key)))
        found.sources.append(path.name)
    return found


def _facts(label: int, kind: int) -> Facts:
    if label == 0:
        return Facts(label="bonafide", attack_type="bonafide")
    return Facts(
        label="attack",
        attack_type=_ATTACK_TYPE.get(kind, "unknown"),
        fields={"instrument": _NAME[kind]} if kind in _NAME else {},
    )
