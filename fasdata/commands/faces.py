"""The verb `faces`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import Data

app = typer.Typer()


@app.command(
    epilog="Example: fasdata faces CASIA-FASD --data data --out faces.jsonl, then "
    "fasdata extract CASIA-FASD --detector json --detector-model faces.jsonl --context 3 …"
)
def faces(
    dataset: Annotated[str, typer.Argument(help="Dataset name, e.g. CASIA-FASD, 'folder', or that of your own data.")],
    out: Annotated[Path, typer.Option(help="The file to write: JSON lines, a clip per line.")],
    data: Data = None,
) -> None:
    """Write the faces of a store to a file for `extract --detector json`: detect once, crop again.

    It has no faces of frames that were never searched: extract with frame rules that the store has.
    """
    from fasdata.datasets.registry import stored_slug
    from fasdata.faces.json_faces import faces_line
    from fasdata.library import Library
    from fasdata.store.atomic import replacing
    from fasdata.store.reader import Store

    library = Library.locate(data)
    slug = stored_slug(library, dataset)
    with library.in_use([slug]):
        store = Store.open(library.require_store(slug))
        clips = rotated = 0
        with replacing(out) as temporary, temporary.open("wb") as file:
            for record in store.records():
                if record.status != "failed":
                    file.write(f"{faces_line(record)}\n".encode())
                    clips += 1
                    rotated += any(frame.status == "rotated" for frame in record.frames)
    left_out = f"; without those of {rotated} clips that had to be rotated" if rotated else ""
    typer.echo(f"{out}: faces of {clips} clips of {store.info.dataset}{left_out}")
