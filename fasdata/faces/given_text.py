"""Read the text forms in which releases give faces; a line of another form is noted and left out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fasdata.media.frame import Point
from fasdata.records import Box, Face, Landmarks

ENLARGED = 1.2
LARGEST = 1e5  # pixels: beyond any frame
LAST_FRAME = 10**6
GIVEN_SPACE = 224  # CelebA-Spoof writes its boxes for an image of 224 x 224
# From the mid-point of the eyes to the sides of the box, in eye distances: the medians of MTCNN's and YuNet's boxes
# of bona fide faces (left 1.15 and 1.09, right 1.02 and 1.08, up 1.04 and 1.10, down 1.62 and 1.82).
ACROSS, UP, DOWN = 1.1, 1.05, 1.7
# `.997` and `1.` too, and the small scores that some programs write as `1e-05`.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,7}(?:\.[0-9]{0,12})?|\.[0-9]{1,12})(?:[eE][+-]?[0-9]{1,2})?")
_SHOWN = 40


@dataclass
class GivenRows:
    """The faces of a file by frame index, and what could not be used of it."""

    faces: dict[int, Face] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _NotUnderstood(Exception):
    """A line of another form."""


def rectangle_rows(text: str, media: Path) -> GivenRows:
    """Read lines `frame x y width height`, blanks between; a size of zero means that no face was found."""
    return _rows(text, lambda numbers, _: (_index(numbers[0]), _rectangle(*numbers[1:])), 5, None)


def comma_rows(text: str, media: Path) -> GivenRows:
    """Read lines `frame, left, top, right, bottom, lx, ly, rx, ry`: corners, then the two eyes."""

    def face(numbers: Sequence[float], _: int) -> tuple[int, Face | None]:
        eyes = _in_order((numbers[5], numbers[6]), (numbers[7], numbers[8])) if any(numbers[5:]) else ()
        return _index(numbers[0]), _corners(numbers[1:5], eyes)

    return _rows(text, face, 9, ",")


def corner_rows(text: str, media: Path) -> GivenRows:
    """Read lines `left top right bottom`, one a frame from frame 0 on."""
    return _rows(text, lambda numbers, place: (place, _corners(numbers)), 4, None)


def eye_rows(text: str, media: Path) -> GivenRows:
    """Read lines `frame,x,y,x,y` of the two eyes; zeros mean that they were not found."""

    def face(numbers: Sequence[float], _: int) -> tuple[int, Face | None]:
        return _index(numbers[0]), face_of_eyes((numbers[1], numbers[2]), (numbers[3], numbers[4]))

    return _rows(text, face, 5, ",")


def boxes_of_image(text: str, media: Path) -> GivenRows:
    """Read `x y width height score`, written for a 224 x 224 scaling of the image `media`, whose size is looked up.

    Corners may lie outside the image; the score may be left out.
    """
    try:
        width, height = _size(media)
    except (OSError, ValueError) as error:
        from fasdata.media.stills import image_error

        return GivenRows(notes=[f"the size of its image is unknown ({image_error(error)[:_SHOWN]})"])
    across, down = width / GIVEN_SPACE, height / GIVEN_SPACE

    def face(numbers: Sequence[float], place: int) -> tuple[int, Face | None]:
        x, y, w, h, score = numbers if len(numbers) == 5 else (*numbers, 1.0)
        if place or not 0 <= score <= 1:
            raise _NotUnderstood
        rectangle = _rectangle(x * across, y * down, w * across, h * down)
        return 0, Face(rectangle.box, (), round(score, 5)) if rectangle else None

    return _rows(text, face, (4, 5), None)


def face_of_eyes(a: Point, b: Point) -> Face | None:
    """Return the face of two eyes, its box placed by their distance and mid-point; None where they coincide."""
    distance = math.dist(a, b)
    if not 1 <= distance <= LARGEST:
        return None
    x, y = (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
    box = (x - ACROSS * distance, y - UP * distance, x + ACROSS * distance, y + DOWN * distance)
    return Face(_rounded(box), _in_order(a, b), 1.0)


def _rows(
    text: str,
    face_of: Callable[[Sequence[float], int], tuple[int, Face | None]],
    width: int | tuple[int, ...],
    comma: str | None,
) -> GivenRows:
    """Read every line; `comma` None means blanks. A frame keeps the first of its lines."""
    rows, bad, widths = GivenRows(), [], (width,) if isinstance(width, int) else width
    seen: set[int] = set()
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines())]
    for place, (number, line) in enumerate((number, line) for number, line in lines if line):
        try:
            index, face = face_of(_numbers(line, widths, comma), place)
        except _NotUnderstood:
            bad.append((number + 1, line))
            continue
        if index not in seen and face is not None:
            rows.faces[index] = face
        seen.add(index)
    if bad:
        number, line = bad[0]
        subject = f"{len(bad)} lines are" if len(bad) > 1 else "1 line is"
        rows.notes.append(f"{subject} not understood and left out, such as line {number}: {line[:_SHOWN]!a}")
    return rows


def _numbers(line: str, widths: tuple[int, ...], comma: str | None) -> list[float]:
    parts = [part.strip() for part in line.split(comma)]
    if len(parts) not in widths or not all(_NUMBER.fullmatch(part) for part in parts):
        raise _NotUnderstood
    numbers = [float(part) for part in parts]
    if max(abs(number) for number in numbers[-4:]) > LARGEST:
        raise _NotUnderstood
    return numbers


def _index(number: float) -> int:
    if number != int(number) or not 0 <= number <= LAST_FRAME:
        raise _NotUnderstood
    return int(number)


def _rectangle(x: float, y: float, width: float, height: float) -> Face | None:
    if width < 0 or height < 0:
        raise _NotUnderstood
    return _corners((x, y, x + width, y + height))


def _corners(corners: Sequence[float], eyes: Landmarks = ()) -> Face | None:
    """Return the face of the enlarged rectangle, None for an empty one."""
    x0, y0, x1, y1 = corners
    if x1 < x0 or y1 < y0:
        raise _NotUnderstood
    if x1 == x0 or y1 == y0:
        return None
    across, down = (x1 - x0) * (ENLARGED - 1) / 2, (y1 - y0) * (ENLARGED - 1) / 2
    return Face(_rounded((x0 - across, y0 - down, x1 + across, y1 + down)), eyes, 1.0)


def _in_order(a: Point, b: Point) -> Landmarks:
    """Return the eyes, image-left one first: releases differ in whose left they mean."""
    return (a, b) if a[0] <= b[0] else (b, a)


def _rounded(box: Box) -> Box:
    x0, y0, x1, y1 = (round(value, 3) for value in box)
    return (x0, y0, x1, y1)


def _size(path: Path) -> tuple[int, int]:
    """Return width and height of an upright image from its header."""
    from PIL import Image

    from fasdata.media.stills import FORMATS

    with Image.open(path, formats=FORMATS) as image:
        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return (image.height, image.width) if turned else (image.width, image.height)
