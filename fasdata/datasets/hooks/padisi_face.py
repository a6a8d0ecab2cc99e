"""PADISI-Face: names are numbers; the ground truth and the partitions are CSV files keyed by trial."""

from __future__ import annotations

import re

from fasdata.datasets.list_files import ListFiles, read_rows, split_of
from fasdata.datasets.listed import ClipOf, Facts, Listed
from fasdata.errors import UserError

_CODE = re.compile(r"m(?:(?P<bonafide>0)\d{4}|5(?P<code>\d\d)\d\d)", re.IGNORECASE)
# Attack type and species by the two digits after m5.
_KIND = {
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


def read(files: ListFiles, clip_of: ClipOf) -> Listed:
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
    if not match or match["code"] not in _KIND:
        raise UserError(f"{where}: a ground-truth code", expected="m00000 or m501xx to m509xx", found=repr(code[:40]))
    attack_type, pai = _KIND[match["code"]]
    return Facts(label="attack", attack_type=attack_type, pai=pai, subject=subject, fields={"code": code})
