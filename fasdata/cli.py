"""The `fasdata` command."""

from __future__ import annotations

import typer

from fasdata.commands import doctor, export, extract, faces, forget, lock, pack, protocols, raw, report, store
from fasdata.errors import guarded

app = typer.Typer(
    help="Raw face anti-spoofing datasets to aligned, packed, described faces.\n\n"
    "Example: fasdata extract CASIA-FASD --root /mnt/CASIA-FASD --out data",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verbs in (raw, extract, store, protocols, faces, pack, export, report, lock, doctor, forget):
    app.add_typer(verbs.app)


def main() -> None:
    """Entry point of the `fasdata` command."""
    guarded(app)
