"""The verbs on raw datasets: `datasets`, `parse`, `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.options import BonafideIs, Data, LayoutName, OwnCard

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="Dataset name, e.g. CASIA-FASD, or the name of your own data with --card.")]
Lists = Annotated[Path | None, typer.Option("--lists", help="Folder of official list files, if not in the root.")]


@app.command(epilog="Example: fasdata datasets WMCA")
def datasets(
    name: Annotated[str, typer.Argument(help="A dataset; none: list all.")] = "",
    card: OwnCard = None,
    bonafide_is: BonafideIs = "",
) -> None:
    """List the supported raw datasets: what they hold, how they are laid out, who gives them out."""
    from fasdata.datasets.card_text import describe_all, describe_card
    from fasdata.datasets.registry import OWN_CARDS, find_card, load_cards, own_cards

    typer.echo(describe_card(find_card(name, card, bonafide_is)) if name else describe_all(load_cards().values()))
    if not name and (own := own_cards()):
        typer.echo(f"\nof ${OWN_CARDS}:\n" + "\n".join(f"  {known}  {path}" for known, path in own.items()))


@app.command(
    epilog="Example: fasdata parse CASIA-FASD --paths paths.txt --format csv. "
    "An empty cell: neither the path nor a list says it."
)
def parse(
    dataset: Name,
    paths: Annotated[Path, typer.Option(help="File with one path a line, below the dataset root.")],
    lists: Lists = None,
    layout: LayoutName = "",
    format: Annotated[str, typer.Option("--format", help="csv.")] = "csv",
    rejected: Annotated[
        Path | None,
        typer.Option(
            help="File for the paths that are no sample: junk, sidecar, protocol-file, modality-member, "
            "excluded-enroll, unmatched-media."
        ),
    ] = None,
    card: OwnCard = None,
    bonafide_is: BonafideIs = "",
) -> None:
    """Write what paths mean, one CSV row per sample: split, label, attack type, subject. Paths stay as given."""
    import sys
    from collections import Counter

    from fasdata.datasets.layouts import Rejected
    from fasdata.datasets.parse import meanings, read_paths, write_rejected, write_rows
    from fasdata.datasets.registry import find_card
    from fasdata.errors import unknown_name

    if format != "csv":
        raise unknown_name("value of --format", format, ("csv",))
    described = find_card(dataset, card, bonafide_is)
    rows = meanings(described, read_paths(paths), lists=lists, layout=layout)
    if rejected:
        with rejected.open("w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            write_rejected(described, rows, out)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="")
    write_rows(described, rows, sys.stdout)
    kinds = Counter(row.means.kind for row in rows if isinstance(row.means, Rejected))
    others = "".join(f", {number} {kind}" for kind, number in sorted(kinds.items()))
    typer.echo(f"{len(rows)} paths: {len(rows) - kinds.total()} samples{others}", err=True)


@app.command(
    epilog="Example: fasdata verify OULU-NPU --root /mnt/OULU-NPU --strict. "
    "Incomplete copies are common, so deviations are warnings unless --strict."
)
def verify(
    dataset: Name,
    root: Annotated[Path, typer.Option(help="Where the raw dataset lies.")],
    lists: Lists = None,
    layout: LayoutName = "",
    strict: Annotated[bool, typer.Option("--strict", help="A deviation is an error (exit code 2).")] = False,
    card: OwnCard = None,
    bonafide_is: BonafideIs = "",
    data: Data = None,
) -> None:
    """Compare a copy of a raw dataset with its release: layout, counts by split and label, missing clips.

    Own data that were extracted before need no card: they are compared with their store in the library.
    """
    from fasdata.commands.options import card_of
    from fasdata.datasets.verify import describe_verification
    from fasdata.datasets.verify import verify as compare
    from fasdata.errors import UserError

    verification = compare(card_of(dataset, card, bonafide_is, data), root, lists=lists, layout=layout)
    typer.echo(describe_verification(verification))
    if strict and verification.deviations:
        raise UserError(
            f"{verification.card.name} below {root} differs from the release in {len(verification.deviations)} ways",
            do="see the warnings; leave --strict out to accept an incomplete copy",
        )
