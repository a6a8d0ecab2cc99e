"""What a request sends: its body within limits of bytes and time, its files by modality, and what kind of file each is.

A picture or video in colour is all that most networks see. One that sees depth or infrared too gets them as parts of
their names beside the colour, pictures of one moment, as `fastrain predict --table` gets them by columns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fasdata.records import MODALITIES
from fastrain.serve.limits import Limits, Refusal

if TYPE_CHECKING:
    from starlette.requests import Request

COLOUR = "rgb"
FIELDS = ("file", COLOUR)  # what the part in colour may be called
EXPECTED = "multipart/form-data with one file, a picture or a video"


@dataclass(frozen=True)
class Sent:
    """A file that was sent: what it was called there, its bytes, and the ending of the kind that these are of."""

    name: str
    data: bytes
    ending: str


@dataclass(frozen=True)
class Upload:
    """What was sent: files by modality, of which the one in colour is always there."""

    files: Mapping[str, Sent]

    @property
    def name(self) -> str:
        """What the file in colour was called."""
        return self.files[COLOUR].name

    @property
    def is_picture(self) -> bool:
        """Whether it is one picture."""
        return self.files[COLOUR].ending in PICTURES


def parts_of(modalities: Sequence[str], registered: str) -> list[dict[str, object]]:
    """Return what a request may hold for a network that sees these modalities, as `GET /v1/model` says it."""
    lies = {"exact": "pixel on pixel of rgb", "scaled": "the field of view of rgb, at any size"}.get(
        registered, "the whole picture of the face's region"
    )
    others = [name for name in modalities if name != COLOUR]
    return [
        {"name": COLOUR, "also": FIELDS[0], "required": True, "is": "a picture, or a short video"
         if not others else "a picture; a short video by itself"},
        *({"name": name, "required": COLOUR not in modalities and len(others) == 1,
           "is": f"a picture of one channel (8 or 16 bits), {lies}"} for name in others),
    ]  # fmt: skip


async def read_upload(request: Request, limits: Limits, modalities: Sequence[str] = (COLOUR,)) -> Upload:
    """Read the files of a request to a network that sees these modalities.

    Raises:
        Refusal: another type of body, too many bytes, too slow, no file or too many, a part that the network does not
            see or nothing that it does, or neither pictures nor a video.
    """
    parts = files_of(request.headers.get("content-type", ""), await read_body(request, limits))
    files = {}
    for modality, (called, data) in _by_modality(parts, modalities).items():
        ending = kind_of(data, maps=modality != COLOUR)
        if not ending:
            words = f"{called} is neither a picture nor a video that is read here" if data else f"{called} is empty"
            raise Refusal(415, "wrong type", words)
        files[modality] = Sent(called, data, ending)
    videos = [modality for modality, sent in files.items() if sent.ending not in PICTURES]
    if videos and len(files) > 1:
        words = (
            f"{videos[0]} is a video; beside depth or ir pictures alone are taken: fastrain predict --table has videos"
        )
        raise Refusal(415, "wrong type", words)
    return Upload(files)


def _by_modality(parts: list[tuple[str, str, bytes]], modalities: Sequence[str]) -> dict[str, tuple[str, bytes]]:
    """Return name and bytes of the files by modality; a single file of any field is the one in colour.

    Raises:
        Refusal: a part is missing, there twice, or of something that the network does not see.
    """
    others = [name for name in modalities if name != COLOUR]
    seen = f"this network sees {', '.join(modalities)}"
    by_name: dict[str, tuple[str, bytes]] = {}
    for field, called, data in parts:
        name = COLOUR if field in FIELDS or (len(parts) == 1 and field not in MODALITIES) else field
        if name in by_name or name not in (COLOUR, *others):
            what = "twice" if name in by_name else f"and {seen}"
            expected = f"{EXPECTED}, in the field file" if not others else f"the fields rgb, {', '.join(others)}"
            raise Refusal(400, "no form", f"expected {expected}; found {field or 'a field without a name'!r} {what}")
        by_name[name] = (called, data)
    if COLOUR not in by_name:
        raise Refusal(400, "no form", "expected the field rgb (or file): faces are found in colour")
    if not by_name.keys() & set(modalities):
        raise Refusal(400, "no form", f"{seen}: send it in fields of these names beside rgb")
    return by_name


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


def files_of(content_type: str, body: bytes) -> list[tuple[str, str, bytes]]:
    """Return field, name and bytes of the files in a multipart body.

    Raises:
        Refusal: the body is no such form, or holds no file, more than there are modalities, or something else.
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
    if not 0 < len(files) == len(parts.whole) <= len(MODALITIES):
        words = (
            f"expected {EXPECTED}, in the field {FIELDS[0]!r}; found {len(parts.whole)} fields, {len(files)} of files"
        )
        raise Refusal(400, "no form", words)
    return [(_said(options, b"name", ""), Path(_said(options, b"filename", "file")).name[:200] or "file", data)
            for options, data in files]  # fmt: skip


def _said(options: Mapping[bytes, bytes], name: bytes, otherwise: str) -> str:
    return options.get(name, otherwise.encode()).decode(errors="replace")[:1000]


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

PICTURES = ("jpg", "png", "bmp", "webp", "tif", "pgm")
_BEGINS = (
    (b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"), (b"BM", "bmp"), (b"II*\0", "tif"), (b"MM\0*", "tif"),
    (b"\x1a\x45\xdf\xa3", "mkv"),
)  # fmt: skip
_MAP = (b"P5", "pgm")


def kind_of(data: bytes, *, maps: bool = False) -> str:
    """Return the ending of the kind that a file is of, "" where it is none that is read here.

    `maps` are portable grey maps, in which cameras write depth.

    >>> kind_of(b"\\x89PNG\\r\\n\\x1a\\n..."), kind_of(b"RIFF....WEBPVP8 "), kind_of(b"GIF89a")
    ('png', 'webp', '')
    """
    for begin, ending in (*_BEGINS, *((_MAP,) if maps else ())):
        if data.startswith(begin):
            return ending
    if data[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(data[8:12], "")
    return "mp4" if data[4:8] == b"ftyp" and data[8:12] not in (b"avif", b"heic", b"heix", b"mif1") else ""


def require_size(sent: Sent, path: Path, limits: Limits) -> None:
    """Check what a file at `path` claims to hold, before anything of it is decoded.

    Raises:
        Refusal: more pixels or seconds than are allowed, or it cannot be opened.
    """
    width, height = _picture(sent, path) if sent.ending in PICTURES else _video(path, limits)
    if width * height > limits.pixels:
        words = f"{width:,} x {height:,} pixels; at most {limits.pixels:,} are taken"
        raise Refusal(413, "too many pixels", words)


def _picture(sent: Sent, path: Path) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(path) as picture:
            return picture.size
    except Image.DecompressionBombError as error:
        raise Refusal(413, "too many pixels", str(error)) from None
    except (OSError, ValueError, SyntaxError, OverflowError):  # their words name the file's place here
        raise Refusal(422, "unreadable", f"{sent.name} cannot be opened as a picture") from None


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
