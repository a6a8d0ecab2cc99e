"""How fast training images come from a pack and from a store, against what people do today and against pure pixel work.

Run: python benchmarks/loader.py [--crops 300 600] [--seconds 20] [--rows 1000000]

Everything is made here: faces on stored crops of the given sides (the face box is half of that), a protocol over them,
a raw pack, and the same faces as aligned 256 px PNGs in one zip a video. One process, one thread, processor seconds;
the ways take turns, so that a busy machine is busy for all of them. All ways give batches of the same images, with the
same random flip (`--augment full` adds colour jitter and erasing), as float tensors in [0, 1].

  pack, store   manifest -> pack or store -> view -> augmentation -> batch, as `fastrain run` does it
  (a)           zip of PNGs -> PIL -> torchvision transforms -> default_collate
  (b)           bytes in memory -> decode -> warp (of the pack: a file of pixels -> read) -> the same augmentation ->
                tensors; no manifest, no sampler, no seeding, no batch

Memory: a worker's anonymous memory while it passes over a manifest of many rows (their pack shows few pictures often).
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import cv2
import numpy as np
import torch
from loader_world import VIEW, World, images_of, make_world, many_images, many_rows

from fasdata.faces.view import View
from fastrain.augmentation import AugmentConfig
from fastrain.data.images import Images
from fastrain.data.loader import TrainLoader
from fastrain.data.samples import Samples
from fastrain.data.transforms import augment

PER_GROUP = 4
ROUNDS = 15
CHANGES = {
    "flip": {"horizontal_flip": 0.5},
    "full": {"horizontal_flip": 0.5, "colour_jitter": {"brightness": 0.3}, "random_erasing": {"p": 0.5}},
}


def main() -> None:
    """Print images a second of every way, the ratios, and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crops", type=int, nargs="+", default=[300], help="sides of the stored crops, pixels")
    parser.add_argument("--clips", type=int, default=60, help="clips of a label in each dataset")
    parser.add_argument("--seconds", type=float, default=4.0, help="processor seconds for each way")
    parser.add_argument("--augment", choices=sorted(CHANGES), default="flip")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the manifest for the memory test; 0 = none")
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    changes = AugmentConfig.model_validate(CHANGES[given.augment])
    with tempfile.TemporaryDirectory() as folder:
        for side in given.crops:
            report(make_world(Path(folder) / str(side), side, given.clips), changes, side, given.seconds)
        if given.rows:
            memory(Path(folder) / "rows", given.rows)


def report(world: World, changes: AugmentConfig, side: int, seconds: float) -> None:
    """Print the speeds and their ratios for one side of stored crops."""
    ways = {
        "pack": ours(world, changes, packed=True),
        "store": ours(world, changes, packed=False),
        "(a) zip": zips(world, changes),
        "(b) pack": pure_pack(world, changes),
        "(b) store": pure_store(world, changes),
    }
    rounds = measured(ways, seconds)
    print(f"\nstored crops of {side} x {side} pixels, views of {VIEW.size} x {VIEW.size}: images a second, one thread")
    print("  ".join(f"{name} {median(rates):.0f}" for name, rates in rounds.items()))
    for name, wanted in (("pack", 3.0), ("store", 0.7)):
        against_a, against_b = ratio(rounds, name, "(a) zip"), ratio(rounds, name, f"(b) {name}")
        print(f"{name:6}{against_a:5.2f} x (a), aim {wanted}; {against_b:5.2f} of (b), aim 0.9")
    for workers in (1, 2):
        rates = {
            name: walled(ours_loader(world, changes, name == "pack", workers), seconds) for name in ("pack", "store")
        }
        speeds = ", ".join(f"{name} {rate:.0f}" for name, rate in rates.items())
        print(f"with {workers} worker thread{'s' * (workers > 1)}, by the wall clock: {speeds}")


def ratio(rounds: dict[str, list[float]], way: str, other: str) -> float:
    """Return the median over rounds of one way's speed over another's in the same round."""
    return median(a / b for a, b in zip(rounds[way], rounds[other], strict=True))


def measured(ways: dict[str, Iterator[int]], seconds: float) -> dict[str, list[float]]:
    """Return images a processor second of each way, in rounds in which all of them take turns."""
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        next(way)  # open files, fill caches
    for _ in range(ROUNDS):
        for name, way in ways.items():
            start, images = time.process_time(), 0
            while (spent := time.process_time() - start) < seconds / ROUNDS:
                images += next(way)
            rounds[name].append(images / spent)
    return rounds


def walled(loader: TrainLoader, seconds: float) -> float:
    """Return images a second by the wall clock."""
    for _ in range(3):
        loader.draw(range(3))
    start, images = time.perf_counter(), 0
    while time.perf_counter() - start < seconds / 2:
        images += len(loader.draw(range(3))["id"])
    rate = images / (time.perf_counter() - start)
    loader.close()
    return rate


def ours(world: World, changes: AugmentConfig, *, packed: bool) -> Iterator[int]:
    """The loader of training, in the thread that asks."""
    loader = ours_loader(world, changes, packed, workers=0)
    while True:
        yield len(loader.draw(range(3))["id"])


def ours_loader(world: World, changes: AugmentConfig, packed: bool, workers: int) -> TrainLoader:
    """Return the loader of training over a pack or over the stores."""
    return TrainLoader(
        images_of(world, packed), changes, n_domains=3, per_group=PER_GROUP, seed=0, workers=workers, last_batch="fill"
    )


def zips(world: World, changes: AugmentConfig) -> Iterator[int]:
    """What the published loaders do: open a video's zip, decode a PNG with PIL, transform, collate."""
    from PIL import Image
    from torch.utils.data import default_collate
    from torchvision import transforms as tv

    jitter = changes.colour_jitter.brightness if changes.colour_jitter else 0.0
    steps: list[Any] = [tv.ColorJitter(brightness=jitter)] if jitter else []
    steps += [tv.RandomHorizontalFlip(0.5), tv.ToTensor()]
    steps += [tv.RandomErasing(0.5)] if changes.random_erasing else []
    transform, samples = tv.Compose(steps), Samples.of(world.manifest, "train")
    ids = [samples.sample_id(i) for i in range(len(samples))]

    def item(i: int) -> dict[str, Any]:
        with zipfile.ZipFile(world.zips[ids[i]]) as file:
            data = file.read(f"{samples.frame_index[i]}.png")
        image = transform(Image.open(io.BytesIO(data)).convert("RGB"))
        return {"rgb": image, "label": int(samples.label[i]), "domain": int(samples.domain[i]), "id": ids[i]}

    for order in orders(len(samples)):
        yield len(default_collate([item(int(i)) for i in order])["id"])


def pure_store(world: World, changes: AugmentConfig) -> Iterator[int]:
    """Decode, warp, augment and convert: encoded crops in memory, matrices worked out before."""
    from fasdata.store.keys import crop_key
    from fasdata.store.reader import Store

    samples = Samples.of(world.manifest, "train")
    stores: dict[str, Store] = world.manifest.open_stores(world.library)
    encoded, matrices = [], []
    for i in range(len(samples)):
        key = crop_key(samples.clip_id(i), int(samples.frame_index[i]))
        store = stores[samples.datasets[samples.dataset[i]]]
        encoded.append(np.frombuffer(store._get(samples.clip_id(i), key.encode()), np.uint8))
        place = np.eye(3)
        place[:2, 2] = samples.region[i, :2]
        matrices.append(VIEW.matrix(samples.region[i], samples.box[i], samples.landmarks[i]) @ place)
    rng, size = np.random.default_rng(0), (VIEW.size, VIEW.size)

    def prepared(i: int) -> dict[str, torch.Tensor]:
        crop = cv2.imdecode(encoded[i], cv2.IMREAD_COLOR_RGB)
        return augment({"rgb": cv2.warpAffine(crop, matrices[i], size)}, changes, rng)

    for order in orders(len(samples)):
        yield len([prepared(i) for i in order])  # all of a batch are there at once, as they have to be


def pure_pack(world: World, changes: AugmentConfig) -> Iterator[int]:
    """Read pixels out of a file, augment and convert."""
    images, rng = images_of(world, packed=True), np.random.default_rng(0)
    shape = (VIEW.size, VIEW.size, 3)
    with tempfile.TemporaryFile() as file:
        for i in range(len(images.samples)):
            file.write(images.load(i)["rgb"].tobytes())
        file.flush()

        def prepared(i: int) -> dict[str, torch.Tensor]:
            pixels = np.empty(shape, np.uint8)
            os.preadv(file.fileno(), [pixels.data], i * pixels.nbytes)
            return augment({"rgb": pixels}, changes, rng)

        for order in orders(len(images.samples)):
            yield len([prepared(int(i)) for i in order])


def orders(count: int) -> Iterator[np.ndarray]:
    """Yield batches of random indices, as large as those of the loader."""
    rng = np.random.default_rng(0)
    while True:
        yield rng.integers(0, count, 3 * 2 * PER_GROUP)


def memory(folder: Path, rows: int) -> None:
    """Print a worker's memory before, during and after a pass over a manifest of `rows` frames."""
    side, view = 32, View.named("box", 32)
    before = anonymous_mib()
    images = Images(Samples.of(many_rows(rows), "train"), {}, view, pack=many_images(folder, rows, side))  # type: ignore[arg-type]
    loader = TrainLoader(images, AugmentConfig(), n_domains=3, per_group=50, seed=0)
    loader.draw(range(3))
    print(f"\nmanifest of {rows:,} rows: {before:.0f} MiB of anonymous memory before it, {anonymous_mib():.0f} with it")
    print("the first batch, and at tenths of a pass over it: ", end="")
    batches = rows // 300
    for number in range(1, batches + 1):
        loader.draw(range(3))
        if number % max(1, batches // 10) == 0:
            print(f"{anonymous_mib():.1f}", end=" ", flush=True)
    print()


def anonymous_mib() -> float:
    """Return what the process holds for itself; pages of files that it read do not count."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


if __name__ == "__main__":
    main()
