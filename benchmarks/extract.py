"""How quick extraction is, and how far its faces are from those of the obvious way.

Run: python benchmarks/extract.py [CLIPS] [--full] [--part NAME]
CLIPS is a folder of videos with one face each (default: $FAS_REAL_CLIPS). The obvious way, A, reads every frame in
order and runs facenet-pytorch's MTCNN with its default settings on each (benchmarks/literal_extract.py). Everything
runs on one thread; the clips are gone through one by one, each by all ways in turn, so that a busy machine troubles all
alike. Times are processor seconds, but for the part `workers`, which is about the clock. Encoding the crops costs every
way the same and is stated apart: "x A" is without it on both sides, "stored" with it on both.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import literal_extract as literal
from longvideo import write_long_video

from fasdata.datasets.tree import VIDEO
from fasdata.extract import face_search
from fasdata.extract.clip_extractor import ClipExtractor
from fasdata.extract.settings import ExtractSettings
from fasdata.faces import tracking
from fasdata.faces.detector import Detector, iou
from fasdata.faces.mtcnn import MtcnnDetector
from fasdata.media.video import VideoSource
from fasdata.protocols.sampling import parse_rules
from fasdata.records import Clip, ClipRecord, Face

PARTS = ("tracking", "curve", "sparse", "workers", "memory")
SPARSE = "ssdg(2)@decoded"
RECIPES = "linspace(2)@with_face + quarter + ssdg(1) + ssdg(2)"  # what the shipped recipes need of CASIA-FASD


class OnlyDetects(Detector):
    """MTCNN without its own ways of following: it is then shown the place around the face as a small picture."""

    def __init__(self, inner: Detector) -> None:
        self.name, self.fingerprint, self.settings = inner.name, inner.fingerprint, inner.settings
        self._inner = inner

    def detect(self, frames: Sequence[np.ndarray], indices: Sequence[int] = ()) -> list[list[Face]]:
        return self._inner.detect(frames)


@dataclass
class Way:
    """One way of extracting, and what was measured of it over all clips."""

    name: str
    settings: ExtractSettings
    detector: Callable[[], Detector] | None = None
    working: int = tracking.WORKING
    seconds: float = 0.0
    cropping: float = 0.0
    frames: int = 0
    lost: int = 0
    errors: list[float] = field(default_factory=list)
    overlaps: list[float] = field(default_factory=list)

    def extract(self, path: Path) -> ClipRecord:
        """Extract a clip and add up the time, the crops' apart."""
        detector = self.detector() if self.detector else MtcnnDetector(min_face=self.settings.min_face)
        tracking.WORKING = self.working
        clip, before = Clip("bench", path.stem, {"rgb": path.name}), crops.seconds
        start = time.process_time()
        record, _ = ClipExtractor(self.settings, detector).extract(clip, VideoSource(path))
        cropping = crops.seconds - before
        self.seconds += time.process_time() - start - cropping
        self.cropping += cropping
        return record

    def compare(self, record: ClipRecord, baseline: literal.Baseline) -> None:
        """Count what A found and this way did not, and how far apart the two are elsewhere."""
        self.frames += len(baseline.faces)
        for index, theirs in enumerate(baseline.faces):
            frame = record.frame(index)
            if theirs is None:
                continue
            if frame is None or frame.box is None or frame.landmarks is None or not frame.face_observed:
                self.lost += 1
                continue
            boxes, points = theirs
            same = int(np.argmax([iou(tuple(box), frame.box) for box in boxes]))
            eyes = np.linalg.norm(points[same][0] - points[same][1])
            self.errors.append(float(np.linalg.norm(points[same] - frame.landmarks, axis=1).mean() / eyes))
            self.overlaps.append(iou(tuple(boxes[same]), frame.box))


class Crops:
    """Counts the time of cropping and encoding, which is the same for all ways."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._crop = face_search.crop_frame

    def __call__(self, *arguments: object) -> object:
        start = time.process_time()
        done = self._crop(*arguments)  # type: ignore[arg-type]
        self.seconds += time.process_time() - start
        return done


crops = Crops()


def against_baseline(paths: Sequence[Path], limit: int | None, ways: Sequence[Way]) -> None:
    """Print a table of the ways against A."""
    ways, total = list(ways), literal.Baseline()
    for path in paths:
        baseline = literal.run(path, limit)
        total.reading += baseline.reading
        total.detecting += baseline.detecting
        for way in ways:
            way.compare(way.extract(path), baseline)
    frames = ways[0].frames
    print(f"{len(paths)} clips, {frames} frames; A: {1e3 * total.seconds / frames:.1f} ms a frame, of which reading "
          f"{1e3 * total.reading / frames:.1f}; crops: {1e3 * ways[0].cropping / frames:.1f} ms a frame")  # fmt: skip
    print("| way | ms a frame | x A | stored x A | landmarks: median, 95 % | box IoU: median, lowest | lost |")
    print("|---|---|---|---|---|---|---|")
    for way in ways:
        errors, overlaps = 100 * np.array(way.errors), np.array(way.overlaps)
        stored = (total.seconds + way.cropping) / (way.seconds + way.cropping)
        print(f"| {way.name} | {1e3 * way.seconds / frames:.1f} | {total.seconds / way.seconds:.2f} | {stored:.2f} | "
              f"{np.median(errors):.2f} %, {np.percentile(errors, 95):.2f} % | {np.median(overlaps):.3f}, "
              f"{overlaps.min():.3f} | {way.lost} |", flush=True)  # fmt: skip


def settings_of(limit: int | None, **options: object) -> ExtractSettings:
    rules = parse_rules("all" if limit is None else f"first({limit})")
    return ExtractSettings(tuple(rules), fallbacks=False, **options)  # type: ignore[arg-type]


def part_tracking(paths: Sequence[Path], limit: int | None) -> None:
    """The three settings of --tracking, everything else by default."""
    modes = ("off", "on", "careful")
    against_baseline(paths, limit, [Way(f"--tracking {mode}", settings_of(limit, tracking=mode)) for mode in modes])


def part_curve(paths: Sequence[Path], limit: int | None) -> None:
    """Error against speed: smallest face, how often all is searched, networks used, the size the detector is shown."""
    ways = [Way(f"off, --min-face {side}", settings_of(limit, min_face=side)) for side in (20, 40, 60)]
    for mode, networks in (("on", "third network alone"), ("careful", "all networks near the face")):
        for every in (5, 15, 30):
            settings = settings_of(limit, tracking=mode, detect_every=every)
            ways.append(Way(f"{mode}: {networks}, --detect-every {every}", settings))
    for side in (48, 64, 96, 128):
        ways.append(
            Way(f"a picture of the place, face {side} px", settings_of(limit, tracking="on", min_face=30),
                lambda: OnlyDetects(MtcnnDetector(min_face=30)), side)
        )  # fmt: skip
    against_baseline(paths, limit, ways)


def part_sparse(paths: Sequence[Path], limit: int | None) -> None:
    """Two frames a clip, against the least that A could do for them: decode once and detect twice."""
    way = Way(SPARSE, ExtractSettings(tuple(parse_rules(SPARSE))))
    every = least = 0.0
    for path in paths:
        baseline = literal.run(path, None)
        every += baseline.seconds
        least += baseline.reading + 2 * baseline.detecting / len(baseline.faces)
        way.extract(path)
    print(f"two frames a clip ({len(paths)} clips): A on all frames {every:.2f} s, decode once and detect twice "
          f"{least:.2f} s, ours {way.seconds:.2f} s and crops {way.cropping:.2f} s")  # fmt: skip
    print(f"x A on all frames: {every / way.seconds:.1f}; decode once and detect twice: {every / least:.1f}; "
          f"ratio of the two: {least / way.seconds:.2f}")  # fmt: skip


def part_workers(paths: Sequence[Path], limit: int | None) -> None:
    """Clips a second of one and of two processes, from the first finished clip to the last, and with all start-up."""
    from fasdata.extract.jobs import Job
    from fasdata.extract.local import extract_clips

    copies = 2 if limit else 6  # so many that the last clip, which one worker does alone, weighs little
    settings = replace(settings_of(limit), fallbacks=True)
    rates = []
    with tempfile.TemporaryDirectory() as folder:
        jobs = []
        for number in range(copies):
            for path in paths:
                name = f"{number}-{path.name}"
                (Path(folder) / name).symlink_to(path.resolve())
                jobs.append(Job(Clip("bench", f"{number}-{path.stem}", {"rgb": name})))
        for workers in (1, 2):
            start, frames, finished = time.perf_counter(), [], []
            for record, _ in extract_clips(jobs, Path(folder), settings, workers):
                frames.append(record.n_frames if limit is None else limit)
                finished.append(time.perf_counter())
            rates.append((sum(frames[workers:]) / (finished[-1] - finished[workers - 1]), finished[-1] - start))
            print(f"{workers} worker{'s' * (workers > 1)}: {rates[-1][0]:.1f} frames a second, "
                  f"{rates[-1][1]:.1f} s in all for {len(jobs)} clips", flush=True)  # fmt: skip
    print(
        f"two workers against one: {rates[1][0] / rates[0][0]:.2f} x (with start-up {rates[0][1] / rates[1][1]:.2f} x)"
    )


def part_memory(paths: Sequence[Path], limit: int | None) -> None:
    """Peak memory of a process that extracts one video of 1920 x 1080: ten seconds against ten minutes (short: one)."""
    minutes, peaks = (1 if limit else 10), []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in (10, 60 * minutes):
            video = write_long_video(paths[0], Path(folder) / f"{seconds}.mkv", seconds)
            command = [sys.executable, __file__, "--only", str(video)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            peak, frames, took = done.stdout.split()
            peaks.append(float(peak))
            print(
                f"{seconds} s of 1920x1080, {frames} frames ({RECIPES}): peak {float(peak):.0f} MiB, {took} s",
                flush=True,
            )
    print(f"{minutes} min against 10 s: {peaks[1] - peaks[0]:+.0f} MiB")


def extract_one(path: Path) -> None:
    """Extract one video and print the peak memory of this process in MiB, its frames, and the seconds it took."""
    start = time.perf_counter()
    way = Way(RECIPES, ExtractSettings(tuple(parse_rules(RECIPES))))
    record = way.extract(path)
    assert record.status == "ok", record.reason
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(peak, record.n_frames, round(time.perf_counter() - start, 1))


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="?", default=os.environ.get("FAS_REAL_CLIPS"))
    parser.add_argument("--full", action="store_true", help="all clips and frames, ten minutes of video")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part; may be given several times")
    parser.add_argument("--only", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()

    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    face_search.crop_frame = crops  # type: ignore[assignment]
    if given.only:
        extract_one(given.only)
        return
    if not given.clips:
        parser.error("a folder of clips is needed: give it, or set FAS_REAL_CLIPS")
    clips = sorted(path for path in Path(given.clips).iterdir() if path.suffix.lower().lstrip(".") in VIDEO)
    if not clips:
        parser.error(f"{given.clips} holds no video")
    paths, limit = (clips, None) if given.full else (clips[:2], 30)
    MtcnnDetector().detect([np.zeros((480, 640, 3), np.uint8)])  # what is loaded once is nobody's cost
    for part in given.part or PARTS:
        print(f"\n## {part}")
        globals()[f"part_{part}"](paths, limit)


if __name__ == "__main__":
    main()
