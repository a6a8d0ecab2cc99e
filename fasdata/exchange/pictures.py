"""Make the pictures of an export: a view of the face, its box in stored pixels, or the stored pixels unchanged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.region import way_of
from fasdata.faces.view import View, parameters
from fasdata.packs.renderer import Frame, Renderer

if TYPE_CHECKING:
    from fasdata.exchange.sample import ExportClip
    from fasdata.store.reader import Store


# -- The view `native`: the face box in stored pixels, cut and never resampled ----------------------------------------

NATIVE = "native"
Window = tuple[int, int, int, int]


class Native:
    """Cut the box out of stored crops; crops of a release that is already cropped stay as they are.

    The box is cut to whole pixels towards zero and kept inside the stored region, as preprocessing scripts do.
    """

    def __init__(self, stores: Mapping[str, Store]) -> None:
        self._stores = stores

    def require(self, used: Iterable[tuple[str, str]]) -> None:
        """Check that each (dataset, modality) can be cut.

        Raises:
            UserError: the position of the face in one of them is unknown.
        """
        for dataset, modality in sorted(used):
            way_of(self._stores[dataset].info.config, dataset, modality)

    def image(self, frame: Frame, modality: str) -> np.ndarray:
        """Return one modality of a frame with the bits and channels of the store.

        Raises:
            UserError: the store does not hold it, or it is damaged.
        """
        store = self._stores[frame.dataset]
        crop = store.crop(frame.clip_id, frame.frame_index, modality)
        if way_of(store.info.config, frame.dataset, modality) == "whole":
            return crop
        x0, y0, x1, y1 = box_window(frame, crop.shape[:2])
        return np.ascontiguousarray(crop[y0:y1, x0:x1])


def box_window(frame: Frame, shape: tuple[int, ...]) -> Window:
    """Return the box in pixels of the stored crop of `shape` (height, width): x0, y0, x1, y1, end exclusive.

    The complete crop where no box is known; at least one pixel.
    """
    if frame.box is None:
        return (0, 0, shape[1], shape[0])
    x0, x1 = _span(frame.box[0], frame.box[2], frame.region[0], frame.region[2], shape[1])
    y0, y1 = _span(frame.box[1], frame.box[3], frame.region[1], frame.region[3], shape[0])
    return (x0, y0, x1, y1)


def _span(low: float, high: float, start: int, end: int, stored: int) -> tuple[int, int]:
    scale = stored / (end - start)
    first = min(max(0, round((int(low) - start) * scale)), stored - 1)
    return first, max(first + 1, min(stored, round((int(high) - start) * scale)))


# -- Pictures in any view ---------------------------------------------------------------------------------------------


class Pictures:
    """Make pictures from `stores` (by dataset) in `view`, the text of a view or `native`; safe across threads.

    `side` is the picture size that a layout's own code expects, 0 for any.

    Raises:
        UserError: there is no such view, it has another size than the layout, or faces lack the box or the landmarks
            that it needs.
    """

    def __init__(self, stores: Mapping[str, Store], view: str, side: int, clips: Sequence[ExportClip]) -> None:
        self._stores = stores
        self._maker: Native | Renderer
        used = {(clip.dataset, name) for clip in clips for frame in clip.frames for name in frame.modalities}
        if view == NATIVE:
            if side:
                raise UserError(f"this layout has pictures of {side}x{side}", found="--view native, which has any size")
            self.view, self.geometry, self._maker = NATIVE, 1, Native(stores)
            self._maker.require(used)
            return
        template = View.named(view)
        if side and "size" not in parameters(view)[1]:
            template = template.resized(side)
        if side and template.size != side:
            raise UserError(f"this layout has pictures of {side}x{side}", found=f"--view {view}")
        _require_geometry(clips, template)
        self.view, self.geometry = str(template), template.geometry_version
        self._maker = Renderer(stores, template)
        self._maker.require(used)
        self._maker.require_stored(frame.place for clip in clips for frame in clip.frames)

    def image(self, frame: Frame, modality: str) -> np.ndarray:
        """Return one modality of a frame: uint8 (h, w, 3) RGB, or (h, w) with the bits of the store."""
        return self._maker.image(frame, modality)

    def stored(self, frame: Frame) -> np.ndarray:
        """Return the stored colour region of a frame, uint8 (h, w, 3) RGB."""
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
