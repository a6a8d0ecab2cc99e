"""Choose where the images of a run come from: warped from the stores, or read from a pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fasdata.errors import UserError
from fasdata.library import Library
from fasdata.manifests.meta import recipe_key
from fasdata.packs.info import FILE, pack_dir

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.manifests import Manifest
    from fasdata.packs.pack import Pack

_STORES = "warped from the stores"


@dataclass(frozen=True)
class ImageSource:
    """The pack that some parts of the manifest are read from, if any, and a note that says so.

    `pixels` is `exact`, or the codec that changed them.
    """

    pack: Pack | None
    parts: frozenset[str]
    note: str
    pixels: str = "exact"

    def of(self, part: str) -> Pack | None:
        """Return the pack that a part is read from; None if it is rendered from the stores."""
        return self.pack if part in self.parts else None


def image_source(
    how: Literal["auto", "store", "pack"], library: Library, manifest: Manifest, view: View
) -> ImageSource:
    """Choose between stores and pack as `data.images` says.

    `auto` reads the parts that the pack of this manifest and view holds completely, if its pixels are those of the
    stores to the bit; the images are then the same either way.

    Raises:
        UserError: a pack is asked for, and there is none that fits and is complete.
    """
    meta = manifest.meta
    folder = pack_dir(library, meta["canonical"], recipe_key(meta["recipe"]), view)
    if how == "store" or (how == "auto" and not (folder / FILE).is_file()):
        return ImageSource(None, frozenset(), _STORES)
    try:
        return _from_pack(folder, manifest, view, strict=how == "pack")
    except UserError as error:
        if how == "pack":
            raise
        return ImageSource(None, frozenset(), f"{_STORES}: {error}")


def _from_pack(folder: Path, manifest: Manifest, view: View, *, strict: bool) -> ImageSource:
    from fasdata.packs.pack import Pack
    from fasdata.packs.renderer import image_rows

    if not (folder / FILE).is_file():
        meta = manifest.meta
        raise UserError(
            f"no pack at {folder}",
            do=f"make it: fasdata pack --protocol {meta['canonical']} --recipe {recipe_key(meta['recipe'])} "
            f"--view '{view}', or --set data.images=auto",
        )
    pack = Pack.open(folder, manifest)
    if pack.info.view != view:
        raise UserError(f"the pack {folder} is of another view", expected=str(view), found=str(pack.info.view))
    if not (pack.info.exact or strict):
        return ImageSource(
            None, frozenset(), f"{_STORES}: the pack {folder} is {pack.info.codec}, which changes pixels"
        )
    rows = {part: image_rows(manifest, [part]) for part in ("train", "val", "test")}
    if strict:
        for part, wanted in rows.items():
            pack.require(wanted, part)
    complete = frozenset(part for part, wanted in rows.items() if len(wanted) and pack.holds(wanted).all())
    rest = sorted(part for part, wanted in rows.items() if len(wanted) and part not in complete)
    note = f"from the pack {folder} ({pack.info.codec})" + (f", but {' and '.join(rest)} {_STORES}" if rest else "")
    return ImageSource(pack, complete, note if complete else _STORES, "exact" if pack.info.exact else pack.info.codec)
