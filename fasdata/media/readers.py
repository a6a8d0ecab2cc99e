"""Open the recording of a clip with the reader that its layout declares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from fasdata.datasets.tree import IMAGE, VIDEO, ending
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


# -- How a video is read ----------------------------------------------------------------------------------------------

ON_DAMAGE = ("skip", "stop")
CONTAINER = 2  # the version of what is believed of a container; `Reading` says what version 1 did


@dataclass(frozen=True)
class Reading:
    """How a video is read. These decide which frames there are and how they lie, and a store records them.

    `on_damage`: with `skip` a damaged packet costs its own frames; with `stop` the first one ends the recording, as
    OpenCV's reader does, whose frame lists it serves. `container` 2 believes all of what is said here; 1 is how the
    first stores were read: the first stream, quarter turns alone, pixels as they are coded, concealed frames like any.
    `sparse` decides nothing: where packets prove which frame is which, only what is needed is decoded.

    >>> Reading.recorded_in({})
    Reading(on_damage='stop', container=1)
    """

    on_damage: Literal["skip", "stop"] = "skip"
    container: int = CONTAINER
    sparse: bool = field(default=False, repr=False)

    @classmethod
    def recorded_in(cls, config: Mapping[str, object]) -> Reading:
        """Return how the recordings of a store of this configuration were read; the first ones do not say."""
        stop = config.get("on_damage", "stop") == "stop"
        version = config.get("container", 1)
        return cls("stop" if stop else "skip", version if isinstance(version, int) else 1)

    @property
    def believes_all(self) -> bool:
        """Whether the container is believed beyond the first stream's quarter turns."""
        return self.container >= CONTAINER


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
_SIDE_BY_SIDE = "fasdata.media.side_by_side:SideBySide"  # of a clip with several files, one of them a video
_WITHOUT_COLOUR = ("frames", "image", "wmca-hdf5")  # these readers decide themselves what to do without a colour file


def require_reader(form: MediaForm) -> None:
    """Check that there is a reader for recordings of this form.

    Raises:
        UserError: there is none; names those that exist.
    """
    if form.reader not in _CLASSES:
        raise unknown_name("reader", form.reader, _CLASSES)


def open_source(form: MediaForm, paths: Mapping[str, Path], reading: Reading | None = None) -> FrameSource:
    """Open a recording, given its file (for `frames`: its folder) by modality.

    Of videos, pictures and folders of pictures each clip is what its own files are: copies of a release, and one's own
    data, mix them.

    `reading` is what is believed of a video's container, and what damage costs there.

    Raises:
        UserError: the layout names a reader that does not exist.
        UnreadableMedia: the recording cannot be read; says why.
    """
    require_reader(form)
    if "rgb" not in paths and form.reader not in _WITHOUT_COLOUR:
        raise UnreadableMedia("there is no colour file")
    module, _, name = _class_of(form, paths).partition(":")
    source_class = getattr(import_module(module), name)
    try:
        of_clip: Any = paths["rgb"] if name == "VideoSource" else paths
        more = {"reading": reading} if name in ("VideoSource", "SideBySide") else {}
        source: FrameSource = source_class(of_clip, **more)
    except Exception as error:  # the file is foreign: whatever its parser raises means the same
        raise UnreadableMedia(describe_damage(error)) from None
    return source


def _class_of(form: MediaForm, paths: Mapping[str, Path]) -> str:
    """Return what opens one clip: where its layout has videos or pictures, its own files decide."""
    if form.reader not in ("video", "frames", "image") or "rgb" not in paths:
        return _CLASSES[form.reader]
    if len(paths) > 1 and any(map(_is_video, paths.values())):
        return _SIDE_BY_SIDE
    pictures = ending(paths["rgb"].name) in IMAGE or paths["rgb"].is_dir()
    return _CLASSES["video" if _is_video(paths["rgb"]) else "frames" if pictures else form.reader]


def _is_video(path: Path) -> bool:
    return ending(path.name) in VIDEO and not path.is_dir()
