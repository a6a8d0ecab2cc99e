"""How many single pictures are extracted a second, with commits in groups and with one a picture.

Run: python benchmarks/single_pictures.py [--pictures 1000] [--sync 0.01] [--rounds 3] [--work FOLDER]
The pictures are made here: JPEG of 500 x 600, with a face whose box a file states, so that no network hides what
storing costs. A sync is made by sleeping after each commit; the store lies in /dev/shm, where there is no other.
`writer` has the pictures extracted before, as from more workers than it can serve: what it does is all that is left.
`process` does all in one process, with and without the syncs, and on the disk of --work. `work alone` is decoding,
cropping and encoding the same pictures, and nothing else. One thread; the ways take turns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from fasdata.datasets.registry import find_card
from fasdata.extract.executor import LOCAL, Executor
from fasdata.extract.extraction import ExtractPlan, plan_extract, run_extract
from fasdata.extract.jobs import Job, Result
from fasdata.extract.settings import ExtractSettings
from fasdata.library import Library
from fasdata.media.stills import read_still
from fasdata.protocols.sampling import parse_rules
from fasdata.store import group
from fasdata.store.codec import encode
from fasdata.store.shard_writer import ShardWriter

WIDTH, HEIGHT = 500, 600
BOX = [150, 180, 350, 440]
RULE = "first(1)@decoded"


@dataclass
class Cost:
    """Seconds of a way by the clock and of the processor, and its commits."""

    clock: float
    processor: float
    commits: int = 0


def make_pictures(root: Path, pictures: int) -> None:
    """Write pictures in the layout of `folder`, and the file of their faces."""
    from fasdata.datasets.scan import scan

    chance = np.random.default_rng(0)
    for number in range(pictures):
        small = chance.integers(0, 255, (HEIGHT // 20, WIDTH // 20, 3), dtype=np.uint8)
        path = root / "train" / ("bonafide", "attack")[number % 2] / f"p{number // 8}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))
    points = [[200, 270], [300, 270], [250, 320], [210, 380], [290, 380]]
    face = {"frame": 0, "box": BOX, "landmarks": points, "score": 0.99}
    clips = scan(find_card("folder"), root).clips
    lines = [json.dumps({"clip": clip.clip_id, "faces": [face]}) for clip in clips]
    (root / "faces.json").write_text("\n".join(lines) + "\n", encoding="utf-8")


def planned(root: Path, out: Path) -> ExtractPlan:
    """Plan the extraction."""
    settings = ExtractSettings(tuple(parse_rules(RULE)), detector="json", detector_model=str(root / "faces.json"))
    return plan_extract(find_card("folder"), root, Library(out), settings)


class Made(Executor):
    """Gives results that were made before."""

    def __init__(self, results: Sequence[Result]) -> None:
        super().__init__()
        object.__setattr__(self, "results", results)

    def extract_clips(
        self, jobs: Sequence[Job], root: Path, settings: ExtractSettings, *seen: object
    ) -> Generator[Result]:
        yield from self.results  # type: ignore[attr-defined]


def extracted(root: Path, out: Path, *, together: bool, sync: float, executor: Executor = LOCAL) -> Cost:
    """Extract into a new library, with commits of groups or of single pictures that wait for so many seconds."""
    usual, write, commits = (group.GROUP_BYTES, group.GROUP_SECONDS), ShardWriter.write, 0

    def waiting(self: ShardWriter, *of: object) -> None:
        nonlocal commits
        write(self, *of)  # type: ignore[arg-type]
        commits += 1
        time.sleep(sync)

    shutil.rmtree(out, ignore_errors=True)
    plan = planned(root, out)
    ShardWriter.write = waiting  # type: ignore[method-assign, assignment]
    if not together:
        group.GROUP_BYTES = 0
    clock, processor = time.perf_counter(), time.process_time()
    try:
        report = run_extract(plan, root, executor=executor)
    finally:
        ShardWriter.write, (group.GROUP_BYTES, group.GROUP_SECONDS) = write, usual  # type: ignore[method-assign]
    cost = Cost(time.perf_counter() - clock, time.process_time() - processor, commits)
    assert report.counts("bonafide")[0] + report.counts("attack")[0] == len(plan.clips)
    shutil.rmtree(out)
    return cost


def work_alone(root: Path) -> Cost:
    """Decode, crop and encode every picture."""
    clock, processor = time.perf_counter(), time.process_time()
    for path in sorted(root.rglob("*.jpg")):
        image = read_still(path, "rgb")
        encode(np.ascontiguousarray(image[40:560, 0:500]), "png")
    return Cost(time.perf_counter() - clock, time.process_time() - processor)


def main() -> None:
    """Print a line for each way, in medians of rounds, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--sync", type=float, default=0.01)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="a folder on the disk to be tried")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=memory) as quick, tempfile.TemporaryDirectory(dir=given.work) as disk:
        root, out = Path(quick) / "raw", Path(quick) / "lib"
        make_pictures(root, given.pictures)

        plan = planned(root, out)
        jobs = [Job(clip) for clip in plan.clips]
        made = Made(list(LOCAL.extract_clips(jobs, root, plan.settings)))

        def way(place: Path, sync: float, executor: Executor, *, together: bool) -> Callable[[], Cost]:
            return lambda: extracted(root, place, together=together, sync=sync, executor=executor)

        wait, there = f"syncs of {1000 * given.sync:g} ms", Path(disk) / "lib"
        ways = {
            f"{where}, {'groups' if together else 'one a picture'}": way(*how, together=together)
            for where, *how in (
                (f"writer, {wait}", out, given.sync, made),
                (f"process, {wait}", out, given.sync, LOCAL),
                ("process, no syncs", out, 0.0, LOCAL),
                ("process, this disk", there, 0.0, LOCAL),
            )
            for together in (False, True)
        }
        ways["work alone"] = lambda: work_alone(root)
        costs: dict[str, list[Cost]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, run in ways.items():
                costs[name].append(run())
    clocks = {name: median(cost.clock for cost in of) for name, of in costs.items()}
    for name, of in costs.items():
        processor = median(cost.processor for cost in of)
        each = f"{given.pictures / clocks[name]:7.0f} pictures/s by the clock  {given.pictures / processor:7.0f} a core"
        print(f"{name:<40} {each}  {of[0].commits:>6} commits")
    names = list(clocks)
    for alone, together in zip(names[0:8:2], names[1:8:2], strict=True):
        print(f"{together}: {clocks[alone] / clocks[together]:.2f} x one a picture, by the clock")
    share = median(of.processor for of in costs["work alone"]) / median(of.processor for of in costs[names[5]])
    print(f"decoding, cropping and encoding are {share:.0%} of the processor's work without syncs")


if __name__ == "__main__":
    main()
