"""What the packets of MPEG-4 part 2 say of themselves."""

from __future__ import annotations

from collections.abc import Iterable

from fasdata.media.coded import MARK, OPEN, Bits, Coded, Unclear


class Mpeg4(Coded):
    """ISO/IEC 14496-2: a packet is a picture, perhaps behind headers that all have to be the same."""

    primed = True  # what the first headers say of the encoder, decoders remember

    def __init__(self, extradata: bytes) -> None:
        self._headers = {extradata} - {b""}
        self._given = bool(extradata)
        self._time_bits = _time_bits(extradata)

    def start(self, data: bytes) -> str:
        marks = list(_codes(data))
        pictures = [at for at, kind in marks if kind == 0xB6]
        if len(pictures) != 1 or marks[0][0] != 0:
            raise Unclear("packets are not one picture each")
        before = min(at for at, kind in marks if kind in (0xB3, 0xB6))  # a group's time code is no such header
        headers = data[:before]
        self.brings = frozenset({headers} - {b""})
        if headers:
            self._headers.add(headers)
            self._time_bits = self._time_bits or _time_bits(headers)
        if not self._time_bits:
            raise Unclear("a header is cut off")
        bits = Bits(data[pictures[0] + 4 : pictures[0] + 44])
        kind = bits.take(2)
        while bits.take(1):
            pass
        bits.take(2 + self._time_bits)
        if not bits.take(1):
            raise Unclear("packets are not one picture each")
        self.reorders = self.reorders or kind == 2
        return OPEN if kind == 0 else ""

    def suffices(self, brings: frozenset[bytes]) -> bool:
        return len(self._headers) == 1 and (self._given or bool(brings))


def _codes(data: bytes) -> Iterable[tuple[int, int]]:
    at = data.find(MARK)
    while 0 <= at < len(data) - 4:
        yield at, data[at + 3]
        at = data.find(MARK, at + 3)


def _time_bits(headers: bytes) -> int:
    """Return how many bits a picture's time takes, 0 where the headers do not say (6.2.3)."""
    layer = next((at for at, kind in _codes(headers) if 0x20 <= kind <= 0x2F), None)
    if layer is None:
        return 0
    bits = Bits(headers[layer + 4 :])
    bits.take(9)
    if bits.take(1):
        bits.take(7)
    if bits.take(4) == 15:
        bits.take(16)
    if bits.take(1):
        bits.take(3)
        if bits.take(1):
            bits.take(79)
    if bits.take(2):  # no rectangle
        raise Unclear("packets hold units of a kind that is not followed")
    bits.take(1)
    return max(1, (bits.take(16) - 1).bit_length())
