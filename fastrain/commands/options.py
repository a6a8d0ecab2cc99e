"""Options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

NoFaces = Annotated[bool, typer.Option("--no-faces", help="Leave pictures of people out of the report.")]
AllowChangedData = Annotated[
    bool, typer.Option("--allow-changed-data", help="Go on with data that a lock contradicts; the results say so.")
]
