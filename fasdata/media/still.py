"""One image file to pixels, with the bits it has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fasdata.media.frame import MAX_PIXELS, UnreadableMedia

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")


def read_still(path: Path, modality: str) -> np.ndarray:
    """Return an image: `rgb` as uint8 (h, w, 3), depth and ir as one channel (h, w) of uint8 or uint16.

    The camera's orientation tag is applied. A depth or ir picture saved in three channels becomes its luma, which is
    the common value where the three agree; 16 bits stay 16 bits.

    Raises:
        UnreadableMedia: no file, no image, a truncated one, one of over 64 million pixels, or of a kind that would
            lose bits.
    """
    if not path.is_file():
        raise UnreadableMedia(f"{modality}: the file is missing")
    if path.stat().st_size == 0:
        raise UnreadableMedia(f"{modality}: the file is empty (0 bytes)")
    try:
        # The size is known from the header alone, before a pixel is decoded.
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableMedia(
                    f"{modality}: {image.width}x{image.height} pixels, more than the limit of {MAX_PIXELS}"
                )
            sixteen = ";16" in str([tile[3] for tile in image.tile])
            image.load()
            return _pixels(ImageOps.exif_transpose(image), modality, sixteen)
    except UnreadableMedia:
        raise
    except Exception as error:  # the file is foreign: whatever its parser raises means the same
        raise UnreadableMedia(f"{modality}: not a readable image ({plain(error)})") from None


def plain(error: Exception) -> str:
    """Return in one line what is wrong with an image, without its path: what is recorded is the same in any place."""
    if isinstance(error, UnidentifiedImageError):
        return "cannot identify image file"
    return " ".join(str(getattr(error, "strerror", None) or error).split())


def _pixels(image: Image.Image, modality: str, sixteen: bool) -> np.ndarray:
    deep = image.mode.startswith("I")
    if image.mode == "F" or (sixteen and not deep and modality != "rgb"):
        raise UnreadableMedia(f"{modality}: expected 8 bits, or 16 bits in one channel; found mode {image.mode}")
    if deep:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise UnreadableMedia(f"{modality}: values outside 0 to 65535")
        plane = values.astype(np.uint16)
        return np.repeat((plane // 257).astype(np.uint8)[:, :, None], 3, axis=2) if modality == "rgb" else plane
    return np.array(image.convert("RGB" if modality == "rgb" else "L"))
