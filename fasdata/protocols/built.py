"""Find a built manifest in a library by protocol, recipe and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests.manifest import TABLE, Manifest
from fasdata.manifests.meta import parameters_of, recipe_text
from fasdata.protocols.parameters import Parameters


@dataclass(frozen=True)
class Wanted:
    """A recipe, perhaps with its parameters in the name (`hfn_mp@1a2b3c4d`), and parameters; `val` None takes any."""

    recipe: str
    frames: str = ""
    test_frames: str = ""
    val: str | None = None

    @property
    def parameters(self) -> Parameters:
        """The parameters to build with.

        Raises:
            UserError: a frame rule or the validation rule is none.
        """
        return Parameters(self.frames, self.test_frames, self.val or "auto")

    def fits(self, meta: Mapping[str, Any]) -> bool:
        """Tell whether a manifest with this description is what is wanted, whatever its seed."""
        has, asks = parameters_of(meta.get("recipe") or {}), self.parameters.texts()
        same_frames = all(has.get(name) == asks.get(name) for name in ("frames", "test-frames"))
        return same_frames and self.val in (None, (meta.get("validation") or {}).get("mode"))


def find_built(library: Library, canonical: str, wanted: Wanted) -> Path | None:
    """Return the folder of a built manifest; None where there is none.

    The one with the recipe's own parameters comes first; among others there must be no choice.

    Raises:
        UserError: several fit; names them.
    """
    plain = library.protocol_dir(canonical, wanted.recipe)
    if "@" in wanted.recipe:
        return plain if (plain / TABLE).is_file() else None
    wanted.parameters.texts()  # a wrong rule is told, whatever stands there
    fitting: dict[Path, str] = {}
    for folder in (plain, *sorted(plain.parent.glob(f"{wanted.recipe}@*"))):
        if (folder / TABLE).is_file():
            meta = _described(folder)
            if meta is None or wanted.fits(meta):
                fitting[folder] = recipe_text(meta["recipe"]) if meta else wanted.recipe
    if plain in fitting:
        return plain
    if len(fitting) > 1:
        raise UserError(
            f"{canonical} was built several times with the recipe {wanted.recipe}",
            found="; ".join(fitting.values()),
            do=f"name one: --recipe {' or '.join(folder.name for folder in fitting)}",
        )
    return next(iter(fitting), None)


def _described(folder: Path) -> dict[str, Any] | None:
    """Return what a manifest says of itself; None where it is damaged: whoever reads it finds out how."""
    try:
        return Manifest.description(folder)
    except UserError:
        return None
