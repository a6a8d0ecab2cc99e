"""What a container says of its video: which stream is the recording, which way up it is shown, how wide a pixel is."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData

from fasdata.media.frame import UnreadableMedia, error_line, turn
from fasdata.media.readers import Reading

# Formats that FFmpeg takes for containers although they only name other files, or devices.
_PLAYLISTS = {"concat", "dash", "hls", "imf", "lavfi", "rtsp", "sdp", "webm_dash_manifest"}

# -- Open a file, and choose the stream -------------------------------------------------------------------------------


def open_container(path: Path) -> av.container.InputContainer:
    """Open a video file.

    Raises:
        UnreadableMedia: it cannot be opened as video, or is a still picture.
    """
    try:
        # Any file may be called .avi: none of them makes FFmpeg open another, or a connection.
        options = {"protocol_whitelist": "file", "format_whitelist": _recordings()}
        container = av.open(f"file:{path}", mode="r", metadata_errors="ignore", options=options)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UnreadableMedia(f"the file cannot be opened as video: {error_line(error)}") from None
    if container.format.name.endswith("_pipe"):
        container.close()
        raise UnreadableMedia(f"the file is a still picture ({container.format.name[:-5]}), not a video")
    return container


def choose_stream(container: av.container.InputContainer, reading: Reading) -> av.VideoStream:
    """Return the stream that is the recording: the default one, of several or none the largest, of equals the longest.

    Cover pictures and thumbnails are none.

    Raises:
        UnreadableMedia: there is no video stream, or no decoder for it.
    """
    covers = av.stream.Disposition.attached_pic
    if reading.believes_all:
        covers |= av.stream.Disposition.timed_thumbnails | av.stream.Disposition.still_image
    streams = [stream for stream in container.streams.video if not stream.disposition & covers]
    if not streams:
        raise UnreadableMedia("the file has no video stream")
    if reading.believes_all and len(streams) > 1:
        readable = [stream for stream in streams if stream.codec_context is not None] or streams
        default = [stream for stream in readable if stream.disposition & av.stream.Disposition.default]
        streams = sorted(default or readable, key=_extent, reverse=True)
    chosen = streams[0]
    if chosen.codec_context is None:
        raise UnreadableMedia("there is no decoder for the file's video")
    return chosen


def stream_note(container: av.container.InputContainer, chosen: av.VideoStream) -> str:
    """Return the note on a recording that is not the first video stream of its file, else ""."""
    streams = list(container.streams.video)
    if chosen.index == streams[0].index:
        return ""
    why = "the default one" if chosen.disposition & av.stream.Disposition.default else "the largest one"
    place = [stream.index for stream in streams].index(chosen.index)
    return f"video stream {place + 1} of {len(streams)} is the recording, {why}"


def _extent(stream: av.VideoStream) -> tuple[int, int]:
    codec = stream.codec_context
    return (codec.width * codec.height if codec is not None else 0, stream.frames)


@cache
def _recordings() -> str:
    return ",".join(sorted(av.formats_available - _PLAYLISTS))


# -- Which way up: the display matrix ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Orientation:
    """How a coded picture becomes the one that is shown: turned clockwise, then mirrored left to right.

    >>> Orientation.of_matrix([-1, 0, 0, 0, 1, 0, 0, 0, 1])
    Orientation(rotation=0, mirrored=True)
    >>> Orientation.of_matrix([0, 1, 0, -1, 0, 0, 0, 0, 1])
    Orientation(rotation=90, mirrored=False)
    """

    rotation: int = 0
    mirrored: bool = False

    @classmethod
    def of_matrix(cls, matrix: Sequence[int]) -> Orientation:
        """Return the quarter turn, and mirroring, nearest to a display matrix a b u c d v x y w, row by row.

        A point (x, y) of the coded picture is shown at (ax + cy, bx + dy); a matrix of zeros shows nothing and means
        nothing.
        """
        a, b, c, d = matrix[0], matrix[1], matrix[3], matrix[4]
        mirrored = a * d - b * c < 0
        if mirrored:  # undo the mirroring, which comes last: what is shown has its x turned round
            a, c = -a, -c
        # What is left is a turn with a = d = cos and b = -c = sin, times a scale.
        cosine, sine = a + d, b - c
        if abs(cosine) >= abs(sine):
            return cls(180 if cosine < 0 else 0, mirrored)
        return cls(90 if sine > 0 else 270, mirrored)

    @classmethod
    def of_picture(cls, picture: av.VideoFrame, reading: Reading) -> Orientation:
        """Return how a decoded picture is to be shown."""
        if not reading.believes_all:
            return cls(round(-picture.rotation / 90) * 90 % 360)
        of_frame: Any = picture.side_data  # PyAV's stubs say that its keys are text
        matrix = of_frame.get(SideData.DISPLAYMATRIX)
        return cls.of_matrix(struct.unpack("=9i", bytes(matrix)[:36])) if matrix is not None else cls()

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return the image as it is shown, as contiguous memory."""
        turned = turn(image, self.rotation)
        return np.ascontiguousarray(turned[:, ::-1]) if self.mirrored else turned


# -- How wide a pixel is ----------------------------------------------------------------------------------------------

_WIDEST = 8  # times as wide as high, or the other way: beyond it the header is wrong


def pixel_aspect(stream: av.VideoStream, reading: Reading) -> Fraction:
    """Return the width of a coded pixel in units of its height, 1 where the container does not say or says nonsense."""
    stated = stream.sample_aspect_ratio if reading.believes_all else None
    if not stated or not Fraction(1, _WIDEST) <= stated <= _WIDEST:
        return Fraction(1)
    return Fraction(stated)


def squared_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return width and height of a picture with square pixels; it is made larger, never smaller: no pixel is lost.

    >>> squared_size(120, 240, Fraction(2)), squared_size(720, 480, Fraction(8, 9))
    ((240, 240), (720, 540))
    """
    if aspect > 1:
        return max(1, round(width * aspect)), height
    return width, max(1, round(height / aspect))


def with_square_pixels(image: np.ndarray, aspect: Fraction) -> np.ndarray:
    """Return a coded picture with square pixels."""
    size = squared_size(image.shape[1], image.shape[0], aspect)
    if size == (image.shape[1], image.shape[0]):
        return image
    import cv2

    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
