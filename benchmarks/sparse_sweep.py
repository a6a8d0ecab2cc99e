"""No speed: a video of which only groups of pictures are decoded gives what reading it in order gives.

Run: python benchmarks/sparse_sweep.py [--rounds N] [--seed S] [--only TEXT]
Small clips are made for every pair of codec and container that FFmpeg can write, with all that makes it hard to know
which frame is which: reordered frames, pyramids, open groups, refreshed frames without a key frame, odd spacing, edit
lists, a first packet that is no key frame; and each of them damaged in turn: bytes overwritten in the file, packets
changed, cut, lost, the file cut off. Of each, frames drawn at random are read both ways. Everything has to be the same:
numbers, time stamps, pixels, counts, damage, notes. Where the damage lies in packets that nobody decoded, the sparse
reading may be of the undamaged recording instead, and then has to be that in full.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import av

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fasdata.media.frame import Unproven, UnreadableMedia
from fasdata.media.readers import Reading
from fasdata.media.video import VideoSource
from tests.faulty_videos import Packets, cut, flipped, lost, moving, write_recording, zeroed

LENGTH, HEIGHT, WIDTH = 40, 64, 80
SUFFIXES = ("avi", "mov", "mp4", "mkv", "ts")
X265 = "log-level=0:keyint=9:min-keyint=9:scenecut=0"
# What is made of each codec: name of the variant, encoder, options.
VARIANTS: dict[str, dict[str, tuple[str, dict[str, str]]]] = {
    "h264": {
        "plain": ("h264", {"g": "8", "bf": "0"}),
        "reordered": ("h264", {"g": "9", "bf": "2"}),
        "pyramid": ("h264", {"x264-params": "keyint=12:bframes=3:b-pyramid=normal:ref=4:scenecut=0:b-adapt=0"}),
        "open": ("h264", {"x264-params": "keyint=10:bframes=2:open-gop=1:scenecut=0:b-adapt=0"}),
        "refresh": ("h264", {"x264-params": "keyint=12:intra-refresh=1:bframes=0"}),
        "fields": ("h264", {"x264-params": "keyint=8:interlaced=1:bframes=0"}),
        "one group": ("h264", {"g": "250"}),
    },
    "hevc": {
        "open": ("hevc", {"x265-params": f"{X265}:open-gop=1:bframes=3:b-adapt=0"}),
        "closed": ("hevc", {"x265-params": f"{X265}:open-gop=0:bframes=2:b-adapt=0"}),
        "plain": ("hevc", {"x265-params": f"{X265}:bframes=0"}),
    },
    "mpeg4": {"plain": ("mpeg4", {"g": "7"}), "reordered": ("mpeg4", {"g": "9", "bf": "2"})},
    "mjpeg": {"plain": ("mjpeg", {})},
    "vp9": {
        "hidden": ("libvpx-vp9", {"g": "8", "cpu-used": "8", "lag-in-frames": "5", "auto-alt-ref": "1", "b": "80k"}),
        "plain": ("libvpx-vp9", {"g": "6", "cpu-used": "8", "lag-in-frames": "0", "b": "80k"}),
    },
    "av1": {"plain": ("libsvtav1", {"g": "8", "preset": "13", "svtav1-params": "lp=1"})},
    "prores": {"plain": ("prores_ks", {})},
}  # fmt: skip
SPACINGS: dict[str, list[int] | None] = {
    "even": None,
    "odd": [place + place // 3 + 7 * (place > 15) for place in range(LENGTH)],
}


@dataclass(frozen=True)
class Outcome:
    """What one way of reading gave: numbers, stamps and pixels of the wanted frames, and what it says of the rest."""

    frames: tuple[tuple[int, float, str], ...] = ()
    n: int | None = None
    said_of_it: tuple[str, ...] = ()
    error: str = ""


def read(source: VideoSource, wanted: Collection[int]) -> Outcome:
    """Read some frames to the end as an extraction does; where the proof fails, once more in order."""
    try:
        frames = list(source.frames(wanted, to_end=True))
    except Unproven as unproven:
        source.read_in_order(str(unproven))
        return read(source, wanted)
    except UnreadableMedia as error:
        return Outcome(error=str(error))
    return Outcome(
        tuple((frame.index, frame.pts, hashlib.sha256(frame.rgb.tobytes()).hexdigest()) for frame in frames),
        source.n_decoded,
        (source.damage, *source.notes, str(source.n_claimed), str(sorted(source.left_out)), str(source.rotation)),
    )


def opened(path: Path, *, sparse: bool) -> VideoSource | None:
    """Open a video, None where that is refused."""
    try:
        return VideoSource(path, reading=Reading(sparse=sparse))
    except UnreadableMedia:
        return None


def everything(path: Path) -> tuple[tuple[int, float, str], ...]:
    """Return all frames of a video, read in order."""
    source = opened(path, sparse=False)
    return read(source, range(2 * LENGTH)).frames if source else ()


def _unnoticed(path: Path, whole: Path, expected: Outcome, outcome: Outcome) -> bool:
    """Tell whether both ways show other pixels than the whole recording has, and nothing else differs.

    A decoder may take changed bytes for a shorter picture, without a word: where it ends, memory shows what was there,
    and that is something else in order too once other frames are asked for.
    """
    intact = everything(whole)
    pairs = list(zip(expected.frames, outcome.frames, strict=False))
    return (
        [frame[:2] for frame in expected.frames] == [frame[:2] for frame in outcome.frames]
        and (expected.n, expected.said_of_it) == (outcome.n, outcome.said_of_it)
        and all(theirs not in intact and ours not in intact for theirs, ours in pairs if theirs != ours)
    )


def compare(path: Path, wanted: Collection[int], whole: Path | None = None) -> str:
    """Read both ways and return the way that the sparse reading took.

    Raises:
        AssertionError: they differ, without damage, or in what was decoded: it has to be of the `whole` recording then.
    """
    in_order, sparse = opened(path, sparse=False), opened(path, sparse=True)
    assert (in_order is None) == (sparse is None), path
    if in_order is None or sparse is None:
        return "not opened"
    expected, outcome = read(in_order, wanted), read(sparse, wanted)
    if expected != outcome:
        where = f"{path} {sorted(wanted)}: {expected} {outcome}"
        assert whole is not None and sparse.way == "groups" and not outcome.error, where
        if _unnoticed(path, whole, expected, outcome):
            return "groups, damage that the decoder does not notice"
        assert expected.error or in_order.damage or in_order.n_decoded != sparse.n_decoded, where
        # Pixels alone: where packets are lost, avi counts the others.
        in_either = {frame[2] for file in (path, whole) for frame in everything(file)}
        assert in_either.issuperset(frame[2] for frame in outcome.frames), where
        return "groups, damage not met"
    return sparse.way


@dataclass(frozen=True)
class Form:
    """How a recording is written."""

    name: str
    encoder: str
    options: dict[str, str]
    suffix: str
    stamps: list[int] | None

    def write(self, path: Path, fault: Callable[[Packets], Packets] = list) -> Path:
        """Write it, perhaps with a fault."""

        def prepare(stream: av.VideoStream) -> None:
            if self.encoder == "prores_ks":
                stream.pix_fmt = "yuv422p10le"

        options = {**self.options, "threads": "1"}
        return write_recording(
            path, self.encoder, moving(LENGTH, HEIGHT, WIDTH), fault=fault, stamps=self.stamps, prepare=prepare,
            options=options,
        )  # fmt: skip


def forms(only: str = "") -> Iterator[Form]:
    """Yield every form whose name holds a text."""
    for codec, variants in VARIANTS.items():
        for variant, (encoder, options) in variants.items():
            for suffix in SUFFIXES:
                for spacing, stamps in SPACINGS.items():
                    name = f"{codec} {variant} {suffix} {spacing}"
                    if only in name:
                        yield Form(name, encoder, options, suffix, stamps)


def written(form: Form, folder: Path) -> Path | None:
    """Write a recording, None where the container does not take the codec, or nobody knows it there."""
    path = folder / f"{form.name.replace(' ', '-')}.{form.suffix}"
    try:
        form.write(path)
        return path if opened(path, sparse=False) else None
    except (av.error.FFmpegError, ValueError, OverflowError):
        path.unlink(missing_ok=True)
        return None


def started_late(by: int) -> Callable[[Packets], Packets]:
    """Return the fault that a recording begins `by` packets late, with what is no key frame."""
    return lambda packets: packets[by:]


def edited(by: int) -> Callable[[Packets], Packets]:
    """Return the change that a recording is shown from its frame `by` on, which mp4 and mov say in an edit list."""

    def change(packets: Packets) -> Packets:
        step = sorted(packet.pts for packet in packets if packet.pts is not None)[by]
        for packet in packets:
            packet.pts, packet.dts = (packet.pts or 0) - step, (packet.dts or 0) - step
        return packets

    return change


def damaged(path: Path, form: Form, draw: random.Random) -> Iterator[tuple[str, Path]]:
    """Yield names and paths of a recording with one fault each."""
    place = draw.randrange(LENGTH)
    faults = {
        "zeroed": zeroed(place), "cut": cut(place), "flipped": flipped(place), "lost": lost(place),
        "late": started_late(draw.randrange(1, 6)), "edited": edited(draw.randrange(1, 15)),
    }  # fmt: skip
    for name, fault in faults.items():
        other = path.with_name(f"{name}-{path.name}")
        try:
            yield name, form.write(other, fault)
        except (av.error.FFmpegError, ValueError):
            continue
    data = path.read_bytes()
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(container.streams.video[0]) if packet.size]
    for name in ("overwritten", "short"):
        changed = bytearray(data)
        if name == "short":
            del changed[draw.randrange(len(data) // 2, len(data)) :]
        else:
            at, size = draw.choice(places) + draw.choice([0, 5, 30]), draw.choice([1, 40, 200])
            changed[at : at + size] = draw.randbytes(1) * len(changed[at : at + size])
        other = path.with_name(f"{name}-{path.name}")
        other.write_bytes(changed)
        yield name, other


def drawn(draw: random.Random, n: int = LENGTH) -> set[int]:
    """Return some frames: one, few, a row, or such that the recording does not have."""
    kind = draw.randrange(4)
    if kind == 2:
        first = draw.randrange(n)
        return set(range(first, min(n, first + draw.randrange(2, 12))))
    return {draw.randrange(n + 3 * (kind == 3)) for _ in range(draw.randrange(1, 4))}


def main() -> None:
    """Go over all forms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="draws of frames and faults for each form")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="forms whose name holds this, such as 'h264 open mkv'")
    given = parser.parse_args()
    draw, total = random.Random(given.seed), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for form in forms(given.only):
            path = written(form, Path(folder))
            if path is None:
                continue
            ways = Counter(compare(path, drawn(draw)) for _ in range(given.rounds))
            faults = Counter[str]()
            for _ in range(given.rounds):
                for fault, other in damaged(path, form, draw):
                    way = compare(other, drawn(draw), path if fault not in ("late", "edited") else None)
                    faults[f"{fault}: {way}"] += 1
                    total[f"damaged, {way}"] += 1
            total.update(ways)
            shown = "; ".join(f"{way} {times}" for way, times in ways.items())
            print(f"{form.name}: {shown} | {dict(faults)}", flush=True)
    for way, times in total.most_common():
        print(f"{times:6} {way}")


if __name__ == "__main__":
    main()
