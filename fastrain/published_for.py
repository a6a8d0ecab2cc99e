"""Whether a preset's values were meant for the protocol of a run."""

from __future__ import annotations

from fasdata.errors import UserError
from fasdata.protocols.grammar import parse


def preset_note(published_for: str | None, canonical: str, n_domains: int) -> str:
    """Return what a run should say of its preset's protocol, "" when it fits or the preset is for any.

    Raises:
        UserError: the preset is for another number of source domains than the manifest has.
    """
    if published_for is None:
        return ""
    meant = parse(published_for)
    if meant.canonical == canonical:
        return ""
    if len(meant.sources) != n_domains:
        raise UserError(
            f"the preset is for {published_for}, with {len(meant.sources)} source domains",
            found=f"{canonical}, with {n_domains}",
            do="leave --preset out, or --set published_for=null to use its values all the same",
        )
    return f"the preset's values were published for {published_for}; this is {canonical}"
