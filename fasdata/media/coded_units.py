"""What the packets of H.264 and HEVC say of themselves: they are made of NAL units."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from fasdata.media.coded import CLOSED, MARK, OPEN, Bits, Coded, Unclear


class _OfUnits(Coded):
    """A stream of NAL units: with their lengths before them (mp4, mkv), or with start codes (avi, ts)."""

    sets: frozenset[int]  # kinds of units that hold parameter sets
    messages: frozenset[int]  # kinds that hold supplemental messages
    idle: frozenset[int]  # kinds that change nothing
    # Supplemental messages that change no pixel, or only how long a picture is shown. Others may hold from then on:
    # which way up, film grain, transfer curves.
    harmless = frozenset({0, 1, 5, 6, 45, 129, 130, 132, 136, 137, 144})

    def __init__(self, extradata: bytes) -> None:
        self._given: set[bytes] = set()
        self._seen: set[bytes] = set()
        self._length = 0  # bytes of a unit's length, 0 where there are start codes
        if extradata[:1] == b"\1":
            self._length = self._read_configuration(extradata)
        elif extradata:
            self._given = {unit.rstrip(b"\0") for unit in self._units(extradata)}
        for unit in self._given:
            if self._kind(unit) in self.sets:
                self._check_set(unit)

    @abstractmethod
    def _kind(self, unit: bytes) -> int: ...

    @abstractmethod
    def _read_configuration(self, extradata: bytes) -> int:
        """Keep the parameter sets of a configuration record, and return the bytes of a unit's length."""

    @abstractmethod
    def _slice(self, unit: bytes, kind: int) -> bool:
        """Tell whether this slice is the first of a picture."""

    @abstractmethod
    def _start(self, kinds: set[int], *, recovers: bool) -> str: ...

    def _check_set(self, unit: bytes) -> None:
        """Look at a parameter set."""

    def start(self, data: bytes) -> str:
        pictures, kinds, recovers, brings = 0, set[int](), False, set[bytes]()
        for unit in self._units(data):
            kind = self._kind(unit)
            if kind in self.sets:
                if kinds:
                    raise Unclear("parameter sets stand inside a picture")
                brings.add(unit.rstrip(b"\0"))
            elif kind in self.messages:
                recovers |= self._message(unit)
            elif kind not in self.idle:
                kinds.add(kind)
                pictures += self._slice(unit, kind)
        if pictures != 1:
            raise Unclear("packets are not one picture each")
        for unit in brings - self._seen:
            self._check_set(unit)
        self.brings = frozenset(brings)
        self._seen |= brings
        return self._start(kinds, recovers=recovers)

    def suffices(self, brings: frozenset[bytes]) -> bool:
        # The container has all parameter sets, one of each kind, or they are repeated.
        if self._seen <= self._given and len(self._given) == len({self._kind(unit) for unit in self._given}):
            return True
        return self._seen <= brings

    def _units(self, data: bytes) -> Iterator[bytes]:
        if self._length:
            at = 0
            while at < len(data):
                begin = at + self._length
                at = begin + int.from_bytes(data[at:begin], "big")
                if not begin + 2 < at <= len(data):
                    raise Unclear("the units of a packet do not fill it")
                yield data[begin:at]
            return
        at = data.find(MARK)
        if at < 0 or data[:at].strip(b"\0"):
            raise Unclear("a packet has no start code")
        while at >= 0:
            begin, at = at + 3, data.find(MARK, at + 3)
            unit = data[begin : at if at >= 0 else len(data)]
            if len(unit) < 2:
                raise Unclear("the units of a packet do not fill it")
            yield unit

    def _message(self, unit: bytes) -> bool:
        """Tell whether supplemental messages say that all is exact from this picture on (H.264 D.2.8)."""
        data, at, recovers = unit.replace(b"\0\0\3", b"\0\0"), 1 if isinstance(self, H264) else 2, False
        while at + 2 < len(data):  # what is left then are the bits that end it
            numbers = []
            for _ in range(2):
                number = 0
                while data[at : at + 1] == b"\xff":
                    number, at = number + 255, at + 1
                numbers.append(number + int.from_bytes(data[at : at + 1], "big"))
                at += 1
            message, size = numbers
            if message not in self.harmless:
                raise Unclear("supplemental messages may change how frames look")
            if message == 6 and isinstance(self, H264):
                bits = Bits(data[at : at + size])
                recovers = bits.golomb() == 0 and bits.take(1) == 1
            at += size
        return recovers


class H264(_OfUnits):
    """ITU-T H.264."""

    primed = True  # x264 signs its first packet alone, and decoders go round the faults of its old versions
    sets, messages, idle = frozenset({7, 8}), frozenset({6}), frozenset({9, 12})

    def _kind(self, unit: bytes) -> int:
        return unit[0] & 31

    def _read_configuration(self, extradata: bytes) -> int:
        at = 5
        for mask in (31, 255):  # sequence parameter sets, then picture parameter sets
            number = int.from_bytes(extradata[at : at + 1], "big") & mask
            at += 1
            for _ in range(number):
                size = int.from_bytes(extradata[at : at + 2], "big")
                self._given.add(extradata[at + 2 : at + 2 + size].rstrip(b"\0"))
                at += 2 + size
        if b"" in self._given or at > len(extradata):
            raise Unclear("the container's parameter sets are damaged")
        return (extradata[4] & 3) + 1

    def _check_set(self, unit: bytes) -> None:
        if self._kind(unit) == 7 and not _whole_frames(unit):
            raise Unclear("fields may be coded apart")

    def _slice(self, unit: bytes, kind: int) -> bool:
        if kind not in (1, 5):
            raise Unclear("packets hold units of a kind that is not followed")
        bits = Bits(unit[1:12])
        first = bits.golomb() == 0  # the first macroblock of the slice
        self.reorders = self.reorders or bits.golomb() % 5 == 1
        return first

    def _start(self, kinds: set[int], *, recovers: bool) -> str:
        return CLOSED if kinds == {5} else OPEN if recovers and kinds == {1} else ""


class Hevc(_OfUnits):
    """ITU-T H.265."""

    reorders = None
    sets, messages, idle = frozenset({32, 33, 34}), frozenset({39, 40}), frozenset({35, 38, 62})

    def _kind(self, unit: bytes) -> int:
        if unit[0] & 1 or unit[1] >> 3:
            raise Unclear("the video has several layers")
        return unit[0] >> 1 & 63

    def _read_configuration(self, extradata: bytes) -> int:
        at, arrays = 23, int.from_bytes(extradata[22:23], "big")
        for _ in range(arrays):
            number = int.from_bytes(extradata[at + 1 : at + 3], "big")
            at += 3
            for _ in range(number):
                size = int.from_bytes(extradata[at : at + 2], "big")
                unit = extradata[at + 2 : at + 2 + size].rstrip(b"\0")
                at += 2 + size
                if len(unit) < 2 or at > len(extradata):
                    raise Unclear("the container's parameter sets are damaged")
                if self._kind(unit) in self.sets:
                    self._given.add(unit)
                elif self._kind(unit) in self.messages:
                    self._message(unit)
        return (extradata[21] & 3) + 1

    def _slice(self, unit: bytes, kind: int) -> bool:
        if not (kind <= 9 or 19 <= kind <= 21):
            raise Unclear("packets hold units of a kind that is not followed")
        if kind >= 19 and unit[2] & 0x40:
            raise Unclear("frames may be dropped at a key frame")
        return bool(unit[2] & 0x80)

    def _start(self, kinds: set[int], *, recovers: bool) -> str:
        return OPEN if len(kinds) == 1 and min(kinds) >= 19 else ""


def _whole_frames(sps: bytes) -> bool:
    """Tell whether a sequence parameter set of H.264 (7.3.2.1.1) says that pictures are frames, never fields."""
    bits = Bits(sps.replace(b"\0\0\3", b"\0\0")[1:])
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()
    if profile in (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135):
        chroma = bits.golomb()
        if chroma == 3:
            bits.take(1)
        bits.golomb(), bits.golomb()
        bits.take(1)
        if bits.take(1):
            for number in range(8 if chroma != 3 else 12):
                if bits.take(1):
                    _skip_scaling_list(bits, 16 if number < 6 else 64)
    bits.golomb()
    order = bits.golomb()
    if order == 0:
        bits.golomb()
    elif order == 1:
        bits.take(1)
        bits.golomb(), bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    bits.golomb()
    bits.take(1)
    bits.golomb(), bits.golomb()
    return bits.take(1) == 1


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed_golomb()) % 256
        last = following or last
