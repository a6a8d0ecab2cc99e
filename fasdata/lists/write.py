"""Write manifests in the list formats of other projects."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fasdata.errors import UserError, unknown_name
from fasdata.lists.read import FORMATS
from fasdata.manifests import Manifest
from fasdata.manifests.table import PARTS
from fasdata.records import BONAFIDE, MODALITIES
from fasdata.store.atomic import write_text

# -- One line ---------------------------------------------------------------------------------------------------------


def list_line(
    form: str,
    paths: Sequence[str],
    number: int,
    *,
    faces: int = 0,
    frames: int = 0,
    subject: str = "",
    attack_type: str = "",
) -> str:
    """Return the line, without line end, of `paths` (one for each modality) with the label `number`.

    `metapattern`: `path,label,faces,frames`; `flip`: the path alone, since a list has one label; `columns`: the
    paths and the label with blanks between; `bob`: `path,subject,attack_type`, the last empty for bona fide.
    """
    if form == "metapattern":
        return _csv(paths[0], number, faces, frames)
    if form == "flip":
        return paths[0]
    if form == "columns":
        return " ".join([*paths, str(number)])
    if form == "bob":
        return _csv(paths[0], subject, attack_type)
    raise unknown_name("list format", form, FORMATS)


def _csv(*cells: object) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(cells)
    return file.getvalue()


# -- A manifest as list files -----------------------------------------------------------------------------------------

_ENDING = {"metapattern": "csv", "flip": "txt", "columns": "txt", "bob": "csv"}
_NAMES = {"rgb": "color", "depth": "depth", "ir": "ir"}


def export_lists(manifest: Manifest, form: str, bonafide_is: int, folder: Path, part: str = "") -> list[Path]:
    """Write the usable rows of a manifest as lists, one file a part (in FLIP: a part and label); return the files.

    Paths are `<dataset>/<clip path>/<six digits>_<modality>.png`; MetaPattern names a clip once, as a zip.

    Raises:
        UserError: unknown format or part, or `bonafide_is` is neither 0 nor 1.
    """
    if form not in FORMATS:
        raise unknown_name("list format", form, FORMATS)
    if part and part not in PARTS:
        raise unknown_name("part", part, PARTS)
    if bonafide_is not in (0, 1):
        raise UserError(f"--bonafide-is {bonafide_is}", expected="0 or 1")
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for row in _rows(manifest) if row["status"] == "ok" and part in ("", row["part"])]
    made: dict[str, list[str]] = {}
    for row in rows:
        end = f"_{'real' if row['label'] == BONAFIDE else 'fake'}" if form == "flip" else ""
        made.setdefault(f"{row['part']}{end}.{_ENDING[form]}", []).append(_line(form, row, bonafide_is))
    header = "filename,subject,attack_type\n" if form == "bob" else ""
    paths = []
    for name, lines in made.items():
        paths.append(folder / name)
        write_text(paths[-1], header + "\n".join(dict.fromkeys(lines)) + "\n")
    return paths


def _rows(manifest: Manifest) -> Iterator[dict[str, Any]]:
    columns = ["part", "dataset", "clip_id", "label", "attack_type", "subject"]
    columns += ["frame_index", "n_frames", "status", "modalities_available"]
    for batch in manifest.table.select(columns).to_batches():
        yield from batch.to_pylist()


def _line(form: str, row: dict[str, Any], bonafide_is: int) -> str:
    bonafide = row["label"] == BONAFIDE
    clip = f"{row['dataset']}/{row['clip_id'].replace('__', '/')}"
    image = f"{clip}/{row['frame_index']:06d}"
    written = row["modalities_available"].split(",") if form == "columns" else ["rgb"]
    paths = [f"{image}_{_NAMES[modality]}.png" for modality in MODALITIES if modality in written]
    return list_line(
        form,
        [f"{clip}.zip"] if form == "metapattern" else paths,
        bonafide_is if bonafide else 1 - bonafide_is,
        faces=row["n_frames"],
        frames=row["n_frames"],
        subject=row["subject"],
        attack_type="" if bonafide else row["attack_type"] or "attack",
    )
