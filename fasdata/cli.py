"""The `fasdata` command."""

from __future__ import annotations

from fasdata.commands import (
    audit,
    card_draft,
    datasets,
    describe,
    doctor,
    export,
    extract,
    faces,
    forget,
    known,
    lists,
    lock,
    pack,
    protocols,
    report,
    store,
    synth,
)
from fasdata.commands.entry import command_app
from fasdata.errors import guarded

app = command_app(
    "Raw face anti-spoofing datasets to aligned, packed, described faces.\n\n"
    "Example: fasdata extract CASIA-FASD --root /mnt/CASIA-FASD --out data"
)
# The order of `fasdata --help`: raw data, stores, protocols, what is made of them, and care.
for verbs in (
    datasets, card_draft, synth, extract, store, faces, report, describe, protocols, known, lists, audit, pack, export,
    lock, forget, doctor,
):  # fmt: skip
    app.add_typer(verbs.app)


def main() -> None:
    """Entry point of the `fasdata` command."""
    guarded(app)
