"""The text form of a view: a name, and in brackets what differs from it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from fasdata.errors import UserError, unknown_name
from fasdata.faces.warp import BORDERS, RESIZES
from fasdata.foreign import whole_number


def parameters(text: str) -> tuple[str, dict[str, Any]]:
    """Return name and parameters of `fas-256(size=224,eye_dist=0.3)`; the name is not checked.

    Raises:
        UserError: another form, an unknown or repeated parameter, a value out of range.
    """
    name, bracket, inside = text.replace(" ", "").partition("(")
    if bracket and (not inside.endswith(")") or "(" in inside or ")" in inside[:-1]):
        raise _malformed(text)
    given: dict[str, Any] = {}
    for part in inside[:-1].split(",") if inside[:-1] else ():
        key, equals, value = part.partition("=")
        if not equals or key in given:
            raise _malformed(text)
        if key not in _READ:
            raise unknown_name("parameter of a view", key, _READ)
        given[key] = _READ[key](key, value)
    return name, given


def split_views(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts of single views from such as join several by blanks, commas, semicolons or +.

    >>> split_views(["context(factor=2.7, size=80) + mxnet-256", "box,box-224"])
    ('context(factor=2.7, size=80)', 'mxnet-256', 'box', 'box-224')
    """
    return tuple(part for text in texts for part in _BETWEEN.split(text) if part)


_BETWEEN = re.compile(r"[\s,;+]+(?![^()]*\))")  # no closing bracket follows that was opened before


def _size(key: str, value: str) -> int:
    number = whole_number(value)
    if number is None or not 8 <= number <= 4096:
        raise UserError(f"the view's {key} is out of range", expected="8 to 4096 pixels", found=value)
    return number


def _fraction(low: float, high: float) -> Callable[[str, str], float]:
    def read(key: str, value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            raise UserError(
                f"the view's {key} is out of range", expected=f"{low:g} to {high:g} of its side", found=value
            )
        return number

    return read


def _word(*known: str) -> Callable[[str, str], str]:
    def read(key: str, value: str) -> str:
        if value not in known:
            raise unknown_name(f"{key} of a view", value, known)
        return value

    return read


def _times_the_box(low: float, high: float) -> Callable[[str, str], float]:
    def read(key: str, value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not low <= number <= high:
            expected = f"{low:g} to {high:g} times the face box"
            raise UserError(f"the view's {key} is out of range", expected=expected, found=value)
        return number

    return read


_READ: dict[str, Callable[[str, str], Any]] = {
    "size": _size,
    "factor": _times_the_box(1, 10),
    "scale": _times_the_box(0.5, 4),
    "eye_dist": _fraction(0.05, 0.9),
    "eye_y": _fraction(0.0, 1.0),
    "border": _word(*BORDERS),
    "resize": _word(*RESIZES),
}


SAID = {
    "mxnet-256": "turned upright by five points, eyes at 0.4 of the height: MXNet's template",
    "fas-256": "turned upright by five points, with eyes where eye_dist and eye_y put them",
    "arcface-112": "turned upright by five points, close around the face: ArcFace's template",
    "box": "the detector's box, stretched to a square, not turned; scale: so many times as large",
    "box-224": "the same at 224 pixels",
    "square": "the central square of the box, neither stretched nor turned",
    "context": "the box at factor times its size, moved inside the frame, as deployed networks are fed",
}
"""What each view shows, in a line."""


def _malformed(text: str) -> UserError:
    return UserError(f"cannot read the view {text!r}", expected="e.g. fas-256(size=224,eye_dist=0.3,border=reflect)")
