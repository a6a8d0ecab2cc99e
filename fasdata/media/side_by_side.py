"""A recording of several files, one a modality: a colour video beside a depth video, or beside a folder of pictures."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import av
import numpy as np

from fasdata.datasets.tree import VIDEO, ending
from fasdata.media.container import Orientation, Reading, squared_size
from fasdata.media.frame import (
    BY_GROUPS,
    MAX_PIXELS,
    Frame,
    FrameSource,
    IndexedSource,
    UnreadableMedia,
    claimed_frames,
    left_out,
    proven_frames,
    way_read,
)
from fasdata.media.stills import StillsSource, images_of, read_still
from fasdata.media.video import VideoSource

_SAME_RATE = 0.05  # by what share two frame rates may differ and still count as one: headers round


class SideBySide:
    """The frames of a colour source, each with the pictures that the other files have at the same place.

    A frame for which one of the others has no picture goes without it; `notes` says where lengths differ or a file is
    missing. Everything but pictures is that of the colour source.
    """

    def __init__(self, paths: Mapping[str, Path], reading: Reading | None = None) -> None:
        """Open every file.

        Raises:
            UnreadableMedia: one of them cannot be read, or two videos have different frame rates.
        """
        self._colour = _colour_source(paths["rgb"], reading)
        self._others: dict[str, FrameSource] = {}
        self._notes: list[str] = []
        for name, path in paths.items():
            if name == "rgb":
                continue
            if not path.exists():
                self._notes.append(f"{name}: the file is missing")
                continue
            try:
                self._others[name] = _grey_source(path, name, reading)
            except UnreadableMedia as error:
                raise UnreadableMedia(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None
            rate, own = self._others[name].frame_rate, self.frame_rate
            if rate and own and abs(rate - own) > _SAME_RATE * own:
                raise UnreadableMedia(
                    f"{name}: {rate:g} frames a second, and {own:g} in colour: which belong together?"
                )

    @property
    def frame_rate(self) -> float:
        """Frames a second of the colour source."""
        return self._colour.frame_rate

    @property
    def rotation(self) -> int:
        """The clockwise quarter turn that the colour source's container asked for."""
        return self._colour.rotation

    @property
    def n_hint(self) -> int:
        """How many frames the colour source claims, or lets one guess."""
        return self._colour.n_hint

    @property
    def n_claimed(self) -> int:
        """How many frames should be there."""
        return claimed_frames(self._colour)

    @property
    def n_decoded(self) -> int | None:
        """How many colour frames there are, once a pass has reached the end."""
        return self._colour.n_decoded

    @property
    def left_out(self) -> Collection[int]:
        """Colour frames that count and are never shown."""
        return left_out(self._colour)

    @property
    def way(self) -> str:
        """How its videos were read: in order, if one of them was."""
        ways = [way for way in map(way_read, (self._colour, *self._others.values())) if way]
        return next((way for way in ways if way != BY_GROUPS), ways[0] if ways else "")

    @property
    def n_proven(self) -> int | None:
        """How many colour frames the packets prove, None where it is read in order."""
        return proven_frames(self._colour)

    def read_in_order(self, why: str) -> None:
        """Forget every pass so far, and read all of its videos in order from now on."""
        for source in (self._colour, *self._others.values()):
            if isinstance(source, VideoSource):
                source.read_in_order(why)

    @property
    def damage(self) -> str:
        """What went wrong in decoding any of the files."""
        others = (f"{name}: {source.damage}" for name, source in self._others.items() if source.damage)
        return "; ".join(filter(None, (self._colour.damage, *others)))

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user of the recording should know of its files."""
        lengths = [
            f"{name}: {source.n_decoded} pictures, colour has {self.n_decoded}"
            for name, source in self._others.items()
            if source.n_decoded is not None and self.n_decoded not in (None, source.n_decoded)
        ]
        others = [f"{name}: {note}" for name, source in self._others.items() for note in source.notes]
        return (*self._colour.notes, *self._notes, *others, *lengths)

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield the wanted colour frames with the pictures of the others; files that end earlier are done."""
        passes = {name: _Pass(source.frames(indices, to_end=to_end)) for name, source in self._others.items()}
        for frame in self._colour.frames(indices, to_end=to_end):
            pictures = {
                name: picture for name, of in passes.items() if (picture := of.picture(frame.index)) is not None
            }
            yield Frame(frame.index, frame.pts, {**frame.images, **pictures}, frame.name, frame.eyes)
        for of in passes.values():
            of.finish(to_end=to_end)


def _colour_source(path: Path, reading: Reading | None) -> FrameSource:
    source: Any = VideoSource(path, reading=reading) if _is_video(path) else StillsSource({"rgb": path})
    return cast(FrameSource, source)


def _grey_source(path: Path, modality: str, reading: Reading | None) -> FrameSource:
    source: Any = GreyVideo(path, reading) if _is_video(path) else GreyStills(path, modality)
    return cast(FrameSource, source)


class _Pass:
    """One pass over the pictures of a modality, in step with the colour frames."""

    def __init__(self, frames: Iterator[Frame]) -> None:
        self._frames, self._next = frames, None
        self._ended = False

    _next: Frame | None

    def picture(self, index: int) -> np.ndarray | None:
        while not self._ended and (self._next is None or self._next.index < index):
            self._next = next(self._frames, None)
            self._ended = self._next is None
        frame = self._next
        return frame.images["rgb"] if frame is not None and frame.index == index else None

    def finish(self, *, to_end: bool) -> None:
        """Count the pictures beyond the last colour frame."""
        while to_end and not self._ended:
            self._ended = next(self._frames, None) is None


class GreyVideo(VideoSource):
    """A video of one channel, depth or infrared: 8 or 16 bits as the file has them; colours become their luma."""

    def __init__(self, path: Path, reading: Reading | None = None) -> None:
        super().__init__(path, reading=reading)

    def _convert(self, picture: av.VideoFrame, position: int) -> Frame:
        width, height = squared_size(picture.width, picture.height, self.pixel_aspect)
        if max(picture.width * picture.height, width * height) > MAX_PIXELS:
            raise UnreadableMedia(f"frame {position} has {picture.width}x{picture.height} pixels, over the limit")
        self.orientation = Orientation.of_picture(picture, self.reading)
        grey = _plane(picture)
        if (width, height) != (picture.width, picture.height):
            import cv2

            grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_NEAREST)  # depths are not to be mixed
        upright = self.orientation.apply(grey)
        return Frame(position, float(picture.time) if picture.time is not None else -1.0, {"rgb": upright})


def _plane(picture: av.VideoFrame) -> np.ndarray:
    """Return the grey values of a picture; those of a grey format stay what they are."""
    name, bits = picture.format.name, max(component.bits for component in picture.format.components)
    if not name.startswith("gray") or name.startswith("grayf"):
        return picture.to_ndarray(format="gray16le" if bits > 8 else "gray")
    if bits <= 8:
        return picture.to_ndarray(format="gray")
    plane = picture.planes[0]
    values = np.frombuffer(bytes(plane), ">u2" if name.endswith("be") else "<u2").reshape(-1, plane.line_size // 2)
    return values[: picture.height, : picture.width].astype(np.uint16)


class GreyStills(IndexedSource):
    """Depth or infrared pictures in a folder (or one file), in natural order."""

    def __init__(self, path: Path, modality: str) -> None:
        self._files, self._modality = images_of(path), modality
        super().__init__(list(self._files))

    def _read(self, handle: Any, index: int) -> Frame:
        name = self.names[index]
        return Frame(index, -1.0, {"rgb": read_still(self._files[name], self._modality)}, name)


def _is_video(path: Path) -> bool:
    return ending(path.name) in VIDEO and not path.is_dir()
