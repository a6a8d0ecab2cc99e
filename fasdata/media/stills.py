"""Image files: read one image with all its bits, and folders of images as a frame source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fasdata.datasets.tree import IMAGE, natural_key
from fasdata.media import netpbm
from fasdata.media.frame import MAX_PIXELS, Frame, IndexedSource, UnreadableMedia, error_line
from fasdata.records import MODALITIES

# -- Read one image ---------------------------------------------------------------------------------------------------

SUFFIXES = tuple(f".{name}" for name in IMAGE)  # what counts as an image can be read
FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")  # of Pillow; portable maps are read by `netpbm`
# What a file of another format begins with, whatever it is called: (place, bytes, name).
_OTHERS = (
    (0, b"GIF8", "GIF"), (4, b"ftypavi", "AVIF"), (4, b"ftypheic", "HEIC"), (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"), (4, b"ftyphevc", "HEIC"), (0, b"\xff\x0a", "JPEG XL"), (4, b"JXL ", "JPEG XL"),
    (4, b"jP  ", "JPEG 2000"), (0, b"\x76\x2f\x31\x01", "OpenEXR"), (0, b"8BPS", "Photoshop"), (0, b"Pf", "PFM"),
    (0, b"PF", "PFM"), (0, b"<svg", "SVG"), (0, b"%PDF", "PDF"), (4, b"ftyp", "video"), (0, b"\x1aE\xdf\xa3", "video"),
)  # fmt: skip


def read_still(path: Path, modality: str) -> np.ndarray:
    """Read an image: `rgb` as uint8 (h, w, 3), depth and ir as one channel (h, w) of uint8 or uint16.

    The camera's orientation tag is applied. A depth or ir picture saved in three channels becomes its luma, which is
    the common value where the three agree; 16 bits stay 16 bits.

    Raises:
        UnreadableMedia: the file is missing, not an image, truncated, of over 64 million pixels, or of a kind that
            would lose bits.
    """
    if not path.is_file():
        raise UnreadableMedia(f"{modality}: the file is missing")
    if path.stat().st_size == 0:
        raise UnreadableMedia(f"{modality}: the file is empty (0 bytes)")
    try:
        with path.open("rb") as file:
            start = file.read(16)
        if start[:2] in netpbm.START:
            return _map_pixels(path.read_bytes(), modality)
        # The size is known from the header alone, before a pixel is decoded.
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UnreadableMedia(
                    f"{modality}: {image.width}x{image.height} pixels, more than the limit of {MAX_PIXELS}"
                )
            sixteen = ";16" in str([tile[3] for tile in image.tile])
            image.load()
            ImageOps.exif_transpose(image, in_place=True)
            return _pixels(image, modality, sixteen)
    except UnreadableMedia as error:
        text = str(error)
        raise UnreadableMedia(text if text.startswith(f"{modality}: ") else f"{modality}: {text}") from None
    except Exception as error:  # the file is foreign: whatever its parser raises means the same
        known = next((name for place, mark, name in _OTHERS if start[place:].startswith(mark)), "")
        if isinstance(error, UnidentifiedImageError) and known:
            text = f"{modality}: not a readable image: {known} is not supported, convert it to PNG"
            raise UnreadableMedia(text) from None
        raise UnreadableMedia(f"{modality}: not a readable image ({image_error(error)})") from None


def image_error(error: Exception) -> str:
    """Return in one line what is wrong with an image, without its path, so that records are the same in any place."""
    if isinstance(error, UnidentifiedImageError):
        return "cannot identify image file"
    return error_line(error)


def _map_pixels(data: bytes, modality: str) -> np.ndarray:
    """Return the pixels of a portable map; grey ones keep their values, colour becomes eight bits."""
    pixels, most = netpbm.read_netpbm(data), netpbm.greatest(data)
    if modality == "rgb":
        return netpbm.as_colour(pixels, most)
    if pixels.ndim == 2:
        return pixels
    if pixels.dtype != np.uint8:
        raise UnreadableMedia("expected 8 bits, or 16 bits in one channel; found 16 bits in three")
    return np.array(Image.fromarray(pixels).convert("L"))


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
    wanted = "RGB" if modality == "rgb" else "L"
    return np.array(image if image.mode == wanted else image.convert(wanted))


# -- A clip of image files --------------------------------------------------------------------------------------------


class StillsSource(IndexedSource):
    """A clip whose modalities are folders of images, or single images.

    Frames are matched across modalities by file name (without extension) and put in natural order; those that some
    modality lacks are left out and counted in `notes`. A modality without any image is noted as absent. A clip given as
    files is one frame.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        """List the images; none is decoded.

        Raises:
            UnreadableMedia: there is no colour image, or no frame that all modalities have.
        """
        candidates = {name: _images(paths[name]) for name in MODALITIES if name in paths}
        first = {name: {frame: files[0] for frame, files in images.items()} for name, images in candidates.items()}
        notes = [f"{name}: absent, there is no image" for name, images in first.items() if not images]
        for name, images in candidates.items():
            double = sum(len(files) > 1 for files in images.values())
            if double:
                notes.append(
                    f"{name}: {double} frames are there in several formats, of which the first by name is taken"
                )
        self._files = {name: images for name, images in first.items() if images}
        if "rgb" not in self._files:
            raise UnreadableMedia("; ".join(("there is no colour image", *notes)))
        common = set.intersection(*(set(images) for images in self._files.values()))
        for name in self._files:
            others = set().union(*self._files.values()) - set(self._files[name])
            if others:
                notes.append(f"{name}: {len(others)} frames lack it and are left out")
        super().__init__(sorted(common, key=natural_key), notes)

    def _read(self, handle: Any, index: int) -> Frame:
        name = self.names[index]
        return Frame(index, -1.0, {mod: read_still(files[name], mod) for mod, files in self._files.items()}, name)


def images_of(path: Path) -> dict[str, Path]:
    """Return the images in a folder by name without extension, in natural order; a single file has the empty name."""
    images = _images(path)
    return {name: images[name][0] for name in sorted(images, key=natural_key)}


def _images(path: Path) -> dict[str, list[Path]]:
    """Return the images in a folder by name without extension; a single file has the empty name."""
    if not path.is_dir():
        return {"": [path]} if path.is_file() else {}
    images: dict[str, list[Path]] = {}
    for file in sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != "."):
        images.setdefault(_storable(file.stem), []).append(file)
    return images


def _storable(name: str) -> str:
    """Return a file's name as text that can be stored: bytes that are not UTF-8 are spelt out."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
