"""How long building a protocol over a large index takes, against one pandas row a frame.

Run: python benchmarks/build_protocol.py [--frames 1000000] [--naive-frames 50000]
The index is made here: four datasets whose clip records come out of JSON, as out of a store. Times are processor
seconds; each way runs in a process of its own, whose peak memory is printed. The naive way is measured on fewer frames
and stated for the same number.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from types import SimpleNamespace

DATASETS = ("casia-fasd", "replay-attack", "oulu-npu", "msu-mfsd")
FRAMES = 20  # a clip
PEOPLE = 200  # a dataset


@dataclass(frozen=True)
class MadeStore:
    """A store that makes its clip records as they are asked for."""

    dataset: str
    clips: int

    @property
    def info(self) -> SimpleNamespace:
        return SimpleNamespace(config={"detector": "none"})

    def content_hash(self) -> str:
        return f"{self.dataset} of {self.clips} clips"

    def records(self) -> Iterator[object]:
        from fasdata.records import clip_record_from_json

        template = json.dumps(_record(self.dataset))
        for number in range(self.clips):
            split, label = ("train", "dev", "test")[number % 3], ("bonafide", "attack")[number % 2]
            data = json.loads(template)
            data["clip"].update(
                clip_id=f"{split}__{number}", split=split, label=label, subject=f"{split}{number // 3 % PEOPLE}",
                attack_type="bonafide" if label == "bonafide" else "print",
            )  # fmt: skip
            data["pixel_hash"] = f"{self.dataset} {number}"
            yield clip_record_from_json(data)


def _record(dataset: str) -> dict[str, object]:
    from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord

    crop = CropRecord((0, 0, 300, 300), 1.0, "png")
    points = tuple((100.0 + 3 * place, 120.0) for place in range(5))
    frames = tuple(
        FrameRecord(index, index / 25, "ok", 0.99, 1, (75.0, 75.0, 225.0, 225.0), points, 0, crop)
        for index in range(FRAMES)
    )
    clip = Clip(dataset, "", {"rgb": "a.avi"})
    return asdict(ClipRecord(clip, "ok", n_frames=FRAMES, scanned_all=True, frames=frames))


def ours(frames: int) -> int:
    """Build with a rule that takes every frame; return the rows."""
    from fasdata.protocols.build import assemble
    from fasdata.protocols.grammar import parse
    from fasdata.protocols.planning import make_plan
    from fasdata.protocols.recipe import load_recipe

    rule = {"frames": "all@decoded"}
    recipe = load_recipe("hfn_mp")
    pool = recipe.pools["mcio"]
    dense = pool.model_copy(
        update={name: getattr(pool, name).model_copy(update=rule) for name in ("sources", "validation", "target")}
    )
    plan = make_plan(parse("CIO-M"), recipe.model_copy(update={"pools": {"mcio": dense}}))
    manifest = assemble(plan, {name: MadeStore(name, frames // FRAMES // len(DATASETS)) for name in DATASETS})
    manifest.check()
    return manifest.table.num_rows


def naive(frames: int) -> int:
    """The same rows as dictionaries, one a frame, put together by pandas and walked row by row; return the rows."""
    import pandas as pd

    rows = []
    for name in DATASETS:
        for record in MadeStore(name, frames // FRAMES // len(DATASETS)).records():
            for frame in record.frames:  # type: ignore[attr-defined]
                rows.append({**asdict(record.clip), **asdict(frame), "dataset": name})  # type: ignore[attr-defined]
    table = pd.DataFrame(rows)
    held = set(table["subject"].unique()[::5])
    table["part"] = [
        "test" if row["dataset"] == "msu-mfsd" else "val" if row["subject"] in held else "train"
        for _, row in table.iterrows()
    ]
    table["sample_id"] = [f"{row['dataset']}/{row['clip_id']}/{row['index']}" for _, row in table.iterrows()]
    assert table.groupby(["dataset", "clip_id"])["part"].nunique().max() == 1
    return len(table)


def measured(way: str, frames: int) -> tuple[float, float]:
    """Return seconds and peak memory in MB of one way, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--only", way, "--frames", str(frames)], check=True, capture_output=True, text=True
    )
    seconds, peak = done.stdout.split()
    return float(seconds), float(peak)


def main() -> None:
    """Print one line a way, and the ratio for the same number of frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--naive-frames", type=int, default=20_000)
    parser.add_argument("--only", choices=("ours", "naive"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        start = time.process_time()
        rows = {"ours": ours, "naive": naive}[given.only](given.frames)
        assert rows == given.frames // FRAMES // len(DATASETS) * FRAMES * len(DATASETS)
        print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    seconds, peak = measured("ours", given.frames)
    slow, slow_peak = measured("naive", given.naive_frames)
    factor = given.frames / given.naive_frames
    print(f"fasdata      {given.frames:>9,} frames  {seconds:6.1f} s CPU  peak {peak:6.0f} MB")
    print(f"pandas rows  {given.naive_frames:>9,} frames  {slow:6.1f} s CPU  peak {slow_peak:6.0f} MB")
    print(f"for the same number of frames, proportionally: {slow * factor / seconds:.1f} times the time")


if __name__ == "__main__":
    main()
