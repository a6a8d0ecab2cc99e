"""How long building a protocol over a large library takes, from columns, from records, and by one pandas row a frame.

Run: python benchmarks/build_protocol.py [--frames 1000000] [--naive-frames 50000] [--work FOLDER]
The library is made here (and kept in FOLDER, where that is given): four datasets whose frames have boxes, points and
measures by chance, and crops of a few bytes. `columns` builds from `frames.parquet`, `records` from records in JSON,
which is what a store without that file costs. Times are processor seconds; each way runs in a process of its own, whose
peak memory is printed. The naive way is measured on fewer frames and stated for the same number.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fasdata.records import ClipRecord

DATASETS = ("casia-fasd", "replay-attack", "oulu-npu", "msu-mfsd")
FRAMES = 20  # a clip
PEOPLE = 200  # a dataset
RULE = "all@decoded"
WAYS = ("columns", "records")


def records(dataset: str, clips: int) -> Iterator[ClipRecord]:
    """Yield clip records whose numbers look like those of an extraction."""
    import numpy as np

    from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord

    chance = np.random.default_rng(DATASETS.index(dataset))
    for number in range(clips):
        split, label = ("train", "dev", "test")[number % 3], ("bonafide", "attack")[number % 2]
        corners = chance.uniform(50, 300, (FRAMES, 4)).round(3)
        corners[:, 2:] += 320
        points = chance.uniform(100, 400, (FRAMES, 5, 2)).round(3).tolist()
        measures = chance.uniform(1, 200, (FRAMES, 2)).round(3).tolist()
        frames = tuple(
            FrameRecord(
                index, round(index / 25, 6), "ok", 0.9987, 1, tuple(corners[index].tolist()),
                tuple(map(tuple, points[index])), 0, CropRecord((10, 20, 630, 640), 1.0, "png"), "",
                f"{number * FRAMES + index:016x}", False, None, *measures[index],
            )
            for index in range(FRAMES)
        )  # fmt: skip
        attack = "bonafide" if label == "bonafide" else "print"
        who, name = f"{split}{number // 3 % PEOPLE}", f"{split}__{number}"
        clip = Clip(dataset, name, {"rgb": f"{split}/{number}.avi"}, split, label, attack, "", who, {"session": "1"})
        yield ClipRecord(
            clip, "ok", "", FRAMES, 25.0, 640, 640, scanned_all=True, frames=frames,
            selections={RULE: tuple(range(FRAMES))},
        )  # fmt: skip


def make_library(root: Path, frames: int) -> None:
    """Write the stores, unless they are there."""
    from fasdata.library import Library
    from fasdata.store.info import StoreInfo
    from fasdata.store.keys import crop_keys
    from fasdata.store.writer import StoreWriter

    for dataset in DATASETS:
        info = StoreInfo(dataset, {"detector": "mtcnn", "frames": [RULE]}, "0")
        with StoreWriter(Library(root).store_dir(dataset), info) as writer:
            for number, record in enumerate(records(dataset, frames // FRAMES // len(DATASETS))):
                if record.clip.clip_id not in writer.done:
                    writer.add(record, dict.fromkeys(crop_keys(record), f"{dataset} {number}".encode()))


def ours(root: Path, way: str) -> tuple[int, str]:
    """Build with a rule that takes every frame; return the number of rows and their hash."""
    from fasdata.library import Library
    from fasdata.protocols.build import assemble
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.planning import make_plan
    from fasdata.protocols.recipe import load_recipe
    from fasdata.store.columns import Columns
    from fasdata.store.reader import Store

    class WithoutColumns(Store):
        """A store that has no `frames.parquet`."""

        def kept_columns(self) -> Columns | None:
            return None

    recipe = load_recipe("hfn_mp")
    pool = recipe.pools["mcio"]
    dense = pool.model_copy(
        update={
            name: getattr(pool, name).model_copy(update={"frames": RULE})
            for name in ("sources", "validation", "target")
        }
    )
    plan = make_plan(parse("CIO-M"), recipe.model_copy(update={"pools": {"mcio": dense}}))
    store = Store if way == "columns" else WithoutColumns
    manifest = assemble(plan, {name: store.open(Library(root).require_store(name)) for name in DATASETS})
    manifest.check()
    return manifest.table.num_rows, manifest.meta["fingerprint"]


def naive(root: Path, frames: int) -> tuple[int, str]:
    """The same rows as dictionaries, one a frame, put together by pandas and walked row by row; return the rows."""
    import pandas as pd

    from fasdata.store.reader import Store

    rows = []
    for name in DATASETS:
        for place, record in enumerate(Store.open(root / name).records()):
            if place == frames // FRAMES // len(DATASETS):
                break
            for frame in record.frames:
                rows.append({**asdict(record.clip), **asdict(frame), "dataset": name})
    table = pd.DataFrame(rows)
    held = set(table["subject"].unique()[::5])
    table["part"] = [
        "test" if row["dataset"] == "msu-mfsd" else "val" if row["subject"] in held else "train"
        for _, row in table.iterrows()
    ]
    table["sample_id"] = [f"{row['dataset']}/{row['clip_id']}/{row['index']}" for _, row in table.iterrows()]
    assert table.groupby(["dataset", "clip_id"])["part"].nunique().max() == 1
    return len(table), ""


def measured(way: str, root: Path, frames: int) -> tuple[float, float, str]:
    """Return seconds, peak memory in MB, and what was built, of one way in a process of its own."""
    command = [sys.executable, __file__, "--only", way, "--frames", str(frames), "--work", str(root)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, peak, *built = done.stdout.split()
    return float(seconds), float(peak), "".join(built)


def main() -> None:
    """Print one line a way, and the ratios for the same number of frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--naive-frames", type=int, default=20_000)
    parser.add_argument("--work", type=Path, help="keep the library here")
    parser.add_argument("--only", choices=(*WAYS, "naive"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        start = time.process_time()
        rows, built = naive(given.work, given.frames) if given.only == "naive" else ours(given.work, given.only)
        assert rows == given.frames // FRAMES // len(DATASETS) * FRAMES * len(DATASETS)
        print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, built)
        return
    with tempfile.TemporaryDirectory() as temporary:
        root = given.work or Path(temporary)
        make_library(root, given.frames)
        results = {way: measured(way, root, given.frames) for way in WAYS}
        slow, slow_peak, _ = measured("naive", root, given.naive_frames)
    assert len({built for _, _, built in results.values()}) == 1, "the manifests differ"
    for way, (seconds, peak, _) in results.items():
        print(f"{way:<12} {given.frames:>9,} frames  {seconds:6.1f} s CPU  peak {peak:6.0f} MB")
    print(f"pandas rows  {given.naive_frames:>9,} frames  {slow:6.1f} s CPU  peak {slow_peak:6.0f} MB")
    seconds = results["columns"][0]
    scaled = slow * given.frames / given.naive_frames
    print(
        f"for the same number of frames: records {results['records'][0] / seconds:.1f}, pandas {scaled / seconds:.1f} x"
    )


if __name__ == "__main__":
    main()
