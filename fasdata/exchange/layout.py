"""Define what a layout of another project has to say: where pictures go, in which files, with which lists."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fasdata.errors import UserError, unknown_name
from fasdata.exchange.pictures import Pictures
from fasdata.store.codec import Codec, encode

if TYPE_CHECKING:
    from fasdata.exchange.sample import ExportClip, ExportFrame
    from fasdata.records import ClipRecord


SUFFIXES = {"png": ".png", "jpeg": ".jpg"}


@dataclass(frozen=True)
class Picture:
    """One picture of the export. `path` lies below the export's folder; `a.zip!7.png` is a member of a file."""

    frame: ExportFrame
    modality: str
    path: str


@dataclass(frozen=True)
class Unit:
    """What is written completely or not at all: usually a clip. `files` are all its files, below the folder."""

    name: str
    clips: tuple[ExportClip, ...]
    pictures: tuple[Picture, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Context:
    """What a layout needs beside the clips: the manifest's description, the codec, and the record of a clip."""

    meta: Mapping[str, Any]
    codec: Codec
    record: Callable[[ExportClip], ClipRecord]
    options: Mapping[str, str] = field(default_factory=dict)


class Layout(ABC):
    """A layout. `reads` names the code that reads it, `labels` says in words which number means which label.

    `side` is the picture size that this code expects (0: any), `codecs` are those that it opens, the default first.
    """

    name: ClassVar[str]
    reads: ClassVar[str]
    labels: ClassVar[str]
    side: ClassVar[int] = 0
    codecs: ClassVar[tuple[str, ...]] = ("png", "jpeg:98")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.notes: list[str] = []

    @classmethod
    @abstractmethod
    def default_view(cls, meta: Mapping[str, Any]) -> str:
        """Return the view closest to the project's own preprocessing, for a manifest with this description."""

    @property
    def suffix(self) -> str:
        """The ending of picture files."""
        return SUFFIXES[self.context.codec.name]

    def units(self, clips: Sequence[ExportClip]) -> list[Unit]:
        """Return the units to write, and put what a user should know of them into `notes`."""
        return [self._unit(clip) for clip in clips]

    def _unit(self, clip: ExportClip) -> Unit:
        pictures = tuple(self.place(clip))
        return Unit(f"{clip.dataset}/{clip.clip_id}", (clip,), pictures, tuple(picture.path for picture in pictures))

    def place(self, clip: ExportClip) -> list[Picture]:
        """Return the pictures of a clip with their paths, for layouts in which every picture is a file."""
        raise NotImplementedError

    def write(self, unit: Unit, pictures: Pictures, stage: Path) -> None:
        """Write the files of a unit below `stage`.

        Raises:
            UserError: a picture cannot be made, or not be stored in the codec.
        """
        for picture in unit.pictures:
            image = pictures.image(picture.frame.place, picture.modality)
            put(stage / picture.path, self.encoded(image, picture))

    def encoded(self, image: np.ndarray, picture: Picture) -> bytes:
        """Return a picture's bytes: png where its name says so, else in the export's codec.

        Raises:
            UserError: a picture of 16 bits in a codec for 8.
        """
        if picture.path.endswith(".png"):
            return encode(image, "png")
        if image.dtype != np.uint8:
            raise UserError(
                f"{picture.modality} of {picture.frame.sample_id} has 16 bits, which {self.context.codec} cannot keep",
                do="export with --codec png, or without this modality",
            )
        return encode(image, str(self.context.codec))

    @abstractmethod
    def lists(self, units: Sequence[Unit]) -> dict[str, bytes]:
        """Return the list files of the layout by their path."""

    def links(self, units: Sequence[Unit]) -> dict[str, str]:
        """Return symbolic links by their path, each with its relative target."""
        return {}


def put(path: Path, data: bytes) -> None:
    """Write a file, and make its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def accept_codec(layout: type[Layout], text: str) -> Codec:
    """Return the codec that `text` names; the layout's own where it is "".

    Raises:
        UserError: there is no such codec, or the reading code cannot open it.
    """
    codec = Codec.parse(text or layout.codecs[0])
    if codec.name not in [Codec.parse(name).name for name in layout.codecs]:
        raise UserError(
            f"the layout {layout.name} cannot hold {codec}: {layout.reads} does not open it",
            expected=" or ".join(layout.codecs),
        )
    return codec


# -- The layouts by name ----------------------------------------------------------------------------------------------

LAYOUTS = {
    "metapattern": "fasdata.exchange.metapattern:MetaPattern",
    "safas": "fasdata.exchange.safas:SaFas",
    "flip": "fasdata.exchange.flip:Flip",
    "mmdg": "fasdata.exchange.mmdg:Mmdg",
    "webdataset": "fasdata.exchange.webdataset:WebDataset",
}


def layout_class(name: str) -> type[Layout]:
    """Return the layout of that name.

    Raises:
        UserError: there is none; the message names the nearest.
    """
    if name not in LAYOUTS:
        raise unknown_name("layout", name, LAYOUTS)
    module, _, noun = LAYOUTS[name].partition(":")
    layout: type[Layout] = getattr(import_module(module), noun)
    return layout
