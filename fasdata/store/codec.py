"""Encode crops to bytes and decode them. Channel order in memory is RGB, always."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fasdata.errors import UserError, unknown_name
from fasdata.foreign import whole_number
from fasdata.store.picture_bytes import claimed, decode_raw, encode_raw, is_colour_png, is_raw

CODECS = ("png", "jpeg", "webp", "raw")
STORE_CODECS = CODECS[:3]
MAX_PIXELS = 64_000_000  # what a stored image may claim: as much as one that is read from a release
GENTLE = 98  # a JPEG of lower quality loses traces that tell a print from a face
_WEBP_SIDE, _JPEG_SIDE = 16383, 65500  # the longest sides that these formats can hold


@dataclass(frozen=True)
class Codec:
    """How crops are stored: `png`, `webp` (lossless), `jpeg:98` (its quality, full colour resolution) or `raw`.

    An image that the codec cannot keep without loss of depth is stored as png: 16-bit depth under jpeg and webp, one
    channel under webp (which has none).
    """

    name: str
    quality: int = 0

    @classmethod
    def parse(cls, text: str) -> Codec:
        """Read the text form; `jpeg` alone is `jpeg:98`.

        Raises:
            UserError: no such codec, or a quality outside 1 to 100.
        """
        name, colon, number = text.partition(":")
        if name not in CODECS:
            raise unknown_name("codec", text, CODECS)
        if name != "jpeg":
            if colon:
                raise UserError(f"codec {text!r}", expected=f"{name!r} alone: only jpeg has a quality")
            return cls(name)
        quality = (whole_number(number) or 0) if colon else GENTLE
        if not 1 <= quality <= 100:
            raise UserError(f"codec {text!r}", expected="a quality from 1 to 100, e.g. jpeg:98", found=number)
        return cls(name, quality)

    def __str__(self) -> str:
        return f"{self.name}:{self.quality}" if self.quality else self.name


def encode(image: np.ndarray, codec: str = "png") -> bytes:
    """Return the encoded image: uint8 RGB (h, w, 3), or one channel of uint8 or uint16 (h, w).

    Raises:
        UserError: no such codec.
        ValueError: an image of another kind.
    """
    import cv2

    kind = _parsed(codec)
    if not is_crop(image):
        raise ValueError(f"an image of shape {image.shape} and type {image.dtype} cannot be encoded")
    if kind.name == "raw":
        return encode_raw(image)
    suffix, options = _options(kind, image)
    ordered = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, data = cv2.imencode(suffix, ordered, options)
    if not done:
        raise ValueError(f"an image of shape {image.shape} and type {image.dtype} cannot be encoded")
    return data.tobytes()


def decode(data: bytes) -> np.ndarray:
    """Return the image with its own depth and channels (colour as RGB), whichever codec made the bytes.

    Nothing is allocated before the size that the bytes claim has been found acceptable.

    Raises:
        ValueError: the bytes are no image of a kind that `encode` makes, or claim more than 64 million pixels.
    """
    import cv2

    if is_raw(data):
        return decode_raw(data, MAX_PIXELS)
    width, height = claimed(data)
    if not 0 < width * height <= MAX_PIXELS:
        raise ValueError(f"the stored bytes claim {width}x{height} pixels")
    colour = is_colour_png(data)  # OpenCV then puts the channels in order while it decodes, which is quicker
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION if colour else cv2.IMREAD_UNCHANGED
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None or image.shape[:2] != (height, width) or not is_crop(image):
        raise ValueError("the stored bytes are no image, or a damaged one")
    return image if colour or image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def is_crop(image: np.ndarray) -> bool:
    """Tell whether an image is of a kind that is stored: uint8 (h, w, 3), or uint8 or uint16 (h, w)."""
    colour = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
    return image.size > 0 and (colour or (image.ndim == 2 and image.dtype in (np.uint8, np.uint16)))


def _options(kind: Codec, image: np.ndarray) -> tuple[str, list[int]]:
    import cv2

    side, deep = max(image.shape[:2]), image.dtype != np.uint8
    if kind.name == "jpeg" and not deep and side <= _JPEG_SIDE:
        full = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        return ".jpg", [cv2.IMWRITE_JPEG_QUALITY, kind.quality, *full]
    if kind.name == "webp" and image.ndim == 3 and side <= _WEBP_SIDE:
        return ".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]  # over 100 means lossless
    # On face crops as large as level 1 of the default, twice as fast to write and half as fast again to read.
    runs_of_rows = [
        cv2.IMWRITE_PNG_STRATEGY,
        cv2.IMWRITE_PNG_STRATEGY_RLE,
        cv2.IMWRITE_PNG_FILTER,
        cv2.IMWRITE_PNG_FILTER_UP,
    ]
    return ".png", [cv2.IMWRITE_PNG_COMPRESSION, 1, *runs_of_rows]


@lru_cache(maxsize=16)
def _parsed(codec: str) -> Codec:
    return Codec.parse(codec)
