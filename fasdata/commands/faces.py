"""The verb `faces`: what was found in a store, for the detector `json`."""

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
    dataset: Annotated[str, typer.Argument(help="Dataset name, e.g. CASIA-FASD, or 'folder'.")],
    out: Annotated[Path, typer.Option(help="The file to write: JSON lines, one clip each.")],
    data: Data = None,
) -> None:
    """Write the faces a store knows to a file that `extract --detector json` takes: detect once, crop again.

    Frames that were never searched have no face in it: extract with frame rules that the store has.
    """
    from fasdata.datasets.registry import find_card
    from fasdata.faces.json_faces import faces_line
    from fasdata.library import Library
    from fasdata.store.atomic import replacing
    from fasdata.store.reader import Store

    store = Store.open(Library.locate(data).require_store(find_card(dataset).slug))
    with replacing(out) as temporary, temporary.open("wb") as file:
        clips = turned = 0
        for record in store.records():
            if record.status != "failed":
                file.write(f"{faces_line(record)}\n".encode())
                clips += 1
                turned += any(frame.status == "rotated" for frame in record.frames)
    left_out = f"; without those of {turned} clips that had to be turned" if turned else ""
    typer.echo(f"{out}: faces of {clips} clips of {store.info.dataset}{left_out}")
