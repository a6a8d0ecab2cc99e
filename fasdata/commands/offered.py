"""The end of a command's help: what installed packages offer, by the names that options take. Nothing is imported."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

GROUPS = {
    "method": "fastrain.methods",
    "detector": "fasdata.detectors",
    "view": "fasdata.views",
    "frame rule": "fasdata.frame_rules",
    "threshold policy": "fastrain.thresholds",
}
"""What can come from outside, and the entry point under which a package offers it."""


def offering(*whats: str) -> type[TyperCommand]:
    """Return the class of a command whose help ends with what installed packages offer of `whats`, keys of `GROUPS`."""

    class Offering(TyperCommand):
        def format_epilog(self, context: Any, formatter: Any) -> None:
            super().format_epilog(context, formatter)
            from fasdata.door import offers

            offered = [(f"{what} {offer.name}", offer) for what in whats for offer in offers(GROUPS[what])]
            if offered:
                with formatter.section("From installed packages"):
                    formatter.write_dl([(words, f"{offer.origin} ({offer.value})") for words, offer in offered])

    return Offering
