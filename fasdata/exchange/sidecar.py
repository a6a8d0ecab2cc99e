"""`infov1_<frame>.npy` of SA-FAS: the face box and five points beside a picture."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fasdata.exchange.sample import ExportFrame

_RECORD = np.dtype([("box", "<i8", (4,)), ("detect_prob", "<f8"), ("points", "<i8", (5, 2)), ("frame_id", "<i8")])


@dataclass(frozen=True)
class Info:
    """Box x0, y0, x1, y1 and points (5, 2) in whole pixels of the picture `org_`, towards zero and none negative.

    `number` is the one in the file's name. The embedding that SA-FAS computes beside, and never reads, is left out.
    """

    box: np.ndarray
    score: float
    points: np.ndarray
    number: int

    @classmethod
    def of(cls, frame: ExportFrame, shape: Sequence[int], number: int) -> Info:
        """Return what is known of a frame whose stored region has this shape (height, width)."""
        x0, y0, x1, y1 = frame.place.region
        scale = np.array([shape[1] / (x1 - x0), shape[0] / (y1 - y0)])
        corners = np.array(frame.place.box, np.float64).reshape(2, 2)
        points = np.array(frame.place.landmarks, np.float64)
        box = np.maximum(((np.trunc(corners) - (x0, y0)) * scale).astype("<i8"), 0)
        inside = np.maximum(((np.trunc(points) - (x0, y0)) * scale).astype("<i8"), 0)
        return cls(box.reshape(4), float(frame.score or 0.0), inside, number)


def plain(info: Info) -> bytes:
    """Return an npy file of one record, `np.load(path)[()]["points"]`: numbers and nothing that is ever run."""
    record = np.zeros((), _RECORD)
    record["box"], record["points"] = info.box, info.points
    record["detect_prob"], record["frame_id"] = info.score, info.number
    file = io.BytesIO()
    np.lib.format.write_array(file, record, allow_pickle=False)
    return file.getvalue()


def as_written(info: Info) -> bytes:
    """Return the npy file that SA-FAS itself writes and opens, `np.load(path, allow_pickle=True).item()["points"]`.

    What is inside can only be opened by unpickling, so it is put together here by hand: arrays and numbers, made by
    numpy's own constructors and by nothing else, under the names that numpy 1 and 2 both know (numpy 2 would write
    names that the older one of SA-FAS does not have).
    """
    said = _dictionary(
        box=_array(info.box), detect_prob=b"G" + struct.pack(">d", info.score), points=_array(info.points),
        frame_id=_integer(info.number),
    )  # fmt: skip
    kind = _made(_OBJECT, _tuple(_integer(3), _text("|"), b"N", b"N", b"N", _integer(-1), _integer(-1), _integer(63)))
    whole = _made(_EMPTY, _tuple(_integer(1), _tuple(), kind, _FALSE, b"](" + said + b"e"))
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + b"\x80\x03" + whole + b"."


SIDECARS: dict[str, Callable[[Info], bytes]] = {"plain": plain, "safas": as_written}


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _integer(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode("ascii")


def _binary(data: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(data)) + data


def _dictionary(**items: bytes) -> bytes:
    return b"}(" + b"".join(_text(key) + value for key, value in items.items()) + b"u"


def _called(module: str, name: str, *arguments: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + _tuple(*arguments) + b"R"


def _made(start: bytes, state: bytes) -> bytes:
    return start + state + b"b"


_FALSE, _TRUE = b"\x89", b"\x88"
_EMPTY = _called("numpy.core.multiarray", "_reconstruct", b"cnumpy\nndarray\n", _tuple(_integer(0)), _binary(b"b"))
_OBJECT = _called("numpy", "dtype", _text("O8"), _FALSE, _TRUE)
_LONG = _made(
    _called("numpy", "dtype", _text("i8"), _FALSE, _TRUE),
    _tuple(_integer(3), _text("<"), b"N", b"N", b"N", _integer(-1), _integer(-1), _integer(0)),
)


def _array(values: np.ndarray) -> bytes:
    shape = _tuple(*map(_integer, values.shape))
    return _made(_EMPTY, _tuple(_integer(1), shape, _LONG, _FALSE, _binary(values.astype("<i8").tobytes())))
