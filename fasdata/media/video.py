"""Video files through PyAV: decoded-frame counting, time stamps, and the rotation tag applied exactly once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import av
import numpy as np

from fasdata.media.frame import Frame, UnreadableMedia

SUFFIXES = (".avi", ".mov", ".mp4", ".mkv", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv")


class VideoSource:
    """A video file as a frame source.

    Frames are counted by decoding, never taken from a header. The container's rotation tag is applied here and nowhere
    else (the decoder is not asked to rotate). A stream that breaks in the middle yields what came before the break and
    leaves the reason in `damage`.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Open the file.

        Raises:
            UnreadableMedia: not a video, an empty file, or no video stream.
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
            stream = container.streams.video[0]
            self.frame_rate = float(stream.average_rate or stream.guessed_rate or 0)
            self.n_hint = stream.frames or self._frames_from_duration(container, stream)

    def frames(self, indices: Collection[int] | None = None, *, to_end: bool = False) -> Iterator[Frame]:
        """Yield upright frames in decode order; only the wanted ones are converted to RGB."""
        last = max(indices, default=-1) if indices is not None else None
        position = -1
        with self._open() as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = self.threads
            decoded = container.decode(stream)
            while to_end or last is None or position < last:
                try:
                    picture = next(decoded)
                except (StopIteration, EOFError):
                    self.n_decoded = position + 1
                    break
                except av.error.FFmpegError as error:
                    # Half a recording is better than none, but never silently.
                    self.damage = f"decoding stopped after {position + 1} frames: {_plain(error)}"
                    self.n_decoded = position + 1
                    break
                position += 1
                if indices is None or position in indices:
                    try:
                        frame = self._convert(picture, position)
                    except (av.error.FFmpegError, ValueError) as error:
                        raise UnreadableMedia(f"frame {position} cannot be converted: {_plain(error)}") from None
                    yield frame
        if self.n_decoded == 0:
            raise UnreadableMedia(self.damage or "the file has no decodable frame")

    def _convert(self, picture: av.VideoFrame, position: int) -> Frame:
        self.rotation = round(-picture.rotation / 90) * 90 % 360
        rgb = picture.to_ndarray(format="rgb24")
        upright = turn(rgb, self.rotation)
        return Frame(position, float(picture.time) if picture.time is not None else -1.0, {"rgb": upright})

    def _open(self) -> av.container.InputContainer:
        try:
            container = av.open(str(self.path), mode="r", metadata_errors="ignore")
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise UnreadableMedia(f"the file cannot be opened as video: {_plain(error)}") from None
        if not container.streams.video:
            container.close()
            raise UnreadableMedia("the file has no video stream")
        return container

    @staticmethod
    def _frames_from_duration(container: av.container.InputContainer, stream: av.VideoStream) -> int:
        rate = stream.average_rate
        if not rate or not container.duration:
            return 0
        return round(float(rate) * container.duration / av.time_base)


def turn(image: np.ndarray, clockwise: int) -> np.ndarray:
    """Return `image` turned clockwise by 0, 90, 180 or 270 degrees, as contiguous memory."""
    return np.ascontiguousarray(np.rot90(image, k=-(clockwise // 90) % 4)) if clockwise % 360 else image


def _plain(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split())
