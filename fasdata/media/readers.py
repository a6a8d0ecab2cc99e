"""Open the recording of a clip with the reader that its layout declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from fasdata.errors import unknown_name
from fasdata.media.frame import FrameSource, UnreadableMedia, describe_damage

# -- How a layout declares its recordings -----------------------------------------------------------------------------


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
        """Whether faces may lie on black: in image files of a pre-cropped release, as in CASIA-SURF and CeFA."""
        return self.precropped and self.reader in ("frames", "image")

    @classmethod
    def of(cls, layout: object) -> MediaForm:
        """Return the form that the layout of a dataset card declares; what it leaves open is as for plain videos."""
        declared: dict[str, Any] = {name: getattr(layout, name, None) for name in vars(cls())}
        return cls(**{name: value for name, value in declared.items() if value is not None})


# -- Open a recording -------------------------------------------------------------------------------------------------

# Each class takes the files (or folders) of a clip by modality; its module is imported when first needed.
_CLASSES = {
    "video": "fasdata.media.video:VideoSource",
    "frames": "fasdata.media.stills:StillsSource",
    "image": "fasdata.media.stills:StillsSource",
    "wmca-hdf5": "fasdata.media.wmca:WmcaSource",
    "3dmad-hdf5": "fasdata.media.threedmad:ThreedmadSource",
    "padisi-npz": "fasdata.media.padisi:PadisiSource",
}
_WITHOUT_COLOUR = ("frames", "image", "wmca-hdf5")  # these readers decide themselves what to do without a colour file


def require_reader(form: MediaForm) -> None:
    """Check that there is a reader for recordings of this form.

    Raises:
        UserError: there is none; names those that exist.
    """
    if form.reader not in _CLASSES:
        raise unknown_name("reader", form.reader, _CLASSES)


def open_source(form: MediaForm, paths: Mapping[str, Path]) -> FrameSource:
    """Open a recording, given its file (for `frames`: its folder) by modality. Of a video only rgb is read.

    Raises:
        UserError: the layout names a reader that does not exist.
        UnreadableMedia: the recording cannot be read; says why.
    """
    require_reader(form)
    if "rgb" not in paths and form.reader not in _WITHOUT_COLOUR:
        raise UnreadableMedia("there is no colour file")
    module, _, name = _CLASSES[form.reader].partition(":")
    source_class = getattr(import_module(module), name)
    try:
        source: FrameSource = source_class(paths["rgb"] if form.reader == "video" else paths)
    except Exception as error:  # the file is foreign: whatever its parser raises means the same
        raise UnreadableMedia(describe_damage(error)) from None
    return source
