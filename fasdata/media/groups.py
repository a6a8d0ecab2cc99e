"""Which frame is which, proven from packets alone, so that only the groups of pictures that are needed get decoded.

A frame's number is the place of its time stamp among all of them. That holds where every packet is exactly one picture
with a time stamp of its own, nothing is flagged as damaged, and pictures come out in the order of their stamps. A
decoder can begin at a key frame that the coded bytes themselves prove to be one; what comes out from there on has to be
every frame in turn, whole. Whatever is not so raises, and the recording is read in order.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import av

from fasdata.media.coded import CLOSED, Coded, Unclear
from fasdata.media.coded_frames import CODED
from fasdata.media.frame import MAX_CLAIM, Unproven, decoded

if TYPE_CHECKING:
    from av.packet import PktSideDataT

# What may stand beside a packet that is not like the others.
_CHANGES: tuple[PktSideDataT, ...] = ("new_extradata", "param_change", "display_matrix", "palette")
_UNLIKE = "frames did not come out as the packets say"


@dataclass(frozen=True)
class Run:
    """Packets that are decoded in one go, and the frames that have to come out of it, both ends included."""

    packets: range
    frames: range


@dataclass(frozen=True)
class Groups:
    """The packets of a recording in their order, and what they prove.

    `stamps` are the time stamps of the frames, ascending; `places` the packet of each frame; `pts` the time stamp of
    each packet, `shown` whether it is a frame; `starts` the packets with which decoding can begin. `primed` is as in
    `Coded`, `slots` what of a claimed number of frames the packets account for.
    """

    stamps: Sequence[int]
    places: Sequence[int]
    pts: Sequence[int]
    shown: Sequence[int]
    starts: Sequence[int]
    primed: bool
    slots: int

    @property
    def n(self) -> int:
        """How many frames there are."""
        return len(self.stamps)

    def runs(self, wanted: Collection[int]) -> list[Run]:
        """Return what is to be decoded for some frames, in order; frames beyond the end are left out.

        >>> whole = Groups(range(8), range(8), range(8), [1] * 8, [0, 4], False, 8)
        >>> whole.runs({1, 6})
        [Run(packets=range(0, 2), frames=range(0, 2)), Run(packets=range(4, 7), frames=range(4, 7))]
        >>> whole.runs({3, 4})
        [Run(packets=range(0, 5), frames=range(0, 5))]
        """
        runs: list[Run] = []
        for frame in sorted(index for index in wanted if index < self.n):
            start = self._start_of(frame)
            if runs and start <= runs[-1].packets.stop:  # it goes on where the run before ends, or inside it
                before = runs.pop()
            else:
                first = bisect_left(self.stamps, self.pts[start])
                before = Run(range(start, start + 1), range(first, first))
            # A frame comes out behind all that are shown before it.
            last = max(self.places[index] for index in range(before.frames.stop, frame + 1))
            packets = range(before.packets.start, max(before.packets.stop, last + 1))
            runs.append(Run(packets, range(before.frames.start, frame + 1)))
        return runs

    def _start_of(self, frame: int) -> int:
        at = bisect_right(self.starts, self.places[frame]) - 1
        while self.pts[self.starts[at]] > self.stamps[frame]:  # it is shown before that key frame and may need others
            at -= 1
        return self.starts[at]


# -- The proof of the packets -----------------------------------------------------------------------------------------


def survey(container: av.container.InputContainer, stream: av.VideoStream) -> Groups:
    """Read all packets of a stream, decode none, and return what they prove.

    Raises:
        Unproven: which frame is which does not follow from the packets; the text says why in one of few phrases.
    """
    context = stream.codec_context
    if context.codec.canonical_name not in CODED:
        raise Unproven(f"codec {context.codec.canonical_name}")
    try:
        coded = CODED[context.codec.canonical_name](bytes(context.extradata or b""))
        packets, depth = _read(container, stream, coded), context.reorder_depth
        reorders = depth > 0 if coded.reorders is None else coded.reorders
        if reorders and container.format.name == "avi":
            raise Unclear("the container knows no order but that of decoding")
        return _proven(coded, depth, packets)
    except Unclear as unclear:
        raise Unproven(str(unclear)) from None


@dataclass
class _Packets:
    """What the packets say, one entry a packet."""

    pts: array[int]
    shown: bytearray
    starts: dict[int, tuple[str, frozenset[bytes]]]
    slots: int = 0


def _read(container: av.container.InputContainer, stream: av.VideoStream, coded: Coded) -> _Packets:
    packets, slots_of_avi = _Packets(array("q"), bytearray(), {}), container.format.name == "avi"
    last, frames = None, 0
    for packet in _demuxed(container, stream):
        pts, dts, number = packet.pts, packet.dts, len(packets.pts)
        if packet.is_corrupt:
            raise Unclear("a packet is flagged as damaged")
        if pts is None:
            raise Unclear("time stamps are missing")
        if dts is not None and ((last is not None and dts <= last) or pts < dts):
            raise Unclear("time stamps contradict each other")
        if number >= MAX_CLAIM:
            raise Unclear("there are too many packets")
        if any(packet.has_sidedata(kind) for kind in _CHANGES):
            raise Unclear("the container changes what it says on the way")
        last = dts if dts is not None else last
        kind = coded.start(bytes(packet))
        if kind and packet.is_keyframe:
            packets.starts[number] = kind, coded.brings
        packets.pts.append(pts)
        packets.shown.append(not packet.is_discard)
        frames += not packet.is_discard
        packets.slots = max(packets.slots, pts + 1 if slots_of_avi else 0, frames)
        decoded()
    return packets


def _demuxed(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.Packet]:
    """Yield the packets that hold something, as reading in order counts them."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, EOFError):
            return
        except av.error.FFmpegError:
            raise Unclear("the file cannot be read to its end") from None
        if packet.size:
            yield packet


def _proven(coded: Coded, depth: int, packets: _Packets) -> Groups:
    """Put frames into the order of their time stamps, and find where decoding can begin."""
    pts, shown = packets.pts, packets.shown
    order = sorted((number for number in range(len(pts)) if shown[number]), key=pts.__getitem__)
    stamps = array("q", (pts[number] for number in order))
    if not order:
        raise Unclear("there are no frames")
    if any(a == b for a, b in pairwise(stamps)):
        raise Unclear("time stamps repeat")
    latest = list(accumulate((pts[i] if shown[i] else -(2**63) for i in range(len(pts))), max))
    earliest = list(accumulate((pts[i] if shown[i] else 2**63 for i in reversed(range(len(pts)))), min))[::-1]
    starts = []
    for number, (kind, brings) in packets.starts.items():
        # Frames from before a start are all shown before it; only an open one is followed by such frames.
        if number and latest[number - 1] >= pts[number]:
            continue
        leading = earliest[number] < pts[number]
        if leading and (kind == CLOSED or not number):
            raise Unclear("time stamps contradict each other" if number else "the file begins in the middle")
        if coded.suffices(brings):
            starts.append(number)
    if not starts or starts[0]:
        raise Unclear("no key frame is proven to be one")
    if _reordering(pts, shown, latest) > depth:
        raise Unclear("frames are reordered further than the decoder expects")
    return Groups(stamps, array("q", order), pts, shown, starts, coded.primed, packets.slots)


def _reordering(pts: Sequence[int], shown: bytearray, latest: Sequence[int]) -> int:
    """Return the most frames that come before another in decoding and behind it when shown."""
    most = 0
    for number in range(1, len(pts)):
        if shown[number] and latest[number - 1] > pts[number]:
            before, behind = number - 1, 0
            while before >= 0 and latest[before] > pts[number]:
                behind += int(shown[before] and pts[before] > pts[number])
                before -= 1
            most = max(most, behind)
    return most


# -- Decode groups ----------------------------------------------------------------------------------------------------


class GroupDecoder:
    """Decodes what some frames need, and checks that it comes out as the packets promised."""

    def __init__(self, groups: Groups, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        """Take a container that was opened anew and whose decoder is set up."""
        self._groups, self._packets = groups, enumerate(_demuxed(container, stream))
        self._codec: Any = stream.codec_context
        no_more: Any = av.Packet()  # makes the decoder give out what it still holds
        no_more.stream, no_more.time_base = stream, stream.time_base
        self._no_more = no_more

    def pictures(self, wanted: Collection[int]) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield number and picture of each wanted frame, in order.

        Raises:
            Unproven: the packets are others than before, or do not decode into the frames that they promised.
        """
        begun = False
        for run in self._groups.runs(wanted):
            if begun:
                self._codec.flush_buffers()
            elif self._groups.primed and run.packets.start:
                self._decode(self._packet(0))
                self._codec.flush_buffers()
            begun = True
            for number, picture in self._in_turn(run):
                if number in wanted:
                    yield number, picture

    def _in_turn(self, run: Run) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield every frame of a run; the last one when all that was decoded for it proved whole."""
        groups, number = self._groups, run.frames.start
        begins, last = groups.pts[run.packets.start], None
        expected = len([place for place in run.packets if groups.shown[place] and groups.pts[place] >= begins])
        for place in (*run.packets, None):
            for picture in self._decode(self._no_more if place is None else self._packet(place)):
                if picture.pts is None or (picture.pts < begins and number > run.frames.start):
                    raise Unproven(_UNLIKE)
                if picture.pts < begins:
                    continue  # shown before the start, and made without what it needs
                expected -= 1
                if picture.is_corrupt or (number < run.frames.stop and picture.pts != groups.stamps[number]):
                    raise Unproven(_UNLIKE)
                decoded()
                if number == run.frames.stop - 1:
                    last = number, picture
                elif number < run.frames.stop:
                    yield number, picture
                number += 1
        if last is None or expected:
            raise Unproven(_UNLIKE)
        yield last

    def _packet(self, place: int) -> av.Packet:
        for number, packet in self._packets:
            if packet.pts != self._groups.pts[number] or packet.is_corrupt:
                break
            if number == place:
                return packet
        raise Unproven(_UNLIKE)

    def _decode(self, packet: av.Packet) -> list[av.VideoFrame]:
        try:
            pictures: list[av.VideoFrame] = self._codec.decode(packet)
        except (av.error.FFmpegError, EOFError):
            raise Unproven(_UNLIKE) from None
        return pictures
