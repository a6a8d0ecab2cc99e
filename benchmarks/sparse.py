"""What it costs to take few frames out of a video, against reading it in order; and where the rest of the time goes.

Run: python benchmarks/sparse.py [CLIPS] [--full] [--part decoding|whole|shares|start]
CLIPS is a folder of real clips (default: $FAS_REAL_CLIPS). Beside them, recordings of 450 frames of 1920 x 1080 are
made from the first of them, as a phone does (H.264 in mp4, no reordering), with a key frame every 30 or 250 frames.
Both ways take turns in one process, on one thread; times are processor seconds, the least of the rounds.

decoding: opening, demuxing and decoding what an extraction asks of a video in which every frame shows a face.
whole: complete extractions, MTCNN and crops included.
shares: what a complete extraction of two frames spends its time on, both ways.
start: what the first process that searches for faces spends on imports and weights, with and without torchvision.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import literal_extract as literal

from fasdata.datasets.tree import VIDEO
from fasdata.extract import cropping, face_search
from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces.cascade import Cascade
from fasdata.faces.cascade_windows import AreaSums
from fasdata.faces.detector import Detector
from fasdata.faces.mtcnn import MtcnnDetector
from fasdata.media.video import VideoSource
from fasdata.protocols.recipe import frame_rules_for
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, Face
from fasdata.store.info import StoreInfo
from fasdata.store.writer import StoreWriter

PARTS = ("decoding", "whole", "shares", "start")
SIZE, RATE, FRAMES = (1920, 1080), 30, 450
TWO = "ssdg(2)@decoded"
RULES = {
    "two frames, `ssdg(2)`": TWO,
    "default frames of an MCIO set": " + ".join(frame_rules_for("CASIA-FASD")),
    "first and last face too": f"{TWO} + quarter + linspace(2)@with_face",
    "every fifth, `every(5)`": "every(5)",
}


class SeesAFace(Detector):
    """Sees a face of one size in the middle of every frame, at once."""

    name, fingerprint = "mtcnn", ""
    settings: dict[str, Any] = {}  # noqa: RUF012

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        faces = []
        for frame in frames:
            height, width = frame.shape[:2]
            x, y, half = width / 2, height / 2, height / 8
            points = ((x - 20, y - 20), (x + 20, y - 20), (x, y), (x - 15, y + 20), (x + 15, y + 20))
            faces.append([Face((x - half, y - half, x + half, y + half), points, 0.999)])
        return faces


# -- Recordings as a phone makes them ---------------------------------------------------------------------------------


def write_phone_video(source: Path, path: Path, group: int, frames: int = FRAMES) -> Path:
    """Write 1080p in groups of so many frames: one group is encoded, and its packets come again and again."""
    from fractions import Fraction

    noise = np.random.default_rng(0).integers(-6, 7, (*SIZE[::-1], 3), dtype=np.int16)
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "g": str(group), "bf": "0", "sc_threshold": "0", "b": "16M", "threads": "1"}
        stream = container.add_stream("h264", rate=RATE, options=options)
        stream.width, stream.height = SIZE
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, RATE)
        packets = []
        pictures = list(islice(literal.read(source, 60), 60))
        there_and_back = cycle([*pictures, *pictures[-2:0:-1]])
        for number, picture in enumerate(islice(there_and_back, group)):
            large = cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC)
            grainy = np.clip(large + np.roll(noise, 37 * number, axis=(0, 1)), 0, 255).astype(np.uint8)
            packets += stream.encode(av.VideoFrame.from_ndarray(grainy, format="rgb24"))
        packets += stream.encode()
        step = round(1 / (RATE * packets[0].time_base))
        for number in range(frames):
            original = packets[number % group]
            packet = av.Packet(bytes(original))
            packet.stream, packet.time_base, packet.is_keyframe = stream, original.time_base, original.is_keyframe
            packet.pts = packet.dts = number * step
            container.mux(packet)
    return path


# -- What is spent where ----------------------------------------------------------------------------------------------


class Clock:
    """Adds up the processor seconds of named parts; a part inside another counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = time.process_time()

    def turn(self, *, enter: str = "", leave: bool = False) -> None:
        now = time.process_time()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now
        if leave:
            self._open.pop()
        else:
            self._open.append(enter)

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self.turn(enter=name)
            try:
                return function(*arguments, **named)
            finally:
                self.turn(leave=True)

        return call

    def timed_iterator(self, name: str, function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        def call(*arguments: Any, **named: Any) -> Iterator[Any]:
            items = function(*arguments, **named)
            while True:
                self.turn(enter=name)
                try:
                    item = next(items)
                except StopIteration:
                    return
                finally:
                    self.turn(leave=True)
                yield item

        return call


DECODING, COLOURS, PYRAMID, NETWORKS, CROPS, COMMIT, REST = (
    "open, demux, decode", "colour conversion", "pyramid", "networks", "crops: cut, measure, encode", "commit", "rest"
)  # fmt: skip


@dataclass
class Extraction:
    """One extraction, and what it spent."""

    clock: Clock
    total: float
    way: str

    def seconds(self, part: str) -> float:
        return self.clock.seconds[part]


def extract(path: Path, rules: str, read: str, detector: Detector, store: Path | None = None) -> Extraction:
    """Extract one video, perhaps into a store, and say what was spent on what."""
    clock = Clock()
    parts = [
        (VideoSource, "__init__", clock.timed(DECODING, VideoSource.__init__)),
        (VideoSource, "frames", clock.timed_iterator(DECODING, VideoSource.frames)),
        (VideoSource, "_convert", clock.timed(COLOURS, VideoSource._convert)),
        (AreaSums, "__init__", clock.timed(PYRAMID, AreaSums.__init__)),
        (AreaSums, "grid", clock.timed(PYRAMID, AreaSums.grid)),
        (AreaSums, "squares", clock.timed(PYRAMID, AreaSums.squares)),
        (Cascade, "_run", clock.timed(NETWORKS, Cascade._run)),
        (face_search, "crop_frame", clock.timed(CROPS, cropping.crop_frame)),
        (StoreWriter, "add", clock.timed(COMMIT, StoreWriter.add)),
    ]
    settings = ExtractSettings(tuple(parse_rules(rules)), read=read)
    clip = Clip("bench", path.stem, {"rgb": path.name})
    with ExitStack() as stack:
        for owner, name, timed in parts:
            stack.enter_context(patch.object(owner, name, timed))
        writer = stack.enter_context(StoreWriter(store, StoreInfo("bench", {}, "0"))) if store else None
        start = time.process_time()
        source = VideoSource(path, reading=settings.reading)
        record, encoded = ClipExtractor(settings, detector).extract(clip, source)
        if writer:
            writer.add(record, encoded)
        total = time.process_time() - start
    assert record.status == "ok", record.reason
    return Extraction(clock, total, record.way)


def least(paths: Sequence[Path], rules: str, detector: Detector, rounds: int, of: str) -> dict[str, float]:
    """Return the processor seconds of both ways over all paths, the least of the rounds for each path."""
    seconds = {"all": 0.0, "needed": 0.0}
    for path in paths:
        best = {"all": 1e9, "needed": 1e9}
        for _ in range(rounds):
            for read in best:
                done = extract(path, rules, read, detector)
                best[read] = min(best[read], done.total if of == "whole" else done.seconds(DECODING))
        for read in best:
            seconds[read] += best[read]
    return seconds


def part_ratios(clips: dict[str, list[Path]], rounds: int, of: str, detector: Detector) -> None:
    """Print the seconds of both ways and their ratio, for each kind of clip and each set of rules."""
    print("| clips | frames | in order, s | needed, s | ratio |\n|---|---|---|---|---|")
    for name, paths in clips.items():
        for words, rules in RULES.items():
            took = least(paths, rules, detector, rounds, of)
            ratio = took["all"] / took["needed"]
            print(f"| {name} | {words} | {took['all']:.3f} | {took['needed']:.3f} | {ratio:.2f} |", flush=True)


def part_shares(clips: dict[str, list[Path]], rounds: int, detector: Detector) -> None:
    """Print the share of each part of complete extractions of two frames."""
    names = (DECODING, COLOURS, PYRAMID, NETWORKS, CROPS, COMMIT)
    print("| clips | read | s a clip | " + " | ".join((*names, REST)) + " |\n" + "|---" * (len(names) + 4) + "|")
    for name, paths in clips.items():
        for read in ("all", "needed"):
            spent, total = dict.fromkeys(names, 0.0), 0.0
            for path in paths:
                best: Extraction | None = None
                for _ in range(rounds):
                    with tempfile.TemporaryDirectory() as folder:
                        done = extract(path, TWO, read, detector, Path(folder) / "bench")
                    best = done if best is None or done.total < best.total else best
                assert best is not None
                total += best.total
                for part in names:
                    spent[part] += best.seconds(part)
            shares = [*(100 * spent[part] / total for part in names), 100 * (1 - sum(spent.values()) / total)]
            shown = " | ".join(f"{share:.1f} %" for share in shares)
            print(f"| {name} | {read} | {total / len(paths):.3f} | {shown} |", flush=True)


def part_start(rounds: int) -> None:
    """Print what a process spends until MTCNN is ready, and what it did when the networks came with their package."""
    measured = (
        "import time; {first}; from fasdata.faces.mtcnn import MtcnnDetector as M; M(); print(time.process_time())"
    )
    for words, first in (("weights alone", "pass"), ("with facenet_pytorch and torchvision", "import facenet_pytorch")):
        command = [sys.executable, "-c", measured.format(first=first)]
        took = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(rounds)]
        print(f"{words}: {min(took):.2f} processor seconds", flush=True)


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="?", default=os.environ.get("FAS_REAL_CLIPS"))
    parser.add_argument("--full", action="store_true", help="450 frames and all clips; otherwise 150 and two")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be given several times")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if not given.clips:
        parser.error("a folder of clips is needed: give it, or set FAS_REAL_CLIPS")
    real = sorted(path for path in Path(given.clips).iterdir() if path.suffix.lower().lstrip(".") in VIDEO)
    frames = FRAMES if given.full else 150
    with tempfile.TemporaryDirectory() as folder:
        clips = {
            f"{frames} frames of 1080p, groups of {group}": [
                write_phone_video(real[0], Path(folder) / f"{group}.mp4", group, frames)
            ]
            for group in (30, 250)
        }
        clips[f"{len(real) if given.full else 2} real clips"] = real if given.full else real[:2]
        mtcnn = MtcnnDetector()
        mtcnn.detect([np.zeros((480, 640, 3), np.uint8)])  # what is loaded once is nobody's cost
        for part in given.part or PARTS:
            print(f"\n## {part}", flush=True)
            if part == "start":
                part_start(given.rounds)
            elif part == "shares":
                part_shares(clips, given.rounds, mtcnn)
            else:
                part_ratios(clips, given.rounds, part, SeesAFace() if part == "decoding" else mtcnn)


if __name__ == "__main__":
    main()
