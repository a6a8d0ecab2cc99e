"""What large inputs cost: opening a store, scanning and verifying a tree, a dataset report, and evaluating scores.

Run: python benchmarks/large.py [--part NAME] [--clips 100000] [--files 200000] [--scores 1000000] [--work FOLDER]
Everything is made here (in FOLDER, and kept, where that is given): a store of clips of one frame each, a tree in the
layout of CelebA-Spoof whose files are real and hold a byte, and a table of scores of 2,000 people. A part runs in a
process of its own; its processor seconds, with start and imports, and its peak memory are printed. `--profile` shows
where they go. `eval` draws as many resamples of people as it finds affordable (300 of a million scores), `resamples`
10,000.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

SLUG = "casia-fasd"
PEOPLE = 2000


def make_store(root: Path, clips: int) -> None:
    """Write a store, unless it is there."""
    import numpy as np

    from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
    from fasdata.store.codec import encode
    from fasdata.store.info import StoreInfo
    from fasdata.store.keys import crop_key
    from fasdata.store.writer import StoreWriter

    if (root / SLUG / "clips.parquet").is_file():
        return
    chance, crop = np.random.default_rng(0), CropRecord((10, 20, 42, 52), 1.0, "png")
    picture = encode(chance.integers(0, 255, (32, 32, 3), dtype=np.uint8), "png")
    rule = "first(1)@decoded"
    with StoreWriter(root / SLUG, StoreInfo(SLUG, {"detector": "mtcnn", "frames": [rule]}, "0")) as writer:
        looks = 0  # the perceptual hash: by chance, but each hundredth clip looks like the one before it
        for number in range(clips):
            looks = looks ^ 5 if number % 100 == 99 else int(chance.integers(2**63))
            split, label = ("train", "dev", "test")[number % 3], ("bonafide", "attack")[number % 2]
            box = tuple(chance.uniform(10, 20, 2).round(3).tolist() + chance.uniform(40, 50, 2).round(3).tolist())
            points = tuple(map(tuple, chance.uniform(20, 40, (5, 2)).round(3).tolist()))
            frame = FrameRecord(
                0, 0.0, "ok", 0.9987, 1, box, points, 0, crop, "", f"{looks:016x}", False, None, 9.5, 90.0
            )
            attack = "bonafide" if label == "bonafide" else "print"
            name = f"{split}__{number}"
            clip = Clip(
                SLUG, name, {"rgb": f"{split}/{number}.avi"}, split, label, attack, "", f"{split}{number % PEOPLE}"
            )
            record = ClipRecord(
                clip, "ok", "", 1, 25.0, 64, 64, scanned_all=True, frames=(frame,), selections={rule: (0,)}
            )
            writer.add(record, {crop_key(name, 0): picture})


def make_tree(root: Path, files: int) -> None:
    """Write the files of a tree, unless they are there."""
    if (root / "done").is_file():
        return
    for number in range(files):
        split, kind = ("train", "test")[number // 40 % 5 == 0], ("live", "spoof")[number % 4 > 0]
        folder = root / "raw" / "Data" / split / str(number // 40) / kind
        if number % 40 < 4:
            folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06d}.jpg").write_bytes(b".")
    (root / "done").touch()


def make_scores(root: Path, scores: int) -> None:
    """Write a table of scores, unless it is there."""
    import numpy as np

    path = root / "scores.csv"
    if path.is_file():
        return
    chance = np.random.default_rng(0)
    genuine = chance.random(scores) < 0.3
    values = chance.normal(np.where(genuine, 1.0, -1.0), 1.0)
    with path.open("w", encoding="utf-8") as file:
        file.write("label,score,clip,subject,species\n")
        for number, (is_genuine, value) in enumerate(zip(genuine.tolist(), values.tolist(), strict=True)):
            words = ("bonafide", "") if is_genuine else ("attack", ("print", "replay")[number % 2])
            file.write(f"{words[0]},{value:.6f},{number},{number % PEOPLE},{words[1]}\n")


def opening(root: Path) -> None:
    """Open the store, list its clips, read its hash, one record and one crop."""
    from fasdata.store.reader import Store

    store = Store.open(root / SLUG)
    ids = store.clip_ids()
    store.content_hash(), store.record(ids[len(ids) // 2]), store.crop(ids[-1], 0)


def scan(root: Path) -> None:
    """Find the clips of the tree."""
    from fasdata.datasets.registry import find_card
    from fasdata.datasets.scan import scan as scanned

    assert scanned(find_card("celeba-spoof"), root / "raw").clips


def resamples(root: Path) -> None:
    """Draw 10,000 resamples of the people of the scores, and compute all resampled metrics of each."""
    from fastrain import read_scores
    from fastrain.evaluation.measures import BEST, FREE
    from fastrain.evaluation.scores import Samples
    from fastrain.evaluation.statistics.clusters import Clusters
    from fastrain.evaluation.statistics.intervals import resampled

    table = read_scores(root / "scores.csv")
    measures = {measure.name: measure.at(0.0) for measure in (*FREE, BEST)}
    start = time.process_time()
    drawn = resampled(Samples.of(table, "count"), Clusters.of(table.frame), measures, resamples=10_000, seed=0)
    assert {len(values) for values in drawn.values()} == {10_000}
    print(f"without reading the table: {time.process_time() - start:.1f} s")


def command(*words: str) -> Callable[[Path], None]:
    """Return a part that is a command; `{}` in its words is the folder."""

    def run(root: Path) -> None:
        from importlib import import_module

        sys.argv = [text.format(root) for text in words]
        with suppress(SystemExit):
            import_module(f"{words[0]}.cli").main()

    return run


PARTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "opening": (opening, "clips"),
    "scan": (scan, "files"),
    "verify": (command("fasdata", "verify", "celeba-spoof", "--root", "{}/raw"), "files"),
    "report": (command("fasdata", "report", SLUG, "--data", "{}", "--out", "{}/report.html"), "clips"),
    "resamples": (resamples, "scores"),
    "eval": (command("fastrain", "eval", "{}/scores.csv"), "scores"),
}
MAKERS = {"clips": make_store, "files": make_tree, "scores": make_scores}


def measured(name: str, root: Path, profile: int) -> None:
    """Run a part in this process, and print what it took."""
    work = cProfile.Profile(time.process_time) if profile else None
    if work:
        work.enable()
    PARTS[name][0](root)
    if work:
        work.disable()
        pstats.Stats(work).sort_stats("cumtime").print_stats(profile)
        pstats.Stats(work).sort_stats("tottime").print_stats(profile)
    print(f"\nmeasured {time.process_time()} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}")


def main() -> None:
    """Print a line for each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append")
    parser.add_argument("--clips", type=int, default=2_000)
    parser.add_argument("--files", type=int, default=4_000)
    parser.add_argument("--scores", type=int, default=20_000)
    parser.add_argument("--work", type=Path, help="make everything here, and keep it")
    parser.add_argument("--profile", type=int, default=0, metavar="LINES", help="show so many functions")
    parser.add_argument("--only", choices=PARTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        measured(given.only, given.work, given.profile)
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = given.work or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        for name in given.part or PARTS:
            unit = PARTS[name][1]
            size = getattr(given, unit)
            MAKERS[unit](root, size)
            again = [sys.executable, __file__, "--only", name, "--work", str(root), "--profile", str(given.profile)]
            done = subprocess.run(again, check=True, capture_output=True, text=True).stdout.splitlines()
            _, seconds, peak = done[-1].split()
            if given.profile:
                print("\n".join(done[:-1]))
            print(f"{name:<8} {size:>9,} {unit:<6} {float(seconds):7.1f} s CPU  peak {float(peak):6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
