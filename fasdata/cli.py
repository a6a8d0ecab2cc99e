"""The `fasdata` command."""

from __future__ import annotations

import typer

from fasdata.commands import (
    audit,
    card_draft,
    datasets,
    doctor,
    export,
    extract,
    faces,
    forget,
    lists,
    lock,
    pack,
    protocols,
    report,
    store,
    synth,
)
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
# The order of `fasdata --help`: raw data, stores, protocols, what is made of them, and care.
for verbs in (
    datasets, card_draft, synth, extract, store, faces, report, protocols, lists, audit, pack, export, lock, forget,
    doctor,
):  # fmt: skip
    app.add_typer(verbs.app)


def main() -> None:
    """Entry point of the `fasdata` command."""
    guarded(app)
