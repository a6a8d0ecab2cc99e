"""Render stored crops as views in every modality, and list the frames of a manifest to be packed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from fasdata.errors import UserError
from fasdata.faces.context import to_thousandths
from fasdata.faces.detectors import DETECTORS
from fasdata.faces.region import require_same_field, way_of
from fasdata.faces.view import CONTEXT
from fasdata.records import MODALITIES, Box, FrameRecord

if TYPE_CHECKING:
    from fasdata.faces.view import View
    from fasdata.manifests import Manifest
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


def frame_of_record(dataset: str, clip_id: str, record: FrameRecord) -> Frame:
    """Return a frame of a store as a manifest has it: with the precision of its columns.

    Raises:
        UserError: no crop was stored, or it has no box.
    """
    if record.crop is None or record.box is None:
        raise UserError(
            f"frame {record.index} of {dataset}/{clip_id} has no {'crop' if record.crop is None else 'box'}",
            expected="a frame whose face was stored",
        )
    landmarks = None
    if record.landmarks:
        landmarks = np.full((5, 2), np.nan, np.float32)
        landmarks[: len(record.landmarks)] = record.landmarks
    scale, box = float(np.float32(record.crop.scale)), np.asarray(record.box, np.float32)
    return Frame(dataset, clip_id, record.index, record.crop.region, scale, cast(Any, box), cast(Any, landmarks))


class Renderer:
    """Renders `view` from `stores` (by dataset); one warp serves rgb and whatever is registered to it."""

    def __init__(self, stores: Mapping[str, Store], view: View) -> None:
        self.view = view
        self._stores = stores
        self._ways: dict[tuple[str, str], str] = {}

    def require(self, used: Iterable[tuple[str, str]]) -> None:
        """Check that each (dataset, modality) can be rendered.

        Raises:
            UserError: the store of one of them does not say where the face is.
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
            return self.view.stretched(crop)
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
        if self.view.name == CONTEXT:
            region, box, size = self._in_picture(frame)
            return self.view.render(crop, region, scale, box, frame.landmarks, size)
        return self.view.render(crop, frame.region, scale, frame.box, frame.landmarks)

    def require_stored(self, frames: Iterable[Frame]) -> None:
        """Check that the view `context` finds what it shows of each frame in its stored region; others have borders.

        Raises:
            UserError: it does not; says which option to extract with.
        """
        if self.view.name == CONTEXT:
            for frame in frames:
                if frame.dataset in self._stores and self._way(frame.dataset, "rgb") == "warp":
                    self.view.context(*self._in_picture(frame))

    def _in_picture(self, frame: Frame) -> tuple[Sequence[int], Box, tuple[int, int] | None]:
        """Return region and box of a frame, and the size of the picture that the view `context` stays inside.

        The size is None where the store cannot be right about it. Where every image is a face, and black around it may
        have been cut, the stored region is the picture.
        """
        box, region = to_thousandths(frame.box), frame.region
        store = self._stores[frame.dataset]
        detector = DETECTORS.get(str(store.info.config.get("detector")))
        if detector is not None and detector.whole_image:
            x, y, right, bottom = (int(edge) for edge in region)
            moved = (box[0] - x, box[1] - y, box[2] - x, box[3] - y)
            return (0, 0, right - x, bottom - y), moved, (right - x, bottom - y)
        size = store.frame_size(frame.clip_id, frame.frame_index)
        known = size is not None and region[2] <= size[0] and region[3] <= size[1]
        return region, box, size if known else None

    def depth_unit(self, dataset: str) -> str:
        """Return the unit of depth values: relative, mm, scaled-65535, or "" when unknown."""
        return str(self._stores[dataset].info.config.get("depth_unit", ""))

    def _way(self, dataset: str, modality: str) -> str:
        if (dataset, modality) not in self._ways:
            self._ways[dataset, modality] = way_of(self._stores[dataset].info.config, dataset, modality)
        return self._ways[dataset, modality]


# -- The frames of a manifest to be packed ----------------------------------------------------------------------------

_COLUMNS = ("dataset", "clip_id", "frame_index", "region", "scale", "box", "landmarks")
_AT_ONCE = 1024


class FrameToPack(NamedTuple):
    """A frame to be packed: its row in the manifest and the modalities that the protocol shows of it."""

    row: int
    frame: Frame
    modalities: tuple[str, ...]


def image_rows(manifest: Manifest, parts: Sequence[str]) -> np.ndarray:
    """Return the rows of these parts that have an image, ascending."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = manifest.table
    wanted = pc.and_(pc.is_in(table["part"], pa.array(parts, pa.string())), pc.equal(table["status"], "ok"))
    return np.flatnonzero(wanted.combine_chunks().to_numpy(zero_copy_only=False))


def require_geometry(manifest: Manifest, rows: np.ndarray, view: View) -> None:
    """Check that these rows have the landmarks or the box that the view needs.

    Raises:
        UserError: some lack them.
    """
    what = "landmarks" if view.needs_landmarks else "box"
    lacking = manifest.table[what].take(rows).null_count
    if lacking:
        raise UserError(
            f"the view {view.name} needs the {what} of every face",
            found=f"{lacking} of {len(rows)} without",
            do="choose the view 'box'" if view.needs_landmarks else "choose a view that goes by landmarks",
        )


def frames_of(manifest: Manifest, rows: np.ndarray) -> Iterator[FrameToPack]:
    """Yield the frames of these rows, in their order; about a thousand at a time are in memory."""
    keys = [f"key_{name}" for name in MODALITIES]
    table = manifest.table.select([*_COLUMNS, *keys])
    for start in range(0, len(rows), _AT_ONCE):
        batch = rows[start : start + _AT_ONCE]
        for row, values in zip(batch.tolist(), table.take(batch).to_pylist(), strict=True):
            points = values.pop("landmarks")
            landmarks = list(zip(points[::2], points[1::2], strict=True)) if points else None
            modalities = tuple(name for name, key in zip(MODALITIES, keys, strict=True) if values.pop(key))
            yield FrameToPack(row, Frame(landmarks=landmarks, **values), modalities)
