"""What both commands have at their top: groups whose summaries are whole sentences, `--version`, shell completion."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class Group(TyperGroup):
    """A group of commands, each with the whole first sentence of its help beside it, however long."""

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


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")
