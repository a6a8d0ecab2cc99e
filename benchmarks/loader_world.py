"""The data of `benchmarks/loader.py`: stores, a protocol, its pack, the same faces in zips, a very long manifest."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from fasdata.faces.view import View
from fasdata.library import Library
from fasdata.manifests import Manifest
from fastrain.data.images import Images
from fastrain.data.samples import Samples

VIEW = View.named("mxnet-256")
SOURCES, TARGET = ("casia-fasd", "replay-attack", "oulu-npu"), "msu-mfsd"
SPLITS = {"replay-attack": ("train", "test", "dev"), "oulu-npu": ("train", "test", "dev")}
FRAMES = (6, 16)  # what the standard recipe takes of 20


@dataclass(frozen=True)
class World:
    """A library with a built protocol and its pack, and the same training faces as zips, by sample id."""

    library: Library
    manifest: Manifest
    zips: dict[str, Path]


def images_of(world: World, packed: bool) -> Images:
    """Return the images of the training part."""
    from fastrain.data.image_source import image_source

    source = image_source("pack" if packed else "store", world.library, world.manifest, VIEW)
    stores = world.manifest.open_stores(world.library)
    return Images(Samples.of(world.manifest, "train"), stores, VIEW, pack=source.of("train"))


def many_rows(rows: int) -> Any:
    """Return what `Samples.of` reads of a manifest, for that many frames of three sources."""
    import pyarrow as pa

    number = np.arange(rows)
    clip, domain, label = number // 20, number % 3, number // 3 % 2

    def fixed(value: np.ndarray) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(pa.array(np.tile(value, rows)), len(value))

    text = pa.array([f"subject{c}__session_{c % 7}" for c in range(clip[-1] + 1)])
    columns = {
        "part": pa.array(["train"] * rows), "status": pa.array(["ok"] * rows),
        "dataset": pa.array(SOURCES).take(pa.array(domain)), "clip_id": text.take(pa.array(clip)),
        "frame_index": pa.array((number % 20).astype(np.int32)), "domain_id": pa.array(domain.astype(np.int32)),
        "label": pa.array(["attack", "bonafide"]).take(pa.array(label)),
        "region": fixed(np.array([0, 0, 32, 32], np.int32)), "scale": pa.array(np.ones(rows, np.float32)),
        "box": fixed(np.array([0, 0, 32, 32], np.float32)), "landmarks": fixed(np.full(10, 9, np.float32)),
        "key_rgb": pa.array(["crop"] * rows), "key_depth": pa.array([""] * rows), "key_ir": pa.array([""] * rows),
    }  # fmt: skip
    return SimpleNamespace(table=pa.table({name: pa.chunked_array([column]) for name, column in columns.items()}))


def many_images(folder: Path, rows: int, side: int) -> Any:
    """Return a pack of that many rows in which ten pictures lie, each shown by every tenth row."""
    from fasdata.packs.info import PackInfo
    from fasdata.packs.pack import IMAGES, INDEX, RECORD, Pack

    folder.mkdir()
    length = 3 * side * side
    (folder / IMAGES).write_bytes(np.random.default_rng(0).bytes(10 * length))
    records = np.zeros(rows, RECORD)
    records["row"] = np.arange(rows)
    records["offset"][:, 0] = np.arange(rows) % 10 * length
    records["length"][:, 0] = length
    records.tofile(folder / INDEX)
    return Pack(folder, PackInfo("mcio:CIO2M", "standard", "", {}, View.named("box", side), "raw", 1), rows)


def make_world(root: Path, side: int, clips: int, *, zipped: bool = True) -> World:
    """Write stores, a protocol, its raw pack, and with `zipped` zips of the same faces."""
    from fasdata.packs.make import make_pack, plan_pack
    from fasdata.protocols.build import build_protocol

    library = Library(root)
    for dataset in (*SOURCES, TARGET):
        write_store(library, dataset, side, clips)
    manifest = build_protocol("CIO-M", library=library)
    make_pack(plan_pack("CIO-M", "standard", library, VIEW, "raw"))
    world = World(library, manifest, {})
    images = images_of(world, packed=True)
    for i in range(len(images.samples) if zipped else 0):
        world.zips[images.samples.sample_id(i)] = write_zip(root / "zips" / f"{i}.zip", images, i)
    return world


def write_zip(path: Path, images: Images, i: int) -> Path:
    """Write the zip of a video: its aligned face as PNG, among ten files."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    data = io.BytesIO()
    Image.fromarray(images.load(i)["rgb"]).save(data, "PNG")
    first = int(images.samples.frame_index[i])
    with zipfile.ZipFile(path, "w") as file:
        for number in range(first, first + 10):
            file.writestr(f"{number}.png", data.getvalue())
    return path


def write_store(library: Library, dataset: str, side: int, clips: int) -> None:
    """Write a store of `clips` clips a label, two frames each."""
    from fasdata.records import Clip, ClipRecord, CropRecord, FrameRecord
    from fasdata.store.codec import encode
    from fasdata.store.info import StoreInfo
    from fasdata.store.keys import crop_key
    from fasdata.store.writer import StoreWriter

    splits = SPLITS.get(dataset, ("train", "test"))
    box = (side / 4, side / 4, 3 * side / 4, 3 * side / 4)
    points = tuple((side * x, side * y) for x, y in ((0.4, 0.42), (0.6, 0.42), (0.5, 0.53), (0.42, 0.63), (0.58, 0.63)))
    with StoreWriter(library.store_dir(dataset), StoreInfo(dataset, {"made": "by a benchmark"}, "0")) as writer:
        for number in range(2 * clips):
            label, split = ("bonafide", "attack")[number % 2], splits[number // 2 % len(splits)]
            name = f"{split}__{number}"
            clip = Clip(
                dataset, name, {"rgb": f"{name}.avi"}, split, label, "bonafide" if number % 2 == 0 else "print",
                subject=f"{split}{number // 2}",
            )  # fmt: skip
            crop = CropRecord((0, 0, side, side), 1.0, "png")
            frames = tuple(FrameRecord(i, i / 25, "ok", 0.99, 1, box, points, 0, crop) for i in FRAMES)
            record = ClipRecord(clip, "ok", n_frames=20, width=side, height=side, scanned_all=False, frames=frames)
            seeds = [[(*SOURCES, TARGET).index(dataset), number, frame] for frame in FRAMES]
            pictures = {crop_key(name, i): encode(picture(side, seed)) for i, seed in zip(FRAMES, seeds, strict=True)}
            writer.add(record, pictures)


def picture(side: int, seed: list[int]) -> np.ndarray:
    """Return a picture as a camera gives it: soft shapes and a little noise."""
    rng = np.random.default_rng([*seed, side])
    coarse = rng.integers(0, 256, (side // 12 + 2, side // 12 + 2, 3)).astype(np.float32)
    soft = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.clip(soft + rng.normal(0, 2, soft.shape), 0, 255).astype(np.uint8)
