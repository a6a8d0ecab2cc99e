"""How many workers are of use to the loader: what an image holds of the interpreter's lock, two workers against one.

Run: python benchmarks/loader_threads.py [--seconds 10] [--rounds 6]

Two threads cannot run Python at once, but read, decode, warp, copy and divide as they like. With views of 8 pixels
nothing but Python is left of an image's time: that is at most what it holds the lock for, and 1 / that is where more
threads stop to help (the cap). It counts the thread that asks for batches too. Augmentations: a mirror alone, and
`full` with brightness and erasing, which go the long way.

With processes (`data.processes`) the cap is 1 / the processor seconds that an image takes of the process that asks.

Two workers against one, as threads and as processes: rounds in turns. Beside the clock stands the same without the time
that workers were ready and waited for a core: on a machine with other work the clock favours whoever has more of them,
and this does not. It is the scheduler's own count (Linux: schedstat), so what is left of a second is work, or waiting
for the lock.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import torch
from loader import CHANGES
from loader_world import images_of, make_world, many_images, many_rows

from fasdata.faces.view import View
from fastrain.augmentation import AugmentConfig
from fastrain.data.images import Images
from fastrain.data.loader import TrainLoader
from fastrain.data.samples import Samples

ROWS, SIDES = 3000, (256, 112)
TINY = 8


def main() -> None:
    """Print the caps and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each source and each number of threads")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--crop", type=int, default=300, help="side of the stored crops, pixels")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    changes = {name: AugmentConfig.model_validate(of) for name, of in CHANGES.items()}
    with tempfile.TemporaryDirectory() as folder:
        for name, config in changes.items():
            held = microseconds(loader_of(packed(Path(folder) / f"tiny-{name}", TINY), config, 0), given.seconds / 4)
            print(f"{name}: at most {held:.0f} us of the lock an image, cap {1e6 / held:,.0f} images/s", flush=True)
        world = make_world(Path(folder) / "world", given.crop, 12, zipped=False)
        sources = {f"pack of {side}": packed(Path(folder) / str(side), side) for side in SIDES}
        sources[f"stores, crops of {given.crop}, views of 256"] = images_of(world, packed=False)
        for name, images in sources.items():
            for kind in ("threads", "processes"):
                text = scaling(images, changes["flip"], kind, given.seconds / given.rounds, given.rounds)
                print(f"{name}, {kind}: {text}", flush=True)


def packed(folder: Path, side: int) -> Images:
    """Return the images of a raw pack of views of that side; ten pictures, each shown by every tenth row."""
    samples = Samples.of(many_rows(ROWS), "train")  # type: ignore[arg-type]
    return Images(samples, {}, View.named("box", side), pack=many_images(folder, ROWS, side))


def loader_of(images: Images, changes: AugmentConfig, workers: int, kind: str = "threads") -> TrainLoader:
    """Return a loader of 24 images a batch."""
    return TrainLoader(
        images, changes, n_domains=3, per_group=4, seed=0, workers=workers, last_batch="fill",
        processes=kind == "processes",
    )  # fmt: skip


def microseconds(loader: TrainLoader, span: float) -> float:
    """Return what an image takes of this thread, in the quickest tenth of the batches: other work counts little."""
    taken = []
    until = time.monotonic() + span
    while time.monotonic() < until:
        started = time.thread_time()
        count = len(loader.draw(range(3))["id"])
        taken.append((time.thread_time() - started) / count)
    return 1e6 * sorted(taken)[len(taken) // 10]


def scaling(images: Images, changes: AugmentConfig, kind: str, span: float, rounds: int) -> str:
    """Return two workers against one, by the clock and without waiting for a core, and what this process takes."""
    clock, undisturbed, own = [], [], []
    loaders = [loader_of(images, changes, workers, kind) for workers in (1, 2)]
    for loader in loaders:
        loader.draw(range(3))
    for _ in range(rounds):
        single, double = (rates(loader, span) for loader in loaders)
        clock.append((single[0], double[0]))
        undisturbed.append((single[1], double[1]))
        own.append(double[2])
    for loader in loaders:
        loader.close()
    texts = []
    for name, pairs in (("by the clock", clock), ("without waiting for a core", undisturbed)):
        alone, both = (median(rate) for rate in zip(*pairs, strict=True))
        texts.append(f"{name} {alone:,.0f} and {both:,.0f} images/s, {median(b / a for a, b in pairs):.2f} x")
    return "; ".join([*texts, f"this process {1e6 * median(own):.0f} us an image"])


def rates(loader: TrainLoader, span: float) -> tuple[float, float, float]:
    """Return images a second, by the clock and while no worker waited for a core, and seconds of this process."""
    if loader._crew:
        workers = [process.pid for _, process in loader._crew._members]
    else:
        workers = [thread.native_id for thread in loader._pool._threads]  # type: ignore[union-attr]
    before, started, count = [waited(worker) for worker in workers], time.monotonic(), 0
    busy = time.process_time()
    while time.monotonic() - started < span:
        count += len(loader.draw(range(3))["id"])
    spent = time.monotonic() - started
    busy = time.process_time() - busy
    queued = sum(waited(worker) - then for worker, then in zip(workers, before, strict=True)) / len(workers)
    return count / spent, count / (spent - queued), busy / count


def waited(worker: int | None) -> float:
    """Return the seconds that a thread, or a process of one thread, was ready and had no core."""
    return int(Path(f"/proc/{worker}/schedstat").read_text().split()[1]) / 1e9


if __name__ == "__main__":
    main()
