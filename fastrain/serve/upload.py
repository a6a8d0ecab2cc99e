"""What a request sends: its body within limits of bytes and time, one file in it, and what kind of file that is."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastrain.serve.limits import Limits, Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

FIELD = "file"
EXPECTED = "multipart/form-data with one file, a picture or a video"


@dataclass(frozen=True)
class Upload:
    """A file that was sent: what it was called there, its bytes, and the ending of the kind that its bytes are of."""

    name: str
    data: bytes
    ending: str

    @property
    def is_picture(self) -> bool:
        """Whether it is one picture."""
        return self.ending in PICTURES


async def read_upload(request: Request, limits: Limits) -> Upload:
    """Read the one file of a request.

    Raises:
        Refusal: another type of body, too many bytes, too slow, no file or several, or neither picture nor video.
    """
    name, data = file_of(request.headers.get("content-type", ""), await read_body(request, limits))
    ending = kind_of(data)
    if not ending:
        words = f"{name} is neither a picture nor a video that is read here" if data else f"{name} is empty"
        raise Refusal(415, "wrong type", words)
    return Upload(name, data, ending)


async def read_body(request: Request, limits: Limits) -> bytes:
    """Read a body.

    Raises:
        Refusal: it is longer, or takes longer, than what is allowed.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.body_bytes:
        raise _too_many(f"a body of {int(declared):,} bytes", limits)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal(415, "wrong type", f"expected {EXPECTED}")
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise _too_many("a longer body", limits)
    except TimeoutError:
        raise Refusal(408, "too slow", f"the body did not arrive within {limits.body_seconds:g} s") from None
    return bytes(body)


def _too_many(what: str, limits: Limits) -> Refusal:
    return Refusal(413, "too many bytes", f"{what}; at most {limits.body_bytes:,} are taken")


def file_of(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return name and bytes of the one file in a multipart body.

    Raises:
        Refusal: the body is no such form, or holds no file or several.
    """
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Refusal(400, "no form", f"expected {EXPECTED}: {error}") from None
    files = [part for part in parts.whole if b"filename" in part[0]]
    if len(files) != 1 or len(parts.whole) > 1:
        raise Refusal(400, "no form", f"expected {EXPECTED}, in the field {FIELD!r}; found {len(parts.whole)} fields")
    options, data = files[0]
    return Path(options[b"filename"].decode(errors="replace")).name[:200] or "file", data


class _Parts:
    """Collects the parts of a form."""

    def __init__(self) -> None:
        self.whole: list[tuple[Mapping[bytes, bytes], bytes]] = []
        self._name, self._value = b"", b""
        self._headers: dict[bytes, bytes] = {}
        self._data: list[bytes] = []

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin, "on_part_data": lambda data, start, end: self._data.append(data[start:end]),
            "on_part_end": self._end, "on_header_field": self._field, "on_header_value": self._text,
            "on_header_end": self._header,
        }  # fmt: skip

    def _begin(self) -> None:
        self._headers, self._data, self._name, self._value = {}, [], b"", b""

    def _field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _text(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _end(self) -> None:
        from python_multipart.multipart import parse_options_header

        options = parse_options_header(self._headers.get(b"content-disposition"))[1]
        self.whole.append((options, b"".join(self._data)))


# -- What a file is, by its first bytes --------------------------------------------------------------------------------

PICTURES = ("jpg", "png", "bmp", "webp", "tif")
_BEGINS = (
    (b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"BM", "bmp"), (b"II*\0", "tif"), (b"MM\0*", "tif"),
    (b"\x1a\x45\xdf\xa3", "mkv"),
)  # fmt: skip


def kind_of(data: bytes) -> str:
    """Return the ending of the kind that a file is of, "" where it is none that is read here.

    >>> kind_of(b"\\x89PNG\\r\\n\\x1a\\n..."), kind_of(b"RIFF....WEBPVP8 "), kind_of(b"GIF89a")
    ('png', 'webp', '')
    """
    for begin, ending in _BEGINS:
        if data.startswith(begin):
            return ending
    if data[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(data[8:12], "")
    return "mp4" if data[4:8] == b"ftyp" and data[8:12] not in (b"avif", b"heic", b"heix", b"mif1") else ""


def require_size(upload: Upload, path: Path, limits: Limits) -> None:
    """Check what a file claims to hold, before anything of it is decoded.

    Raises:
        Refusal: more pixels or seconds than are allowed, or it cannot be opened.
    """
    width, height = _picture(upload) if upload.is_picture else _video(path, limits)
    if width * height > limits.pixels:
        words = f"{width:,} x {height:,} pixels; at most {limits.pixels:,} are taken"
        raise Refusal(413, "too many pixels", words)


def _picture(upload: Upload) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(upload.data)) as picture:
            return picture.size
    except Image.DecompressionBombError as error:
        raise Refusal(413, "too many pixels", str(error)) from None
    except (OSError, ValueError, SyntaxError, OverflowError) as error:
        raise Refusal(422, "unreadable", f"{upload.name} cannot be opened: {error}") from None


def _video(path: Path, limits: Limits) -> tuple[int, int]:
    """Return the size of a video's frames, once its packets were counted and their times looked at."""
    import av

    from fasdata.media.container import choose_stream, open_container
    from fasdata.media.frame import UnreadableMedia
    from fasdata.media.readers import Reading

    try:
        with open_container(path) as container:
            stream = choose_stream(container, Reading())
            first = last = None
            for number, packet in enumerate(container.demux(stream)):
                if packet.pts is not None and packet.time_base is not None:
                    now = float(packet.pts * packet.time_base)
                    first, last = min(now, first or now), max(now, last or now)
                if number > limits.packets or (last or 0) - (first or 0) > limits.clip_seconds:
                    raise Refusal(413, "too long", f"a video of more than {limits.clip_seconds:g} s")
            return stream.codec_context.width, stream.codec_context.height
    except (UnreadableMedia, av.error.FFmpegError, ValueError) as error:
        raise Refusal(422, "unreadable", str(error)) from None
