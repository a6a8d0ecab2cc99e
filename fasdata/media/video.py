"""Video files, decoded by PyAV: frames counted by decoding, time stamps, the rotation tag applied exactly once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

import av
import numpy as np

from fasdata.media.frame import MAX_CLAIM, MAX_PIXELS, Frame, UnreadableMedia, decoded, error_line

# Formats that FFmpeg takes for containers although they only name other files, or devices.
_PLAYLISTS = {"concat", "dash", "hls", "imf", "lavfi", "rtsp", "sdp", "webm_dash_manifest"}
_LEAST_BYTES = 4  # that a frame takes in any container, its entry in the index included


class VideoSource:
    """The frames of a video file.

    Frames are counted by decoding, never taken from a header. The container's rotation tag is applied here and nowhere
    else (the decoder is not asked to rotate). A stream that breaks in the middle yields what came before the break and
    leaves the reason in `damage`.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Open the file.

        Raises:
            UnreadableMedia: the file is missing, empty, not a video, or without a video stream.
        """
        self.path = path
        self.threads = threads
        self.n_decoded: int | None = None
        self.damage = ""
        self.notes: tuple[str, ...] = ()
        self.rotation = 0
        if not path.is_file():
            raise UnreadableMedia("the file is missing")
        if path.stat().st_size == 0:
            raise UnreadableMedia("the file is empty (0 bytes)")
        with self._open() as container:
            stream = _video(container)
            self.frame_rate = float(stream.average_rate or stream.guessed_rate or 0)
            claimed = stream.frames or self._frames_from_duration(container, stream)
        self.n_hint = claimed if 0 < claimed <= min(MAX_CLAIM, path.stat().st_size // _LEAST_BYTES) else 0
        if self.n_hint != claimed:
            self.notes = (f"the container claims {claimed} frames, which is not believed",)

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield upright frames in decode order; only the wanted ones are converted to RGB."""
        last = max(indices, default=-1) if indices is not None else None
        position = -1
        with self._open() as container:
            stream = _video(container)
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self.threads
            stream.codec_context.options = {
                "max_pixels": str(MAX_PIXELS)
            }  # pictures may be larger than the header says
            pictures = container.decode(stream)
            while to_end or last is None or position < last:
                try:
                    picture = next(pictures)
                except (StopIteration, EOFError):
                    self.n_decoded = position + 1
                    break
                except av.error.FFmpegError as error:
                    # Half a recording is better than none, but never silently.
                    self.damage = f"decoding stopped after {position + 1} frames: {error_line(error)}"
                    self.n_decoded = position + 1
                    break
                position += 1
                decoded()
                if indices is None or position in indices:
                    try:
                        frame = self._convert(picture, position)
                    except (av.error.FFmpegError, ValueError) as error:
                        raise UnreadableMedia(f"frame {position} cannot be converted: {error_line(error)}") from None
                    yield frame
        if self.n_decoded == 0:
            raise UnreadableMedia(self.damage or "the file has no decodable frame")

    def _convert(self, picture: av.VideoFrame, position: int) -> Frame:
        if picture.width * picture.height > MAX_PIXELS:
            raise UnreadableMedia(f"frame {position} has {picture.width}x{picture.height} pixels, over the limit")
        self.rotation = round(-picture.rotation / 90) * 90 % 360
        rgb = picture.to_ndarray(format="rgb24")
        upright = turn(rgb, self.rotation)
        return Frame(position, float(picture.time) if picture.time is not None else -1.0, {"rgb": upright})

    def _open(self) -> av.container.InputContainer:
        try:
            # Any file may be called .avi: none of them makes FFmpeg open another, or a connection.
            options = {"protocol_whitelist": "file", "format_whitelist": _recordings()}
            container = av.open(f"file:{self.path}", mode="r", metadata_errors="ignore", options=options)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise UnreadableMedia(f"the file cannot be opened as video: {error_line(error)}") from None
        try:
            _require_video(container)
        except UnreadableMedia:
            container.close()
            raise
        return container

    @staticmethod
    def _frames_from_duration(container: av.container.InputContainer, stream: av.VideoStream) -> int:
        rate = stream.average_rate
        if not rate or not container.duration:
            return 0
        return round(float(rate) * container.duration / av.time_base)


@cache
def _recordings() -> str:
    return ",".join(sorted(av.formats_available - _PLAYLISTS))


def _video(container: av.container.InputContainer) -> av.VideoStream:
    """Return the first stream that is a video and not the cover picture of a sound recording."""
    cover = av.stream.Disposition.attached_pic
    return next(stream for stream in container.streams.video if not stream.disposition & cover)


def _require_video(container: av.container.InputContainer) -> None:
    if container.format.name.endswith("_pipe"):
        raise UnreadableMedia(f"the file is a still picture ({container.format.name[:-5]}), not a video")
    try:
        codec = _video(container).codec_context
    except StopIteration:
        raise UnreadableMedia("the file has no video stream") from None
    if codec is None:
        raise UnreadableMedia("there is no decoder for the file's video")
    if codec.width * codec.height > MAX_PIXELS:
        raise UnreadableMedia(f"{codec.width}x{codec.height} pixels, more than the limit of {MAX_PIXELS}")


def turn(image: np.ndarray, clockwise: int) -> np.ndarray:
    """Return `image` turned clockwise by 0, 90, 180 or 270 degrees, as contiguous memory."""
    return np.ascontiguousarray(np.rot90(image, k=-(clockwise // 90) % 4)) if clockwise % 360 else image
