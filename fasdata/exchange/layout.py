"""What a layout of another project is to an export: where pictures go, in which files, with which lists."""

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


# -- What a layout of another project is to an export: where pictures go, in which files, with which lists ------------


SUFFIXES = {"png": ".png", "jpeg": ".jpg"}


@dataclass(frozen=True)
class Picture:
    """One picture of the export. `path` lies below the export's folder; `a.zip!7.png` is a member of a file."""

    frame: ExportFrame
    modality: str
    path: str


@dataclass(frozen=True)
class Unit:
    """What is written as a whole or not at all: usually a clip. `files` are all files it makes, below the folder."""

    name: str
    clips: tuple[ExportClip, ...]
    pictures: tuple[Picture, ...]
    files: tuple[str, ...]


@dataclass(frozen=True)
class Context:
    """What a layout may know beside the clips: the manifest's description, the codec, and the record of a clip."""

    meta: Mapping[str, Any]
    codec: Codec
    record: Callable[[ExportClip], ClipRecord]
    options: Mapping[str, str] = field(default_factory=dict)


class Layout(ABC):
    """One layout. `reads` names the code that reads it, `labels` says which number means what, in words.

    `side` is the picture size that code expects (0: any), `codecs` what it can open, the default first.
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
        """Return the view that the layout's own preprocessing comes closest to, for a manifest's description."""

    @property
    def suffix(self) -> str:
        """The ending of picture files."""
        return SUFFIXES[self.context.codec.name]

    def units(self, clips: Sequence[ExportClip]) -> list[Unit]:
        """Return what is to be written; `notes` then tells what a user should know of it."""
        return [self._unit(clip) for clip in clips]

    def _unit(self, clip: ExportClip) -> Unit:
        pictures = tuple(self.place(clip))
        return Unit(f"{clip.dataset}/{clip.clip_id}", (clip,), pictures, tuple(one.path for one in pictures))

    def place(self, clip: ExportClip) -> list[Picture]:
        """Return where the pictures of a clip go, for layouts in which every picture is a file."""
        raise NotImplementedError

    def write(self, unit: Unit, pictures: Pictures, stage: Path) -> None:
        """Write the files of a unit below `stage`.

        Raises:
            UserError: a picture cannot be made, or not be kept in the codec.
        """
        for one in unit.pictures:
            put(stage / one.path, self.encoded(pictures.image(one.frame.place, one.modality), one))

    def encoded(self, image: np.ndarray, picture: Picture) -> bytes:
        """Return a picture's bytes: png where its name says so, else in the export's codec.

        Raises:
            UserError: a picture of 16 bits that the codec cannot keep.
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
        """Return symbolic links by their path, with what they point to from where they lie."""
        return {}


def put(path: Path, data: bytes) -> None:
    """Write a file and the folders it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def accept_codec(layout: type[Layout], text: str) -> Codec:
    """Return the codec that `text` names, the layout's own where it is "".

    Raises:
        UserError: no such codec, or one that the reading code cannot open.
    """
    codec = Codec.parse(text or layout.codecs[0])
    known = [Codec.parse(one).name for one in layout.codecs]
    if codec.name not in known:
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
        UserError: there is none; names the nearest.
    """
    if name not in LAYOUTS:
        raise unknown_name("layout", name, LAYOUTS)
    module, _, noun = LAYOUTS[name].partition(":")
    found: type[Layout] = getattr(import_module(module), noun)
    return found
