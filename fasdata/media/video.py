"""Video files, decoded by PyAV: frames counted by decoding, and shown as the container says, exactly once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from fasdata.media.container import (
    Orientation,
    choose_stream,
    open_container,
    pixel_aspect,
    squared_size,
    stream_note,
    with_square_pixels,
)
from fasdata.media.frame import (
    BY_GROUPS,
    IN_ORDER,
    MAX_CLAIM,
    MAX_PIXELS,
    Frame,
    Unproven,
    UnreadableMedia,
    decoded,
    error_line,
)
from fasdata.media.groups import GroupDecoder, Groups, survey
from fasdata.media.readers import Reading

_LEAST_BYTES = 4  # that a frame takes in any container, its entry in the index included
_A_PICTURE_A_PACKET = {"h264", "hevc", "mjpeg"}  # codecs in which a packet without a picture is a loss
_KEEPS_CONCEALED = av.codec.context.Flags.output_corrupt


class VideoSource:
    """The frames of a video file.

    Frames are counted by decoding, never taken from a header. What the container says of them is applied here and
    nowhere else (the decoder is not asked to): which stream, which way up and whether mirrored, how wide a pixel is. A
    damaged packet costs its own frames. A frame that the decoder made up from its neighbours (`concealed`) counts and
    is left out. Frames before the first whole one are none: they hang on a key frame that the file does not have.
    `damage` says all of it once a pass has reached the end.

    With a `sparse` reading, packets that prove which frame is which save decoding the others (`fasdata.media.groups`);
    damage there is not looked for. Then a pass may raise `Unproven`; after `read_in_order` none does.
    """

    def __init__(self, path: Path, *, reading: Reading | None = None, threads: int = 1) -> None:
        """Open the file.

        Raises:
            UnreadableMedia: the file is missing, empty, not a video, or without a video stream.
        """
        self.path = path
        self.reading = reading or Reading()
        self.threads = threads
        self.n_decoded: int | None = None
        self.damage = ""
        self.orientation = Orientation()
        self._notes: list[str] = []
        self._concealed: set[int] = set()
        self._groups: Groups | None = None
        self.way = IN_ORDER
        if not path.is_file():
            raise UnreadableMedia("the file is missing")
        if path.stat().st_size == 0:
            raise UnreadableMedia("the file is empty (0 bytes)")
        with self._opened() as (container, stream):
            self.frame_rate = float(stream.average_rate or stream.guessed_rate or 0)
            self.stream = list(container.streams.video).index(stream)
            self.pixel_aspect = pixel_aspect(stream, self.reading)
            counted = stream.frames
            claimed = counted or self._frames_from_duration(container, stream)
            if self.reading.believes_all and (note := stream_note(container, stream)):
                self._notes.append(note)
            if self.reading.sparse:
                self._survey(container, stream)
        self.n_hint = claimed if 0 < claimed <= min(MAX_CLAIM, path.stat().st_size // _LEAST_BYTES) else 0
        # Length times mean rate is a guess of where to look: only a count is a claim that frames can be missing from.
        self.n_claimed = self.n_hint if counted or not self.reading.believes_all else 0
        if self.n_hint != claimed:
            self._notes.append(f"the container claims {claimed} frames, which is not believed")
        self._n_claimed_at_first = self.n_claimed

    @property
    def rotation(self) -> int:
        """The clockwise quarter turn in degrees by which pictures are shown, known once one was decoded."""
        return self.orientation.rotation

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user of the recording should know of its container."""
        mirrored = ["the container shows the recording mirrored"] if self.orientation.mirrored else []
        return (*self._notes, *mirrored)

    @property
    def left_out(self) -> Collection[int]:
        """Frames, as far as passes have met them, that are counted and not shown because the decoder made them up."""
        return self._concealed

    @property
    def n_proven(self) -> int | None:
        """How many frames the packets prove, None where the video is read in order."""
        return self._groups.n if self._groups else None

    def read_in_order(self, why: str) -> None:
        """Forget every pass so far, and read the whole video from now on."""
        self._groups, self.way = None, f"{IN_ORDER}: {why}"
        self.n_decoded, self.damage, self.n_claimed = None, "", self._n_claimed_at_first
        self.orientation = Orientation()
        self._concealed.clear()

    def _survey(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        try:
            self._groups, self.way = survey(container, stream), BY_GROUPS
        except Unproven as unproven:
            self.way = f"{IN_ORDER}: {unproven}"

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield upright frames in decode order; only the wanted ones are converted to RGB.

        Raises:
            UnreadableMedia: there is no frame, or a wanted one cannot be shown.
            Unproven: a sparse reading came upon what its packets did not tell.
        """
        if self._groups is not None:
            yield from self._frames_of_groups(self._groups, indices, to_end=to_end)
            return
        last = max(indices, default=-1) if indices is not None else None
        if last == -1 and not to_end:
            return
        position = -1
        pictures = _Pictures(self)
        for picture in pictures.decode():
            position += 1
            decoded()
            if self.reading.believes_all and picture.is_corrupt:
                self._concealed.add(position)
            elif indices is None or position in indices:
                yield self._shown(picture, position)
            if not (to_end or last is None or position < last):
                return
        self.n_decoded = position + 1
        self.damage = pictures.damage(self.n_decoded, self._concealed)
        if pictures.slots >= self.n_claimed:
            self.n_claimed = 0
        if self.n_decoded == 0:
            raise UnreadableMedia(self.damage or "the file has no decodable frame")

    def _frames_of_groups(self, groups: Groups, indices: Collection[int] | None, *, to_end: bool) -> Iterator[Frame]:
        wanted = range(groups.n) if indices is None else indices
        if any(index < groups.n for index in wanted):
            with self._opened() as (container, stream):
                self._set_up(stream, concealed=True)
                for position, picture in GroupDecoder(groups, container, stream).pictures(wanted):
                    yield self._shown(picture, position)
        if to_end or max(wanted, default=0) >= groups.n:
            self.n_decoded = groups.n
            self.n_claimed = 0 if groups.slots >= self.n_claimed else self.n_claimed

    def _shown(self, picture: av.VideoFrame, position: int) -> Frame:
        try:
            return self._convert(picture, position)
        except (av.error.FFmpegError, ValueError) as error:
            raise UnreadableMedia(f"frame {position} cannot be converted: {error_line(error)}") from None

    def _convert(self, picture: av.VideoFrame, position: int) -> Frame:
        width, height = squared_size(picture.width, picture.height, self.pixel_aspect)
        if max(picture.width * picture.height, width * height) > MAX_PIXELS:
            raise UnreadableMedia(f"frame {position} has {picture.width}x{picture.height} pixels, over the limit")
        self.orientation = Orientation.of_picture(picture, self.reading)
        rgb = picture.to_ndarray(format="rgb24")
        if self.pixel_aspect != 1:
            self._note_aspect(rgb)
            rgb = with_square_pixels(rgb, self.pixel_aspect)
        upright = self.orientation.apply(rgb)
        return Frame(position, float(picture.time) if picture.time is not None else -1.0, {"rgb": upright})

    def _note_aspect(self, image: np.ndarray) -> None:
        height, width = image.shape[:2]
        across, down = squared_size(width, height, self.pixel_aspect)
        aspect = f"{self.pixel_aspect.numerator}:{self.pixel_aspect.denominator}"
        note = f"pixels of {aspect} were made square: {width}x{height} became {across}x{down}"
        if note not in self._notes:
            self._notes.append(note)

    @contextmanager
    def _opened(self) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
        with open_container(self.path) as container:
            stream = choose_stream(container, self.reading)
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > MAX_PIXELS:
                raise UnreadableMedia(f"{width}x{height} pixels, more than the limit of {MAX_PIXELS}")
            yield container, stream

    def _set_up(self, stream: av.VideoStream, *, concealed: bool) -> None:
        stream.thread_type = "AUTO"
        codec = stream.codec_context
        codec.thread_count = self.threads
        codec.options = {"max_pixels": str(MAX_PIXELS)}  # pictures may be larger than the header says
        if concealed:
            codec.flags |= _KEEPS_CONCEALED

    @staticmethod
    def _frames_from_duration(container: av.container.InputContainer, stream: av.VideoStream) -> int:
        rate = stream.average_rate
        if not rate or not container.duration:
            return 0
        return round(float(rate) * container.duration / av.time_base)


@dataclass
class _Loss:
    """Packets that were read, those that the decoder refused, and why the first was refused."""

    packets: int = 0
    refused: int = 0
    after: int = 0
    why: str = ""
    stopped: str = ""


class _Pictures:
    """One pass over a file's pictures, and what it found damaged."""

    def __init__(self, source: VideoSource) -> None:
        self._source, self._reading = source, source.reading
        self._loss = _Loss()
        self._codec, self._field_coded = "", False
        self.slots = 0  # of the claimed number of frames: those that the packets account for

    def decode(self) -> Iterator[av.VideoFrame]:
        """Yield the pictures that count."""
        skips, began = self._reading.on_damage == "skip", False
        first: av.VideoFrame | None = None
        for picture in self._decode(concealed=skips):
            # In a stream that begins without a key frame, pictures made of nothing come before the first true one.
            if not began and skips and picture.is_corrupt:
                first = first or next(_Pictures(self._source)._decode(concealed=False), None)
                if first is None:
                    return
                if picture.pts != first.pts or picture.pts is None:
                    continue
            began = True
            yield picture

    def damage(self, n: int, concealed: Collection[int]) -> str:
        """Return what is wrong with a recording of `n` frames, "" if nothing is."""
        loss, words = self._loss, list[str]()
        if loss.refused and loss.after == n and not loss.stopped:
            loss.stopped = loss.why  # nothing came after it
        elif loss.refused:
            packets = "1 damaged packet was" if loss.refused == 1 else f"{loss.refused} damaged packets were"
            words.append(f"{packets} skipped, the first after {loss.after} frames ({loss.why})")
        elif self._reading.on_damage == "skip" and self._codec in _A_PICTURE_A_PACKET and not self._field_coded:
            silent = loss.packets - n
            if silent > 0 and not loss.stopped:
                words.append(f"{silent} of {loss.packets} packets gave no picture")
        if concealed:
            which = f"{len(concealed)} of {n} frames hide damage, such as frame {min(concealed)}"
            words.append(f"{which}: they count and are not used")
        if loss.stopped:
            words.append(f"decoding stopped after {n} frames: {loss.stopped}")
        return "; ".join(words)

    def _decode(self, *, concealed: bool) -> Iterator[av.VideoFrame]:
        source, loss, n = self._source, self._loss, 0
        with source._opened() as (container, stream):
            source._set_up(stream, concealed=concealed)
            self._codec = stream.codec_context.name
            packets = container.demux(stream)
            while True:
                try:
                    packet = next(packets)
                except (StopIteration, EOFError):
                    return
                except av.error.FFmpegError as error:
                    loss.stopped = error_line(error)
                    return
                if packet.size:
                    loss.packets += not packet.is_discard
                    self._count(packet, container.format.name)
                elif packet.pts is not None or packet.dts is not None:
                    continue  # a slot in which the last picture stays; to the decoder it would be the end
                try:
                    pictures = stream.decode(packet)
                except EOFError:
                    continue
                except av.error.FFmpegError as error:
                    why = error_line(error)
                    if self._reading.on_damage == "stop":
                        loss.stopped = why  # half a recording is better than none, but never silently
                        return
                    if not loss.refused:
                        loss.after, loss.why = n, why
                    loss.refused += 1
                    continue
                for picture in pictures:
                    n += 1
                    self._field_coded = self._field_coded or picture.interlaced_frame
                    yield picture

    def _count(self, packet: av.Packet, form: str) -> None:
        """Count the packet, or in AVI its slot: an AVI of variable rate claims slots, many of them empty."""
        slot = packet.pts + 1 if form == "avi" and packet.pts is not None else 0
        self.slots = max(self._loss.packets, slot, self.slots)
