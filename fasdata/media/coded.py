"""What packets of a video say of themselves: whether decoding can begin there, and that each is one picture."""

from __future__ import annotations

from abc import ABC, abstractmethod

CLOSED, OPEN = "closed", "open"  # a start; after an open one, frames that are shown before it need what came before
MARK = b"\0\0\1"  # begins a start code


class Unclear(Exception):
    """The packets do not prove which frame is which; the text is one of few phrases."""


class Coded(ABC):
    """The packets of one stream, looked at in their order.

    `primed`: a decoder has to see the first packet before any other, for what only that one says of the encoder.
    `brings`: what the packet looked at last brings of the headers that a decoder needs. `reorders`: whether a packet so
    far may be shown before one that stands before it; None where only the decoder knows.
    """

    primed = False
    reorders: bool | None = False
    brings: frozenset[bytes] = frozenset()

    def __init__(self, extradata: bytes) -> None:
        """Begin a stream with what its container says of the codec."""
        del extradata

    @abstractmethod
    def start(self, data: bytes) -> str:
        """Look at the next packet and return `CLOSED` or `OPEN` where decoding can begin with it, else "".

        Raises:
            Unclear: it is not exactly one picture, or does what is not followed here.
        """

    def suffices(self, brings: frozenset[bytes]) -> bool:
        """Tell, after all packets, whether a decoder knows all that it needs if it begins with one that brings this."""
        return True


class Bits:
    """The bits of some bytes, read in order.

    >>> bits = Bits(bytes([0b10100110, 0b01000000]))
    >>> bits.take(1), bits.golomb(), bits.golomb(), bits.signed_golomb()
    (1, 1, 2, 2)
    """

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, n: int) -> int:
        """Return the next n bits as a number.

        Raises:
            Unclear: there are fewer.
        """
        self._left -= n
        if self._left < 0:
            raise Unclear("a header is cut off")
        return (self._value >> self._left) & ((1 << n) - 1)

    def golomb(self) -> int:
        """Return the next number in Exp-Golomb code, as H.264 7.2 `ue(v)`."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise Unclear("a header is damaged")
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """Return the next signed number in Exp-Golomb code, `se(v)`."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)
