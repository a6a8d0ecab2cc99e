"""One line of another project's list."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from fasdata.errors import unknown_name

FORMS = ("metapattern", "flip", "columns", "bob")


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
    """Return the line, without its end, that names `paths` (one a modality) with the label `number`.

    `metapattern`: `path,label,faces,frames`; `flip`: the path alone, since the label is the list's; `columns`: the
    paths and the label, with blanks between; `bob`: `path,subject,attack_type`, the last empty for bona fide.
    """
    if form == "metapattern":
        return _csv(paths[0], number, faces, frames)
    if form == "flip":
        return paths[0]
    if form == "columns":
        return " ".join([*paths, str(number)])
    if form == "bob":
        return _csv(paths[0], subject, attack_type)
    raise unknown_name("list format", form, FORMS)


def _csv(*cells: object) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow(cells)
    return file.getvalue()
