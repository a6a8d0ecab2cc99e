"""Describe what a pack was made from: `pack.json`, written first and compared before anything is added or read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from fasdata import __version__
from fasdata.errors import UserError
from fasdata.faces.view import View
from fasdata.foreign import read_json
from fasdata.library import Library
from fasdata.manifests.meta import recipe_key
from fasdata.store.atomic import write_text
from fasdata.store.codec import Codec

if TYPE_CHECKING:
    from fasdata.manifests import Manifest

FILE = "pack.json"
FORMAT = 1


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    format: int
    protocol: str
    recipe: str
    manifest: str
    stores: dict[str, str]
    view: str
    codec: str
    geometry: int = 1  # what the first packs have and do not state
    tool_version: str


@dataclass(frozen=True)
class PackInfo:
    """The manifest (by fingerprint), the stores (content hash by dataset), the view and the codec of a pack.

    `geometry` is the version of the view's geometry by which its pixels were made (`View.geometry_version`).
    """

    protocol: str
    recipe: str
    manifest: str
    stores: dict[str, str]
    view: View
    codec: str
    geometry: int

    @classmethod
    def of(cls, manifest: Manifest, view: View, codec: str) -> PackInfo:
        """Return the description of a pack of this manifest."""
        meta, kept = manifest.meta, str(Codec.parse(codec))
        return cls(
            meta["canonical"], recipe_key(meta["recipe"]), meta["fingerprint"], meta["stores"], view, kept,
            view.geometry_version,
        )  # fmt: skip

    @property
    def exact(self) -> bool:
        """Whether the pack holds every pixel as it would be made from the stores."""
        return Codec.parse(self.codec).name != "jpeg"

    @property
    def outdated(self) -> bool:
        """Whether this version of fasdata makes other pixels of the same view, so that the pack has to be made anew."""
        return self.geometry != self.view.geometry_version

    def differences(self, other: PackInfo) -> list[str]:
        """Return, in words, how `other` was made from something else; the codec does not count."""
        texts = []
        if (self.protocol, self.recipe) != (other.protocol, other.recipe):
            texts.append(f"{other.protocol} in recipe {other.recipe}")
        elif self.manifest != other.manifest:
            texts.append(f"a manifest built at another time ({other.manifest[:12]})")
        changed = [name for name in self.stores if self.stores[name] != other.stores.get(name)]
        if changed:
            texts.append(f"other content of {', '.join(changed)}")
        return [*texts, *([f"the view {other.view}"] if other.view != self.view else [])]

    def require_same(self, there: PackInfo, folder: Path) -> None:
        """Stop where the pack in `folder`, which frames are to be added to, is another one.

        Raises:
            UserError: it was made from something else, or with another codec.
        """
        different = [*self.differences(there), *([f"the codec {there.codec}"] if there.codec != self.codec else [])]
        if different:
            raise UserError(
                f"the pack {folder} was made from something else",
                expected=f"{self.protocol} in recipe {self.recipe} as built now, view {self.view}, codec {self.codec}",
                found=", ".join(different),
                do="remove that folder and pack again",
            )

    def write(self, folder: Path) -> None:
        """Write `pack.json` atomically."""
        text: dict[str, Any] = {**vars(self), "view": str(self.view), "format": FORMAT, "tool_version": __version__}
        write_text(folder / FILE, json.dumps(text, indent=2, sort_keys=True) + "\n")

    @classmethod
    def read(cls, folder: Path) -> PackInfo:
        """Read and check `pack.json`.

        Raises:
            UserError: missing, damaged, or of another format.
        """
        path, remove = folder / FILE, f"remove {folder} and pack again"
        if not path.exists():
            raise UserError(f"no pack at {folder}", expected=f"a file {FILE}", do="make it: fasdata pack")
        try:
            form = _Form.model_validate(read_json(path, do=remove))
        except ValidationError as error:
            problem = " ".join(str(error).split())[:120]
            raise UserError(f"{path} does not describe a pack", found=problem, do=remove) from None
        if form.format != FORMAT:
            raise UserError(f"{path} has another format", expected=str(FORMAT), found=str(form.format), do=remove)
        fields = form.model_dump(exclude={"format", "tool_version"})
        Codec.parse(form.codec)
        return cls(**{**fields, "view": View.named(form.view)})


def pack_dir(library: Library, protocol: str, recipe: str, view: View) -> Path:
    """Return where a library keeps the pack of a protocol in a recipe (canonical names) under a view."""
    name = str(view).replace("(", "-").replace(",", "-").replace("=", "").rstrip(")")
    return library.root / "packs" / protocol.replace(":", "-") / recipe / name
