"""The verbs on other projects' list files: `lists import`, `lists export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fasdata.commands.entry import Group
from fasdata.commands.options import Data, OwnCard

app = typer.Typer()
lists_app = typer.Typer(cls=Group, help="Read and write the list files of other projects.", no_args_is_help=True)
app.add_typer(lists_app, name="lists")

Format = Annotated[
    str,
    typer.Option("--format", help="metapattern (csv), flip (txt, json), columns (color depth ir label), bob (csv)."),
]
Recognised = Annotated[
    str,
    typer.Option(
        "--format",
        help="metapattern (csv), flip (txt, json), columns (color depth ir label), bob (csv). Default: recognised.",
    ),
]
Columns = Annotated[
    str,
    typer.Option(
        help="What each column is, where that is not recognised: path, label, subject, attack_type, or - for nothing; "
        "e.g. label,path,-"
    ),
]
BonafideIs = Annotated[int, typer.Option(min=0, max=1, help="The number for bona fide in these lists: 0 or 1.")]
BonafideWord = Annotated[
    str, typer.Option("--bonafide-is", help="The label that means bona fide in these lists: 1, 0, -1 or a word.")
]


@lists_app.command(
    "import",
    epilog="Example: fasdata lists import OULU-NPU Protocols/Protocol_1/Train.txt --bonafide-is 1 --root /mnt/oulu "
    "--out oulu.csv (its lines are +1,stem)",
)
def lists_import(
    dataset: Annotated[str, typer.Argument(help="The dataset of the list.")],
    files: Annotated[list[Path], typer.Argument(help="List files.")],
    bonafide_is: BonafideWord,
    out: Annotated[Path, typer.Option(help="The CSV to write: dataset, clip_id, label, frames.")],
    form: Recognised = "",
    columns: Columns = "",
    root: Annotated[Path | None, typer.Option(help="The raw dataset. Default: the store in the library.")] = None,
    release_lists: Annotated[
        Path | None, typer.Option("--lists", help="Folder of the release's own list files, if not in the root.")
    ] = None,
    card_file: OwnCard = None,
    data: Data = None,
) -> None:
    """Find the clips of another project's list; rows that match no clip are reported, never guessed."""
    from fasdata.commands.options import card_of
    from fasdata.datasets.registry import find_card
    from fasdata.errors import EXIT_PARTIAL
    from fasdata.lists.match import import_lists, known_clips, write_matched

    card = card_of(dataset, card_file, "", data) if root is None else find_card(dataset, card_file)
    matched = import_lists(files, form, bonafide_is, known_clips(card, root, release_lists, data), columns)
    write_matched(matched, card.slug, out)
    typer.echo(f"{len(matched.clips)} clips of {card.name} from {matched.rows} rows: {out}")
    for line in matched.taken:
        typer.echo(line)
    problems = matched.report(", ".join(path.name for path in files))
    for line in problems:
        typer.echo(f"warning: {line}", err=True)
    if matched.unmatched or matched.contradicting:
        raise typer.Exit(EXIT_PARTIAL)


@lists_app.command(
    "export",
    epilog="Example: fasdata lists export data/protocols/mcio-CIO2M/standard --format metapattern --bonafide-is 0 "
    "--out lists",
)
def lists_export(
    manifest: Annotated[Path, typer.Argument(help="A manifest: its file or folder.")],
    form: Format,
    bonafide_is: BonafideIs,
    out: Annotated[Path, typer.Option(help="The folder to write into.")],
    part: Annotated[str, typer.Option(help="Only this part: train, val or test.")] = "",
) -> None:
    """Write a manifest's rows as lists of another project, a file per part."""
    from fasdata.lists.write import export_lists
    from fasdata.manifests import Manifest

    for path in export_lists(Manifest.read(manifest), form, bonafide_is, out, part):
        typer.echo(path)
