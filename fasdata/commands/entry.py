"""What both commands have at their top: groups whose summaries are whole sentences, `--version`, shell completion."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fasdata.errors import UserError


class Group(TyperGroup):
    """A group of commands, each with the whole first sentence of its help beside it; no word may be empty."""

    def parse_args(self, context: Any, words: list[str]) -> list[str]:
        if (empty := _first_empty(words)) is not None:
            # As a path it would be the current folder, and nobody means that by it.
            raise UserError(f"{empty} is empty", do="leave it out, or see whether a variable of the shell is unset")
        return super().parse_args(context, words)

    def format_commands(self, context: Any, formatter: Any) -> None:
        for command in self.commands.values():
            command.short_help = command.short_help or _first_sentence(command.help or "")
        super().format_commands(context, formatter)


def command_app(help: str) -> typer.Typer:
    """Return the app of a command, with `--version` and the options that install shell completion."""
    app = typer.Typer(
        cls=Group,
        help=help,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(help=help)
    def top(
        version: Annotated[
            bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
        ] = False,
    ) -> None: ...

    return app


def _say_version(asked: bool) -> None:
    if asked:
        from fasdata import __version__

        typer.echo(f"fasdata and fastrain {__version__}")
        raise typer.Exit


def _first_empty(words: list[str]) -> str | None:
    """Return what the first empty word is, None where all hold something.

    >>> _first_empty(["pad.fasb", ""]), _first_empty(["--out="]), _first_empty(["--root", ""])
    ('an argument', 'the value of --out', 'the value of --root')
    """
    for before, word in zip(["", *words], words, strict=False):
        if word.startswith("--") and word.endswith("="):
            return f"the value of {word[:-1]}"
        if not word:
            return f"the value of {before}" if before.startswith("-") else "an argument"
    return None


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
