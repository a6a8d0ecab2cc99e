"""The form in which a release keeps its recordings, as its layout declares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

READERS = ("video", "frames", "image", "wmca-hdf5", "3dmad-hdf5", "padisi-npz")


@dataclass(frozen=True)
class MediaForm:
    """How to read a clip's files and what their pixels mean.

    `registered` is how depth and ir lie on rgb: `exact` pixel to pixel, `scaled` the same field of view at another
    size, `none` nothing is known. `precropped`: every image is a face and nothing else. `depth_unit` is what a depth
    value means (`relative`, `mm`, `scaled-65535` = 65535 stands for 1).
    """

    reader: str = "video"
    registered: Literal["exact", "scaled", "none"] = "exact"
    precropped: bool = False
    depth_unit: str = ""

    @property
    def may_have_borders(self) -> bool:
        """Whether faces may lie on black: image files of a pre-cropped release (CASIA-SURF and CeFA do it so)."""
        return self.precropped and self.reader in ("frames", "image")

    @classmethod
    def of(cls, layout: object) -> MediaForm:
        """Take from a dataset card's layout what it declares; what it leaves open is as for plain videos."""
        declared: dict[str, Any] = {name: getattr(layout, name, None) for name in vars(cls())}
        return cls(**{name: value for name, value in declared.items() if value is not None})
