"""What the packets of VP9, AV1, Motion JPEG and ProRes say of themselves, as `coded_units` for codecs of NAL units."""

from __future__ import annotations

from fasdata.media.coded import CLOSED, Bits, Coded, Unclear
from fasdata.media.coded_mpeg4 import Mpeg4
from fasdata.media.coded_units import H264, Hevc

# -- Every picture for itself -----------------------------------------------------------------------------------------


class Mjpeg(Coded):
    """Motion JPEG: every packet is a picture that brings its own tables and the same remarks as all others."""

    def __init__(self, extradata: bytes) -> None:
        self._remarks: set[bytes] = set()

    def start(self, data: bytes) -> str:
        if data[:2] != b"\xff\xd8":
            raise Unclear("packets are not one picture each")
        at, kinds, remarks = 2, set[int](), b""
        while 0xDA not in kinds:
            if at + 4 > len(data) or data[at] != 0xFF:
                raise Unclear("a header is damaged")
            kind, size = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
            if kind == 0xFF:  # a filling byte
                at += 1
                continue
            segment = data[at : at + 2 + size]
            if 0xE0 <= kind <= 0xEF or kind == 0xFE:
                remarks += segment
            kinds.add(kind)
            at += 2 + size
        self._remarks.add(remarks)
        if not {0xDB, 0xC4} <= kinds or len(self._remarks) > 1:
            raise Unclear("a picture hangs on tables or remarks of others")
        if b"AVI1" in remarks and remarks[remarks.index(b"AVI1") + 4 :][:1] != b"\0":
            raise Unclear("fields may be coded apart")
        return CLOSED


class Prores(Coded):
    """Apple ProRes: every packet is a frame."""

    def start(self, data: bytes) -> str:
        if data[4:8] != b"icpf" or int.from_bytes(data[:4], "big") != len(data):
            raise Unclear("packets are not one picture each")
        return CLOSED


# -- VP9 --------------------------------------------------------------------------------------------------------------


class Vp9(Coded):
    """VP9: a packet is a frame, or several in one (annex B) of which one is shown."""

    def start(self, data: bytes) -> str:
        frames = _vp9_frames(data)
        if sum(shown for shown, _ in frames) != 1:
            raise Unclear("packets are not one picture each")
        return CLOSED if frames[0] == (True, True) else ""


def _vp9_frames(data: bytes) -> list[tuple[bool, bool]]:
    """Return of every frame in a packet whether it is shown, and whether it is a key frame (VP9 6.1 and B)."""
    sizes = [len(data)]
    last = data[-1]
    if last & 0xE0 == 0xC0:
        number, width = (last & 7) + 1, (last >> 3 & 3) + 1
        index = data[-(2 + number * width) :]
        if len(index) == 2 + number * width and index[0] == last:
            sizes = [int.from_bytes(index[1 + i * width : 1 + (i + 1) * width], "little") for i in range(number)]
            if sum(sizes) + len(index) != len(data) or not all(sizes):
                raise Unclear("the units of a packet do not fill it")
    at, frames = 0, []
    for size in sizes:
        bits = Bits(data[at : at + 4])
        at += size
        if bits.take(2) != 2:
            raise Unclear("a header is damaged")
        if bits.take(1) + 2 * bits.take(1) == 3:
            bits.take(1)
        if bits.take(1):  # an earlier frame is shown again
            frames.append((True, False))
            continue
        key = not bits.take(1)
        frames.append((bool(bits.take(1)), key))
    return frames


# -- AV1 --------------------------------------------------------------------------------------------------------------


class Av1(Coded):
    """AV1: a packet is a temporal unit, of which one frame is shown."""

    def __init__(self, extradata: bytes) -> None:
        given = extradata[4:] if extradata[:1] == b"\x81" else extradata
        self._given = {unit for kind, unit in _obus(given) if kind == 1}
        self._seen: set[bytes] = set()

    def start(self, data: bytes) -> str:
        shown, first = 0, ""
        units = _obus(data)
        self.brings = frozenset(unit for kind, unit in units if kind == 1)
        self._seen |= self.brings
        for kind, unit in units:
            if kind == 1:
                if Bits(unit).take(5) & 1:
                    raise Unclear("packets hold units of a kind that is not followed")
            elif kind in (3, 6):
                bits = Bits(unit[:2])
                again = bits.take(1)
                frame_type, visible = (3, 1) if again else (bits.take(2), bits.take(1))
                shown += visible
                first = first or ("key" if not frame_type and visible else "other")
            elif kind not in (2, 4, 5, 7, 15):
                raise Unclear("packets hold units of a kind that is not followed")
        if shown != 1:
            raise Unclear("packets are not one picture each")
        return CLOSED if first == "key" else ""

    def suffices(self, brings: frozenset[bytes]) -> bool:
        if len(self._seen) == 1 and self._seen <= brings:
            return True
        return len(self._given) == 1 and self._seen <= self._given


def _obus(data: bytes) -> list[tuple[int, bytes]]:
    """Return kind and content of each unit (AV1 5.3)."""
    at, units = 0, []
    while at < len(data):
        header = data[at]
        at += 1
        if header & 0x84 or not header & 2:  # of several layers, or without a size
            raise Unclear("the video has several layers" if header & 4 else "the units of a packet do not fill it")
        size = shift = 0
        while True:
            if at >= len(data) or shift > 28:
                raise Unclear("the units of a packet do not fill it")
            size |= (data[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not data[at - 1] & 0x80:
                break
        if at + size > len(data):
            raise Unclear("the units of a packet do not fill it")
        units.append((header >> 3 & 15, data[at : at + size]))
        at += size
    return units


# By the name of the codec. What is not here is read in order.
CODED: dict[str, type[Coded]] = {
    "h264": H264, "hevc": Hevc, "mpeg4": Mpeg4, "mjpeg": Mjpeg, "prores": Prores, "vp9": Vp9, "av1": Av1,
}  # fmt: skip
