"""The word that a person is being taken out of a store: nothing else may go on with it meanwhile."""

from __future__ import annotations

from pathlib import Path

from fasdata.errors import UserError


def journal_path(root: Path, dataset: str) -> Path:
    """Return where the library at `root` notes what is being removed from a dataset."""
    return root / f".forget-{dataset}.json"


def require_none(root: Path, dataset: str) -> None:
    """Check that no `fasdata forget` on this dataset was left unfinished.

    Raises:
        UserError: one was.
    """
    if journal_path(root, dataset).is_file():
        raise UserError(
            f"a 'fasdata forget' on {dataset} in {root} was not finished", do="run the same command again: it continues"
        )
