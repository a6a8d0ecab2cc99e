"""The pictures of an export: the chosen view, or the stored pixels as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.exchange.native import NAME, Native
from fasdata.faces.view import View
from fasdata.packs.renderer import Frame, Renderer

if TYPE_CHECKING:
    from fasdata.exchange.sample import ExportClip
    from fasdata.store.reader import Store


class Pictures:
    """Makes pictures from `stores` (by dataset) under `view`, the text of a view or `native`; safe across threads.

    `side` is the length that a layout's own code takes for granted, 0 where it takes any.

    Raises:
        UserError: no such view, one of another size than the layout's, or faces that lack what the view goes by.
    """

    def __init__(self, stores: Mapping[str, Store], view: str, side: int, clips: Sequence[ExportClip]) -> None:
        self._stores = stores
        self._maker: Native | Renderer
        used = {(clip.dataset, name) for clip in clips for one in clip.frames for name in one.modalities}
        if view == NAME:
            if side:
                raise UserError(f"this layout has pictures of {side}x{side}", found="--view native, which has any size")
            self.view, self._maker = NAME, Native(stores)
            self._maker.require(used)
            return
        chosen = View.named(view)
        if side and "size=" not in view:
            chosen = chosen.resized(side)
        if side and chosen.size != side:
            raise UserError(f"this layout has pictures of {side}x{side}", found=f"--view {view}")
        _require_geometry(clips, chosen)
        self.view = str(chosen)
        self._maker = Renderer(stores, chosen)
        self._maker.require(used)

    def image(self, frame: Frame, modality: str) -> np.ndarray:
        """Return one modality of a frame: uint8 (h, w, 3) RGB, or (h, w) with the bits of the store."""
        return self._maker.image(frame, modality)

    def stored(self, frame: Frame) -> np.ndarray:
        """Return the whole stored colour region of a frame, uint8 (h, w, 3) RGB."""
        return self._stores[frame.dataset].crop(frame.clip_id, frame.frame_index)


def _require_geometry(clips: Sequence[ExportClip], view: View) -> None:
    frames = [frame for clip in clips for frame in clip.frames]
    what = "landmarks" if view.needs_landmarks else "box"
    lacking = [frame for frame in frames if not (frame.has_landmarks if view.needs_landmarks else frame.place.box)]
    if lacking:
        raise UserError(
            f"the view {view.name} needs the {what} of every face",
            found=f"{len(lacking)} of {len(frames)} frames without, such as {lacking[0].sample_id}",
            do="choose --view box" if view.needs_landmarks else "choose --view native",
        )
