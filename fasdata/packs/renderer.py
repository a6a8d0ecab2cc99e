"""Stored crops to views, in every modality of a frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fasdata.errors import UserError
from fasdata.faces.modalities import require_same_field, way_of

if TYPE_CHECKING:
    import numpy as np

    from fasdata.faces.view import View
    from fasdata.store.reader import Store


class Frame(NamedTuple):
    """One frame of a store and where its face lies: pixels of the upright source frame, as a manifest has them."""

    dataset: str
    clip_id: str
    frame_index: int
    region: Sequence[int]
    scale: float
    box: Sequence[float]
    landmarks: Sequence[Sequence[float]] | None


class Renderer:
    """Renders `view` from `stores` (by dataset); one warp serves rgb and whatever is registered to it."""

    def __init__(self, stores: Mapping[str, Store], view: View) -> None:
        self.view = view
        self._stores = stores
        self._ways: dict[tuple[str, str], str] = {}

    def require(self, used: Iterable[tuple[str, str]]) -> None:
        """Check that each (dataset, modality) can be rendered.

        Raises:
            UserError: nobody knows where the face is in one of them.
        """
        for dataset, modality in sorted(used):
            if dataset in self._stores:
                self._way(dataset, modality)

    def image(self, frame: Frame, modality: str) -> np.ndarray:
        """Return one modality of a frame: uint8 (S,S,3), or (S,S) with the bits of the store.

        Raises:
            UserError: the store does not hold it, it is damaged, or it cannot show the face's region.
        """
        crop = self._stores[frame.dataset].crop(frame.clip_id, frame.frame_index, modality)
        if self._way(frame.dataset, modality) == "whole":
            return self.view.whole(crop)
        scale = frame.scale if modality == "rgb" else None
        if scale is None:
            try:
                require_same_field(crop.shape, frame.region)
            except ValueError as error:
                raise UserError(
                    f"{modality} of {frame.dataset}/{frame.clip_id}/{frame.frame_index} does not lie on its colour",
                    found=str(error),
                    do="extract the dataset again",
                ) from None
        return self.view.render(crop, frame.region, scale, frame.box, frame.landmarks)

    def depth_unit(self, dataset: str) -> str:
        """Return what a depth value means: relative, mm, scaled-65535, or "" when unknown."""
        return str(self._stores[dataset].info.config.get("depth_unit", ""))

    def _way(self, dataset: str, modality: str) -> str:
        if (dataset, modality) not in self._ways:
            self._ways[dataset, modality] = way_of(self._stores[dataset].info.config, dataset, modality)
        return self._ways[dataset, modality]
